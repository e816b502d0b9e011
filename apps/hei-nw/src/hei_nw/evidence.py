"""LoCoMo: does recall find the turns that answer a question, and what does the write gate cost?

No answers are generated. Recall@k of a question is the share of its evidence turns among the first k hits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hippo_lab.metrics import Difference, SuiteMetrics
from hippo_lab.plots import Curve, recall_plot
from hippo_lab.progress import progress
from hippo_lab.report import Picture, Section
from hippo_lab.retrieval import BM25Retriever, DenseRetriever
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import holm, mean_interval, paired_difference
from rich.console import Console

from hei_nw.build import Bench
from hei_nw.encoded import KS, Encoded, Ranking, encode, store_ranking
from hei_nw.keeping import DEVELOPMENT, evaluate_gate
from hei_nw.suites import load_locomo


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the evaluation found."""

    metrics: Mapping[str, SuiteMetrics]
    """`locomo`, all conversations; `locomo_gate`, those that chose nothing about the gate, where there are any."""
    sections: Sequence[Section]


def evaluate_locomo(path: str, bench: Bench, *, console: Console) -> Evidence:
    """Measure evidence recall of BM25, dense search and the store, and the gate's curve.

    Intervals are bootstrapped over conversations and questions. The gate uses the model's own surprise, each turn
    read after the turn before it in its session; see `hei_nw.keeping`.

    Args:
        path: LoCoMo's file.
        bench: the encoder, and the model that measures surprise.
        console: where progress is shown.
    """
    conversations = load_locomo(path)
    encoded: list[Encoded] = []
    with progress("Reading LoCoMo", total=len(conversations), console=console) as advance:
        for conversation in conversations:
            encoded.append(encode(conversation, bench))
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
        "store": [store_ranking(one, bench, keep=None) for one in encoded],
    }
    rng = np.random.default_rng(0)
    groups, scores = _scores(encoded, arms)
    metrics = SuiteMetrics(
        arms={arm: {f"recall@{k}": mean_interval(scores[arm, k], groups, rng=rng) for k in KS} for arm in arms},
        differences=_adjusted([_difference(scores, groups, other, k, rng) for other in ("bm25", "dense") for k in KS]),
    )
    suites, sections = {"locomo": metrics}, [_section(metrics, encoded)]
    held_out = [one for one in encoded if one.conversation.id not in DEVELOPMENT]
    if held_out:
        keeping = evaluate_gate(held_out, bench, console=console)
        gate_metrics = replace(keeping.metrics, differences=_adjusted(keeping.metrics.differences))
        suites["locomo_gate"] = gate_metrics
        sections.append(keeping.section)
    return Evidence(metrics=suites, sections=sections)


def _baseline(one: Encoded, retriever: BM25Retriever | DenseRetriever) -> Ranking:
    found = retriever.recall_many([question.text for question in one.questions], max(KS))
    return {
        question.id: [str(hit.item.provenance.doc_id) for hit in hits]
        for question, hits in zip(one.questions, found, strict=True)
    }


def _scores(
    encoded: Sequence[Encoded], arms: Mapping[str, Sequence[Ranking]]
) -> tuple[list[int], dict[tuple[str, int], list[float]]]:
    groups = [number for number, one in enumerate(encoded) for _ in one.questions]
    scores = {
        (arm, k): [
            recall_at_k(ranking[question.id], question.evidence, k)
            for one, ranking in zip(encoded, rankings, strict=True)
            for question in one.questions
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


def _section(metrics: SuiteMetrics, encoded: Sequence[Encoded]) -> Section:
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
    asked = sum(len(one.questions) for one in encoded)
    return Section(
        title="LoCoMo evidence",
        text=(
            f"{len(encoded)} conversations, {turns:,} turns, {asked} questions with evidence; adversarial ones "
            "are left out, since no turn answers them. Intervals over conversations and questions."
        ),
        pictures=(Picture(name="locomo-recall", caption="Evidence recall@k.", png=recall_plot(recall)),),
    )
