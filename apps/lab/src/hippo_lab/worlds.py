"""Worlds: what is taught, in order, and what is asked afterwards.

A world is plain data. Suites generate it, `hippo_lab.proofs.prove` checks it, `dump_world` makes it a file with a
checksum, and every arm is taught the same items and asked the same questions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hippo_core import Episode, HippoError, InvalidInputError, from_jsonable, to_jsonable

from hippo_lab.errors import WorldFileError

Resolve = Literal["unique", "latest"]
"""How a question picks among the items that its cue matches: they all agree, or the newest one wins."""
Split = Literal["test", "dev"]
"""`dev` worlds are for choosing prompt forms and weights; they share no vocabulary with `test` worlds."""

_FORMAT = "hippo-world-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFeatures:
    """What a suite knows about an item's worth, for tests of the write gate. Never shown to a model.

    Raises:
        InvalidInputError: a novelty outside [0, 1] or a negative surprise.
    """

    remember: bool
    """The label: whether a good gate keeps the item."""
    reward: bool = False
    """The item is about something that the task marks as critical."""
    pin: bool = False
    """The item is about something on the always-keep list."""
    novelty: float = 0.0
    """In [0, 1]; by the suite's own rule, not measured in a store."""
    surprise: float = 0.0
    """At least 0; synthetic, as in the seed. A run with a model measures its own instead."""
    reward_annotation: str | None = None
    """Why the reward applies."""
    pin_annotation: str | None = None
    """Why the pin applies."""
    counters: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the novelty was computed from."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.novelty <= 1.0:
            raise InvalidInputError(f"`gate.novelty` must lie in [0, 1], not {self.novelty!r}.")
        if self.surprise < 0.0:
            raise InvalidInputError(f"`gate.surprise` must be at least 0, not {self.surprise!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that is taught."""

    key: str
    """Names the item in its world; the position in teaching order, padded with zeros."""
    episode: Episode
    """The text, its slots, and the time at which it is taught (`provenance.time`)."""
    asked: bool
    """Whether some question's answer rests on it. False for distractors and for filler nobody asks about."""
    event: str = ""
    """What kind of thing it is, for instance `story`, `distractor`, `filler`, `fact`, `patch`."""
    gate: GateFeatures | None = None
    """Labels for the write gate, in the suites that have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that is asked, and its only right answer."""

    id: str
    """Names the question in its world."""
    text: str
    """The question, as the model reads it."""
    answer: str
    """A substring of the gold item's text."""
    slot: str
    """Which slot of the gold item is asked."""
    cue: Mapping[str, str]
    """The slots that the question mentions, with their values; all of them occur in `text`."""
    resolve: Resolve = "unique"
    """How to choose where several items match the cue."""
    gold: tuple[str, ...] = ()
    """Keys of the items from which the answer follows; one of them is enough."""
    cue_style: str = ""
    """Names of the mentioned slots joined by `+`; results can be split by it."""
    stale: tuple[str, ...] = ()
    """Former values of the asked slot: answers that contradict what was taught last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Items in teaching order and the questions asked after them.

    Raises:
        InvalidInputError: no items, two items or two questions with one name, a gold key that names no item, or times
            that do not increase.
    """

    suite: str
    seed: int
    split: Split
    items: tuple[Item, ...]
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise InvalidInputError(f"world {self.suite!r} seed {self.seed} teaches nothing; give at least one item.")
        keys = _distinct((item.key for item in self.items), "item key", self.suite)
        _distinct((question.id for question in self.questions), "question id", self.suite)
        for question in self.questions:
            missing = [key for key in question.gold if key not in keys]
            if missing:
                raise InvalidInputError(f"question {question.id!r} has gold {missing[0]!r}, which no item is called.")
        for earlier, later in zip(self.items, self.items[1:], strict=False):
            if not earlier.episode.provenance.time < later.episode.provenance.time:
                raise InvalidInputError(
                    f"item {later.key!r} is taught at {later.episode.provenance.time.isoformat()}, not after "
                    f"{earlier.key!r}; give items in teaching order with increasing times."
                )

    def positions(self) -> dict[str, int]:
        """Return each item's position in teaching order, by key. Cost: O(items)."""
        return {item.key: position for position, item in enumerate(self.items)}

    def lag_words(self, question: Question) -> int:
        """Return how many words were taught after the question's newest gold item. Cost: O(items).

        Raises:
            InvalidInputError: the question has no gold item in this world.
        """
        positions = self.positions()
        places = [positions[key] for key in question.gold if key in positions]
        if not places:
            raise InvalidInputError(f"question {question.id!r} has no gold item in this world, so no lag.")
        return sum(len(item.episode.text.split()) for item in self.items[max(places) + 1 :])


def world_checksum(world: World) -> str:
    """Return the SHA-256 of the world's content, hexadecimal: equal worlds have equal checksums in every process."""
    return _checksum(world.suite, world.seed, world.split, _body(world))


def dump_world(world: World, path: str | Path) -> str:
    """Write `world` as JSON lines (a header, the items, the questions) and return its SHA-256.

    Raises:
        OSError: the file cannot be written.
    """
    body = _body(world)
    checksum = _checksum(world.suite, world.seed, world.split, body)
    header = {
        "format": _FORMAT,
        "suite": world.suite,
        "seed": world.seed,
        "split": world.split,
        "items": len(world.items),
        "questions": len(world.questions),
        "sha256": checksum,
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([json.dumps(header), *body]) + "\n", encoding="utf-8")
    return checksum


def load_world(path: str | Path) -> World:
    """Read a world that `dump_world` wrote; it equals the one that was dumped.

    Raises:
        OSError: the file cannot be read.
        WorldFileError: it is not a dumped world, or its content does not have the checksum in its header.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        header: Any = json.loads(lines[0]) if lines else None
    except ValueError as exc:
        raise WorldFileError(f"{path} is not a dumped world: {exc}. Write one with dump_world.") from exc
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise WorldFileError(f"{path} is not a dumped world: its first line is not a {_FORMAT} header.")
    body = lines[1:]
    found = _checksum(header["suite"], header["seed"], header["split"], body)
    if found != header["sha256"]:
        raise WorldFileError(
            f"{path} was changed after it was dumped: its content has checksum {found[:12]}…, its header says "
            f"{str(header['sha256'])[:12]}…. Generate the world again from suite {header['suite']!r}, "
            f"seed {header['seed']}."
        )
    count = header["items"]
    try:
        return World(
            suite=header["suite"],
            seed=header["seed"],
            split=header["split"],
            items=tuple(from_jsonable(Item, json.loads(line)) for line in body[:count]),
            questions=tuple(from_jsonable(Question, json.loads(line)) for line in body[count:]),
        )
    except HippoError as exc:
        raise WorldFileError(f"{path} holds a world that cannot be built: {exc}") from exc


def _body(world: World) -> list[str]:
    records: list[Item | Question] = [*world.items, *world.questions]
    return [json.dumps(to_jsonable(record), ensure_ascii=True, sort_keys=True) for record in records]


def _checksum(suite: str, seed: int, split: str, body: Iterable[str]) -> str:
    digest = hashlib.sha256(f"{suite}/{seed}/{split}\n".encode())
    for line in body:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _distinct(names: Iterable[str], what: str, suite: str) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidInputError(f"two of world {suite!r} have the {what} {name!r}; names must differ.")
        seen.add(name)
    return seen
