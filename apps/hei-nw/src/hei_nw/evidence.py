"""LoCoMo: does recall find the turns that answer a question, and what does the write gate cost?

No answers are generated. Recall@k of a question is the share of its evidence turns among the first k hits.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hippo_adapters import read
from hippo_core import Salience
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.metrics import Difference, SuiteMetrics
from hippo_lab.plots import Curve, curves_plot, recall_plot
from hippo_lab.progress import progress
from hippo_lab.report import Picture, Section
from hippo_lab.retrieval import BM25Retriever, DenseRetriever
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import Interval, holm, mean_interval, paired_difference
from hippo_lab.tables import Table
from numpy.typing import NDArray
from rich.console import Console

from hei_nw.build import GATE, Bench
from hei_nw.suites import Conversation, load_locomo

KS = (1, 5, 10, 20)
KEEP_RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CURVE_K = 10
RANDOM_DRAWS = 5
_ADVERSARIAL = 5  # such questions have no answer in the conversation, so their "evidence" is what misleads

Ranking = Mapping[str, Sequence[str]]
"""Question id to turn keys, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the evaluation found."""

    metrics: SuiteMetrics
    section: Section


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoded:
    """A conversation with what was computed once for all its stores."""

    conversation: Conversation
    keys: NDArray[np.float32]
    surprises: Sequence[float]


def evaluate_locomo(path: str, bench: Bench, *, console: Console) -> Evidence:
    """Measure evidence recall of BM25, dense search and the store, and the gate's curve.

    Intervals are bootstrapped over conversations and questions. The gate uses the model's own surprise, each turn
    read after the turn before it in its session, and the novelty of its live store. At each keep rate its
    threshold is the quantile of its scores in a first pass in which everything is written; the curve shows the rate
    really kept.

    Args:
        path: LoCoMo's file.
        bench: the encoder, and the model that measures surprise.
        console: where progress is shown.
    """
    conversations = load_locomo(path)
    encoded: list[_Encoded] = []
    with progress("Reading LoCoMo", total=len(conversations), console=console) as advance:
        for conversation in conversations:
            encoded.append(_encode(conversation, bench))
            advance(1)
    arms = {
        "bm25": [_baseline(one, BM25Retriever([item.episode for item in one.conversation.items])) for one in encoded],
        "dense": [
            _baseline(
                one,
                DenseRetriever([i.episode for i in one.conversation.items], encoder=bench.encoder, vectors=one.keys),
            )
            for one in encoded
        ],
        "store": [_store_ranking(one, bench, keep=None) for one in encoded],
    }
    rng = np.random.default_rng(0)
    groups, scores = _scores(encoded, arms)
    metrics = SuiteMetrics(
        arms={arm: {f"recall@{k}": mean_interval(scores[arm, k], groups, rng=rng) for k in KS} for arm in arms},
        differences=_adjusted([_difference(scores, groups, other, k, rng) for other in ("bm25", "dense") for k in KS]),
    )
    curves, table = _gate_curves(encoded, bench, rng, console)
    return Evidence(metrics=metrics, section=_section(metrics, curves, table, encoded))


def _encode(conversation: Conversation, bench: Bench) -> _Encoded:
    texts = [item.episode.text for item in conversation.items]
    sessions = [item.episode.session for item in conversation.items]
    contexts = [texts[i - 1] if i and sessions[i - 1] == session else None for i, session in enumerate(sessions)]
    return _Encoded(
        conversation=conversation,
        keys=bench.encoder.encode(texts),
        surprises=[reading.nll for reading in read(bench.language, texts, contexts=contexts)],
    )


def _questions(one: _Encoded) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(q.id, q.text, q.evidence) for q in one.conversation.questions if q.category != _ADVERSARIAL]


def _baseline(one: _Encoded, retriever: BM25Retriever | DenseRetriever) -> Ranking:
    asked = _questions(one)
    found = retriever.recall_many([text for _, text, _ in asked], max(KS))
    return {
        id: [str(hit.item.provenance.doc_id) for hit in hits] for (id, _, _), hits in zip(asked, found, strict=True)
    }


def _store_ranking(one: _Encoded, bench: Bench, *, keep: Sequence[int] | None) -> Ranking:
    """Return the store's ranking after writing the turns at the positions `keep`, or all."""
    positions = range(len(one.conversation.items)) if keep is None else keep
    with EpisodicStore(":memory:", encoder=bench.encoder) as store:
        store.write_many([one.conversation.items[i].episode for i in positions], keys=[one.keys[i] for i in positions])
        asked = _questions(one)
        found = store.recall_many([text for _, text, _ in asked], max(KS))
    return {
        id: [str(hit.item.provenance.doc_id) for hit in hits] for (id, _, _), hits in zip(asked, found, strict=True)
    }


def _scores(
    encoded: Sequence[_Encoded], arms: Mapping[str, Sequence[Ranking]]
) -> tuple[list[int], dict[tuple[str, int], list[float]]]:
    groups = [number for number, one in enumerate(encoded) for _ in _questions(one)]
    scores = {
        (arm, k): [
            recall_at_k(ranking[id], evidence, k)
            for one, ranking in zip(encoded, rankings, strict=True)
            for id, _, evidence in _questions(one)
        ]
        for arm, rankings in arms.items()
        for k in KS
    }
    return groups, scores


def _difference(
    scores: Mapping[tuple[str, int], list[float]], groups: Sequence[int], other: str, k: int, rng: np.random.Generator
) -> Difference:
    row, p = paired_difference(scores["store", k], scores[other, k], groups, rng=rng)
    return Difference(a="store", b=other, metric=f"recall@{k}", mean=row.mean, low=row.low, high=row.high, p=p)


