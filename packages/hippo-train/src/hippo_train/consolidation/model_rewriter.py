"""A language model as rewriter: it makes up questions about a trace, and what does not hold is thrown away."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, generate

from hippo_train.consolidation.guards import answers_to, normalised
from hippo_train.consolidation.own_text import sample
from hippo_train.consolidation.rewrites import ReplayQuestion, Rewrite, rewrite_traces

_NEW_TOKENS = 40
_SHOWN = (
    ("The bakery on Mill Street closes at six.", "When does the bakery on Mill Street close?", "at six"),
    ("Irma lent her bicycle to the postman.", "Who was lent a bicycle by Irma?", "the postman"),
    ("In the red tin there are forty buttons.", "How many buttons does the red tin hold?", "forty"),
    ("Otto is afraid of thunderstorms.", "What frightens Otto?", "thunderstorms"),
)


class LanguageModelRewriter:
    """Adds to the templates' questions those that a language model makes up, where it can answer them itself.

    Of a trace and a few examples the model samples questions with answers. One is kept if its answer stands in the
    trace, its question does not hold the answer, the model gives that answer when it has read the trace and another
    when it has not, and no other trace gave another answer to the same question (round-trip consistency: Alberti et
    al. 2019, arXiv:1906.05416). So a trace that no template fits may be asked about too.

    Args:
        model: makes up and answers; the one that is to learn, or a larger one.
        samples: drawn for each trace.
        seed: of the draws.

    Cost:
        40 tokens a sample, and two short answers for each of those that have a question's form. What was found about a
        text is remembered.
    """

    def __init__(self, model: LanguageModel, *, samples: int = 16, seed: int = 0) -> None:
        self._model = model
        self._samples = samples
        self._seed = seed
        self._found: dict[str, list[ReplayQuestion]] = {}

    def __call__(self, texts: Sequence[str]) -> list[Rewrite]:
        """Return the rewrites of traces, oldest first."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._found]
        self._found.update(self._asked(fresh))
        answers: dict[str, set[str]] = defaultdict(set)
        for text in texts:
            for question in self._found[text]:
                answers[question.text].add(normalised(question.answer))
        found: list[Rewrite] = []
        for text, plain in zip(texts, rewrite_traces(texts), strict=True):
            if text not in plain.statements:  # some of it is out of date, and what a question is about is not known
                found.append(plain)
                continue
            known = {question.text for question in plain.questions}
            more = [each for each in self._found[text] if each.text not in known and len(answers[each.text]) == 1]
            found.append(Rewrite(statements=plain.statements, questions=(*plain.questions, *more)))
        return found

    def _asked(self, texts: Sequence[str]) -> dict[str, list[ReplayQuestion]]:
        drawn = [(text, question) for text in texts for question in self._drawn(text)]
        asked = [question.text for _, question in drawn]
        prompts = [DEFAULT_TEMPLATE.prompt(question.text, [text]) for text, question in drawn]
        read = [said.text for said in generate(self._model, prompts, batch_size=64)] if prompts else []
        found: dict[str, list[ReplayQuestion]] = {text: [] for text in texts}
        for (text, question), after, before in zip(drawn, read, answers_to(self._model, asked), strict=True):
            if normalised(after) == normalised(question.answer) != normalised(before):
                found[text].append(question)
        return found

    def _drawn(self, text: str) -> list[ReplayQuestion]:
        """Return what the model made up about a text that has the form of a question and its answer."""
        rng = random.Random(f"{self._seed}/{text}")
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        rows = [
            self._model.encode(
                "".join(f"Text: {told}\nQuestion: {asked}\nAnswer: {said}\n\n" for told, asked, said in shown)
                + f"Text: {text}\nQuestion:"
            )
            for shown in (rng.sample(_SHOWN, len(_SHOWN)) for _ in range(self._samples))
        ]
        shortest = min(map(len, rows))
        rows = [row[-shortest:] for row in rows]  # of one length: the first example may lose its beginning
        found: dict[str, ReplayQuestion] = {}
        for line in sample(self._model, rows, _NEW_TOKENS, generator).tolist():
            asked, _, rest = str(self._model.tokenizer.decode(line)).partition("\nAnswer:")
            asked, answer = asked.strip(), rest.partition("\n")[0].strip().rstrip(".")
            if (
                asked.endswith("?")
                and "\n" not in asked
                and normalised(answer)
                and normalised(answer) in normalised(text)
                and normalised(answer) not in normalised(asked)
            ):
                found.setdefault(asked, ReplayQuestion(text=asked, answer=answer))
        return list(found.values())
