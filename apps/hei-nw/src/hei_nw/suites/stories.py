"""One-sentence stories of who did what, where and when: how they read, and how they are asked about.

The sentences are short and plain, and every answer stands in them word for word: that is the form a model of 135M
parameters reads best.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hippo_core import InvalidInputError
from hippo_core.records import SLOT_NAMES

from hei_nw.suites.base import AnswerBudget, CueFinder, Deck, Draft, Inquiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """An action in the forms that sentences need."""

    base: str
    past: str
    participle: str
    preposition: str = "at"
    """What comes before "the <place>"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One event."""

    who: str
    what: str
    where: str
    when: str
    verb: Verb
    form: int = 0
    """Which of the sentence forms tells it."""

    def slots(self) -> dict[str, str]:
        """Return the four slots by name."""
        return {name: getattr(self, name) for name in SLOT_NAMES}

    def text(self) -> str:
        """Return the sentence."""
        verb, place = self.verb, f"{self.verb.preposition} the {self.where}"
        forms = (
            f"{self.who} {verb.past} the {self.what} {place} on {self.when}.",
            f"On {self.when}, {self.who} {verb.past} the {self.what} {place}.",
            f"{self.who} {verb.past} the {self.what} on {self.when} {place}.",
            f"The {self.what} was {verb.participle} by {self.who} {place} on {self.when}.",
            f"On {self.when}, the {self.what} was {verb.participle} {place} by {self.who}.",
        )
        return forms[self.form % len(forms)]


FORMS = 5
"""Number of sentence forms."""


class Storyteller:
    """Draws stories from a world's pools of values.

    Args:
        pools: the values of each of the four slots; at least two each.
        verbs: what can happen.
        rng: the world's generator.
    """

    def __init__(self, pools: Mapping[str, Sequence[str]], verbs: Sequence[Verb], rng: random.Random) -> None:
        self._verbs = verbs
        self._rng = rng
        self._decks = {slot: Deck(values, rng) for slot, values in pools.items()}

    def draw(self) -> Story:
        """Return a story; over many draws each value comes equally often."""
        dealt = {slot: deck.deal() for slot, deck in self._decks.items()}
        return Story(**dealt, verb=self._rng.choice(self._verbs), form=self._rng.randrange(FORMS))

    def vary(self, story: Story, slots: Sequence[str]) -> Story:
        """Return a story that differs from `story` in each of `slots`, told in a form of its own."""
        changed = {slot: self._other(slot, getattr(story, slot)) for slot in slots}
        return replace(story, form=self._rng.randrange(FORMS), **changed)

    def _other(self, slot: str, value: str) -> str:
        while (other := self._decks[slot].deal()) == value:
            pass
        return other


def question_text(slot: str, cue: Mapping[str, str], verb: Verb) -> str:
    """Return a question about `slot` of a story with `verb` that mentions exactly the slots of `cue`.

    "Which thing", not "What": chosen on dev worlds with SmolLM2-135M and the gold story (42 questions): .76 against
    .36 with worked examples that never ask "What", .76 against .74 with ones that do.

    Raises:
        InvalidInputError: `slot` is not one of a story's four.
    """
    what = f"the {cue['what']}" if "what" in cue else "something"
    tail = f" {verb.preposition} the {cue['where']}" if "where" in cue else ""
    tail += f" on {cue['when']}" if "when" in cue else ""
    if slot == "who":
        return f"Who {verb.past} {what}{tail}?"
    if slot == "what":
        head = f"Which thing did {cue['who']} {verb.base}" if "who" in cue else f"Which thing was {verb.participle}"
    elif slot in ("where", "when"):
        did = f"did {cue['who']} {verb.base} {what}" if "who" in cue else f"was {what} {verb.participle}"
        head = f"{slot.capitalize()} {did}"
    else:
        raise InvalidInputError(f"a story has no slot {slot!r}; it has {', '.join(SLOT_NAMES)}.")
    return f"{head}{tail}?"


def story_draft(story: Story, *, event: str) -> Draft:
    """Return the draft of an item that tells `story`."""
    return Draft(text=story.text(), slots=story.slots(), event=event)


def ask_stories(
    taught: Sequence[Draft],
    stories: Mapping[Draft, Story],
    *,
    questions: int,
    rng: random.Random,
) -> list[Inquiry]:
    """Return `questions` questions, each about another of `stories`, the four slots in turn.

    Cues mention one, two or three of the other slots: as many of each as the world allows, always such that only
    the asked story fits.

    Args:
        taught: everything that will be taught, the stories included.
        stories: the drafts that may be asked about, in the order in which they are tried.
        questions: how many.
        rng: the world's generator.

    Raises:
        InvalidInputError: the world has too few stories that can be asked about without ambiguity.
    """
    finder = CueFinder(taught)
    plan = [SLOT_NAMES[number % len(SLOT_NAMES)] for number in range(questions)]
    budget = AnswerBudget({slot: plan.count(slot) for slot in SLOT_NAMES})
    sizes: Counter[int] = Counter()
    waiting = list(stories)
    inquiries: list[Inquiry] = []
    for slot in plan:
        for place, draft in enumerate(waiting):
            cues = list(finder.cues(draft, slot)) if budget.allows(slot, draft.slots[slot]) else []
            if cues:
                # The size that was used least so far, so that easy and sparse cues stay in balance
                size = min({len(cue) for cue in cues}, key=lambda size: (sizes[size], size))
                cue = rng.choice([cue for cue in cues if len(cue) == size])
                sizes[size] += 1
                budget.spend(slot, draft.slots[slot])
                text = question_text(slot, cue, stories[draft].verb)
                inquiries.append(Inquiry(text=text, answer=draft.slots[slot], slot=slot, cue=cue, gold=draft))
                del waiting[place]
                break
        else:
            raise InvalidInputError(
                f"only {len(inquiries)} of {questions} questions can be asked without ambiguity and without "
                "an answer that comes too often; give more episodes or ask fewer questions."
            )
    rng.shuffle(inquiries)
    return inquiries
