"""One night: what a store replays becomes what the weights know, or nothing changes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hippo_adapters import LanguageModel
from hippo_core import SupportsTeaching
from hippo_core.checks import checked_kind
from hippo_core.errors import InvalidInputError

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.guards import Guard, GuardReport, answers_to, normalised
from hippo_train.consolidation.learning import Curriculum, StepLosses, learn, learning_layers, save_layers
from hippo_train.consolidation.lessons import (
    as_lessons,
    as_reminders,
    held_out,
    packed_rows,
    questions_row,
    statement_row,
    text_row,
)
from hippo_train.consolidation.nights import Nights
from hippo_train.consolidation.own_text_file import own_text
from hippo_train.consolidation.rewrites import ReplayQuestion, Rewriter, rewrite_traces, unanswered_questions
from hippo_train.consolidation.split import SplitModel
from hippo_train.consolidation.trace_choice import choose_traces, known_ids
from hippo_train.out_of_memory import memory_explained

NightProgress = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""

_GUARDED_ROW = 1024  # tokens
_NEAR = 100
_MOST_ROUNDS, _VISITS = 3, 4  # a row that is met fewer times is not worth keeping states of
_LESS = "fewer `questions` and `own` passages in a step, fewer `traces`, a higher `first_block`, or `dtype` bfloat16"
_MOST_TOKENS = 96  # of a statement; a longer trace is taught by its questions alone


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedQuestion:
    """A question that was not learnt, and what came of it."""

    trace: int
    """The record's id."""
    question: str
    answer: str
    before: str
    """What the base model says."""
    after: str
    """What the model says after the night."""
    earlier: bool
    """Whether an earlier night learnt the trace."""

    @property
    def right(self) -> bool:
        """Whether it is answered now."""
        return normalised(self.after) == normalised(self.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightReport:
    """What a night did."""

    status: Literal["committed", "refused", "nothing to learn"]
    night: Path | None
    """Its folder; None where there was nothing to learn."""
    refused_for: tuple[str, ...] = ()
    """Limits that did not hold."""
    replayed: tuple[int, ...] = ()
    """Ids of the records that were new to the weights."""
    rehearsed: tuple[int, ...] = ()
    """Ids that earlier nights learnt and that nothing told since corrects."""
    unasked: tuple[int, ...] = ()
    """Traces that no question could be made of: never counted as known, and not taught unless as `statements`."""
    learnt: tuple[int, ...] = ()
    """Ids whose checked questions are all answered now, with the store off."""
    forgotten: tuple[int, ...] = ()
    """Ids that were rehearsed and that are no longer answered."""
    checked: tuple[CheckedQuestion, ...] = ()
    guards: GuardReport | None = None
    losses: tuple[StepLosses, ...] = ()
    seconds: float = 0.0

    @property
    def em(self) -> float | None:
        """Share of the checked questions about new traces that are answered, in [0, 1]; None where there are none."""
        new = [each.right for each in self.checked if not each.earlier]
        return sum(new) / len(new) if new else None


def consolidate(
    store: SupportsTeaching,
    model: LanguageModel,
    nights: str | Path | Nights,
    config: ConsolidationConfig | None = None,
    *,
    drift_text: str | None = None,
    rewriter: Rewriter = rewrite_traces,
    progress: NightProgress | None = None,
) -> NightReport:
    """Teach a store's traces to the weights, and put them in force if they cost nothing else.

    Each trace becomes statements and questions (`rewrite_traces`); every step mixes them with questions that no trace
    answers and with the model's own text, on both of which the base model's expectations are kept. Then the guards
    measure what changed. The night is committed only if all of them hold; otherwise the adapter in force stays as it
    was, to the last bit. Either way the model is left as it was found, and no trace is deleted: the store's ledger
    notes what is taught before the first step, and what the weights know after the commit.

    Args:
        store: opened by the caller; its records have a `text`.
        model: the frozen base, the one that earlier nights in `nights` started from.
        nights: the folder that keeps the adapters, of this store and this model.
        config: how; the defaults if None.
        drift_text: what perplexity is measured on; None is text that the model says by itself.
        rewriter: makes statements and questions of the traces; `LanguageModelRewriter` adds a model's own questions.
        progress: called as the night goes on.

    Returns:
        What happened. Its folder holds PEFT's files (after a commit), `night.json` and `report.html`.

    Cost:
        With the defaults and SmolLM2-135M: see docs/LOG.md. Memory: the hidden states of every token practised.

    Raises:
        InvalidInputError: a store that keeps no ledger, nights of another model, or another night under way there.
        HippoError: the adapter in force learnt what was redacted since; the ledger says what to retrain from.
        UnsupportedModelError: a model that cannot be run in two parts.
        OutOfMemoryError: too little memory; the message says what to lower.
    """
    checked_kind(store, SupportsTeaching, name="store", hint="a store with `replay_batches` and a `ledger`")
    checked_kind(model, LanguageModel, name="model", hint="from `load_model`")
    config = config or ConsolidationConfig()
    folder = nights if isinstance(nights, Nights) else Nights(nights)
    with folder.lock(), memory_explained(_LESS):
        return _Night(store, model, folder, config, drift_text, rewriter, progress or _silent).run()


class _Night:
    def __init__(
        self,
        store: Any,
        model: LanguageModel,
        nights: Nights,
        config: ConsolidationConfig,
        drift_text: str | None,
        rewriter: Rewriter,
        progress: NightProgress,
    ) -> None:
        self.store, self.model, self.nights, self.config = store, model, nights, config
        self.drift_text, self.rewriter, self.progress = drift_text, rewriter, progress
        self.start = time.perf_counter()
        self.rng = random.Random(config.seed)
        self.parent = nights.current
        if self.parent is not None:
            self._check_parent(self.parent)

    def _check_parent(self, parent: Path) -> None:
        described = self.nights.describe(parent)
        if (of := described["model"])["digest"] != self.model.digest:
            raise InvalidInputError(
                f"{parent} started from {of['name']}, not from {self.model.name}; choose another folder of nights."
            )
        # A night goes on with the layers that it finds; others would not be read from its file
        for name in ("target", "r", "alpha", "first_block", "last_block"):
            if (was := described["config"].get(name, "lora")) != (given := getattr(self.config, name)):
                raise InvalidInputError(
                    f"`{name}` was {was} in {parent}, on which this night is to build, not {given}; keep it, or choose "
                    "another folder of nights."
                )

    def run(self) -> NightReport:
        part = self.nights.begin()
        name = part.stem
        if self.parent is not None:
            self.store.ledger.require_clean(self.parent.name)
            self.store.ledger.derive(name, parent=self.parent.name)
        choice = choose_traces(self.store, self.config, self.rewriter, known=known_ids(self.nights), adapter=name)
        new, unasked = choice.new, choice.passed
        if not new:
            part.rmdir()
            return NightReport(status="nothing to learn", night=None, unasked=unasked, seconds=self._seconds())
        earlier = set(self.rng.sample(choice.known, min(len(choice.known), self.config.rehearsed)))
        ids = sorted({*earlier, *new})
        learnt: dict[int, list[ReplayQuestion]] = {}
        checks: dict[int, list[ReplayQuestion]] = {}
        for id in ids:
            # By the id alone, so that a later night asks what this one left out
            learnt[id], checks[id] = held_out(
                choice.rewrites[id],
                check=self.config.checks_per_trace,
                most=self.config.questions_per_trace,
                rng=random.Random(f"{self.config.seed}/{id}"),
            )
        if not self.config.statements and not any(checks[id] for id in new):
            part.rmdir()
            return NightReport(status="nothing to learn", night=None, unasked=(*unasked, *new), seconds=self._seconds())
        unasked += tuple(id for id in new if not checks[id])
        asked = [(id, question) for id in ids for question in checks[id]]
        before = answers_to(self.model, [question.text for _, question in asked])
        split = SplitModel(self.model, self.config.blocks(self.model.layers).start)
        self.progress("Listening to the model", 0, 1)
        own = own_text(self.model, self.config, self.nights.folder, guarded=self.drift_text is None)
        guard = Guard(self.model, own.guarded or self._drift_rows(), own.questions[::2])
        most = min(_NEAR, self.config.near * self.config.steps)
        near = [
            *own.questions[1::2],
            *unanswered_questions(list(choice.texts.values()), most, rng=self.rng),
        ]
        self.progress("Listening to the model", 1, 1)
        curriculum = self._curriculum(
            split, learnt, {id: choice.rewrites[id].statements for id in ids}, near, own.passages
        )
        self.store.ledger.record(list(new), adapter=name)
        with learning_layers(self.model, self.config, self.parent) as adapted:
            losses = learn(adapted, split, curriculum, self.config, self._on_step)
            self.progress("Asking", 0, 1)
            after = answers_to(self.model, [question.text for _, question in asked])
            checked = tuple(
                CheckedQuestion(
                    trace=id,
                    question=question.text,
                    answer=question.answer,
                    before=was,
                    after=now,
                    earlier=id in earlier,
                )
                for (id, question), was, now in zip(asked, before, after, strict=True)
            )
            learnt_now = {id for id in ids if checks[id]} - {each.trace for each in checked if not each.right}
            retention = len(learnt_now & earlier) / len(earlier) if earlier else None
            guards = guard.measure(retention=retention)
            self.progress("Asking", 1, 1)
            broken = guards.broken(self.config)
            save_layers(adapted, part, base=self.model.name)
        report = NightReport(
            status="refused" if broken else "committed",
            night=None,
            refused_for=broken,
            replayed=new,
            rehearsed=tuple(sorted(earlier)),
            unasked=unasked,
            learnt=tuple(sorted(learnt_now)),
            forgotten=tuple(sorted(earlier - learnt_now)),
            checked=checked,
            guards=guards,
            losses=tuple(losses),
            seconds=self._seconds(),
        )
        return self._close(part, name, report)

    def _close(self, part: Path, name: str, report: NightReport) -> NightReport:
        from hippo_train.consolidation.report import write_report

        finish = self.nights.refuse if report.refused_for else self.nights.commit
        write_report(report, part / "report.html", name=name, model=self.model.name, config=self.config)
        if not report.refused_for:  # before the commit: killed in between, marks of a night that never was harm none
            self.store.ledger.mark_known(list(report.learnt), name)
            self.store.ledger.mark_known(list(report.forgotten), name, known=False)
        return replace(report, night=finish(part, _described(report, self.model, self.config)))

    def _drift_rows(self) -> list[list[int]]:
        length = min(_GUARDED_ROW, self.model.context_length)
        ids = self.model.encode(self.drift_text or "")[: self.config.guarded_tokens]
        return [ids[start : start + length] for start in range(0, len(ids), length)]

    def _curriculum(
        self,
        split: SplitModel,
        questions: dict[int, list[ReplayQuestion]],
        statements: dict[int, tuple[str, ...]],
        near: list[str],
        passages: list[list[int]],
    ) -> Curriculum:
        model = self.model
        several = [each for each in questions.values() if each]
        visits = self.config.steps * self.config.questions
        rounds = max(1, min(_MOST_ROUNDS, visits // (_VISITS * max(1, sum(map(len, several))))))
        asked = packed_rows(model, several, rounds=rounds, rng=self.rng)
        said = [statement_row(model, text) for each in statements.values() for text in each if self.config.statements]
        said = [row for row in said if len(row.tokens) <= _MOST_TOKENS]
        lessons = as_lessons(split, [*asked, *said], progress=lambda done, total: self.progress("Reading", done, total))
        answered = [
            questions_row(model, [(question, answer)])
            for question, answer in zip(near, answers_to(model, near), strict=True)
        ]
        return Curriculum(
            questions=lessons[: len(asked)],
            statements=lessons[len(asked) :],
            near=as_reminders(split, answered),
            own=as_reminders(split, [text_row(passage) for passage in passages]),
        )

    def _on_step(self, losses: StepLosses) -> None:
        self.progress("Learning", losses.step, self.config.steps)

    def _seconds(self) -> float:
        return round(time.perf_counter() - self.start, 1)


def _described(report: NightReport, model: LanguageModel, config: ConsolidationConfig) -> dict[str, Any]:
    """Return what `night.json` says: no text of any trace."""
    return {
        "model": {"name": model.name, "digest": model.digest},
        "config": asdict(config),
        "status": report.status,
        "refused_for": list(report.refused_for),
        "replayed": list(report.replayed),
        "rehearsed": list(report.rehearsed),
        "unasked": list(report.unasked),
        "learnt": list(report.learnt),
        "forgotten": list(report.forgotten),
        "em": report.em,
        "guards": None if report.guards is None else asdict(report.guards),
        "losses": [asdict(losses) for losses in report.losses],
        "seconds": report.seconds,
    }


def _silent(what: str, done: int, total: int) -> None:
    """Say nothing."""
