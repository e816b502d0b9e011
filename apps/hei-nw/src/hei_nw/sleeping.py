"""Nights: a world told over days, with a rest after each, in which its store's traces move into LoRA weights.

A suite whose name ends in `_night` teaches only what is asked about, with the versions that were true before: what a
night must learn, and what it must not mix up. After the last night the store is taken away (arm `consolidated`), or
left (`consolidated+cross_attention`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hippo_adapters import LanguageModel
from hippo_core import Encoder
from hippo_episodic import EpisodicStore
from hippo_lab.arms import parse_arm
from hippo_lab.scoring import exact_match
from hippo_lab.worlds import Split, World, world_checksum
from hippo_train import ConsolidationConfig, NightReport, Nights, adapted, consolidate

from hei_nw.config import NIGHT
from hei_nw.reading import Answerer
from hei_nw.rephrasing import rephrase_questions
from hei_nw.suites import make_world

SHIPPED = Path(__file__).parent / "nights"
"""Nights that come with the program: their weights, and the checksum of the world that they were taught."""
_CHECKSUM = "world.sha256"
_RESTED = "rested.json"
_MOST_SHARE = 0.3  # of a world's episodes that may be asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was still known of one day after some night, with nothing recalled."""

    day: int
    """When it was told, from 1."""
    night: int
    """After which night it was asked."""
    right: tuple[float, ...]
    """Exact match of each question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """What the nights of a world did."""

    suite: str
    seed: int
    shipped: bool
    """Whether the weights came with the program."""
    weights: str | None
    """The folder of those in force after the last night; None if every night was refused."""
    nights: tuple[dict[str, Any], ...]
    """Of each night what `night.json` says."""
    asked: tuple[Asked, ...]


def make_night_world(suite: str, *, seed: int, facts: int, split: Split = "test") -> World:
    """Return a world of which everything told is asked about, or was true before, in wordings that no night teaches.

    Args:
        suite: a registered suite's name.
        seed: chooses the world.
        facts: questions, each about another fact or another part of one.
        split: as in `make_world`.
    """
    whole = make_world(suite, seed=seed, episodes=max(100, int(facts / _MOST_SHARE) + 1), questions=facts, split=split)
    kept = [item for item in whole.items if any(_fits(item, question) for question in whole.questions)]
    return rephrase_questions(replace(whole, suite=suite + NIGHT, items=tuple(kept)))


def split_days(world: World, days: int) -> list[World]:
    """Return what each day tells and asks: equal shares of the questions, and whatever belongs to them."""
    found: list[World] = []
    left = list(world.items)
    size = -(-len(world.questions) // days)
    for start in range(0, len(world.questions), size):
        questions = world.questions[start : start + size]
        items = [item for item in left if any(_fits(item, question) for question in questions)]
        left = [item for item in left if item not in items]
        found.append(replace(world, items=tuple(items or world.items[:1]), questions=questions))
    return found


def _fits(item: Any, question: Any) -> bool:
    return item.key in question.gold or question.cue.items() <= item.episode.slots.filled().items()


def rest(
    world: World,
    folder: Path,
    *,
    days: int,
    config: ConsolidationConfig,
    encoder: Encoder,
    language: Callable[[], LanguageModel],
    answer_with: Callable[[LanguageModel], Answerer],
    drift_text: str | None,
    progress: Callable[[int], None] | None = None,
) -> Rested:
    """Tell a world's days, with a night after each, and ask after every night what was told until then.

    Args:
        world: from `make_night_world`.
        folder: of this world in the run; the store is `days.db`, the weights lie in `nights`.
        days: how many days and nights.
        config: of a night; `traces` and `rehearsed` are made large enough for everything told.
        encoder: the store's.
        language: loads the base model.
        answer_with: makes what answers with a model.
        drift_text: what perplexity is measured on; None is the model's own text.
        progress: called with the steps that are done, of all nights together.
    """
    everything = len(world.items)
    config = replace(config, traces=everything, rehearsed=everything)
    nights, told_nights, asked = Nights(folder / "nights"), list[dict[str, Any]](), list[Asked]()
    parts = split_days(world, days)
    with EpisodicStore(folder / "days.db", encoder=encoder) as store:
        for number, day in enumerate(parts, start=1):
            store.write_many([item.episode for item in day.items])

            def learnt(what: str, done: int, total: int, before: int = (number - 1) * config.steps) -> None:
                if progress is not None and what == "Learning":
                    progress(before + done)

            report = consolidate(store, language(), nights, config, drift_text=drift_text, progress=learnt)
            told_nights.append(_described(report))
            if nights.current is None:
                continue
            with adapted(language(), nights.current) as taught:
                answerer = answer_with(taught)
                asked += [_asked(answerer, part, day=i, night=number) for i, part in enumerate(parts[:number], 1)]
    return _written(_rested(world, nights.current, told_nights, asked, False), folder)


def take_shipped_night(world: World, folder: Path, language: Callable[[], LanguageModel]) -> None:
    """Spare a world its night, if the weights that were taught exactly this world on this model came with the program.

    Args:
        world: from `make_night_world`.
        folder: of this world in the run.
        language: loads the base model; called only where the world is one of those that came.
    """
    shipped = SHIPPED / f"{world.suite}-{world.seed}"
    if not shipped.is_dir() or (shipped / _CHECKSUM).read_text(encoding="utf-8").strip() != world_checksum(world):
        return
    night = json.loads((shipped / "night.json").read_text(encoding="utf-8"))
    if night["model"]["digest"] == language().digest:
        _written(_rested(world, shipped, [night], [], True), folder)


def has_rested(folder: Path) -> bool:
    """Return whether a world's nights are over."""
    return (folder / _RESTED).exists()


def read_rested(folder: Path) -> Rested:
    """Return what `rest` left in a world's folder."""
    document = json.loads((folder / _RESTED).read_text(encoding="utf-8"))
    asked = tuple(Asked(**{**each, "right": tuple(each["right"])}) for each in document["asked"])
    return Rested(**{**document, "nights": tuple(document["nights"]), "asked": asked})


def _asked(answerer: Answerer, day_world: World, *, day: int, night: int) -> Asked:
    questions = day_world.questions
    said = answerer.answer(parse_arm("consolidated"), [each.text for each in questions], [[] for _ in questions])
    right = [exact_match(one.text, each.answer) for one, each in zip(said, questions, strict=True)]
    return Asked(day=day, night=night, right=tuple(right))


def _described(report: NightReport) -> dict[str, Any]:
    if report.night is not None:
        return json.loads((report.night / "night.json").read_text(encoding="utf-8"))
    return {"status": report.status, "learnt": [], "replayed": [], "rehearsed": [], "unasked": [], "forgotten": [],
            "guards": None,
            "seconds": report.seconds}  # fmt: skip


def _rested(
    world: World, weights: Path | None, nights: Sequence[dict[str, Any]], asked: Sequence[Asked], shipped: bool
) -> Rested:
    return Rested(
        suite=world.suite,
        seed=world.seed,
        shipped=shipped,
        weights=None if weights is None else str(weights.resolve()),
        nights=tuple(nights),
        asked=tuple(asked),
    )


def _written(rested: Rested, folder: Path) -> Rested:
    (folder / _RESTED).write_text(json.dumps(asdict(rested), indent=2) + "\n", encoding="utf-8")
    return rested
