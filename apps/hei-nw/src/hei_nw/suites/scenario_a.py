"""Scenario A, one-shot stories: told once, among others that differ in a single part, then asked from part of them."""

from __future__ import annotations

import random

from hippo_core.records import SLOT_NAMES
from hippo_lab.worlds import World

from hei_nw.suites.base import Draft, WorldRequest, assemble, small_talk
from hei_nw.suites.filler import Filler
from hei_nw.suites.stories import Story, Storyteller, Verb, ask_stories, story_draft

VERBS = (
    Verb(base="leave", past="left", participle="left"),
    Verb(base="find", past="found", participle="found"),
    Verb(base="hide", past="hid", participle="hidden"),
    Verb(base="drop", past="dropped", participle="dropped"),
    Verb(base="repair", past="repaired", participle="repaired"),
    Verb(base="sell", past="sold", participle="sold"),
    Verb(base="lose", past="lost", participle="lost"),
    Verb(base="borrow", past="borrowed", participle="borrowed"),
)
OBJECTS = 600
"""How many different things turn up; about as many as stories, so that one of them can be a cue by itself."""
TWIN_SHARE = 0.6
"""Share of the stories that may be asked about which get twins, each differing in exactly one slot."""


def build(request: WorldRequest) -> World:
    """Make the world. Cost: under 0.5 s for 1,000 episodes and 200 questions."""
    rng = request.rng()
    words = request.vocabulary
    pools = {
        "who": words.people,
        "what": rng.sample(words.objects(), k=min(OBJECTS, len(words.objects()))),
        "where": words.places,
        "when": [*words.dates(), *words.day_parts()],
    }
    stories = _stories(request, Storyteller(pools, VERBS, rng), rng)
    filler = Filler(split=request.split, rng=rng)
    taught = [*stories, *small_talk(request, filler, rng, count=request.episodes - len(stories))]
    rng.shuffle(taught)
    candidates = {draft: story for draft, story in stories.items() if draft.event == "story"}
    inquiries = ask_stories(taught, candidates, questions=request.questions, rng=rng)
    return assemble(request, taught, inquiries)


def _stories(request: WorldRequest, teller: Storyteller, rng: random.Random) -> dict[Draft, Story]:
    wanted = request.episodes - request.filler_items
    told: set[tuple[str, ...]] = set()
    drafts: dict[Draft, Story] = {}

    def tell(story: Story, event: str) -> None:
        # Two tellings of one event would be two gold items, and the second one no distractor
        event_told = (*story.slots().values(), story.verb.base)
        if event_told not in told and len(drafts) < wanted:
            told.add(event_told)
            drafts[story_draft(story, event=event)] = story

    # Candidates first, enough to choose from; the rest of the stories are their twins
    while len(drafts) < round(0.6 * wanted):
        tell(teller.draw(), "story")
    twinned = [story for story in drafts.values() if rng.random() < TWIN_SHARE]
    while len(drafts) < wanted:
        story = rng.choice(twinned)
        tell(teller.vary(story, [rng.choice(SLOT_NAMES)]), "distractor")
    return drafts
