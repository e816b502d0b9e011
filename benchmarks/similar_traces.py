"""Questions of scenarios A to D, each with the trace that answers it and those that nearly do."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hei_nw.suites import make_world
from hippo_core import Episode, Hit

SUITES = ("scenario_a", "scenario_b", "scenario_c", "scenario_d")
SEEDS = {"test": (0, 1, 2), "dev": (100, 101, 102)}
EPISODES = 600
MOST = 32
"""Traces beside the gold one that an item holds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question with the trace that answers it and those that nearly do, hardest first."""

    suite: str
    seed: int
    question: str
    answer: str
    gold: Hit[Episode]
    others: tuple[Hit[Episode], ...]

    def hits(self, k: int, *, gold: bool = True) -> list[Hit[Episode]]:
        """Return k traces in an order of their own, the gold one among them or not."""
        chosen = [self.gold, *self.others[: k - 1]] if gold else list(self.others[:k])
        random.Random(f"{self.question}/{k}").shuffle(chosen)
        return chosen


def make_items(suite: str, seed: int, split: str, count: int) -> list[Item]:
    """Return `count` questions of a world."""
    world = make_world(suite, seed=seed, episodes=EPISODES, questions=max(count, 20), split=split)  # pyright: ignore
    slots = {item.key: item.episode.slots.filled() if item.episode.slots else {} for item in world.items}
    hits = {item.key: Hit(id=n, item=item.episode, score=1.0) for n, item in enumerate(world.items, start=1)}
    found: list[Item] = []
    for question in world.questions[:count]:
        gold = question.gold[-1]

        def shared(key: str, mine: dict[str, str] = slots[gold]) -> int:
            return sum(slots[key].get(name) == value for name, value in mine.items())

        # An older version of a fact that changed matches the cue as well: which one is newer is the store's to say
        others = [
            key
            for key in slots
            if key not in question.gold and any(slots[key].get(name) != value for name, value in question.cue.items())
        ]
        others.sort(key=shared, reverse=True)
        found.append(
            Item(
                suite=suite,
                seed=seed,
                question=question.text,
                answer=question.answer,
                gold=hits[gold],
                others=tuple(hits[key] for key in others[:MOST]),
            )
        )
    return found
