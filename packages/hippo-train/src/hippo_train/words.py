"""Where the values of training episodes come from: word lists, invented words, numbers, the model's vocabulary."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import resources

from hippo_train import _word_lists as lists

LENGTH_SHARE = 0.15
"""Share of the numbers near to another in the last digit that are one digit longer or shorter; more of them make an
adapter refuse numbers (docs/LOG.md)."""
ALIKE_SHARE = 0.5
"""Share of the values near to another in which a word is replaced by one that the model takes for nearly the same."""


def whole_words(vocabulary: Iterable[str]) -> list[str]:
    """Return the words of a byte-level or sentence-piece vocabulary that can be values, sorted, without their space."""
    whole = {token[1:] for token in vocabulary if token[:1] in "Ġ▁" and token[1:].isascii() and token[1:].isalpha()}
    return sorted(word for word in whole if word.lower() not in lists.GRAMMAR)


def reserved_words() -> frozenset[str]:
    """Return the words that the experiments test with, in lower case: no training episode holds one of them."""
    return frozenset((resources.files("hippo_train") / "reserved_words.txt").read_text("utf-8").split())


class Words:
    """Draws slot values of a kind.

    Args:
        vocabulary: words beside the written lists; whole words of a tokenizer's vocabulary, lower case and capitalised.
        reserved: words that no value may contain, in lower case: those that experiments test with.
        rng: where chance comes from.
        alike: for a word, those that are nearly the same to the model; none if None.
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        *,
        reserved: Collection[str],
        rng: random.Random,
        alike: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self._alike = alike
        self._reserved = frozenset(reserved)
        self._rng = rng
        known = [word for word in vocabulary if self._allowed(word)]
        self._common = [word for word in known if word.islower() and len(word) >= 4]
        self._proper = [word for word in known if word.istitle() and len(word) >= 3]

    def draw(self, kind: str) -> str:
        """Return a value of a kind, free of reserved words."""
        while True:
            value = getattr(self, f"_{kind}")()
            if self._allowed(value):
                return value

    def near(self, value: str, kind: str) -> str:
        """Return another value of a kind that nearly is `value`: but for a word, a digit, or a digit more or less.

        A value of one word without digits, to which no word is alike, has none that is near; what returns is drawn
        anew.
        """
        while True:
            # Words before digits, or "11 May" would never be told from "11 June"
            other = (
                self._with_alike_word(value, kind)
                or self._with_other_digit(value)
                or self._with_other_word(value, kind)
            )
            if other != value and self._allowed(other):
                return other

    def echo(self, value: str, of: str) -> str:
        """Return `value`, a number, with one or two of its digits in a row as they stand in `of`, if there are any."""
        length = self._rng.choice((1, 2))
        runs = [of[at : at + length] for at in range(len(of)) if re.fullmatch(rf"\d{{{length}}}", of[at : at + length])]
        places = [at for at in range(len(value)) if re.fullmatch(rf"\d{{{length}}}", value[at : at + length])]
        if not runs or not places:
            return value
        at = self._rng.choice(places)
        other = value[:at] + self._pick(runs) + value[at + length :]
        return value if other.startswith("0") or not self._allowed(other) else other

    def _with_other_digit(self, value: str) -> str:
        places = [place for place, sign in enumerate(value) if sign.isdigit()]
        if not places:
            return ""
        place = self._rng.choice(places)
        starts, ends = (not value[at : at + 1].isdigit() for at in (place - 1, place + 1))
        if ends and not (set(value) & set(":.")) and self._chance(LENGTH_SHARE):
            shorter = not starts and self._chance(0.5)
            return value[: place + (not shorter)] + ("" if shorter else self._pick("0123456789")) + value[place + 1 :]
        return value[:place] + self._pick("123456789" if starts else "0123456789") + value[place + 1 :]

    def _with_alike_word(self, value: str, kind: str) -> str:
        if self._alike is None or not self._chance(ALIKE_SHARE):
            return ""
        words = value.split()
        # "Water the plants" and "water about plants", "in May" and "on May" are no two values
        places = [place for place, word in enumerate(words) if word.lower() not in lists.GRAMMAR and self._alike(word)]
        if not places:
            return ""
        place = self._rng.choice(places)
        return " ".join([*words[:place], self._pick(self._alike(words[place])), *words[place + 1 :]])

    def _with_other_word(self, value: str, kind: str) -> str:
        words, fresh = value.split(), self.draw(kind).split()
        if len(words) != len(fresh):
            return " ".join(fresh)
        place = self._rng.randrange(1 if kind == "time" else 0, len(words))
        return " ".join([*words[:place], fresh[place], *words[place + 1 :]])

    def _allowed(self, text: str) -> bool:
        return self._reserved.isdisjoint(re.findall(r"\w+", text.lower()))

    def _chance(self, p: float) -> bool:
        return self._rng.random() < p

    def _pick(self, values: Sequence[str]) -> str:
        return self._rng.choice(values)

    def _invented(self) -> str:
        if self._common and self._chance(0.3):
            # As skateboard: several tokens, of which the first is a word
            return self._pick(self._common) + self._pick(self._common)
        syllables = [
            self._pick(lists.ONSETS) + self._pick(lists.VOWELS) + self._pick(lists.CODAS)
            for _ in range(self._rng.choice((1, 1, 2, 2)))
        ]
        word = "".join(syllables)
        return word + self._pick(lists.ENDINGS) if self._chance(0.3) or len(word) < 4 else word

    def _proper_name(self) -> str:
        return self._pick(self._proper) if self._proper and self._chance(0.5) else self._invented().capitalize()

    def _person(self) -> str:
        return f"{self._proper_name()} {self._proper_name()}" if self._chance(0.45) else self._proper_name()

    def _noun(self, written: Sequence[str]) -> str:
        if self._common and self._chance(0.4):
            return self._pick(self._common)
        return self._invented() if self._chance(0.15) else self._pick(written)

    def _thing(self) -> str:
        noun = self._noun(lists.THINGS)
        return f"{self._modifier(lists.LOOKS)} {noun}" if self._chance(0.7) else noun

    def _place(self) -> str:
        noun = self._noun(lists.PLACES)
        return f"{self._modifier(lists.PLACE_WORDS)} {noun}" if self._chance(0.5) else noun

    def _modifier(self, written: Sequence[str]) -> str:
        """An adjective, or a noun as in "subway entrance": an answer that could end after its first word."""
        return self._noun(lists.THINGS if self._chance(0.3) else written)

    def _facility(self) -> str:
        first = self._noun(lists.PLACE_WORDS + lists.LOOKS)
        return (
            f"{first} {self._noun(lists.PLACES)}"
            if self._chance(0.8)
            else f"{self._proper_name()} {self._noun(lists.PLACES)}"
        )

    def _spot(self) -> str:
        return f"{self._pick(lists.SPOTS)} {self._thing()}"

    def _city(self) -> str:
        return f"{self._proper_name()} {self._invented().capitalize()}" if self._chance(0.15) else self._proper_name()

    def _firm(self) -> str:
        return f"{self._proper_name()} {self._pick(['Ltd', 'Brothers', 'Works', 'Group', 'Press', 'Motors', 'Foods'])}"

    def _machine(self) -> str:
        roll = self._rng.random()
        name = self._invented() if roll < 0.4 else self._noun(lists.THINGS)
        return f"{name} {self._small()}" if roll > 0.85 else name

    def _number(self) -> str:
        return str(self._rng.randint(10 ** (digits := self._rng.randint(1, 4)), 10 ** (digits + 1) - 1))

    def _small(self) -> str:
        return str(self._rng.randint(2, 99))

    def _year(self) -> str:
        return str(self._rng.randint(1880, 2030))

    def _clock(self) -> str:
        return f"{self._rng.randint(0, 23)}:{self._rng.randint(0, 59):02d}"

    def _code(self) -> str:
        letters = "".join(self._rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=self._rng.randint(1, 3)))
        return f"{letters}{self._pick(['', '-', ' '])}{self._rng.randint(10, 9999)}"

    def _month(self) -> str:
        return self._pick(lists.MONTHS)

    def _day(self) -> str:
        return self._pick(lists.DAYS)

    def _date(self) -> str:
        day, month = self._rng.randint(1, 31), self._month()
        return self._pick(
            [f"{day} {month}", f"{month} {day}", f"{day} {month} {self._year()}", f"day {self._number()}"]
        )

    def _value(self) -> str:
        roll = self._rng.random()
        if roll < 0.3:
            return self._number()
        if roll < 0.45:
            return self._code()
        if roll < 0.65:
            return self._person()
        if roll < 0.8:
            return f"{self._proper_name()} {self._small()}"
        return self._pick([self._clock(), self._noun(lists.THINGS), self._proper_name()])

    def _title(self) -> str:
        return f"{self._pick(['The', 'A', 'One', 'My', 'No', 'Our'])} {self._thing().title()}"

    def _topic(self) -> str:
        return self._thing() if self._chance(0.3) else self._pick(lists.TOPICS)

    def _food(self) -> str:
        return (
            f"{self._noun(lists.THINGS)} {self._pick(['soup', 'pie', 'juice', 'bread', 'salad'])}"
            if self._chance(0.5)
            else (self._pick(lists.FOODS))
        )

    def _time(self) -> str:
        """A point in time with its preposition."""
        if self._chance(0.15):
            return f"on day {self._number()}"
        return self._pick(
            [
                f"on {self._rng.randint(1, 31)} {self._month()}",
                f"on {self._day()}",
                f"on {self._day()} {self._pick(lists.MOMENTS)}",
                f"in {self._year()}",
                f"in {self._month()}",
                f"at {self._clock()}",
                f"in the {self._pick(lists.SEASONS)} of {self._year()}",
                f"on the {self._rng.randint(4, 20)}th of {self._month()}",
                f"on {self._month()} {self._rng.randint(1, 31)}",
                f"before {self._clock()}",
                f"after {self._day()}",
            ]
        )

    def _program(self) -> str:
        return self._invented() if self._chance(0.6) else self._noun(lists.CREATURES)

    def _version(self) -> str:
        return ".".join(str(self._rng.randint(0, 30)) for _ in range(self._rng.choice((2, 2, 3))))

    def _quantity(self) -> str:
        return self._pick(lists.QUANTITIES)

    def _purpose(self) -> str:
        return self._pick(lists.PURPOSES)

    def _name(self) -> str:
        return f"{self._proper_name()} {self._small()}" if self._chance(0.3) else self._person()

    def _task(self) -> str:
        return self._pick(lists.TASKS)

    def _job(self) -> str:
        return self._pick(lists.JOBS)

    def _creature(self) -> str:
        return self._noun(lists.CREATURES)

    def _trait(self) -> str:
        return self._noun(lists.TRAITS)

    def _occasion(self) -> str:
        return self._pick(lists.OCCASIONS)

    def _vehicle(self) -> str:
        return self._pick(lists.VEHICLES)

    def _relation(self) -> str:
        return self._pick(lists.RELATIONS)

    def _attribute(self) -> str:
        return self._pick(lists.ATTRIBUTES)

    def _meal(self) -> str:
        return self._pick(lists.MEALS)

    def _message(self) -> str:
        return self._pick(lists.MESSAGES)
