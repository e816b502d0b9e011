"""Scenario C, configuration and preference: the gate stream made answerable, and what named users prefer.

Each record of the stream gets a day of its own, in its text and in the questions; some questions ask for the port as
it is now. Status probes are the filler.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hippo_core import InvalidInputError
from hippo_lab.worlds import World

from hei_nw.suites.base import AnswerBudget, CueFinder, Deck, Draft, Inquiry, WorldRequest, assemble
from hei_nw.suites.gate_stream import GateRecord, scenario_c_records

PORT_SHARE = 0.6
"""Share of the questions about ports; the others are about preferences."""
LATEST_SHARE = 0.15
"""Share of the port questions that ask for the port now."""
PROBE_SHARE = 0.4
"""Share of the items that are status probes; as many are configuration updates, the rest are preferences."""


def build(request: WorldRequest) -> World:
    """Make the world: one item a day. Cost: under 0.5 s for 1,000 episodes and 200 questions."""
    rng = request.rng()
    words = request.vocabulary
    pairs = math.ceil(PROBE_SHARE * request.episodes)
    preferences = _preferences(request, rng, count=request.episodes - 2 * pairs)
    # The seed's own stream for test worlds; the offset keeps dev streams apart from all of them
    seed = request.seed if request.split == "test" else -1 - request.seed
    stream = iter(scenario_c_records(seed, 2 * pairs, vocabulary=words))
    kinds = ["record"] * (2 * pairs) + ["preference"] * len(preferences)
    rng.shuffle(kinds)
    waiting = iter(preferences)
    taught = [
        _on_day(day, next(stream)) if kind == "record" else next(waiting) for day, kind in enumerate(kinds, start=1)
    ]
    ports = round(PORT_SHARE * request.questions)
    budget = AnswerBudget({"port": ports, "preference": request.questions - ports})
    latest = _ask_latest(taught, rng, budget, count=round(LATEST_SHARE * ports))
    dated = _ask_dated(taught, rng, budget, count=ports - len(latest), taken={inquiry.gold for inquiry in latest})
    liked = _ask_preferences(preferences, rng, budget, count=request.questions - ports)
    inquiries = [*latest, *dated, *liked]
    if len(inquiries) < request.questions:
        raise InvalidInputError(
            f"only {len(inquiries)} of {request.questions} questions can be asked without ambiguity and without "
            "an answer that comes too often; give more episodes or ask fewer questions."
        )
    rng.shuffle(inquiries)
    return assemble(replace(request, step=timedelta(days=1)), taught, inquiries)


def _on_day(day: int, record: GateRecord) -> Draft:
    slots = {"when": f"day {day}", "server": record.server}
    if record.service is not None:
        slots |= {"service": record.service, "port": str(record.port)}
    text = f"On day {day}, {record.text[0].lower()}{record.text[1:]}"
    return Draft(text=text, slots=slots, event=record.event_type, gate=record.gate)


def _preferences(request: WorldRequest, rng: random.Random, *, count: int) -> list[Draft]:
    tastes, people = request.vocabulary.tastes, request.vocabulary.people
    pairs = len(people) * len(tastes)
    if count > pairs:
        raise InvalidInputError(
            f"the vocabulary has {pairs} pairs of a person and a taste, fewer than the {count} preferences of "
            f"{request.episodes} episodes; ask for at most {int(pairs / (1 - 2 * PROBE_SHARE))} episodes."
        )
    aspects = Deck(list(tastes), rng)
    named = {aspect: Deck(people, rng) for aspect in tastes}
    decks = {aspect: Deck(values, rng) for aspect, values in tastes.items()}
    drafts: list[Draft] = []
    for _ in range(count):
        aspect = aspects.deal()
        person = named[aspect].deal()
        value = decks[aspect].deal()
        text = rng.choice((f"{person} prefers {value} for {aspect}.", f"For {aspect}, {person} prefers {value}."))
        drafts.append(
            Draft(text=text, slots={"who": person, "aspect": aspect, "preference": value}, event="preference")
        )
    return drafts


def _ask_latest(taught: list[Draft], rng: random.Random, budget: AnswerBudget, *, count: int) -> list[Inquiry]:
    history: dict[tuple[str, str], list[Draft]] = defaultdict(list)
    for draft in taught:
        if draft.event == "config_update":
            history[draft.slots["server"], draft.slots["service"]].append(draft)
    found: list[Inquiry] = []
    for server, service in rng.sample(list(history), k=len(history)):
        *former, newest = history[server, service]
        answer, stale = newest.slots["port"], tuple(draft.slots["port"] for draft in former)
        if len(found) < count and answer not in stale and budget.allows("port", answer):
            budget.spend("port", answer)
            found.append(
                Inquiry(
                    text=f"Which port number is server {server}'s {service} on now?",
                    answer=answer,
                    slot="port",
                    cue={"server": server, "service": service},
                    gold=newest,
                    resolve="latest",
                    stale=stale,
                )
            )
    return found


def _ask_dated(
    taught: list[Draft], rng: random.Random, budget: AnswerBudget, *, count: int, taken: set[Draft]
) -> list[Inquiry]:
    finder = CueFinder(taught)
    candidates = [draft for draft in taught if draft.event == "config_update" and draft not in taken]
    found: list[Inquiry] = []
    for draft in rng.sample(candidates, k=len(candidates)):
        if len(found) < count and budget.allows("port", draft.slots["port"]):
            cue = rng.choice([cue for cue in finder.cues(draft, "port") if "when" in cue and len(cue) > 1])
            budget.spend("port", draft.slots["port"])
            found.append(Inquiry(text=_dated_text(cue), answer=draft.slots["port"], slot="port", cue=cue, gold=draft))
    return found


def _dated_text(cue: dict[str, str]) -> str:
    # "Port number": with "port" alone the model answers "port 8123" to one dev question in six
    when = f"On {cue['when']}, which port number"
    if "service" not in cue:
        return f"{when} did server {cue['server']} use?"
    return (
        f"{when} was server {cue['server']}'s {cue['service']} on?"
        if "server" in cue
        else (f"{when} was {cue['service']} on?")
    )


def _ask_preferences(
    preferences: list[Draft], rng: random.Random, budget: AnswerBudget, *, count: int
) -> list[Inquiry]:
    found: list[Inquiry] = []
    for draft in rng.sample(preferences, k=len(preferences)):
        answer = draft.slots["preference"]
        if len(found) < count and budget.allows("preference", answer):
            budget.spend("preference", answer)
            who, aspect = draft.slots["who"], draft.slots["aspect"]
            found.append(
                Inquiry(
                    text=f"What does {who} prefer for {aspect}?",
                    answer=answer,
                    slot="preference",
                    cue={"who": who, "aspect": aspect},
                    gold=draft,
                )
            )
    return found
