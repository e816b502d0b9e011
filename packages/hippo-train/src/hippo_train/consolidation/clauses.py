"""What a plain English sentence says: who does what to what, where and when. Word lists and order, no model.

Short declarative sentences are read and everything else is None: what cannot be read is not taught and not
asked about, which is better than a question that nobody would ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from hippo_train.consolidation import _english as english

Kind = Literal["when", "where", "which"]
Tense = Literal["past", "present"]

_LONGEST = 30  # words
_LEAD_IN = re.compile(r"^(?:[A-Z][a-z]+ ?){1,2}: ")  # "Update: "
_YEAR_OR_CLOCK = re.compile(r"(?:1\d|20)\d\d|\d{1,2}[:.]\d\d")
_UNPLACED = frozenset("for with behind under near to".split())  # "for a week" is no answer to "when"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adverbial:
    """A preposition and what follows it, or a bare time."""

    preposition: str
    """In lower case; empty for a bare time."""
    phrase: str
    kind: Kind | None
    """What asks for it; "which" as in "on which port". None: nothing does."""

    @property
    def text(self) -> str:
        """Both."""
        return f"{self.preposition} {self.phrase}".strip()

    @property
    def answer(self) -> str:
        """How it answers a question: "the shed" for "in the shed", but "behind the shed"."""
        plain = self.preposition in english.PLAIN_PREPOSITIONS or self.kind != "where"
        return without_article(self.phrase) if plain else self.text


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One sentence, read. A passive that says who did it is kept in its active form.

    Example:
        >>> clause = read_clause("On 14 June, the bilge pump was repaired by Nadia.")
        >>> clause.subject, clause.verb, clause.object, clause.adverbials[0].text
        ('Nadia', 'repair', 'the bilge pump', 'on 14 June')
    """

    subject: str
    """As it stands in the middle of a sentence; empty for a passive that does not say who did it."""
    verb: str
    """Base form; "be" for what says what something is."""
    tense: Tense
    object: str = ""
    """What is acted upon, or what the subject is; perhaps empty."""
    adverbials: tuple[Adverbial, ...] = ()

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """The roles that it fills: "subject", "object", and "0", "1", … for the adverbials."""
        named = {"subject": self.subject, "object": self.object}
        return {role: phrase for role, phrase in named.items() if phrase} | {
            str(place): adverbial.text for place, adverbial in enumerate(self.adverbials)
        }

    @property
    def copular(self) -> bool:
        """Whether it says what something is."""
        return self.verb == "be"

    @property
    def finite(self) -> str:
        """The verb after its subject."""
        if self.copular:
            return "was" if self.tense == "past" else "is"
        return english.past_of(self.verb) if self.tense == "past" else english.third_of(self.verb)

    @property
    def participle(self) -> str:
        """The verb's past participle."""
        return english.participle_of(self.verb)

    def adverbial(self, role: str) -> Adverbial | None:
        """Return the adverbial that fills a role, None for subject and object."""
        return self.adverbials[int(role)] if role.isdigit() else None

    def tail(self, roles: Sequence[str]) -> str:
        """Return the adverbials among some roles, in that order, each after a space."""
        return "".join(f" {self.parts[role]}" for role in roles if role.isdigit())

    def answer(self, role: str) -> str:
        """Return what answers a question about a role."""
        adverbial = self.adverbial(role)
        return without_article(self.parts[role]) if adverbial is None else adverbial.answer


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z\"'])", " ".join(text.split()))
    return [part for part in parts if part]


def read_clause(sentence: str) -> Clause | None:
    """Return what a sentence says, or None where it is not of a form that can be read."""
    body = _LEAD_IN.sub("", sentence.strip()).rstrip(".").strip()
    body = re.sub(r",? from now on$", "", body)
    if not body or any(mark in body for mark in '?!;:"()') or len(body.split()) > _LONGEST:
        return None
    leading: list[Adverbial] = []
    opening = body.split()[0].lower()
    if "," in body and (opening in english.PREPOSITIONS or opening in english.BARE_TIMES):
        head, body = (part.strip() for part in body.split(",", 1))
        leading = _adverbials(head[0].lower() + head[1:])
    words = body.split()
    if not words or "," in body or any(word.lower() in english.NEGATIONS for word in words):
        return None
    opening = words[0].lower()
    if opening in english.FUNCTION_WORDS - english.DETERMINERS:
        return None
    verb_at = _find_verb(words)
    if verb_at is None or (verb_at == 1 and opening in english.DETERMINERS):
        return None
    clause = _predicate(_mid_sentence(words[:verb_at]), words[verb_at:])
    if clause is None:
        return None
    said = [each for each in (*clause.adverbials, *leading) if each.text.lower() not in english.EMPTY_ADVERBS]
    return replace(clause, adverbials=tuple(said))


def is_name(phrase: str) -> bool:
    """Whether a phrase is a proper name: words that start with capital letters, no number among them."""
    words = phrase.split()
    return bool(words) and all(word[0].isupper() and word.isalpha() for word in words)


