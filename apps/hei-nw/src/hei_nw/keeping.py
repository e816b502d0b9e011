"""LoCoMo: what the write gate keeps, and what that costs recall, beside rules that keep as many turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hippo_core import Salience
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.metrics import Difference, SuiteMetrics
from hippo_lab.plots import Curve, curves_plot
from hippo_lab.progress import progress
from hippo_lab.report import Picture, Section
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import Interval, mean_interval, paired_difference
from hippo_lab.tables import Table
from rich.console import Console

from hei_nw.build import Bench
from hei_nw.encoded import Encoded, store_ranking

DEVELOPMENT = frozenset({"conv-26"})
"""The conversations on which the gate's constants were chosen; its figures come from the others."""
KEEP_RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CURVE_K = 10
RANDOM_DRAWS = 5
_PASSES = 4  # a threshold changes what the store knows and so the scores: it settles in about three

Keep = Sequence[int]
"""Positions of the turns that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What the gate evaluation found."""

    metrics: SuiteMetrics
    section: Section


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """One way to choose turns, on all conversations; a chance arm has several draws of each."""

    keeps: Sequence[Sequence[Keep]]
    """(conversations, draws)."""
    kept: list[float]
    """Whether each turn was kept, or in which share of the draws."""
    evidence: list[float]
    """Of each question: the share of its evidence turns that were kept."""
    recall: Mapping[int, list[float]]
    """By k, of each question."""


def evaluate_gate(held_out: Sequence[Encoded], bench: Bench, *, console: Console) -> Keeping:
    """Measure the operating points and the curve of the gate on conversations that chose nothing about it.

    Every arm writes the same number of turns of each conversation into the same kind of store, and is asked the same
    questions. On the curve τ is set for each conversation to keep the wanted share of its turns; no label is seen.

    Args:
        held_out: at least one conversation.
        bench: the encoder.
        console: where progress is shown.
    """
    rng = np.random.default_rng(0)
    turns = [number for number, one in enumerate(held_out) for _ in one.conversation.items]
    asked = [number for number, one in enumerate(held_out) for _ in one.questions]
    arms = _operating_points(held_out, bench)
    metrics = SuiteMetrics(
        arms={
            name: {
                "turns kept": mean_interval(arm.kept, turns, rng=rng),
                "evidence kept": mean_interval(arm.evidence, asked, rng=rng),
                **{f"recall@{k}": mean_interval(arm.recall[k], asked, rng=rng) for k in arm.recall},
            }
            for name, arm in arms.items()
        },
        differences=tuple(
            _difference(arms, "diary", other, measure, asked, rng)
            for other in arms
            if other not in ("diary", "sparse", "sparse, no model")
            for measure in ("evidence kept", f"recall@{CURVE_K}")
        ),
    )
    curves, table = _curves(held_out, bench, asked, rng, console)
    return Keeping(metrics=metrics, section=_section(held_out, arms, curves, table))


def _operating_points(held_out: Sequence[Encoded], bench: Bench) -> dict[str, _Arm]:
    arms: dict[str, list[list[Keep]]] = {
        "everything": [[range(len(one.conversation.items))] for one in held_out],
        "diary": [[_gated(one, bench, WriteGate.diary())[0]] for one in held_out],
        "diary, no model": [[_gated(one, bench, WriteGate.diary(), model=False)[0]] for one in held_out],
    }
    counts = [len(keeps[0]) for keeps in arms["diary"]]
    for name, rule in BASELINES.items():
        arms[name] = [rule(one, count) for one, count in zip(held_out, counts, strict=True)]
    arms["sparse"] = [[_gated(one, bench, WriteGate.sparse())[0]] for one in held_out]
    arms["sparse, no model"] = [[_gated(one, bench, WriteGate.sparse(), model=False)[0]] for one in held_out]
    return {name: _arm(held_out, keeps, bench) for name, keeps in arms.items()}


def _gated(one: Encoded, bench: Bench, gate: WriteGate, *, model: bool = True) -> tuple[list[int], list[float]]:
    """Return which turns a gated store keeps, and every turn's score."""
    episodes = [
        replace(item.episode, salience=Salience(surprise=surprise if model else None))
        for item, surprise in zip(one.conversation.items, one.surprises, strict=True)
    ]
    with EpisodicStore(":memory:", encoder=bench.encoder, gate=gate) as store:
        receipts = store.write_many(episodes, keys=list(one.keys))
    # A repeated text merges without being scored again; it counts as kept, and as bringing nothing new
    scores = [receipt.score if receipt.score is not None else 0.0 for receipt in receipts]
    return [i for i, receipt in enumerate(receipts) if receipt.id is not None], scores


def _gated_at(one: Encoded, bench: Bench, rate: float, *, model: bool = True) -> list[int]:
    """Return what the gate keeps when its threshold is set to keep about a share of the turns."""
    gate = replace(WriteGate.diary(), threshold=-1.0)
    keep, scores = _gated(one, bench, gate, model=model)
    for _ in range(_PASSES):
        gate = replace(gate, threshold=float(np.quantile(scores, 1 - rate)))
        keep, scores = _gated(one, bench, gate, model=model)
    return keep


def _longest(length: Callable[[str], int]) -> Callable[[Encoded, int], list[Keep]]:
    def rule(one: Encoded, count: int) -> list[Keep]:
        lengths = [-length(item.episode.text) for item in one.conversation.items]
        return [sorted(np.argsort(lengths, kind="stable")[:count].tolist())]

    return rule


