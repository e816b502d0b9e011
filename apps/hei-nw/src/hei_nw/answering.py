"""The test stage, in a process of its own: opens the stores that teaching left on disk, and answers.

Arms often put the same prompt before the model (the store and BM25 both found the gold episode). Each prompt is
answered once and the answer shared, which changes nothing under greedy decoding and saves most of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hippo_adapters import Generation, LanguageModel, PrefixCache, PromptTemplate, compute_prefix, generate
from hippo_core import Episode, Hit
from hippo_lab.accounting import answer_costs
from hippo_lab.arms import Answer, ArmName, Trace
from hippo_lab.guard import DecodingGuard
from hippo_lab.predictions import Prediction, judge
from hippo_lab.worlds import Question

from hei_nw.arms import recall_of
from hei_nw.memories import TaughtWorld

LONG_CONTEXT_QUESTIONS = 50
"""Questions that `long_context` answers at most in a world. Reading a full window takes a minute on one core, so that
large worlds are read for the first seed alone."""
TIMED_QUESTIONS = 2
"""Questions of the first seed that are answered one at a time, to measure latency."""
SHOWN_TRACES = 4
"""Traces kept in predictions.jsonl."""
MAX_NEW_TOKENS = 16

Advance = Callable[[int], None]


@dataclass
class Answerer:
    """Answers questions in one prompt form with one model."""

    language: LanguageModel
    template: PromptTemplate
    batch_size: int
    clock: Callable[[], float] = time.perf_counter
    _answered: dict[str, Generation] = field(default_factory=dict[str, Generation])
    _prefix: PrefixCache | None = None

    @property
    def prefix(self) -> PrefixCache:
        """The worked examples, computed once."""
        if self._prefix is None:
            self._prefix = compute_prefix(self.language, self.template.prefix())
        return self._prefix

    def answer(self, prompts: Sequence[str], advance: Advance | None = None) -> list[Generation]:
        """Return the answer to each prompt."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._answered]
        done = 0

        def report(finished: int, _total: int) -> None:
            nonlocal done
            if advance is not None:
                advance(finished - done)
            done = finished

        generations = generate(
            self.language,
            new,
            prefix=self.prefix,
            max_new_tokens=MAX_NEW_TOKENS,
            batch_size=self.batch_size,
            progress=report,
        )
        self._answered.update(zip(new, generations, strict=True))
        return [self._answered[prompt] for prompt in prompts]

    def seconds_alone(self, prompts: Sequence[str]) -> list[float]:
        """Return how long each prompt takes by itself, the worked examples already computed."""
        seconds: list[float] = []
        for prompt in prompts:
            start = self.clock()
            generate(self.language, [prompt], prefix=self.prefix, max_new_tokens=MAX_NEW_TOKENS)
            seconds.append(self.clock() - start)
        return seconds


def answer_world(
    taught: TaughtWorld,
    arms: Sequence[ArmName],
    answerer: Answerer,
    *,
    guard: DecodingGuard,
    timed: bool,
    long_context_questions: int,
    advance: Advance | None = None,
) -> list[Prediction]:
    """Answer every question of one world in every arm.

    Args:
        taught: the world and its stores.
        arms: what to compare.
        answerer: the model and the prompt form.
        guard: refuses what is no answer.
        timed: whether to measure latency here.
        long_context_questions: how many questions `long_context` answers in this world.
        advance: called with the number of prompts just answered.
    """
    world = taught.world
    questions = world.questions
    predictions: list[Prediction] = []
    for arm in arms:
        if arm.base == "long_context":
            answers = answer_in_long_context(taught, questions[:long_context_questions], answerer)
            asked = questions[:long_context_questions]
        else:
            answers = _answer_arm(arm, taught, questions, answerer, timed=timed, advance=advance)
            asked = questions
        predictions += judge(answers, asked, world=world, arm=str(arm), guard=guard)
    return predictions


def _answer_arm(
    arm: ArmName,
    taught: TaughtWorld,
    questions: Sequence[Question],
    answerer: Answerer,
    *,
    timed: bool,
    advance: Advance | None,
) -> list[Answer]:
    k = arm.k or answerer.template.traces
    recall = recall_of(arm, taught)
    start = answerer.clock()
    found = recall(questions)
    recall_ms = 1000 * (answerer.clock() - start) / len(questions)
    template = replace(answerer.template, traces=k)
    prompts = [
        template.prompt(question.text, [hit.item.text for hit in hits])
        for question, hits in zip(questions, found, strict=True)
    ]
    generations = answerer.answer(prompts, advance)
    alone = answerer.seconds_alone(prompts[:TIMED_QUESTIONS]) if timed else []
    shared = len(answerer.prefix.tokens)
    answers: list[Answer] = []
    for i, (question, hits, prompt, said) in enumerate(zip(questions, found, prompts, generations, strict=True)):
        costs = answer_costs(
            answerer.language,
            prompt_tokens=said.prompt_tokens,
            new_tokens=said.new_tokens,
            shared_tokens=shared,
            latency_ms=recall_ms + 1000 * alone[i] if i < len(alone) else None,
        )
        answers.append(
            Answer(
                question_id=question.id,
                text=said.text,
                raw=said.raw_text,
                prompt=prompt,
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
    language, template = answerer.language, answerer.template
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
                    latency_ms=1000 * each,
                ),
                "coverage": float(not keys.isdisjoint(question.gold)),
            },
        )
        for question, prompt, generation in zip(questions, prompts, said, strict=True)
    ]


def _trace(hit: Hit[Episode]) -> Trace:
    return Trace(text=hit.item.text, key=hit.item.provenance.doc_id, score=hit.score)
