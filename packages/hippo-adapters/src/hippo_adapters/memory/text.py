"""Memory as text: recalled traces stand in the prompt, before the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.generation import Generation, Progress, generate
from hippo_adapters.memory._kept import KeptPrefix, check_pairs
from hippo_adapters.memory.registry import register_reader
from hippo_adapters.memory.template import PromptTemplate, WorkedExample
from hippo_adapters.models import LanguageModel

# Chosen on the experiments' development worlds (docs/LOG.md, 2026-11-22); `benchmarks/prompt_forms.py` compares other
# forms with it.
# What the examples show matters more than how many there are: whole answers of several words, a date at the front, in
# the middle and at the end, active and passive, and a bare number for "port number". One trace: a second one, even a
# worse one, costs the model more than it saves.
DEFAULT_TEMPLATE = PromptTemplate(
    examples=(
        WorkedExample(
            traces=("The batch number of the teak shed is LM260.",),
            question="What is the batch number of the teak shed now?",
            answer="LM260",
        ),
        WorkedExample(
            traces=("On day 77, server omega runs gopher on port 3055.",),
            question="On day 77, which port number did server omega use?",
            answer="3055",
        ),
        WorkedExample(
            traces=("On 29 April, Ottilie Marsh hid the woolen lamp at the pagoda.",),
            question="Who hid the woolen lamp on 29 April?",
            answer="Ottilie Marsh",
        ),
        WorkedExample(
            traces=("The paper crane was lost by Bertrand at the jazz cafe on Sunday noon.",),
            question="Where did Bertrand lose the paper crane?",
            answer="jazz cafe",
        ),
        WorkedExample(
            traces=("The nickname of the jade shed is now Zircon 19.",),
            question="What is the nickname of the jade shed now?",
            answer="Zircon 19",
        ),
        WorkedExample(
            traces=("Agnetha repaired the purple kite on 30 June at the embassy.",),
            question="When did Agnetha repair the purple kite?",
            answer="30 June",
        ),
        WorkedExample(
            traces=("Lucho prefers violet syrup for his pancakes.",),
            question="What does Lucho prefer for his pancakes?",
            answer="violet syrup",
        ),
        WorkedExample(
            traces=("Correction: the caretaker of the jade shed is Ottilie from now on.",),
            question="Who is the caretaker of the jade shed now?",
            answer="Ottilie",
        ),
        WorkedExample(
            traces=("On day 951, server omega runs telnet on port 4180.",),
            question="Which port number is server omega's telnet on now?",
            answer="4180",
        ),
        WorkedExample(
            traces=("On 31 October, the vinyl record was left at the candy mall by Juno Hale.",),
            question="Where was the vinyl record left on 31 October?",
            answer="candy mall",
        ),
        WorkedExample(
            traces=("The banjo was borrowed by Wolfgang Ruiz on Sunday lunchtime at the casino.",),
            question="When did Wolfgang Ruiz borrow the banjo?",
            answer="Sunday lunchtime",
        ),
        WorkedExample(
            traces=("On 31 July, the sapphire ring was sold at the karting club by Lucho.",),
            question="Which thing did Lucho sell at the karting club on 31 July?",
            answer="sapphire ring",
        ),
        WorkedExample(
            traces=("Juno Hale carried the knitted hat to the pagoda on 30 December.",),
            question="Which thing did Juno Hale carry to the pagoda on 30 December?",
            answer="knitted hat",
        ),
    ),
    traces=1,
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
        self._prefix = KeptPrefix()

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
        check_pairs(questions, recalled, texts=True)
        return generate(
            model,
            [self.prompt(question, traces) for question, traces in zip(questions, recalled, strict=True)],
            prefix=self._prefix.get_if_any(model, self.config.template.prefix()),
            max_new_tokens=self.config.max_new_tokens,
            batch_size=self.config.batch_size,
            progress=progress,
        )


register_reader("text", TextReader, TextReaderConfig)
