"""Recalling: best first, higher is nearer, and bad cues are refused without loss."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hippo_core.errors import InvalidInputError
from hippo_core.protocols import Cue
from hippo_core.testing.hooks import ContractHooks, Store

_SIZE = 20


class RecallingPromises(ContractHooks):
    """What `recall_many` promises."""

    def test_each_item_is_its_own_best_hit(self, store: Store) -> None:
        """An item's cue finds that item first, and the hit carries the item."""
        items = self.items(_SIZE)
        ids = self.write(store, items)
        found = store.recall_many([self.cue_for(item) for item in items], k=3)
        assert [hits[0].id for hits in found] == ids
        for hits, item in zip(found, items, strict=True):
            assert self.signature(hits[0].item) == self.signature(item)
            for hit in hits:
                assert self.signature(hit.item) == self.signature(store.get(hit.id))

    def test_scores_never_rise_down_the_list_and_higher_is_nearer(self, store: Store) -> None:
        """Scores are finite and fall from the nearest to the farthest: a distance is not a score."""
        items = self.items(_SIZE)
        ids = self.write(store, items)
        for item, id in zip(items, ids, strict=True):
            (hits,) = store.recall_many([self.cue_for(item)], k=_SIZE)
            scores = [hit.score for hit in hits]
            assert all(math.isfinite(score) for score in scores)
            assert all(first >= second for first, second in pairwise(scores)), f"scores rise: {scores}"
            assert hits[0].id == id, "the nearest item is not first"
            if len(hits) > 1:
                assert scores[0] > scores[-1], f"the item itself scores no higher than the last hit: {scores}"

    def test_no_record_is_returned_twice(self, store: Store) -> None:
        """The hits of one cue are distinct records."""
        self.write(store, self.items(_SIZE))
        (hits,) = store.recall_many([self.cue_for(self.make_item(4))], k=_SIZE)
        assert len({hit.id for hit in hits}) == len(hits)

    def test_a_smaller_k_is_a_prefix(self, store: Store) -> None:
        """The best three of ten are the best three."""
        items = self.items(_SIZE)
        self.write(store, items)
        for item in items[:6]:
            (ten,) = store.recall_many([self.cue_for(item)], k=10)
            (three,) = store.recall_many([self.cue_for(item)], k=3)
            assert [hit.id for hit in three] == [hit.id for hit in ten[:3]]

    def test_a_k_beyond_the_store_is_no_error(self, store: Store) -> None:
        """Asking for more than there is gives at most what there is."""
        items = self.items(4)
        ids = self.write(store, items)
        (hits,) = store.recall_many([self.cue_for(items[0])], k=1000)
        assert hits[0].id == ids[0]
        assert {hit.id for hit in hits} <= set(ids)

    @pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
    def test_k_must_be_a_whole_number_from_one(self, store: Store, k: Any) -> None:
        """Any other k is `InvalidInputError`, also in an empty store."""
        cue = self.cue_for(self.make_item(0))
        with pytest.raises(InvalidInputError):
            store.recall_many([cue], k=k)
        self.write(store, self.items(2))
        with pytest.raises(InvalidInputError):
            store.recall_many([cue], k=k)

    def test_an_empty_store_answers_with_nothing(self, store: Store) -> None:
        """Each cue gets an empty list."""
        assert store.recall_many([self.cue_for(item) for item in self.items(3)], k=5) == [[], [], []]

    def test_no_cues_no_answers(self, store: Store) -> None:
        """An empty list of cues gives an empty list."""
        self.write(store, self.items(2))
        assert store.recall_many([], k=5) == []

    def test_a_batch_of_cues_answers_as_single_cues_do(self, store: Store) -> None:
        """What else is asked in the same call makes no difference, and asking again gives the same."""
        items = self.items(_SIZE)
        self.write(store, items)
        together = self.answers(store, items[:8])
        assert together == [self.answers(store, [item])[0] for item in items[:8]]
        assert together == self.answers(store, items[:8])

    @pytest.mark.parametrize("cue", ["", "   ", "\n\t", "\ud800 lone surrogate", None, 7])
    def test_a_cue_that_says_nothing_is_refused(self, store: Store, cue: Any) -> None:
        """Blank or undecodable text and things that are no cue are `InvalidInputError`, and nothing is lost."""
        kept = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
        with pytest.raises(InvalidInputError):
            store.recall_many([self.cue_for(self.make_item(0)), cue], k=2)
        self.assert_holds(store, kept)

    def test_a_broken_vector_is_refused(self, store: Store) -> None:
        """NaN, infinity, all zeros and another width are `InvalidInputError`, and nothing is lost."""
        width = self._width(store)
        kept = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
        good = np.ones(width, dtype=np.float32)
        broken: dict[str, Cue] = {"zero": np.zeros(width, np.float32), "empty": np.zeros(0, np.float32)}
        for name, value in (("nan", np.nan), ("inf", np.inf), ("minus inf", -np.inf)):
            broken[name] = good.copy()
            broken[name][-1] = value  # type: ignore[index]
        for name, other in (("narrow", width - 1), ("wide", width + 1)):
            broken[name] = np.ones(other, np.float32)
        broken["two rows"] = np.ones((2, width), np.float32)
        for name, cue in broken.items():
            with pytest.raises(InvalidInputError):
                store.recall_many([cue], k=2)
            assert len(store) == 3, name
        self.assert_holds(store, kept)

    def test_a_vector_is_a_cue(self, store: Store) -> None:
        """A vector of the right width gets hits in falling order; its length makes no difference."""
        width = self._width(store)
        self.write(store, self.items(_SIZE))
        cue = np.random.default_rng(0).standard_normal(width).astype(np.float32)
        hits, longer = store.recall_many([cue, cue * np.float32(7)], k=5)
        assert len(hits) == 5
        assert all(first.score >= second.score for first, second in pairwise(hits))
        assert [hit.id for hit in hits] == [hit.id for hit in longer]

    def _width(self, store: Store) -> int:
        width = self.cue_width(store)
        if width is None:
            pytest.skip(f"{type(store).__name__} takes no vectors as cues (`cue_width` is None)")
        return width
