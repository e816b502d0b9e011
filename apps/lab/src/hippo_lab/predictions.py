"""Predictions: every answer with its scores, and how they become the results of a suite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hippo_core import InvalidInputError

from hippo_lab.arms import Answer, Trace
from hippo_lab.effect import MARGIN, EffectResult, effect_test
from hippo_lab.guard import DecodingGuard, Fault
from hippo_lab.metrics import Difference, SuiteMetrics
from hippo_lab.scoring import precision_at_1, score_answer
from hippo_lab.statistics import RESAMPLES, Interval, holm, mcnemar, mean_interval, paired_difference
from hippo_lab.worlds import Question, World

CONTROLS = ("emptied", "shuffled")
"""Names of the arms that the effect test compares the full run with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One line of `predictions.jsonl`: what an arm said to one question of one world, and what it was worth."""

    suite: str
    seed: int
    arm: str
    question_id: str
    question: str
    wanted: str
    """The right answer."""
    text: str
    """The answer, as it was scored."""
    raw: str
    """The whole generation."""
    prompt: str = ""
    traces: tuple[Trace, ...] = ()
    fault: Fault | None = None
    """What the decoding guard found; then all scores of the answer are 0."""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    """Metric to value, costs included."""
    slot: str = ""
    """Which slot was asked."""
    cue_style: str = ""
    """Which slots the question mentioned."""


def judge(
    answers: Sequence[Answer], questions: Sequence[Question], *, world: World, arm: str, guard: DecodingGuard
) -> list[Prediction]:
    """Score `answers` to `questions` of `world`.

    `p_at_1` is scored where the arm named the keys of its traces. A malformed answer is never right.

    Raises:
        InvalidInputError: answers and questions do not belong together.
    """
    if [answer.question_id for answer in answers] != [question.id for question in questions]:
        raise InvalidInputError(
            f"arm {arm!r} returned {len(answers)} answers to {len(questions)} questions, or in another order; "
            "an arm answers each question once, in order."
        )
    judged: list[Prediction] = []
    for answer, question in zip(answers, questions, strict=True):
        fault = guard.fault(answer.text, question=question.text)
        scores = score_answer(answer.text, question)
        if fault is not None:
            scores = dict.fromkeys(scores, 0.0)
        ranked = [trace.key for trace in answer.traces if trace.key is not None]
        if question.gold and len(ranked) == len(answer.traces) and ranked:
            scores["p_at_1"] = precision_at_1(ranked, question.gold)
        judged.append(
            Prediction(
                suite=world.suite,
                seed=world.seed,
                arm=arm,
                question_id=question.id,
                question=question.text,
                wanted=question.answer,
                text=answer.text,
                raw=answer.raw,
                prompt=answer.prompt,
                traces=answer.traces,
                fault=fault,
                scores={**scores, **answer.costs},
                slot=question.slot,
                cue_style=question.cue_style,
            )
        )
    return judged


def summarise(
    predictions: Sequence[Prediction],
    *,
    compare: Sequence[tuple[str, str]] = (),
    effect_of: str | None = None,
    rng: np.random.Generator,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
) -> SuiteMetrics:
    """Turn one suite's predictions into intervals, differences in `em` and the effect test.

    Args:
        predictions: all arms and seeds of one suite.
        compare: pairs of arms whose `em` is compared on the questions both answered; p by McNemar's exact test,
            adjusted by Holm.
        effect_of: the arm whose effect is tested against the arms `emptied` and `shuffled`; the difference to the
            stronger control joins the differences as `max(emptied, shuffled)`, unadjusted, since its interval decides.
        rng: draws the resamples.
        margin: of the effect test.
        resamples: bootstrap repetitions.

    Raises:
        InvalidInputError: several suites, an arm that did not run, or arms that share no question.
    """
    suites = {prediction.suite for prediction in predictions}
    if len(suites) != 1:
        raise InvalidInputError(f"summarise one suite at a time; these are of {sorted(suites)!r}.")
    by_arm: dict[str, dict[tuple[int, str], Prediction]] = defaultdict(dict)
    for prediction in predictions:
        by_arm[prediction.arm][prediction.seed, prediction.question_id] = prediction
    arms = {arm: _intervals(list(rows.values()), rng, resamples) for arm, rows in by_arm.items()}
    differences = _differences(by_arm, compare, rng, resamples)
    effect = None
    if effect_of is not None:
        (full, emptied, shuffled), seeds = _paired(by_arm, (effect_of, *CONTROLS))
        effect = effect_test(full, emptied, shuffled, seeds, rng=rng, margin=margin, resamples=resamples)
        stronger = emptied if effect.emptied >= effect.shuffled else shuffled
        differences.append(_effect_difference(effect_of, effect, p=mcnemar(full, stronger)))
    return SuiteMetrics(arms=arms, differences=tuple(differences), effect=effect)


def _intervals(rows: Sequence[Prediction], rng: np.random.Generator, resamples: int) -> dict[str, Interval]:
    names = dict.fromkeys(name for row in rows for name in row.scores)
    found: dict[str, Interval] = {}
    for name in names:
        scored = [row for row in rows if name in row.scores]
        values = [row.scores[name] for row in scored]
        found[name] = mean_interval(values, [row.seed for row in scored], rng=rng, resamples=resamples)
    return found


def _differences(
    by_arm: Mapping[str, Mapping[tuple[int, str], Prediction]],
    compare: Sequence[tuple[str, str]],
    rng: np.random.Generator,
    resamples: int,
) -> list[Difference]:
    intervals: dict[str, Interval] = {}
    p_values: dict[str, float] = {}
    for a, b in compare:
        (first, second), seeds = _paired(by_arm, (a, b))
        intervals[f"{a} − {b}"], _ = paired_difference(first, second, seeds, rng=rng, resamples=resamples)
        p_values[f"{a} − {b}"] = mcnemar(first, second)
    adjusted = holm(p_values)
    return [
        Difference(a=a, b=b, metric="em", mean=row.mean, low=row.low, high=row.high, p=adjusted[f"{a} − {b}"])
        for (a, b), row in zip(compare, intervals.values(), strict=True)
    ]


def _effect_difference(arm: str, effect: EffectResult, *, p: float) -> Difference:
    row = effect.difference
    return Difference(a=arm, b="max(emptied, shuffled)", metric="em", mean=row.mean, low=row.low, high=row.high, p=p)


def _paired(
    by_arm: Mapping[str, Mapping[tuple[int, str], Prediction]], arms: Sequence[str]
) -> tuple[list[list[float]], list[int]]:
    missing = [arm for arm in arms if arm not in by_arm]
    if missing:
        raise InvalidInputError(f"arm {missing[0]!r} did not run; there are: {', '.join(by_arm)}.")
    first, *others = (by_arm[arm] for arm in arms)
    shared = [key for key in first if all(key in other for other in others)]
    if not shared:
        raise InvalidInputError(f"arms {', '.join(arms)} answered no question in common, so they cannot be compared.")
    columns = [[by_arm[arm][key].scores["em"] for key in shared] for arm in arms]
    return columns, [seed for seed, _ in shared]
