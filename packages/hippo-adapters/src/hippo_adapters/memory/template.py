"""One prompt template for every arm: none, oracle, recalled text, baselines, long context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hippo_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedExample:
    """A question answered in the prompt, to show the form of an answer."""

    question: str
    """What is asked."""
    answer: str
    """The short answer."""
    traces: tuple[str, ...] = ()
    """Memory shown before it, best first; empty for a question that nothing is remembered about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """How a question and what was recalled for it become a prompt.

    A prompt is `prefix()`, the same for every question and computed once, followed by `prompt(question, traces)`.
    Worked examples are written by the same code as the question itself.

    Raises:
        InvalidInputError: a form without its placeholder, or `traces` below 1.
    """

    examples: tuple[WorkedExample, ...] = ()
    """Questions answered before the real one."""
    instruction: str = ""
    """First line of the prefix; empty for none."""
    memory_header: str = "Memory:"
    """Starts the block of traces; empty for none."""
    trace_form: str = " {text}"
    """One trace; `{text}` is replaced."""
    trace_separator: str = "\n"
    """Between traces."""
    question_form: str = "Question: {question}"
    """The question's line; `{question}` is replaced."""
    answer_cue: str = "Answer:"
    """What the model continues. No space at its end: the space belongs to the answer's first token."""
    question_first: bool = False
    """Whether the question also stands before the memory, so that the traces are read knowing what is asked."""
    traces: int = 1
    """At most this many traces, the best ones. The worked examples show all of theirs."""
    best_last: bool = True
    """Whether the best trace stands nearest to the question (last) or first."""

    def __post_init__(self) -> None:
        for name, placeholder in (("trace_form", "{text}"), ("question_form", "{question}")):
            if placeholder not in getattr(self, name):
                raise InvalidInputError(f"`{name}` must contain {placeholder}; it is {getattr(self, name)!r}.")
        if self.traces < 1:
            raise InvalidInputError(f"`traces` must be at least 1, not {self.traces}; pass no traces for no memory.")

    def prefix(self, shared: Sequence[str] = ()) -> str:
        """Return what stands before every question, ending with a newline, or an empty string.

        Args:
            shared: traces that every question sees (a long context: all that was taught), oldest first. They stand
                after the worked examples, all of them; `prompt(question)` then completes the prompt.
        """
        parts = [self.instruction] if self.instruction else []
        parts += [f"{self._question(e.question, e.traces)} {e.answer}" for e in self.examples]
        block = self._block([" ".join(text.split()) for text in shared])
        return "".join(part + "\n\n" for part in parts) + (block + "\n" if block else "")

    def words(self) -> frozenset[str]:
        """Return the words of the worked examples, in lower case: names in generated worlds should avoid them."""
        text = " ".join(" ".join((e.question, e.answer, *e.traces)) for e in self.examples)
        return frozenset(re.findall(r"\w+", text.lower()))

    def prompt(self, question: str, traces: Sequence[str] = ()) -> str:
        """Return the question with its memory, ready to be continued by the answer.

        Args:
            question: what is asked; line breaks become spaces, since a line ends an answer.
            traces: recalled texts, best first. With none, no memory block is written at all.
        """
        return self._question(question, traces[: self.traces])

    def _question(self, question: str, traces: Sequence[str]) -> str:
        best = [" ".join(text.split()) for text in traces]
        asked = self.question_form.replace("{question}", " ".join(question.split()))
        block = self._block(best[::-1] if self.best_last else best)
        lines = [asked] if block and self.question_first else []
        return "\n".join([*lines, *([block] if block else []), asked, self.answer_cue])

    def _block(self, shown: list[str]) -> str:
        if not shown:
            return ""
        block = self.trace_separator.join(self.trace_form.replace("{text}", text) for text in shown)
        return self.memory_header + block if self.memory_header else block.lstrip()
