"""Scenario D, interference: the same people, things, places and days paired again and again (AB-AC learning).

Every story that is asked about has at least `NEIGHBOURS` others that share exactly two of its four slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, cycle
from operator import eq

from hippo_core import InvalidInputError
from hippo_core.records import SLOT_NAMES
from hippo_lab.worlds import World

from hei_nw.suites.base import Draft, WorldRequest, assemble, small_talk
from hei_nw.suites.filler import Filler
from hei_nw.suites.stories import Story, Storyteller, Verb, ask_stories, story_draft

VERBS = (Verb(base="move", past="moved", participle="moved", preposition="to"),)
"""One verb, so that it cannot tell two stories apart."""
NEIGHBOURS = 5
POOL = 40
"""Values of each slot; few, so that all of them come back many times."""


def build(request: WorldRequest) -> World:
    """Make the world. Cost: under 1 s for 1,000 episodes and 200 questions.

    Raises:
        InvalidInputError: too few stories have enough neighbours.
    """
    rng = request.rng()
    words = request.vocabulary
    pools = {
        "who": rng.sample(words.people, k=POOL),
        "what": rng.sample(words.objects(), k=POOL),
        "where": rng.sample(words.places, k=POOL),
        "when": rng.sample(words.dates(), k=POOL),
    }
    stories = _stories(request, Storyteller(pools, VERBS, rng))
    filler = Filler(split=request.split, rng=rng)
    taught = [*stories, *small_talk(request, filler, rng, count=request.episodes - len(stories))]
    rng.shuffle(taught)
    crowded = _crowded(stories)
    if len(crowded) < request.questions:
        raise InvalidInputError(
            f"only {len(crowded)} stories have {NEIGHBOURS} neighbours, fewer than the {request.questions} questions; "
            "give more episodes or ask fewer questions."
        )
    return assemble(request, taught, ask_stories(taught, crowded, questions=request.questions, rng=rng))


def _stories(request: WorldRequest, teller: Storyteller) -> dict[Draft, Story]:
    wanted = request.episodes - request.filler_items
    pairs = cycle(combinations(SLOT_NAMES, 2))
    told: set[tuple[str, ...]] = set()
    drafts: dict[Draft, Story] = {}

    def tell(story: Story) -> None:
        parts = tuple(story.slots().values())
        if parts not in told and len(drafts) < wanted:
            told.add(parts)
            drafts[story_draft(story, event="story")] = story

    # Groups that keep one pair and change the other: each member is a neighbour to all the others
    while len(drafts) < wanted:
        first, changing = teller.draw(), next(pairs)
        tell(first)
        for _ in range(NEIGHBOURS + 1):
            tell(teller.vary(first, changing))
    return drafts


def _crowded(stories: Mapping[Draft, Story]) -> dict[Draft, Story]:
    """Return the stories with at least `NEIGHBOURS` others that share exactly two of their slots. Cost: O(n²)."""
    parts = [tuple(story.slots().values()) for story in stories.values()]
    return {
        draft: story
        for (draft, story), mine in zip(stories.items(), parts, strict=True)
        if sum(sum(map(eq, mine, theirs)) == 2 for theirs in parts) >= NEIGHBOURS
    }
