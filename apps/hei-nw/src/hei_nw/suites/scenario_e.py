"""Scenario E, long context: stories told early, then long intervening text, and the questions at the very end.

The lag between telling and asking is real text: paragraphs of filler, tens of thousands of tokens in a world of
1,000 episodes. A small world keeps the form and fits a short window.
"""

from __future__ import annotations

import random

from hippo_lab.worlds import World

from hei_nw.suites.base import Draft, WorldRequest, assemble, small_talk
from hei_nw.suites.filler import Filler
from hei_nw.suites.stories import Story, Storyteller, Verb, ask_stories, story_draft

VERBS = (
    Verb(base="photograph", past="photographed", participle="photographed"),
    Verb(base="bury", past="buried", participle="buried"),
    Verb(base="paint", past="painted", participle="painted"),
    Verb(base="unpack", past="unpacked", participle="unpacked"),
    Verb(base="weigh", past="weighed", participle="weighed"),
)
OBJECTS = 300
"""How many different things turn up."""
EARLY_SHARE = 0.45
"""Share of the items that are taught before the long text begins: stories, with small talk between them."""
LONG_FROM = 300
"""Worlds with fewer episodes are meant to fit a short window: their paragraphs have one sentence."""


def build(request: WorldRequest) -> World:
    """Make the world. Cost: under 1 s for 1,000 episodes and 200 questions."""
    rng = request.rng()
    words = request.vocabulary
    pools = {
        "who": words.people,
        "what": rng.sample(words.objects(), k=min(OBJECTS, len(words.objects()))),
        "where": words.places,
        "when": [*words.dates(), *words.day_parts()],
    }
    teller = Storyteller(pools, VERBS, rng)
    filler = Filler(split=request.split, rng=rng)
    early = round(EARLY_SHARE * request.episodes)
    stories: dict[Draft, Story] = {}
    told: set[tuple[str, ...]] = set()
    while len(stories) < max(request.questions, round(0.8 * early)):
        story = teller.draw()
        parts = tuple(story.slots().values())
        if parts not in told:
            told.add(parts)
            stories[story_draft(story, event="story")] = story
    opening = [*stories, *small_talk(request, filler, rng, count=max(0, early - len(stories)))]
    rng.shuffle(opening)
    taught = [*opening, *_long_text(request, filler, rng, count=request.episodes - len(opening))]
    return assemble(request, taught, ask_stories(taught, stories, questions=request.questions, rng=rng))


def _long_text(request: WorldRequest, filler: Filler, rng: random.Random, *, count: int) -> list[Draft]:
    long = request.episodes >= LONG_FROM
    return [
        Draft(text=filler.paragraph(sentences=rng.randint(4, 9) if long else 1), event="filler") for _ in range(count)
    ]
