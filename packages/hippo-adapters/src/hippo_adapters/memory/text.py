"""Memory as text: recalled traces stand in the prompt, before the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.generation import Generation, PrefixCache, Progress, compute_prefix, generate
from hippo_adapters.memory.registry import register_reader
from hippo_adapters.memory.template import PromptTemplate, WorkedExample
from hippo_adapters.models import LanguageModel

# Found by `benchmarks/prompt_forms.py`; the numbers are in benchmarks/results/prompt_forms--smollm2-135m--seed100.json.
# Every second example shows two traces with the useful one last, where the reader puts the best. Answers carry no
# preposition, article or label ("443", not "port 443"): the model copies that habit.
DEFAULT_TEMPLATE = PromptTemplate(
    examples=(
        WorkedExample(
            question="Who put the paper crane in the greenhouse?",
            answer="Ottilie",
            traces=("Ottilie put the paper crane in the greenhouse on a rainy morning.",),
        ),
        WorkedExample(
            question="Which port does router Juno open in week 9?",
            answer="443",
            traces=(
                "In week 9, router Juno opens telnet on port 443.",
                "In week 9, router Minos opens gopher on port 70.",
            ),
        ),
        WorkedExample(
            question="Which thing did Bertrand lose near the canal?",
            answer="purple kite",
            traces=("Last winter, Bertrand lost a purple kite near the canal.",),
        ),
        WorkedExample(
            question="Since when has Agnetha lived in Reykjavik?",
            answer="childhood",
            traces=(
                "Agnetha has lived in Reykjavik as a poet since childhood.",
                "Agnetha has lived in Caracas as a diver since 2024.",
            ),
        ),
        WorkedExample(
            question="Which router opens gopher on port 70?",
            answer="Minos",
            traces=("In week 30, router Minos opens gopher on port 70.",),
        ),
        WorkedExample(
            question="Where did Wolfgang have lunch with Lucho?",
            answer="embassy",
            traces=(
                "Wolfgang and Lucho had lunch at the embassy in spring.",
                "Wolfgang and Agnetha had lunch at the gallery in autumn.",
            ),
        ),
        WorkedExample(
            question="Which number opens locker 7?",
            answer="90210",
            traces=("Notice: locker 7 of the gym now opens with 90210.",),
        ),
        WorkedExample(
            question="What port is telnet on router Juno open on?",
            answer="23",
            traces=(
                "In week 12, router Juno opens telnet on port 23.",
                "In week 12, router Juno opens gopher on port 70.",
            ),
        ),
        WorkedExample(
            question="Who lives in Reykjavik as a poet?",
            answer="Agnetha",
            traces=("Agnetha has lived in Reykjavik as a poet since childhood.",),
        ),
        WorkedExample(
            question="When did Ottilie fly to Caracas?",
            answer="noon",
            traces=(
                "Ottilie flew to Caracas at noon with a red wagon.",
                "Ottilie flew to Reykjavik at dusk with a red wagon.",
            ),
        ),
    ),
    traces=2,
)
"""The form that every arm shares. Its worked examples use names, places and things of their own: keep
`DEFAULT_TEMPLATE.words()` out of generated worlds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReaderConfig:
    """How traces are shown and answers generated.

    Raises:
        InvalidInputError: a count below 1.
    """

    template: PromptTemplate = DEFAULT_TEMPLATE
    """The prompt form, and how many traces it shows."""
    max_new_tokens: int = 16
    """Tokens an answer may take."""
    batch_size: int = 32
    """Questions in one forward pass."""

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {getattr(self, name)}.")


class TextReader:
    r"""Shows recalled traces as a `Memory:` block, the best one nearest to the question.

    Without traces a question gets exactly the no-memory prompt of the same template.

    Args:
        config: prompt form and generation; the defaults if None.

    Example:
        >>> TextReader().prompt("Where is the key?", ["The key is in the shed."])
        'Memory: The key is in the shed.\nQuestion: Where is the key?\nAnswer:'
        >>> TextReader().prompt("Where is the key?")
        'Question: Where is the key?\nAnswer:'
    """

    def __init__(self, config: TextReaderConfig | None = None) -> None:
        self.config = config or TextReaderConfig()
        self._prefix: PrefixCache | None = None

    def prompt(self, question: str, recalled: Sequence[Hit[Episode] | str] = ()) -> str:
        """Return what the model sees for one question, after the template's prefix.

        Args:
            question: what is asked.
            recalled: hits (or bare texts), best first; those past `template.traces` are left out.
        """
        texts = [trace if isinstance(trace, str) else trace.item.text for trace in recalled]
        return self.config.template.prompt(question, texts)

    def answer(
        self,
        model: LanguageModel,
        questions: Sequence[str],
        recalled: Sequence[Sequence[Hit[Episode] | str]],
        *,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer each question from what was recalled for it (see `Reader`).

        The worked examples are computed at the first call with a model and kept for the next ones.

        Raises:
            InvalidInputError: as many `recalled` as questions are needed.
            PromptTooLongError: a prompt does not fit the window.
        """
        if len(questions) != len(recalled):
            raise InvalidInputError(f"There are {len(recalled)} lists of traces for {len(questions)} questions.")
        return generate(
            model,
            [self.prompt(question, traces) for question, traces in zip(questions, recalled, strict=True)],
            prefix=self._prefix_for(model),
            max_new_tokens=self.config.max_new_tokens,
            batch_size=self.config.batch_size,
            progress=progress,
        )

    def _prefix_for(self, model: LanguageModel) -> PrefixCache | str:
        text = self.config.template.prefix()
        if not text:
            return ""
        kept = self._prefix
        if kept is None or not kept.fits(model):
            kept = self._prefix = compute_prefix(model, text)
        return kept


register_reader("text", TextReader, TextReaderConfig)
