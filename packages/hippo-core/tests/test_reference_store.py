"""The reference store under the whole kit."""

from datetime import UTC, datetime

from hippo_core import EntitySlots, Episode, Provenance
from hippo_core.testing import MemoryStoreContract, ReferenceStore

NAMES = ("Carol", "Boris", "Ana", "Deniz", "Emeka", "Farah", "Goran")
PLACES = ("harbour", "attic", "library", "orchard", "tunnel")


class TestReferenceStore(MemoryStoreContract):
    durable = False

    @staticmethod
    def open_store(path):
        return ReferenceStore()

    @staticmethod
    def open_store_at(path, clock):
        return ReferenceStore(clock=clock)

    @staticmethod
    def make_item(number, *, source="kit", doc_id=None):
        who, where = NAMES[number % 7], PLACES[number % 5]
        return Episode(
            text=f"{who} left parcel {number:x} at the {where}, shelf {number * 7919 % 1009}.",
            provenance=Provenance(source=source, doc_id=doc_id, time=datetime(2026, 5, 3, tzinfo=UTC)),
            slots=EntitySlots(who=who, where=where),
        )

    @staticmethod
    def cue_for(item):
        return item.text

    @staticmethod
    def bad_items():
        return [None, 3.5, object(), "just a string", {"text": "a dict"}]

    @staticmethod
    def cue_width(store):
        return 256