def _by_chance(one: Encoded, count: int) -> list[Keep]:
    rng = random.Random(f"keep-random/{one.conversation.id}/{count}")
    return [sorted(rng.sample(range(len(one.conversation.items)), count)) for _ in range(RANDOM_DRAWS)]


BASELINES: Mapping[str, Callable[[Encoded, int], list[Keep]]] = {
    "keep-longest": _longest(len),
    "keep-most-words": _longest(lambda text: len(text.split())),
    "keep-random": _by_chance,
}
"""Name to rule; each gets as many turns of a conversation as the gate kept."""


def _arm(held_out: Sequence[Encoded], keeps: Sequence[Sequence[Keep]], bench: Bench) -> _Arm:
    kept: list[float] = []
    evidence: list[float] = []
    recall: dict[int, list[float]] = {5: [], 10: []}
    for one, draws in zip(held_out, keeps, strict=True):
        items = one.conversation.items
        chosen = [{items[i].key for i in keep} for keep in draws]
        kept += [float(np.mean([item.key in keys for keys in chosen])) for item in items]
        rankings = [store_ranking(one, bench, keep=keep) for keep in draws]
        for question in one.questions:
            gold = question.evidence
            evidence.append(float(np.mean([key in keys for keys in chosen for key in gold])))
            for k, values in recall.items():
                values.append(float(np.mean([recall_at_k(ranking[question.id], gold, k) for ranking in rankings])))
    return _Arm(keeps=keeps, kept=kept, evidence=evidence, recall=recall)


def _difference(
    arms: Mapping[str, _Arm], a: str, b: str, measure: str, asked: Sequence[int], rng: np.random.Generator
) -> Difference:
    one, two = (arm.evidence if measure == "evidence kept" else arm.recall[CURVE_K] for arm in (arms[a], arms[b]))
    row, p = paired_difference(one, two, asked, rng=rng)
    return Difference(a=a, b=b, metric=measure, mean=row.mean, low=row.low, high=row.high, p=p)


def _curves(
    held_out: Sequence[Encoded], bench: Bench, asked: Sequence[int], rng: np.random.Generator, console: Console
) -> tuple[list[Curve], Table]:
    found: dict[str, list[tuple[float, Interval, Interval]]] = {}
    with progress("Gate curve", total=len(KEEP_RATES), console=console) as advance:
        for rate in KEEP_RATES:
            gated = [_gated_at(one, bench, rate) for one in held_out]
            choices: dict[str, list[list[Keep]]] = {
                "gate": [[keep] for keep in gated],
                "gate, no model": [[_gated_at(one, bench, rate, model=False)] for one in held_out],
            }
            for name, rule in BASELINES.items():
                choices[name] = [rule(one, len(keep)) for one, keep in zip(held_out, gated, strict=True)]
            for name, keeps in choices.items():
                arm = _arm(held_out, keeps, bench)
                found.setdefault(name, []).append(
                    (
                        float(np.mean(arm.kept)),
                        mean_interval(arm.evidence, asked, rng=rng),
                        mean_interval(arm.recall[CURVE_K], asked, rng=rng),
                    )
                )
            advance(1)
    curves = [
        Curve(
            label=name,
            x=tuple(share for share, _, _ in points),
            y=tuple(recall.mean for _, _, recall in points),
            low=tuple(recall.low for _, _, recall in points),
            high=tuple(recall.high for _, _, recall in points),
            baseline=name in BASELINES,
        )
        for name, points in found.items()
    ]
    rows = [
        (name, f"{share:.0%}", _shown(evidence), _shown(recall))
        for place in range(len(KEEP_RATES))
        for name, (share, evidence, recall) in ((name, points[place]) for name, points in found.items())
    ]
    return curves, Table(
        title="The curve", head=("arm", "turns kept", "evidence kept", f"recall@{CURVE_K}"), rows=tuple(rows)
    )


def _section(held_out: Sequence[Encoded], arms: Mapping[str, _Arm], curves: Sequence[Curve], table: Table) -> Section:
    tokens = sum(sum(one.tokens) for one in held_out)
    rates = tuple(
        (name, f"{1000 * sum(arm.kept) / tokens:.1f}")
        for name, arm in arms.items()
        if name.startswith(("diary", "sparse"))
    )
    return Section(
        title="What the write gate keeps",
        text=(
            f"{len(held_out)} conversations, {sum(len(one.conversation.items) for one in held_out):,} turns, "
            f"{sum(len(one.questions) for one in held_out)} questions. The gate's constants were chosen on "
            f"{', '.join(sorted(DEVELOPMENT))}, which is left out here. It scores each turn with the model's surprise "
            "after the turn before it, and with the words that the newest live memories do not hold; without a model "
            "with these alone. The baselines keep as many turns of each conversation as the gate with a model."
        ),
        tables=(
            table,
            Table(title="Writes per 1,000 tokens", head=("operating point", "writes"), rows=rates),
        ),
        pictures=(
            Picture(
                name="locomo-gate",
                caption=f"Recall@{CURVE_K} of the store by share of turns kept.",
                png=curves_plot(
                    curves,
                    title="What the gate keeps",
                    x_label="share of turns kept",
                    y_label=f"evidence recall@{CURVE_K}",
                ),
            ),
        ),
    )


def _shown(row: Interval) -> str:
    return f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]"
