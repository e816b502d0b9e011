"""Other ways to say what a trace says, and questions that it answers.

One phrasing of a fact can be recited by a network that was trained on it, but not asked about; several phrasings and
the fact asked from each of its sides can (source: Allen-Zhu and Li 2023, arXiv:2309.14316).
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from hippo_train.consolidation.clauses import Clause, is_name, read_clause, split_sentences, without_article

_OF = re.compile(r"the ([\w -]+?) of (the [\w -]+|[A-Z][\w -]*)")
_SOMETHING = "something"
_CARRIERS = ("do you know {}?", "please say {}.", "I forgot {}.", "remind me {}.")
_NAMED_CARRIERS = ("{}?", "{}, please.", "I need {}.", "do you remember {}?", "could I have {}?", "and what about {}?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayQuestion:
    """A question that a trace answers."""

    text: str
    answer: str
    """Without an article."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What one trace becomes for training."""

    statements: tuple[str, ...]
    """The trace itself first; none where all that it says is out of date."""
    questions: tuple[ReplayQuestion, ...]
    """Empty where nothing in the trace can be asked about."""


Rewriter = Callable[[Sequence[str]], Sequence[Rewrite]]
"""Makes of each trace, oldest first, what a night trains on."""


def rewrite_traces(texts: Sequence[str]) -> list[Rewrite]:
    """Return each trace's rewrites.

    A question mentions some of what its trace says, and is left out where another trace fits it too with another
    answer. What is the case (present tense) is out of date where a later trace says otherwise, and is not taught.

    Args:
        texts: the traces, oldest first.

    Cost:
        Some 50 questions a sentence with four parts; 0.2 ms each.

    Example:
        >>> first, second = rewrite_traces(["The keeper of the mill is Ada.", "The keeper of the mill is now Ben."])
        >>> first
        Rewrite(statements=(), questions=())
        >>> [question.answer for question in second.questions if question.text == "Who is the keeper of the mill?"]
        ['Ben']
        >>> second.statements[1]
        'The keeper of the mill is Ben.'
    """
    read = [[clause for each in split_sentences(text) if (clause := read_clause(each))] for text in texts]
    answers = _answers(read)
    rewrites: list[Rewrite] = []
    for place, (text, clauses) in enumerate(zip(texts, read, strict=True)):
        holding = [clause for clause in clauses if not _out_of_date(clause, place, answers)]
        said = [statement for clause in holding for statement in _statements(clause)]
        whole = [text] if len(holding) == len(clauses) else []
        rewrites.append(
            Rewrite(statements=tuple(dict.fromkeys([*whole, *said])), questions=_questions(holding, answers))
        )
    return rewrites


def unanswered_questions(texts: Sequence[str], count: int, *, rng: random.Random) -> list[str]:
    """Return at most `count` questions in the wordings of `rewrite_traces` that no trace fits: each mixes two traces.

    Args:
        texts: the traces.
        count: how many are wanted; fewer where the traces have too little in common.
        rng: draws them.

    Example:
        >>> told = ["The keeper of the mill is Ada.", "The price of the barn is nine."]
        >>> sorted(unanswered_questions(told, 2, rng=random.Random(3)))
        ['Remind me who the keeper of the barn is.', 'The keeper of the barn, please.']
    """
    read = [[clause for each in split_sentences(text) if (clause := read_clause(each))] for text in texts]
    answers = _answers(read)
    clauses = [clause for several in read for clause in several]
    found: dict[str, None] = {}
    for _ in range(20 * count if len(clauses) > 1 else 0):
        if len(found) == count:
            break
        clause, other = rng.sample(clauses, 2)
        cues = list(_cues(clause))
        if not cues:
            continue
        role, cue = rng.choice(cues)
        mixed = _with_part_of(clause, rng.choice(cue), other)
        if mixed is not None and _asked(mixed, role, cue) not in answers:
            found.update(dict.fromkeys(rng.sample(wordings, 1) if (wordings := _wordings(mixed, role, cue)) else ()))
    return list(found)


def corrections(texts: Sequence[str]) -> dict[int, set[int]]:
    """Return for the place of each trace of which a later one corrects something the places of those that do.

    Args:
        texts: the traces, oldest first.

    Cost:
        Under 0.1 ms a trace; it makes no question.

    Example:
        >>> corrections(["The keeper of the mill is Ada.", "A gull slept.", "The keeper of the mill is now Ben."])
        {0: {2}}
    """
    read = [
        [clause for each in split_sentences(text) if (clause := read_clause(each)) and _may_change(clause)]
        for text in texts
    ]
    answers = _answers(read)
    found: dict[int, set[int]] = defaultdict(set)
    for place, clauses in enumerate(read):
        for clause in clauses:
            found[place] |= {later for _, later in _corrected(clause, place, answers)}
    return {place: later for place, later in found.items() if later}


def _may_change(clause: Clause) -> bool:
    return clause.tense == "present" or clause.copular


