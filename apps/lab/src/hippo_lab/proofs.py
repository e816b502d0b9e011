"""Proof that a world is worth asking: every question has one right answer given what was taught, none without it.

The checks read the finished world only (texts, slots, times), never the state of the generator that made it. Questions
that several stored texts fit equally well cap what any memory can score; so do questions that a constant answers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from hippo_lab.errors import GuessableQuestionError, UnanswerableQuestionError, WorldError
from hippo_lab.worlds import Item, Question, World

MIN_VALUES = 20
"""An asked slot takes at least so many different values among the items."""
MAX_SHARE = 0.05
"""No answer serves more than this share of a slot's questions: the best a constant guess can score."""

_NOT_WORD = re.compile(r"[\W_]+")


def prove(world: World) -> None:
    """Check that every question has exactly one right answer given what was taught, and none without it.

    Given what was taught: the items that fit the cue (all the cue's slots have its values, or the text says all of
    them) agree on the asked slot; with `resolve="latest"` the newest of them decides. The gold items are among them,
    and their texts hold the answer. Without it: the question does not hold its answer; the asked slot takes at least
    `MIN_VALUES` values; no answer serves more than `MAX_SHARE` of the slot's questions (or one question, where there
    are fewer than 40).

    Cost: O(items · questions) substring searches; 0.1 s for 1,000 items and 200 questions.

    Raises:
        UnanswerableQuestionError: names the first question with no answer or several.
        GuessableQuestionError: names the first question that needs no memory.
        WorldError: two items say the same words, or `asked` does not say which items are asked about.
    """
    matcher = _Matcher(world)
    _prove_items(world)
    for question in world.questions:
        _prove_answerable(question, matcher)
        _prove_not_leaked(question)
    _prove_not_guessable(world)


def cue_ceiling(world: World) -> float:
    """Return the greatest P@1 that a cue alone can reach, averaged over the questions, in [0, 1].

    Where a cue fits n items of which g are gold, the best possible retriever is right in g/n of the cases; under
    `latest` it may also use the time. 1.0 means that nothing but the memory limits the score. NaN without questions.
    """
    matcher = _Matcher(world)
    if not world.questions:
        return float("nan")
    return sum(_reachable(question, matcher) for question in world.questions) / len(world.questions)


def neighbours(world: World, item: Item, *, shared: int) -> list[Item]:
    """Return the other items that share exactly `shared` slot values with `item` and differ in all its other slots.

    Items that fill other slots than `item` does are no neighbours. Cost: O(items).
    """
    mine = item.episode.slots.filled()
    found: list[Item] = []
    for other in world.items:
        theirs = other.episode.slots.filled()
        if other.key != item.key and theirs.keys() == mine.keys():
            equal = sum(theirs[name] == value for name, value in mine.items())
            if equal == shared:
                found.append(other)
    return found


def words_of(text: str) -> str:
    """Return the lower-case words of `text` between single spaces, with a space at both ends, punctuation dropped."""
    return f" {_NOT_WORD.sub(' ', text.casefold()).strip()} "


class _Matcher:
    """Finds the items that fit a cue, by their slots and, independently, by their words."""

    def __init__(self, world: World) -> None:
        self.items = {item.key: item for item in world.items}
        self._order = world.positions()
        self._texts = {item.key: words_of(item.episode.text) for item in world.items}
        self._by_value: dict[tuple[str, str], set[str]] = defaultdict(set)
        for item in world.items:
            for name, value in item.episode.slots.filled().items():
                self._by_value[name, value].add(item.key)

    def fitting(self, cue: Mapping[str, str]) -> list[Item]:
        by_slots = set.intersection(*(self._by_value.get(pair, set()) for pair in cue.items()))
        said = sorted((words_of(value) for value in cue.values()), key=len, reverse=True)
        by_words = {key for key, text in self._texts.items() if all(value in text for value in said)}
        return [self.items[key] for key in sorted(by_slots | by_words, key=self._order.__getitem__)]

    def says(self, item: Item, value: str) -> bool:
        return words_of(value) in self._texts[item.key]


