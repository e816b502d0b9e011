"""The test stage, in a process of its own: opens the stores that teaching left on disk, and answers."""

from __future__ import annotations

from collections.abc import Sequence

from hippo_adapters import DEFAULT_TEMPLATE, compute_prefix, generate
from hippo_core import Episode, Hit
from hippo_lab.accounting import answer_costs
from hippo_lab.arms import Answer, ArmName, Trace
from hippo_lab.guard import DecodingGuard
from hippo_lab.predictions import Prediction, judge
from hippo_lab.worlds import Question

from hei_nw.arms import recall_of
from hei_nw.memories import TaughtWorld
from hei_nw.reading import MAX_NEW_TOKENS, Answerer

LONG_CONTEXT_QUESTIONS = 30
"""Questions that `long_context` answers at most in a world. Reading a full window takes a minute on one core, so that
large worlds are read for the first seed alone."""
TIMED_QUESTIONS = 2
"""Questions of the first seed that are answered one at a time, to measure latency."""
SHOWN_TRACES = 4
"""Traces kept in predictions.jsonl."""


def answer_world(
    taught: TaughtWorld,
    arms: Sequence[ArmName],
    answerer: Answerer,
    *,
    guard: DecodingGuard,
    timed: bool,
    long_context_questions: int,
) -> list[Prediction]:
    """Answer every question of one world in every arm.

    Args:
        taught: the world and its stores.
        arms: what to compare.
        answerer: the model and its readers.
        guard: refuses what is no answer.
        timed: whether to measure latency here.
        long_context_questions: how many questions `long_context` answers in this world.
    """
    world = taught.world
    questions = world.questions
    predictions: list[Prediction] = []
    for arm in arms:
        if arm.base == "long_context":
            answers = answer_in_long_context(taught, questions[:long_context_questions], answerer)
            asked = questions[:long_context_questions]
        else:
            answers = _answer_arm(arm, taught, questions, answerer, timed=timed)
            asked = questions
        predictions += judge(answers, asked, world=world, arm=str(arm), guard=guard)
    return predictions


def _answer_arm(
    arm: ArmName, taught: TaughtWorld, questions: Sequence[Question], answerer: Answerer, *, timed: bool
) -> list[Answer]:
    recall = recall_of(arm, taught)
    start = answerer.clock()
    found = recall(questions)
    recall_ms = 1000 * (answerer.clock() - start) / len(questions)
    generations = answerer.answer(arm, [question.text for question in questions], found)
    reader = answerer.reader(arm)
    answers: list[Answer] = []
    for i, (question, hits, said) in enumerate(zip(questions, found, generations, strict=True)):
        costs = answerer.costs(arm, said)
        if timed and i < TIMED_QUESTIONS:
            waited = answerer.latency(arm, question.text, hits)
            costs |= {**waited, **{name: recall_ms + waited[name] for name in ("latency_ms", "first_token_ms")}}
        answers.append(
            Answer(
                question_id=question.id,
                text=said.text,
                raw=said.raw_text,
                prompt=reader.prompt(question.text, hits),
                traces=tuple(_trace(hit) for hit in hits[:SHOWN_TRACES]),
                costs=costs,
            )
        )
    return answers


def answer_in_long_context(taught: TaughtWorld, questions: Sequence[Question], answerer: Answerer) -> list[Answer]:
    """Put the newest episodes that fit the window before the model, compute them once, and ask every question.

    The cost metric `coverage` is 1 where the question's gold episode was among them.
    """
    if not questions:
        return []
    language, template = answerer.language, DEFAULT_TEMPLATE
    room = language.context_length - len(language.encode(template.prefix())) - 128  # for the question and its answer
    shown: list[str] = []  # newest first
    keys: set[str] = set()
    for item in reversed(taught.world.items):
        room -= len(language.encode(item.episode.text)) + 2
        if room < 0:
            break
        shown.append(item.episode.text)
        keys.add(item.key)
    start = answerer.clock()
    prefix = compute_prefix(language, template.prefix(shown[::-1]))
    prefix_seconds = answerer.clock() - start
    prompts = [template.prompt(question.text) for question in questions]
    start = answerer.clock()
    said = generate(language, prompts, prefix=prefix, max_new_tokens=MAX_NEW_TOKENS, batch_size=8)
    each = (answerer.clock() - start + prefix_seconds) / len(questions)
    return [
        Answer(
            question_id=question.id,
            text=generation.text,
            raw=generation.raw_text,
            prompt=f"[{len(shown)} episodes]\n{prompt}",
            costs={
                **answer_costs(
                    language,
                    prompt_tokens=generation.prompt_tokens,
                    new_tokens=generation.new_tokens,
                    shared_tokens=len(prefix.tokens),
                ),
                "latency_ms": 1000 * each,
                "coverage": float(not keys.isdisjoint(question.gold)),
            },
        )
        for question, prompt, generation in zip(questions, prompts, said, strict=True)
    ]


def _trace(hit: Hit[Episode]) -> Trace:
    return Trace(text=hit.item.text, key=hit.item.provenance.doc_id, score=hit.score)
