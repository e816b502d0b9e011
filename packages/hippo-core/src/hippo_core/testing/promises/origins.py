"""Forgetting what one origin said."""

from __future__ import annotations

from pathlib import Path

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsProvenance
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy, needs


class OriginPromises(ContractHooks):
    """What `delete_by_provenance` promises."""

    def test_a_source_can_be_taken_back(self, store: Store) -> None:
        """All that one source said goes, nothing that another said."""
        forgetful = needs(store, SupportsProvenance)
        liar = self.write(store, self.items(4, source="liar"))
        friend_items = self.items(4, first=10, source="friend")
        friend = self.write(store, friend_items)
        assert forgetful.delete_by_provenance(source="liar") == 4
        for id in liar:
            with pytest.raises(UnknownIdError):
                store.get(id)
        self.assert_holds(store, dict(zip(friend, friend_items, strict=True)))
        assert forgetful.delete_by_provenance(source="liar") == 0
        assert forgetful.delete_by_provenance(source="nobody") == 0

    def test_a_document_can_be_taken_back(self, store: Store) -> None:
        """With `doc_id`, only that document of that source goes."""
        forgetful = needs(store, SupportsProvenance)
        self.write(store, self.items(3, source="wiki", doc_id="one"))
        expected: dict[int, object] = {}
        for first, source, doc_id in ((10, "wiki", "two"), (20, "blog", "one"), (30, "wiki", None)):
            items = self.items(2, first=first, source=source, doc_id=doc_id)
            expected |= dict(zip(self.write(store, items), items, strict=True))
        assert forgetful.delete_by_provenance(source="wiki", doc_id="one") == 3
        self.assert_holds(store, expected)
        assert forgetful.delete_by_provenance(source="wiki") == 4
        assert len(store) == 2

    def test_what_two_sources_said_stays_until_the_last(self, store: Store) -> None:
        """Whether a store merges or keeps two records, forgetting one source keeps what the other said."""
        forgetful = needs(store, SupportsProvenance)
        first, second = (self.make_item(1, source=source) for source in ("anna", "bert"))
        ids = [store.write_many([item])[0].id for item in (first, second)]
        merged = ids[0] == ids[1]
        assert len(store) == (1 if merged else 2)
        assert forgetful.delete_by_provenance(source="anna") == (0 if merged else 1)
        assert len(store) == 1
        (hit,) = store.recall_many([self.cue_for(second)], k=5)[0]
        assert hit.id == ids[1]
        provenance = getattr(hit.item, "provenance", None)
        if provenance is not None:
            assert provenance.source == "bert", "the record still names the source that was taken back"
        assert forgetful.delete_by_provenance(source="anna") == 0
        assert forgetful.delete_by_provenance(source="bert") == 1
        assert len(store) == 0
        assert_healthy(store)

    def test_forgetting_survives_reopening(self, path: Path) -> None:
        """What was taken back does not come back."""
        self.needs_files()
        with self.opened(path) as store:
            forgetful = needs(store, SupportsProvenance)
            self.write(store, self.items(5, source="liar"))
            kept_items = self.items(5, first=10)
            kept = dict(zip(self.write(store, kept_items), kept_items, strict=True))
            forgetful.delete_by_provenance(source="liar")
        with self.opened(path) as store:
            self.assert_holds(store, kept)
