"""Does a store that must forget keep what matters? A stream ten times larger than the store's capacity.

    python benchmarks/eviction.py           # test seeds, two processes; goes on where it was cut off
    python benchmarks/eviction.py --tune    # development seeds, a quarter of the size: how the parameters were chosen

Question, written before the run: of 20,000 episodes told over 200 days a store may keep 2,000. A tenth of the stream
matters: it will be asked about at the end. Which policy answers most of these questions, and what does it cost in
answers about the rest? The figure is recall@1 (the best hit tells the fact that was asked for). Facts that matter are
asked for twice: all alike, whenever they were first told, and the newer ones more often (half as often for each 30
days of age).

The world: each episode tells a fact of one of 50 topics, and three in ten tell an earlier fact of the last 30 days
again in slightly other words. Facts that matter are of three kinds, equally many: those that scored higher at the
gate when they were told (S about 2.0 against 1.2, standard deviation 0.6, so that the score misleads often), those
that score like any other but are recalled now and then, and those that are both. Each day 15 cues are asked, four of
five about a fact that is recalled now and then, the others about anything told in the last 20 days. Every arm is the
same store and sees the same stream and the same cues; when it is above capacity it goes down to 1,800.
"""

from __future__ import annotations

import json
import shlex
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Episode, HashingEncoder, Provenance, Salience
from hippo_episodic import EpisodicStore, EvictionPolicy
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.statistics import holm, mean_interval, paired_difference
from numpy.typing import NDArray

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 200
TEST_SEEDS = (0, 1, 2, 3, 4)
DEVELOPMENT_SEEDS = (100, 101, 102)
PER_DAY = {"test": 100, "tune": 25}
CAPACITY_DAYS = 20  # the store holds what is told in so many days
KEEP_SHARE = 0.9
QUESTIONS = 300  # about what matters, and as many about the rest
KINDS = ("scored", "recalled", "both")
RESULTS = Path(__file__).parent / "results"
SYLLABLES = "ba ce di fo gu ha ke li mo nu pa re si to vu za bri cla dre flo gri sta tra vel".split()
OPENINGS = ("Again: ", "As I said, ", "To repeat, ", "Once more, ", "Note that ")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that is told once or more."""

    cue: str
    text: str
    kind: str | None
    """Why it matters; None if it does not."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A stream, day by day, and what is asked."""

    facts: list[Fact]
    days: list[list[tuple[Episode, NDArray[np.float32]]]]
    cues: list[list[int]]
    """For each day the facts that are asked for."""
    questions: dict[str, list[int]]
    """The facts asked for at the end: those that matter and the rest."""


class Calendar:
    """A clock that the stream moves on."""

    now = START

    def __call__(self) -> datetime:
        """Return the stream's present."""
        return self.now