def _prove_items(world: World) -> None:
    seen: dict[str, str] = {}
    gold = {key for question in world.questions for key in question.gold}
    for item in world.items:
        words = words_of(item.episode.text)
        if words in seen:
            raise WorldError(
                f"items {seen[words]!r} and {item.key!r} say the same: {item.episode.text!r}; a store would merge them."
            )
        seen[words] = item.key
        if item.asked != (item.key in gold):
            raise WorldError(
                f"item {item.key!r} has asked={item.asked}, but {'some' if item.key in gold else 'no'} question "
                "has it as gold; mark exactly the gold items as asked."
            )


def _prove_answerable(question: Question, matcher: _Matcher) -> None:
    def fail(why: str) -> UnanswerableQuestionError:
        return UnanswerableQuestionError(f"question {question.id!r} ({question.text!r}): {why}")

    if not question.cue or not question.gold:
        raise fail("it has no cue or no gold item, so nothing that was taught can decide it.")
    for name, value in question.cue.items():
        if words_of(value) not in words_of(question.text):
            raise fail(f"its cue has {name} = {value!r}, which the question does not say.")
    for key in question.gold:
        if not matcher.says(matcher.items[key], question.answer):
            raise fail(f"its gold item {key!r} does not say the answer {question.answer!r}.")
    fitting = matcher.fitting(question.cue)
    if not fitting:
        raise fail(f"no item fits its cue {dict(question.cue)!r}.")
    deciding = fitting[-1:] if question.resolve == "latest" else fitting
    values = [item.episode.slots.filled().get(question.slot) for item in deciding]
    wrong = [(item, value) for item, value in zip(deciding, values, strict=True) if value != question.answer]
    if wrong:
        item, value = wrong[0]
        raise fail(
            f"the answer is {question.answer!r}, but item {item.key!r} ({item.episode.text!r}) fits the cue as well "
            f"and has {question.slot} = {value!r}; mention one more slot."
        )
    if set(question.gold) != {item.key for item in deciding}:
        raise fail(f"its gold is {question.gold!r}, but {[item.key for item in deciding]!r} decide it.")
    if question.answer in question.stale:
        raise fail(f"the answer {question.answer!r} is also one of its stale values.")


def _prove_not_leaked(question: Question) -> None:
    if words_of(question.answer) in words_of(question.text):
        raise GuessableQuestionError(
            f"question {question.id!r} ({question.text!r}) holds its own answer {question.answer!r}."
        )


def _prove_not_guessable(world: World) -> None:
    by_slot: dict[str, list[Question]] = defaultdict(list)
    for question in world.questions:
        by_slot[question.slot].append(question)
    for slot, questions in by_slot.items():
        taught = {value for item in world.items if (value := item.episode.slots.filled().get(slot)) is not None}
        if len(taught) < MIN_VALUES:
            raise GuessableQuestionError(
                f"question {questions[0].id!r} asks {slot!r}, which takes only {len(taught)} values in this world; "
                f"ask slots with at least {MIN_VALUES}."
            )
        answer, count = Counter(question.answer for question in questions).most_common(1)[0]
        if count > most_repeats(len(questions)):
            example = next(question for question in questions if question.answer == answer)
            raise GuessableQuestionError(
                f"question {example.id!r} is answered by {answer!r}, like {count} of the {len(questions)} questions "
                f"about {slot!r}: always saying so would score {count / len(questions):.2f}, more than {MAX_SHARE}."
            )


def most_repeats(questions: int) -> int:
    """Return how many of a slot's `questions` may have the same answer: `MAX_SHARE` of them, at least 1."""
    return max(1, int(MAX_SHARE * questions))


def _reachable(question: Question, matcher: _Matcher) -> float:
    fitting = [item.key for item in matcher.fitting(question.cue)] if question.cue else []
    if question.resolve == "latest":
        fitting = fitting[-1:]
    return len(set(fitting) & set(question.gold)) / len(fitting) if fitting else 0.0