def without_article(phrase: str) -> str:
    """Return a phrase without "the", "a" or "an"."""
    return re.sub(r"^(?:the|an?) ", "", phrase, flags=re.IGNORECASE)


def _mid_sentence(words: Sequence[str]) -> str:
    """Return words that opened a sentence as they stand inside one: "server alpha" for "Server alpha"."""
    first, *rest = words
    common = first.lower() in english.FUNCTION_WORDS or (first.istitle() and bool(rest) and rest[0][0].islower())
    return " ".join([first.lower() if common else first, *rest])


def _find_verb(words: Sequence[str]) -> int | None:
    named = words[0].lower() not in english.DETERMINERS
    for place in range(1, len(words)):
        word, before = words[place], words[place - 1].lower()
        if word != word.lower() or before in english.DETERMINERS | english.PREPOSITIONS or before == "of":
            continue
        if word in english.AUXILIARIES:
            return place
        # After a common noun only what cannot be part of a name of a thing: "the polished kite" is no clause
        after = words[place + 1] if place + 1 < len(words) else ""
        if after in english.AUXILIARIES:
            continue  # "the sled was": a noun, whatever its ending
        closed = not after or after.lower() in english.FUNCTION_WORDS or not after[0].islower()
        past = word in english.BASE_OF_PAST or (word.endswith("ed") and len(word) > 3)
        third = re.fullmatch(r"[a-z]{2,}[^su]s", word) is not None and word not in english.TIME_WORDS
        if (past or third) and (named or closed):
            return place
    return None


def _predicate(subject: str, words: Sequence[str]) -> Clause | None:
    verb, *rest = words
    if verb in english.COPULAS:
        return _copula(subject, "past" if verb in ("was", "were") else "present", rest)
    if [verb, *rest[:2]] in (["has", "changed", "to"], ["have", "changed", "to"]):
        return Clause(subject=subject, verb="be", tense="present", object=" ".join(rest[2:])) if rest[2:] else None
    if verb in english.AUXILIARIES and verb not in ("has", "had"):
        return None
    if verb in ("has", "had") and rest and english.base_of_participle(rest[0]):
        return None  # a perfect tense
    tense: Tense = "present"
    if verb in english.BASE_OF_PAST:
        base, tense = english.BASE_OF_PAST[verb], "past"
    elif verb.endswith("ed"):
        base, tense = english.base_of_regular(verb), "past"
    else:
        base = english.base_of_third(verb)
    acted_upon, adverbials = _split_object(rest)
    return Clause(subject=subject, verb=base, tense=tense, object=acted_upon, adverbials=tuple(adverbials))


def _copula(subject: str, tense: Tense, rest: Sequence[str]) -> Clause | None:
    if rest and rest[0].lower() in english.EMPTY_ADVERBS:
        rest = rest[1:]
    if not rest:
        return None
    base = english.base_of_participle(rest[0])
    if base is None:
        what, adverbials = _split_object(rest)
        return Clause(subject=subject, verb="be", tense=tense, object=what, adverbials=tuple(adverbials))
    # A passive. In the present it tells a state ("is painted blue"), which has no active form
    acted_upon, tail = _split_object(rest[1:])
    doers = [each for each in tail if each.preposition == "by"]
    if tense == "present" or acted_upon or len(doers) > 1:
        return None
    others = tuple(each for each in tail if each.preposition != "by")
    return Clause(subject=doers[0].phrase if doers else "", verb=base, tense=tense, object=subject, adverbials=others)


def _split_object(words: Sequence[str]) -> tuple[str, list[Adverbial]]:
    for place, word in enumerate(words):
        if word.lower() in english.PREPOSITIONS or word.lower() in english.BARE_TIMES:
            return " ".join(words[:place]), _adverbials(" ".join(words[place:]))
    return " ".join(words), []


def _adverbials(text: str) -> list[Adverbial]:
    chunks: list[list[str]] = []
    absorbing = False  # a relative clause goes on to the end
    for word in text.split():
        starts = word.lower() in english.PREPOSITIONS or word.lower() in english.BARE_TIMES
        if not chunks or (starts and not absorbing and len(chunks[-1]) > 1):
            chunks.append([])
        chunks[-1].append(word)
        absorbing = absorbing or word.lower() in english.RELATIVES
    return [_adverbial(chunk) for chunk in chunks]


def _adverbial(chunk: Sequence[str]) -> Adverbial:
    first, *rest = chunk
    if first.lower() in english.BARE_TIMES or not rest:
        return Adverbial(preposition="", phrase=" ".join(chunk), kind="when" if not rest else None)
    preposition, phrase = first.lower(), " ".join(rest)
    kind: Kind | None = None
    words = {word.lower() for word in rest}
    if (words & english.TIME_WORDS or _YEAR_OR_CLOCK.fullmatch(phrase)) and preposition not in _UNPLACED:
        kind = "when"
    elif len(rest) == 2 and rest[0].islower() and rest[1][0].isdigit():
        kind = "which"
    elif preposition in english.PLACE_PREPOSITIONS and (rest[0].lower() in english.DEFINITE or is_name(phrase)):
        kind = "where"
    return Adverbial(preposition=preposition, phrase=phrase, kind=kind)