def make_world(seed: int, per_day: int) -> World:
    rng = np.random.default_rng(seed)
    words = _words(rng, 600)
    names, verbs = words[:150], words[150:170]
    topics = [
        {
            "object": rng.choice(words[170:370], 8),
            "like": rng.choice(words[370:430], 6),
            "place": rng.choice(words[430:], 5),
        }
        for _ in range(50)
    ]
    facts: list[Fact] = []
    told_on: list[int] = []
    taken: set[str] = set()
    days: list[list[tuple[Episode, NDArray[np.float32]]]] = []
    cues: list[list[int]] = []
    encoder = HashingEncoder()
    for day in range(DAYS):
        told: list[tuple[int, str]] = []
        for _ in range(per_day):
            if facts and rng.random() < 0.3:
                number = int(rng.integers(bisect_right(told_on, day - 30), len(facts)))
                text = facts[number].text
                told.append((number, str(rng.choice(OPENINGS)) + text[0].lower() + text[1:]))
                continue
            kind = str(rng.choice(KINDS)) if rng.random() < 0.1 else None
            facts.append(_new_fact(rng, names, verbs, topics, taken, kind))
            told_on.append(day)
            told.append((len(facts) - 1, facts[-1].text))
        episodes = [
            Episode(
                text=text,
                provenance=Provenance(source="stream", doc_id=str(number), time=START + timedelta(days=day)),
                salience=Salience(
                    score=float(rng.normal(2.0 if facts[number].kind in ("scored", "both") else 1.2, 0.6))
                ),
            )
            for number, text in told
        ]
        days.append(list(zip(episodes, encoder.encode([text for _, text in told]), strict=True)))
        asked = [number for number, fact in enumerate(facts) if fact.kind in ("recalled", "both")]
        recent = range(bisect_right(told_on, day - 20), len(facts))
        pools = [asked if rng.random() < 0.8 and asked else recent for _ in range(max(1, round(0.15 * per_day)))]
        cues.append([int(rng.choice(pool)) for pool in pools])
    matter = [number for number, fact in enumerate(facts) if fact.kind is not None]
    rest = [number for number, fact in enumerate(facts) if fact.kind is None]
    recency = 2.0 ** (np.array([told_on[number] for number in matter]) / 30)
    questions = {
        name: sorted(rng.choice(pool, min(QUESTIONS, len(pool) // 2), replace=False, p=weights).tolist())
        for name, pool, weights in (
            ("matters", matter, None),
            ("matters lately", matter, recency / recency.sum()),
            ("rest", rest, None),
        )
    }
    return World(facts=facts, days=days, cues=cues, questions=questions)


def _words(rng: np.random.Generator, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(rng.choice(SYLLABLES, size=rng.integers(2, 4)))] = None
    return list(found)


def _new_fact(
    rng: np.random.Generator,
    names: Sequence[str],
    verbs: Sequence[str],
    topics: Sequence[dict[str, Any]],
    taken: set[str],
    kind: str | None,
) -> Fact:
    while True:
        topic = topics[int(rng.integers(len(topics)))]
        name, verb = str(rng.choice(names)).capitalize(), str(rng.choice(verbs))
        like, thing, place = (str(rng.choice(topic[part])) for part in ("like", "object", "place"))
        cue = f"What about {name} and the {like} {thing}?"
        if cue not in taken:
            taken.add(cue)
            return Fact(cue=cue, text=f"{name} {verb} the {like} {thing} near the {place}.", kind=kind)


# Arms

Rule = Callable[[dict[int, dict[str, float]], int, np.random.Generator], list[int]]
"""Given what is known of each live episode and how many must go, which go."""


def lowest(*names: str) -> Rule:
    """Return the rule that lets go of what is lowest in these, in order."""

    def choose(live: dict[int, dict[str, float]], count: int, rng: np.random.Generator) -> list[int]:
        return sorted(live, key=lambda id: tuple(live[id][name] for name in names))[:count]

    return choose


def at_random(live: dict[int, dict[str, float]], count: int, rng: np.random.Generator) -> list[int]:
    return rng.choice(sorted(live), count, replace=False).tolist()


OURS = EvictionPolicy(max_episodes=1, keep_share=KEEP_SHARE)
"""The defaults, which `--tune` chose; the capacity is filled in."""

RULES: dict[str, Rule | None] = {
    "no eviction": None,
    "fifo": lowest("written"),
    "random": at_random,
    "lowest salience": lowest("score", "written"),
    "lru": lowest("used", "written"),
}
POLICIES = {
    "ours": OURS,
    "ours without decay": replace(OURS, half_life_days=None),
    "ours without access": replace(OURS, access_weight=0.0),
    "ours without diversity": replace(OURS, diversity=0.0),
}
WITHOUT_SCORES = "ours without scores"


def run(world: World, arm: str, policy: EvictionPolicy | None, capacity: int, *, seed: int) -> dict[str, Any]:
    """Return whether each question was answered (by group), and what the store holds at the end."""
    clock, rng = Calendar(), np.random.default_rng([seed, 1])
    rule = RULES.get(arm)
    live: dict[int, dict[str, float]] = {}
    eviction = None if policy is None else replace(policy, max_episodes=capacity)
    with EpisodicStore(":memory:", lexical_weight=0.0, eviction=eviction, clock=clock) as store:
        for day, (told, cues) in enumerate(zip(world.days, world.cues, strict=True)):
            clock.now = START + timedelta(days=day)
            episodes = [episode for episode, _ in told]
            if arm == WITHOUT_SCORES:
                episodes = [replace(episode, salience=Salience()) for episode in episodes]
            receipts = store.write_many(episodes, keys=[key for _, key in told])
            if rule is not None:
                for episode, receipt in zip(episodes, receipts, strict=True):
                    if receipt.status == "stored" and receipt.id is not None:
                        live[receipt.id] = {"written": receipt.id, "used": day, "score": episode.salience.score}
                    elif receipt.id is not None:
                        live[receipt.id]["used"] = day
                if len(live) > capacity:
                    going = rule(live, len(live) - round(KEEP_SHARE * capacity), rng)
                    store.delete(going)
                    for id in going:
                        del live[id]
            if rule is None and policy is None:
                continue  # it forgets nothing, so that being recalled changes nothing
            clock.now += timedelta(hours=12)
            for hits in store.recall_many([world.facts[number].cue for number in cues], k=1):
                if rule is not None:
                    live[hits[0].id]["used"] = day + 0.5
        scores: dict[str, list[float]] = {}
        for name, numbers in world.questions.items():
            found = store.recall_many([world.facts[number].cue for number in numbers], k=1)
            for number, hits in zip(numbers, found, strict=True):
                right = float(hits[0].item.provenance.doc_id == str(number))
                scores.setdefault(name, []).append(right)
                kind = world.facts[number].kind
                if name == "matters":
                    scores.setdefault(f"matters: {kind}", []).append(right)
        held = store.evict(EvictionPolicy(max_episodes=10**9), dry_run=True)
        return {"scores": scores, "episodes": held.episodes_before, "bytes": held.bytes_before}


# Choosing and reporting


def tune() -> None:
    """Vary one parameter at a time around the defaults, on development seeds; print what each is worth."""
    per_day = PER_DAY["tune"]
    worlds = {seed: make_world(seed, per_day) for seed in DEVELOPMENT_SEEDS}
    base = EvictionPolicy(max_episodes=1, keep_share=KEEP_SHARE)
    grid: list[dict[str, Any]] = [json.loads(text) for text in sys.argv[2:]] or [
        {},
        *({"half_life_days": value} for value in (15.0, 60.0, 120.0, None)),
        *({"access_weight": value} for value in (0.5, 2.0, 4.0)),
        *({"diversity": value} for value in (0.25, 0.75, 1.0)),
        *({"near_duplicate": value} for value in (0.6, 0.7, 0.9)),
    ]
    for changes in grid:
        outcomes = [
            run(world, "ours", replace(base, **changes), CAPACITY_DAYS * per_day, seed=seed)
            for seed, world in worlds.items()
        ]
        means = {
            name: round(float(np.mean([score for outcome in outcomes for score in outcome["scores"][name]])), 3)
            for name in outcomes[0]["scores"]
        }
        print(changes, means, flush=True)


def arms() -> dict[str, EvictionPolicy | None]:
    return {**dict.fromkeys(RULES), **POLICIES, WITHOUT_SCORES: OURS}


def outcomes_of(seed: int) -> dict[str, Any]:
    """Return each arm's outcome; one that is in the scratch folder from this commit is not run again."""
    scratch = RESULTS / "_scratch"
    scratch.mkdir(exist_ok=True)
    commit = source_state(Path(__file__).parent).commit[:10]
    world = None
    outcomes: dict[str, Any] = {}
    for arm, policy in arms().items():
        file = scratch / f"eviction--{commit}--{seed}--{arm}.json"
        if not file.exists():
            world = world or make_world(seed, PER_DAY["test"])
            outcome = run(world, arm, policy, CAPACITY_DAYS * PER_DAY["test"], seed=seed)
            file.write_text(json.dumps(outcome), "utf-8")
            print(seed, arm, flush=True)
        outcomes[arm] = json.loads(file.read_text("utf-8"))
    return outcomes


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        by_seed = list(pool.map(outcomes_of, TEST_SEEDS))
    report({arm: [outcomes[arm] for outcomes in by_seed] for arm in arms()})


def report(outcomes: dict[str, list[dict[str, Any]]]) -> None:
    """Write the result file: recall@1 with intervals, what is held, and ours against each other arm."""
    rows: dict[str, Any] = {}
    for arm, runs in outcomes.items():
        rows[arm] = {
            name: _row(mean_interval(*_pooled(runs, name), rng=np.random.default_rng(0))) for name in runs[0]["scores"]
        }
        for name in ("episodes", "bytes"):
            rows[arm][name] = [outcome[name] for outcome in runs]
    differences: list[dict[str, Any]] = []
    for name in ("matters", "matters lately", "rest"):
        p_values: dict[str, float] = {}
        compared: list[dict[str, Any]] = []
        for arm in outcomes:
            if arm == "ours":
                continue
            ours, seeds = _pooled(outcomes["ours"], name)
            interval, p = paired_difference(ours, _pooled(outcomes[arm], name)[0], seeds, rng=np.random.default_rng(0))
            compared.append({"metric": name, "ours minus": arm, **_row(interval)})
            p_values[arm] = p
        adjusted = holm(p_values)
        differences += [{**entry, "p_holm": adjusted[entry["ours minus"]]} for entry in compared]
    source = source_state(Path(__file__).parent)
    cause = {
        "command": shlex.join(["python", "benchmarks/eviction.py"]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "numpy"]),
        "seeds": list(TEST_SEEDS),
        "development_seeds": list(DEVELOPMENT_SEEDS),
        "episodes": DAYS * PER_DAY["test"],
        "capacity": CAPACITY_DAYS * PER_DAY["test"],
        "policy": {**asdict(OURS), "max_episodes": CAPACITY_DAYS * PER_DAY["test"]},
    }
    document = {"cause": cause, "recall@1": rows, "differences": differences}
    (RESULTS / "eviction.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    for arm, row in rows.items():
        cells = "  ".join(
            f"{n} {row[n]['mean']:.3f} [{row[n]['low']:.3f}, {row[n]['high']:.3f}]"
            for n in ("matters", "matters lately", "rest")
        )
        kinds = "  ".join(f"{kind} {row[f'matters: {kind}']['mean']:.2f}" for kind in KINDS)
        print(
            f"{arm:24} {cells}  {kinds}  {np.mean(row['episodes']):.0f} episodes, {np.mean(row['bytes']) / 1e6:.1f} MB"
        )


def _pooled(runs: Sequence[dict[str, Any]], name: str) -> tuple[list[float], list[int]]:
    scores = [score for outcome in runs for score in outcome["scores"][name]]
    return scores, [seed for seed, outcome in zip(TEST_SEEDS, runs, strict=True) for _ in outcome["scores"][name]]


def _row(interval: Any) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


if __name__ == "__main__":
    tune() if sys.argv[1:2] == ["--tune"] else main()
