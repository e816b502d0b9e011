"""The arms of HEI-NW: what each of them hands to the model. How it is read is in `hei_nw.reading`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from hippo_core import Episode, Hit
from hippo_lab.arms import ArmName, register_arm
from hippo_lab.effect import shuffled_contents
from hippo_lab.retrieval import BM25Retriever, DenseRetriever, Retriever
from hippo_lab.worlds import Question, World

from hei_nw.memories import TaughtWorld
from hei_nw.recency import POOL, newest_first

Hits = list[Hit[Episode]]
Recall = Callable[[Sequence[Question]], list[Hits]]

register_arm("none", reads="nothing", summary="B0: the model alone")
register_arm("oracle", reads="gold", summary="the gold episode, through the same reader")
register_arm("text", reads="recalled", summary="the episodic store, everything written, sentence vectors and words")
register_arm("text_hidden", reads="recalled", summary="the store, found by the model's own hidden states")
register_arm("text_gated", reads="recalled", summary="the store behind the write gate, with the model's surprise")
register_arm("kv", reads="recalled", summary="the store, each trace as the model's own keys and values")
register_arm("cross_attention", reads="recalled", summary="B1: the store, read through the adapter alone")
register_arm("text+cross_attention", reads="recalled", summary="the store, the best trace as text, all by the adapter")
register_arm("cross_attention_oracle", reads="gold", summary="the gold episode, through the adapter")
register_arm("cross_attention_random", reads="recalled", summary="control: an adapter that was never trained")
register_arm("cross_attention_shuffled", reads="recalled", summary="control: `shuffled`, through the adapter")
register_arm("consolidated", reads="nothing", summary="B3: the weights after the night, the store off")
register_arm("consolidated+cross_attention", reads="recalled", summary="B2: the weights after the night, the store on")
register_arm("bm25", reads="recalled", summary="BM25 over all episodes")
register_arm("dense", reads="recalled", summary="sentence vectors over all episodes")
register_arm("long_context", reads="everything", summary="the newest episodes that fit the window")
register_arm("emptied", reads="recalled", summary="control: the store with everything deleted")
register_arm("shuffled", reads="recalled", summary="control: the store's contents permuted among their keys")


def recall_of(arm: ArmName, taught: TaughtWorld) -> Recall:
    """Return what finds the episodes that an arm reads; `long_context` reads without recall.

    Args:
        arm: a registered arm.
        taught: the stores that teaching left on disk.
    """
    world = taught.world
    if arm.base in ("none", "consolidated"):
        return lambda questions: [[] for _ in questions]
    if arm.base in ("oracle", "cross_attention_oracle"):
        return lambda questions: _gold(world, questions)
    if arm.base == "bm25":
        return _baseline(BM25Retriever([item.episode for item in world.items]))
    if arm.base == "dense":
        episodes = [item.episode for item in world.items]
        return _baseline(DenseRetriever(episodes, encoder=taught.encoder, vectors=taught.vectors()))
    if arm.base == "text_hidden":
        return _from_store(taught, "hidden")
    if arm.base == "text_gated":
        return _from_store(taught, "gated")
    if arm.base == "emptied":
        return _from_store(taught, "emptied")
    recall = _from_store(taught, "plain")
    return _shuffled(recall, world) if arm.base in ("shuffled", "cross_attention_shuffled") else recall


def _gold(world: World, questions: Sequence[Question]) -> list[Hits]:
    """The newest gold episode of each question, alone."""
    items = {item.key: item for item in world.items}
    order = world.positions()
    newest = [max(question.gold, key=order.__getitem__) for question in questions]
    return [[Hit(id=order[key], item=items[key].episode, score=1.0, why={"path": "gold"})] for key in newest]


def _from_store(taught: TaughtWorld, name: str) -> Recall:
    def recall(questions: Sequence[Question]) -> list[Hits]:
        with taught.open(name) as store:
            found = store.recall_many([question.text for question in questions], k=POOL)
        return [newest_first(question.text, hits) for question, hits in zip(questions, found, strict=True)]

    return recall


def _baseline(retriever: Retriever) -> Recall:
    def recall(questions: Sequence[Question]) -> list[Hits]:
        found = retriever.recall_many([question.text for question in questions], POOL)
        return [newest_first(question.text, hits) for question, hits in zip(questions, found, strict=True)]

    return recall


def _shuffled(recall: Recall, world: World) -> Recall:
    episodes = [item.episode for item in world.items]
    others = shuffled_contents(episodes, random.Random(f"shuffled/{world.suite}/{world.seed}"))
    stands_for = {mine.text: other for mine, other in zip(episodes, others, strict=True)}

    def shuffled_recall(questions: Sequence[Question]) -> list[Hits]:
        return [
            [Hit(id=hit.id, item=stands_for[hit.item.text], score=hit.score, why=hit.why) for hit in hits]
            for hits in recall(questions)
        ]

    return shuffled_recall