def _with_part_of(clause: Clause, role: str, other: Clause) -> Clause | None:
    """Return a clause with one part taken from another; None where the other has no such part."""
    mine, theirs = _OF.fullmatch(clause.subject), _OF.fullmatch(other.subject)
    if clause.copular and role == "subject":
        return replace(clause, subject=f"the {mine[1]} of {theirs[2]}") if mine and theirs else None
    adverbial = clause.adverbial(role)
    if adverbial is None:
        return replace(clause, **{role: other.parts[role]}) if role in other.parts else None
    alike = next((each for each in other.adverbials if each.kind == adverbial.kind), None)
    swapped = tuple(alike if each is adverbial else each for each in clause.adverbials)
    return None if alike is None else replace(clause, adverbials=swapped)  # pyright: ignore[reportArgumentType]


_Asked = tuple[str, str, frozenset[str]]  # verb, what is asked for, what is mentioned
_Answers = Mapping[_Asked, Mapping[str, int]]


def _answers(read: Sequence[Sequence[Clause]]) -> _Answers:
    """Return for everything that can be asked the answers, each with the last trace that gives it."""
    found: dict[_Asked, dict[str, int]] = defaultdict(dict)
    for place, clauses in enumerate(read):
        for clause in clauses:
            for role, cue in _cues(clause):
                found[_asked(clause, role, cue)][clause.answer(role)] = place
    return found


def _cues(clause: Clause) -> Iterator[tuple[str, tuple[str, ...]]]:
    for role in clause.parts:
        others = [other for other in clause.parts if other != role]
        for size in range(1, len(others) + 1):
            for cue in combinations(others, size):
                yield role, cue


def _asked(clause: Clause, role: str, cue: Sequence[str]) -> _Asked:
    adverbial = clause.adverbial(role)
    wanted = role if adverbial is None else str(adverbial.kind)
    # Which adverbial it is says nothing: "at the mill on Monday" is "on Monday at the mill"
    mentioned = {f"{'' if each.isdigit() else each}:{clause.parts[each].lower()}" for each in cue}
    return clause.verb, wanted, frozenset(mentioned)


def _out_of_date(clause: Clause, place: int, answers: _Answers) -> bool:
    """Whether a later trace says something else of the same subject."""
    return any(True for _ in _corrected(clause, place, answers))


def _corrected(clause: Clause, place: int, answers: _Answers) -> Iterator[tuple[str, int]]:
    """Return what now holds in the place of a part of a clause, and the trace that says so."""
    for role in clause.parts if clause.tense == "present" else ():
        others = [other for other in clause.parts if other != role]
        if role != "subject" and others:
            fitting = answers[_asked(clause, role, others)]
            latest = max(fitting, key=fitting.__getitem__)
            if fitting[latest] > place and latest != clause.answer(role):
                yield latest, fitting[latest]


def _questions(clauses: Sequence[Clause], answers: _Answers) -> tuple[ReplayQuestion, ...]:
    found: dict[str, ReplayQuestion] = {}
    for clause in clauses:
        for role, cue in _cues(clause):
            fitting = answers[_asked(clause, role, cue)]
            # Of what is the case, the one that holds is the latest of those that were ever said
            latest = max(fitting, key=fitting.__getitem__)
            if len(fitting) > 1 and (clause.tense == "past" or latest != clause.answer(role)):
                continue
            for text in _wordings(clause, role, cue):
                found.setdefault(text, ReplayQuestion(text=text, answer=clause.answer(role)))
    return tuple(found.values())


def _statements(clause: Clause) -> list[str]:
    said = list(_copular_statements(clause) if clause.copular else _event_statements(clause))
    return [_sentence(text, ".") for text in dict.fromkeys(said)]


def _copular_statements(clause: Clause) -> Iterator[str]:
    tail = clause.tail([role for role in clause.parts if role.isdigit()])
    yield f"{clause.subject} {clause.finite} {clause.object}{tail}"
    if not clause.object:
        return
    yield f"{clause.object} {clause.finite} {clause.subject}{tail}"
    if of := _OF.fullmatch(clause.subject):
        yield f"{of[2]}'s {of[1]} {clause.finite} {clause.object}{tail}"
        yield f"for {of[2]}, the {of[1]} {clause.finite} {clause.object}{tail}"


def _event_statements(clause: Clause) -> Iterator[str]:
    roles = [role for role in clause.parts if role.isdigit()]
    active = f"{clause.subject} {clause.finite} {clause.object}" if clause.subject else ""
    by = f" by {clause.subject}" if clause.subject else ""
    passive = f"{clause.object} was {clause.participle}" if clause.object and clause.tense == "past" else ""
    for order in (roles, roles[::-1]):
        if active:
            yield active + clause.tail(order)
        if passive:
            yield passive + by + clause.tail(order)
            yield passive + clause.tail(order) + by
    if active and is_name(clause.subject):
        yield f"it was {clause.subject} who {clause.finite} {clause.object}{clause.tail(roles)}"
    for lead in roles:
        others = clause.tail([role for role in roles if role != lead])
        for form in (active, passive + by if passive else ""):
            if form:
                yield f"{clause.parts[lead]}, {form}{others}"


