"""Filler that nobody asks about: small talk and observations, as single sentences and as paragraphs.

A grammar of topics, each with subjects, actions and details that fit together. The topics are divided between the
splits, so no filler sentence of a `dev` world occurs in a `test` world. It names none of the things, places or dates
that questions are about; it may name a person.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hippo_core import InvalidInputError
from hippo_lab.worlds import Split

_OPENERS: dict[Split, tuple[str, ...]] = {
    "test": (
        "", "As usual, ", "Apparently ", "For once, ", "By the way, ", "To nobody's surprise, ", "Lately ",
        "Once again ", "Rather late, ", "After all that, ", "Without much fuss, ", "It seems that ",
    ),
    "dev": ("", "Of course ", "Quite often ", "In the end ", "Strangely enough, ", "All the while ", "Meanwhile "),
}  # fmt: skip
_REMARKS: dict[Split, tuple[str, ...]] = {
    "test": ("{} mentioned that ", "{} complained that ", "{} was glad that ", "According to {}, ", "{} noticed that "),
    "dev": ("{} insisted that ", "{} joked that ", "{} hoped that ", "{} was told that "),
}


@dataclass(frozen=True, slots=True)
class _Topic:
    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    details: tuple[str, ...]


def _topic(subjects: str, actions: str, details: str) -> _Topic:
    split = [tuple(" ".join(part.split()) for part in text.split("/")) for text in (subjects, actions, details)]
    return _Topic(*split)


_TOPICS: dict[Split, tuple[_Topic, ...]] = {
    "test": (
        _topic(
            "the rain / the wind / the fog / the drizzle / the frost / the sunshine / the hail",
            "kept everyone indoors / changed its mind twice / came earlier than forecast / hardly mattered / made the "
            "streets shine / was all anyone talked about",
            "before lunch / for most of the week / in spite of the forecast / until the street lamps came on / and "
            "then it stopped / without any warning",
        ),
        _topic(
            "the soup / the porridge / the salad dressing / the toast / the gravy / the omelette / the cheese sauce",
            "turned out too salty / needed a little more pepper / was better than expected / went cold / smelled of "
            "burnt butter / disappeared within minutes",
            "though nobody said so / which pleased the cook / as it does every time / and the plates were wiped "
            "clean / so a second pot was made / in the big kitchen",
        ),
        _topic(
            "the tomatoes / the roses / the hedge / the compost heap / the lawn / the beans / the apple tree",
            "grew faster than the weeds / wanted watering / drew a cloud of bees / looked tired / had to be tied up / "
            "survived the slugs",
            "after the long dry spell / behind the shed / despite good advice / to general relief / as the almanac had "
            "promised / in the shade of the wall",
        ),
        _topic(
            "the early bus / the express train / the night ferry / the tram / the school coach / the cable car",
            "arrived eleven minutes late / was nearly empty / took the long way round / broke down on the hill / "
            "filled up at the first stop / smelled of wet coats",
            "because of road works / and nobody minded / for the third time running / with all its windows open / "
            "while the driver hummed / according to the timetable",
        ),
        _topic(
            "the novel / the crossword / the newspaper / the poem / the atlas / the detective story / the old diary",
            "lay open on the table / had a page missing / was harder than it looked / kept its readers awake / "
            "mentioned a forgotten village / ended far too soon",
            "next to a cup of tea / in very small print / as reviews had warned / and started an argument / under a "
            "pile of letters / with pencil notes all over",
        ),
        _topic(
            "the choir / the piano tuner / the street band / the radio / the organist / the neighbour's daughter / the "
            "music teacher",
            "practised the same tune / lost the rhythm / played louder than needed / took a long pause / got the "
            "chorus right / drew a small crowd",
            "with the door ajar / before the concert season / to the delight of the children / from memory / until the "
            "lights went out / and then laughed about it",
        ),
        _topic(
            "the cat / the puppy / the pigeons / the goldfish / the rooster / the hamster / the stray dog",
            "slept through the noise / chased its own shadow / ignored the new toy / waited beside the door / woke the "
            "whole street / found a warm corner",
            "as if nothing had happened / long past breakfast / on top of the laundry / with great dignity / and "
            "refused to move / while guests arrived",
        ),
        _topic(
            "the printer / the meeting / the lift / the new software / the heating / the projector",
            "stopped working again / took longer than planned / made a strange sound / needed a restart / worked at "
            "the first try / was blamed for the delay",
            "on the second floor / just before the deadline / and someone fetched a screwdriver / to loud applause / "
            "although it was quite new / as the memo had predicted",
        ),
    ),
    "dev": (
        _topic(
            "the snow / the thunder / the heat / the breeze / the mist / the storm",
            "lasted longer than hoped / cleared the air / surprised the hikers / faded slowly / spoiled the view / "
            "kept the roads quiet",
            "over the weekend / with hardly a sound / as the farmers feared / and left puddles everywhere / towards "
            "evening / along the coast",
        ),
        _topic(
            "the pancakes / the stew / the pickles / the bread dough / the cocoa / the pasta",
            "rose nicely / tasted of smoke / ran out early / won a small prize / needed more time / was shared by all",
            "at the long table / without a recipe / to the last crumb / as grandmother taught / and nobody complained "
            "/ in a borrowed pan",
        ),
        _topic(
            "the football team / the referee / the goalkeeper / the swimmer / the cyclist / the coach",
            "trained in silence / forgot the score / slipped on the grass / shook every hand / asked for a break / "
            "beat an old record",
            "under grey skies / with a borrowed towel / in front of few spectators / and smiled for the photographers "
            "/ after a slow start / against all odds",
        ),
        _topic(
            "the plumber / the painter / the carpenter / the postman / the electrician / the gardener",
            "whistled at work / left a note / came back twice / measured everything / drank a glass of water / wore a "
            "bright hat",
            "near the staircase / before the holidays / as agreed on the phone / and charged very little / with the "
            "radio on / in a great hurry",
        ),
    ),
}


class Filler:
    """Makes filler texts that never repeat, for one world.

    Args:
        split: whose topics to use.
        rng: the world's generator.
    """

    def __init__(self, *, split: Split, rng: random.Random) -> None:
        self._topics = _TOPICS[split]
        self._openers = _OPENERS[split]
        self._remarks = _REMARKS[split]
        self._rng = rng
        self._said: set[str] = set()

    def sentence(self) -> str:
        """Return a sentence of 6 to 20 words that this world has not had."""
        return self._fresh(lambda: _sentence(self._rng.choice(self._openers), self._clause()))

    def remark(self, person: str) -> str:
        """Return a sentence in which `person` says something of no consequence."""
        return self._fresh(lambda: _sentence(self._rng.choice(self._remarks).format(person), self._clause()))

    def paragraph(self, *, sentences: int) -> str:
        """Return `sentences` sentences, most of them on one topic; about 11 words each."""
        topic = self._rng.choice(self._topics)
        parts: list[str] = []
        for _ in range(sentences):
            chosen = topic if self._rng.random() < 0.7 else self._rng.choice(self._topics)
            parts.append(self._fresh(lambda of=chosen: _sentence(self._rng.choice(self._openers), self._clause(of))))
        return " ".join(parts)

    def _clause(self, topic: _Topic | None = None) -> str:
        chosen = topic if topic is not None else self._rng.choice(self._topics)
        return f"{self._pick(chosen.subjects)} {self._pick(chosen.actions)} {self._pick(chosen.details)}"

    def _pick(self, phrases: Sequence[str]) -> str:
        return self._rng.choice(phrases)

    def _fresh(self, make: Callable[[], str]) -> str:
        for _ in range(1000):
            text = make()
            if text not in self._said:
                self._said.add(text)
                return text
        raise InvalidInputError(
            f"the filler grammar has no unused sentence left after {len(self._said):,}; ask for fewer or shorter items."
        )


def _sentence(opener: str, clause: str) -> str:
    text = opener + clause
    return text[0].upper() + text[1:] + "."