def _adjusted(rows: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences with their p values adjusted by Holm over all of them."""
    p_values = holm({str(place): row.p for place, row in enumerate(rows)})
    return tuple(replace(row, p=p_values[str(place)]) for place, row in enumerate(rows))


def _gate_curves(
    encoded: Sequence[_Encoded], bench: Bench, rng: np.random.Generator, console: Console
) -> tuple[list[Curve], Table]:
    first = [_gate_scores(one, bench, replace(GATE, threshold=-1.0))[1] for one in encoded]
    rows: list[tuple[str, ...]] = []
    points: dict[str, list[tuple[float, Interval]]] = {"gate": [], "keep-random": [], "keep-longest": []}
    with progress("Gate curve", total=len(KEEP_RATES), console=console) as advance:
        for rate in KEEP_RATES:
            kept = [
                _gate_scores(one, bench, replace(GATE, threshold=float(np.quantile(scores, 1 - rate))))[0]
                for one, scores in zip(encoded, first, strict=True)
            ]
            share = sum(map(len, kept)) / sum(len(one.conversation.items) for one in encoded)
            choices: dict[str, list[list[Sequence[int]]]] = {
                "gate": [[positions] for positions in kept],
                "keep-longest": [[_longest(one, len(p))] for one, p in zip(encoded, kept, strict=True)],
                "keep-random": [_random_draws(one, len(p)) for one, p in zip(encoded, kept, strict=True)],
            }
            for name, draws in choices.items():
                points[name].append((share, _curve_point(encoded, draws, bench, rng)))
            rows.append(
                (f"{share:.0%}", *(_shown(points[name][-1][1]) for name in ("gate", "keep-random", "keep-longest")))
            )
            advance(1)
    curves = [
        Curve(
            label=name,
            x=tuple(share for share, _ in found),
            y=tuple(row.mean for _, row in found),
            low=tuple(row.low for _, row in found),
            high=tuple(row.high for _, row in found),
            baseline=name != "gate",
        )
        for name, found in points.items()
    ]
    head = ("turns kept", "gate", "keep-random", "keep-longest")
    return curves, Table(
        title=f"Evidence recall@{CURVE_K} of the store by share of turns kept", head=head, rows=tuple(rows)
    )


def _gate_scores(one: _Encoded, bench: Bench, gate: WriteGate) -> tuple[list[int], list[float]]:
    """Return which turns a gated store keeps, and every turn's score."""
    episodes = [
        replace(item.episode, salience=Salience(surprise=surprise))
        for item, surprise in zip(one.conversation.items, one.surprises, strict=True)
    ]
    with EpisodicStore(":memory:", encoder=bench.encoder, gate=gate) as store:
        receipts = store.write_many(episodes, keys=list(one.keys))
    # A repeated text merges without being scored again; it counts as kept and has its first telling's score
    scores = [receipt.score if receipt.score is not None else 0.0 for receipt in receipts]
    return [i for i, receipt in enumerate(receipts) if receipt.id is not None], scores


def _longest(one: _Encoded, count: int) -> Sequence[int]:
    lengths = [-len(item.episode.text) for item in one.conversation.items]
    return sorted(np.argsort(lengths, kind="stable")[:count].tolist())


def _random_draws(one: _Encoded, count: int) -> list[Sequence[int]]:
    rng = random.Random(f"keep-random/{one.conversation.id}/{count}")
    return [sorted(rng.sample(range(len(one.conversation.items)), count)) for _ in range(RANDOM_DRAWS)]


def _curve_point(
    encoded: Sequence[_Encoded], draws: Sequence[Sequence[Sequence[int]]], bench: Bench, rng: np.random.Generator
) -> Interval:
    """Return the store's recall@k over all questions, averaged over the draws of each conversation."""
    groups: list[int] = []
    values: list[float] = []
    for number, (one, keeps) in enumerate(zip(encoded, draws, strict=True)):
        rankings = [_store_ranking(one, bench, keep=keep) for keep in keeps]
        for id, _, evidence in _questions(one):
            groups.append(number)
            values.append(float(np.mean([recall_at_k(ranking[id], evidence, CURVE_K) for ranking in rankings])))
    return mean_interval(values, groups, rng=rng)


def _shown(row: Interval) -> str:
    return f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]"


def _section(metrics: SuiteMetrics, curves: Sequence[Curve], table: Table, encoded: Sequence[_Encoded]) -> Section:
    recall = [
        Curve(
            label=arm,
            x=tuple(float(k) for k in KS),
            y=tuple(values[f"recall@{k}"].mean for k in KS),
            low=tuple(values[f"recall@{k}"].low for k in KS),
            high=tuple(values[f"recall@{k}"].high for k in KS),
            baseline=arm != "store",
        )
        for arm, values in metrics.arms.items()
    ]
    turns = sum(len(one.conversation.items) for one in encoded)
    asked = sum(len(_questions(one)) for one in encoded)
    return Section(
        title="LoCoMo evidence",
        text=(
            f"{len(encoded)} conversations, {turns:,} turns, {asked} questions with evidence; adversarial ones "
            "are left out, since no turn answers them. Intervals over conversations and questions.\n\n"
            "The gate scores each turn with the model's surprise after the turn before it, and the novelty of "
            "the live store; the baselines keep the same number of turns of each conversation."
        ),
        tables=(table,),
        pictures=(
            Picture(name="locomo-recall", caption="Evidence recall@k.", png=recall_plot(recall)),
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
