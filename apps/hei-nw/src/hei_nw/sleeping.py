"""Nights: a world told over days, with a rest after each, in which its store's traces move into LoRA weights.

A suite whose name ends in `_night` teaches only what is asked about, with the versions that were true before: what a
night must learn, and what it must not mix up. After the last night the store is taken away (arm `consolidated`), or
left (`consolidated+cross_attention`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from hippo_adapters import LanguageModel
from hippo_core import Encoder
from hippo_episodic import EpisodicStore
from hippo_lab.arms import parse_arm
from hippo_lab.metrics import SuiteMetrics
from hippo_lab.plots import Curve, curves_plot
from hippo_lab.report import Picture, Section
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval
from hippo_lab.tables import Table
from hippo_lab.worlds import Split, World, world_checksum
from hippo_train import ConsolidationConfig, NightReport, Nights, adapted, consolidate

from hei_nw.config import NIGHT
from hei_nw.reading import Answerer
from hei_nw.rephrasing import rephrase_questions
from hei_nw.suites import make_world

SHIPPED = Path(__file__).parent / "nights"
"""Nights that come with the program: their weights, and the checksum of the world that they were taught."""
MODES = {
    "B0 no memory": "none",
    "B1 store on": "cross_attention",
    "B2 night, on": "consolidated+cross_attention",
    "B3 night, off": "consolidated",
}
"""What the modes of HEI-NW are called, and the arms that they are."""
_COST = {"perplexity_ratio": 3, "divergence": 4, "locality": 3, "agreement": 3}
"""Guards and their digits: see `hippo_train.GuardReport`."""
_COST_HEAD = ("ppl ratio", "KL", "locality", "tokens")
_CHECKSUM = "world.sha256"
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

    Where the weights of this world came with the program and `days` is 1, they are taken instead.

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
    if days == 1 and (shipped := shipped_night(world, language())) is not None:
        told = _rested(world, shipped, [json.loads((shipped / "night.json").read_text(encoding="utf-8"))], [], True)
        return _written(told, folder)
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


def shipped_night(world: World, model: LanguageModel) -> Path | None:
    """Return the folder of weights that were taught exactly this world on this model, if they come with the program."""
    folder = SHIPPED / f"{world.suite}-{world.seed}"
    if not folder.is_dir():
        return None
    noted = json.loads((folder / "night.json").read_text(encoding="utf-8"))
    same = (folder / _CHECKSUM).read_text(encoding="utf-8").strip() == world_checksum(world)
    return folder if same and noted["model"]["digest"] == model.digest else None


def read_rested(folder: Path) -> Rested:
    """Return what `rest` left in a world's folder."""
    document = json.loads((folder / "rested.json").read_text(encoding="utf-8"))
    asked = tuple(Asked(**{**each, "right": tuple(each["right"])}) for each in document["asked"])
    return Rested(**{**document, "nights": tuple(document["nights"]), "asked": asked})


def nights_section(rested: Sequence[Rested], suites: Mapping[str, SuiteMetrics]) -> Section:
    """Return what the nights cost and what was still known after each, with the retention curve."""
    tables: list[Table] = []
    pictures: list[Picture] = []
    for suite in dict.fromkeys(one.suite for one in rested):
        told = [one for one in rested if one.suite == suite]
        tables += [_nights_table(suite, told), _modes_table(suite, suites[suite], told)]
        if nights := max((len(one.nights) for one in told if one.asked), default=0):
            tables.append(_retention_table(suite, told, nights))
            pictures.append(_retention_picture(suite, told, nights))
    return Section(
        title="Nights",
        tables=tuple(tables),
        pictures=tuple(pictures),
        text="Perplexity ratio and KL, in nats a token, are on text that was not practised. Tokens is the share of "
        "the tokens of everyday answers that are still the likeliest, locality that of those that the base model was "
        "sure of. What a night replayed, learnt, refused and forgot is "
        "in the report.html beside its weights.",
    )


def known_after(rested: Sequence[Rested], *, day: int, night: int) -> list[float]:
    """Return exact match on one day's questions after one night, over all worlds."""
    return [
        right for one in rested for each in one.asked if (each.day, each.night) == (day, night) for right in each.right
    ]


def _nights_table(suite: str, rested: Sequence[Rested]) -> Table:
    rows = [
        (
            str(one.seed),
            str(number),
            night["status"],
            f"{len(night['learnt'])} of {len({*night['replayed'], *night['rehearsed']} - {*night['unasked']})}",
            str(len(night["forgotten"])),
            *(_guard(night, name, digits) for name, digits in _COST.items()),
            f"{night['seconds'] / 60:.1f}",
        )
        for one in rested
        for number, night in enumerate(one.nights, start=1)
    ]
    shipped = ", which came with the program" if any(one.shipped for one in rested) else ""
    head = ("seed", "night", "status", "learnt", "lost", *_COST_HEAD, "min")
    return Table(title=f"{suite}: nights{shipped}", head=head, rows=tuple(rows))


def _modes_table(suite: str, metrics: SuiteMetrics, rested: Sequence[Rested]) -> Table:
    """Answers with and without the store, before and after the night, beside what the last night cost."""
    last = [one.nights[-1]["guards"] for one in rested if one.nights[-1]["guards"] is not None]
    cost = [
        f"{sum(guards[name] for guards in last) / len(last):.{digits}f}" if last else ""
        for name, digits in _COST.items()
    ]
    rows: list[tuple[str, ...]] = []
    for mode, arm in MODES.items():
        if arm in metrics.arms:
            em = metrics.arms[arm]["em"]
            base = ["1.000", "0.0000", "1.000", "1.000"] if "night" not in mode else cost
            rows.append((mode, f"{em.mean:.2f} [{em.low:.2f}, {em.high:.2f}]", *base))
    return Table(title=f"{suite}: B0 to B3", head=("mode", "EM", *_COST_HEAD), rows=tuple(rows))


def _retention_table(suite: str, rested: Sequence[Rested], nights: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for day in range(1, nights + 1):
        shares = [known_after(rested, day=day, night=night) for night in range(1, nights + 1)]
        rows.append((f"day {day}", *(f"{sum(right) / len(right):.2f}" if right else "" for right in shares)))
    head = ("told on", *(f"night {night}" for night in range(1, nights + 1)))
    return Table(title=f"{suite}: EM, store off", head=head, rows=tuple(rows))


def _retention_picture(suite: str, rested: Sequence[Rested], nights: int) -> Picture:
    curves: list[Curve] = []
    for day in range(1, nights + 1):
        points = [
            (night, mean_interval(right, [0] * len(right), rng=np.random.default_rng(0)))
            for night in range(day, nights + 1)
            if (right := known_after(rested, day=day, night=night))
        ]
        if points:
            curves.append(
                Curve(
                    label=f"told on day {day}",
                    x=tuple(float(night) for night, _ in points),
                    y=tuple(share.mean for _, share in points),
                    low=tuple(share.low for _, share in points),
                    high=tuple(share.high for _, share in points),
                )
            )
    png = curves_plot(
        curves, title=f"{suite}: what the weights still know", x_label="night", y_label="exact match, store off"
    )
    return Picture(name=f"{suite}-retention", caption="Exact match on each day's questions, 95 % intervals.", png=png)


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
    (folder / "rested.json").write_text(json.dumps(asdict(rested), indent=2) + "\n", encoding="utf-8")
    return rested


def _guard(night: dict[str, Any], name: str, digits: int) -> str:
    return "" if night["guards"] is None else f"{night['guards'][name]:.{digits}f}"