def _wordings(clause: Clause, role: str, cue: Sequence[str]) -> list[str]:
    """Return wordings of the question about `role` that mention exactly the roles of `cue`."""
    asked = _copular_questions if clause.copular else _event_questions
    direct = [_sentence(text, "?") for text in asked(clause, role, cue)]
    indirect = [carrier.format(said) for said in _embedded(clause, role, cue) for carrier in _CARRIERS]
    if clause.copular and role == "object" and "subject" in cue and _OF.fullmatch(clause.subject):
        indirect += [carrier.format(clause.subject + clause.tail(cue)) for carrier in _NAMED_CARRIERS]
    return list(dict.fromkeys([*direct, *(_sentence(text, "") for text in indirect)]))


def _embedded(clause: Clause, role: str, cue: Sequence[str]) -> Iterator[str]:
    """Return what is asked as part of a sentence: "who repaired the pump"."""
    tail, adverbial = clause.tail(cue), clause.adverbial(role)
    if clause.copular:
        if role == "object" and "subject" in cue:
            yield f"{'who' if is_name(clause.object) else 'what'} {clause.subject} {clause.finite}{tail}"
        return
    subject = clause.subject if "subject" in cue else ""
    acted_upon = clause.object if "object" in cue else _SOMETHING if clause.object else ""
    if role == "subject":
        yield f"{'who' if is_name(clause.subject) else 'what'} {clause.finite} {acted_upon}{tail}"
    elif role == "object" and subject:
        yield f"what {subject} {clause.finite}{tail}"
    elif adverbial is not None and subject and adverbial.kind in ("where", "when"):
        yield f"{adverbial.kind} {subject} {clause.finite} {acted_upon}{tail}"


def _copular_questions(clause: Clause, role: str, cue: Sequence[str]) -> Iterator[str]:
    subject, be, tail = clause.subject, clause.finite, clause.tail(cue)
    if role == "subject" and "object" in cue:
        yield f"{'who' if is_name(clause.object) else 'what'} {be} {clause.object}{tail}"
    if role == "object" and "subject" in cue:
        what = "who" if is_name(clause.object) else "what"
        yield f"{what} {be} {subject}{tail}"
        yield f"{subject} {be} {what}{tail}"
        if of := _OF.fullmatch(subject):
            yield f"{what} {be} {of[2]}'s {of[1]}{tail}"
            yield f"{what} counts as {subject}{tail}"
            yield f"what {of[1]} {'did' if clause.tense == 'past' else 'does'} {of[2]} have{tail}"
    if role.isdigit() and "subject" in cue and not clause.object:
        for head in _heads(clause, role):
            yield f"{head} {be} {subject}{tail}"


def _event_questions(clause: Clause, role: str, cue: Sequence[str]) -> Iterator[str]:
    past = clause.tense == "past"
    subject = clause.subject if "subject" in cue else ""
    acted_upon = clause.object if "object" in cue else _SOMETHING if clause.object else ""
    by = f" by {subject}" if subject else ""
    tail = clause.tail(cue)
    did = "did" if past else "does"
    if role == "subject":
        person = is_name(clause.subject)
        yield f"{'who' if person else 'what'} {clause.finite} {acted_upon}{tail}"
        if person:
            yield f"which person {clause.finite} {acted_upon}{tail}"
            yield f"who {'was' if past else 'is'} it that {clause.finite} {acted_upon}{tail}"
        if acted_upon and past:
            yield f"by {'whom' if person else 'what'} was {acted_upon} {clause.participle}{tail}"
    elif role == "object":
        if subject:
            yield f"what {did} {subject} {clause.verb}{tail}"
            yield f"which thing {did} {subject} {clause.verb}{tail}"
            yield f"what {'was' if past else 'is'} it that {subject} {clause.finite}{tail}"
        if past:
            yield f"what was {clause.participle}{by}{tail}"
            yield f"which thing was {clause.participle}{by}{tail}"
            yield f"what was {clause.participle}{tail}{by}"
    else:
        for head in _heads(clause, role):
            if subject:
                yield f"{head} {did} {subject} {clause.verb} {acted_upon}{tail}"
            if acted_upon and past:
                yield f"{head} was {acted_upon} {clause.participle}{by}{tail}"


def _heads(clause: Clause, role: str) -> Iterator[str]:
    adverbial = clause.adverbials[int(role)]
    if adverbial.kind == "where":
        yield from ("where", "in what place", "where exactly")
    elif adverbial.kind == "when":
        yield "when"
        yield from ("when exactly", "on what date") if re.match(r"\d", adverbial.phrase) else ("when exactly",)
    elif adverbial.kind == "which":
        noun = without_article(adverbial.phrase).split()[0]
        yield from (f"{adverbial.preposition} which {noun}", f"which {noun}")


def _sentence(text: str, mark: str) -> str:
    words = " ".join(text.split())
    return words[0].upper() + words[1:] + mark
