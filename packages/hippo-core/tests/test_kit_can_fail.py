"""A kit that cannot fail proves nothing: stores with one deliberate fault each, and the promise that notices it."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hippo_core import Episode, ImportReport, InvalidInputError, Provenance, Receipt, StorageError, UnknownIdError
from hippo_core.testing import MemoryStoreContract, ReferenceStore


def contract_of(kind):
    class Contract(MemoryStoreContract):
        durable = False

        @staticmethod
        def open_store(path):
            return kind()

        @staticmethod
        def open_store_at(path, clock):
            return kind(clock=clock)

        @staticmethod
        def evict(store):
            return store.evict() if hasattr(store, "evict") else None

        @staticmethod
        def make_item(number, *, source="kit", doc_id=None):
            return Episode(
                text=f"parcel {number} lies on shelf {number * 7919 % 1009}",
                provenance=Provenance(source=source, doc_id=doc_id, time=datetime(2026, 5, 3, tzinfo=UTC)),
            )

        @staticmethod
        def cue_for(item):
            return item.text

        @staticmethod
        def cue_width(store):
            return 256

    return Contract()


class Distances(ReferenceStore):
    """Hands out distances as scores."""

    def _nearest(self, vector, k):
        return [replace(hit, score=1 - hit.score) for hit in super()._nearest(vector, k)]


class Reversed(ReferenceStore):
    """Hands out the farthest first."""

    def _nearest(self, vector, k):
        return super()._nearest(vector, len(self))[::-1][:k]


class SameScore(ReferenceStore):
    """Ranks well and says nothing about how near."""

    def _nearest(self, vector, k):
        return [replace(hit, score=1.0) for hit in super()._nearest(vector, k)]


class FiltersAfterTopK(ReferenceStore):
    """Looks at k records, then drops every odd one."""

    def _nearest(self, vector, k):
        return [hit for hit in super()._nearest(vector, k) if hit.id % 2 == 0]


class OtherTopThree(ReferenceStore):
    """Answers small questions by another path than large ones."""

    def _nearest(self, vector, k):
        hits = super()._nearest(vector, k)
        return hits if k > 5 else [hits[0], *super()._nearest(vector, k + 1)[2:]]


class LosesTheLast(ReferenceStore):
    """Gives a receipt for each item, and writes all but the last of a batch."""

    def write_many(self, items):
        receipts = super().write_many(items)
        if len(receipts) > 1:
            self.delete(receipts[-1].id)
        return receipts


class HalfABatch(ReferenceStore):
    """Writes item by item, so that a bad one leaves the earlier ones behind."""

    def write_many(self, items):
        return [receipt for item in items for receipt in super(HalfABatch, self).write_many([item])]


class ShuffledReceipts(ReferenceStore):
    """Gives the receipts of a batch in another order."""

    def write_many(self, items):
        return super().write_many(items)[::-1]


class Gaps(ReferenceStore):
    """Leaves receipts out."""

    def write_many(self, items):
        return [receipt for number, receipt in enumerate(super().write_many(items)) if number != 1]


class Resurrects(ReferenceStore):
    """Deletes records from an index that is rebuilt with them."""

    def delete(self, ids):
        self.grave = {**getattr(self, "grave", {}), **self._records}
        return super().delete(ids)

    def rebuild(self):
        self._records = {**getattr(self, "grave", {}), **self._records}
        super().rebuild()


class RecallsTheDead(ReferenceStore):
    """Deletes records but not their vectors."""

    def delete(self, ids):
        before, records = dict(self._vectors), dict(self._records)
        count = super().delete(ids)
        self._vectors, self.records = before, records
        return count

    def _nearest(self, vector, k):
        self._records, kept = getattr(self, "records", self._records) | self._records, self._records
        try:
            return super()._nearest(vector, k)
        finally:
            self._records = kept


class ReusesIds(ReferenceStore):
    """Numbers records by how many there are."""

    def write_many(self, items):
        self._next_id = iter(range(len(self) + 1, 10**9))
        return super().write_many(items)


class AnswersNaN(ReferenceStore):
    """Takes any vector."""

    def _cue_vector(self, cue):
        return cue if not isinstance(cue, str) else super()._cue_vector(cue)


class AnyK(ReferenceStore):
    """Treats a senseless k as one."""

    def recall_many(self, cues, k=8):
        return super().recall_many(cues, k if isinstance(k, int) and k > 0 else 1)


class PlainKeyError(ReferenceStore):
    """Raises what a dict raises."""

    def get(self, id):
        return self._records[id].item


class AfterClose(ReferenceStore):
    """Goes on after `close`."""

    def _check_open(self):
        pass


class NewIdAfterUndo(ReferenceStore):
    """Brings deleted records back under other ids."""

    def undo(self, count=1):
        lost = {id: record for id, record in self._operations[-1].before.items() if id not in self._records}
        undone = super().undo(count)
        if lost and undone:
            self._records = {id + 1000 if id in lost else id: record for id, record in self._records.items()}
            self.rebuild()
        return undone


class UndoesUndos(ReferenceStore):
    """Takes an undo for an operation, so that a second one does it again."""

    def undo(self, count=1):
        undone = super().undo(count)
        if self._operations:
            self._undone.discard(self._operations[-1].number)
        return undone


class BelievesAnySnapshot(ReferenceStore):
    """Empties itself before it looks at the file."""

    def restore(self, path):
        self.delete(list(self._records))
        super().restore(path)


class ForgetsTooMuch(ReferenceStore):
    """Forgets a record when any of those who said it is taken back."""

    def delete_by_provenance(self, *, source, doc_id=None):
        return self.delete(
            [id for id, record in self._records.items() if any(origin.source == source for origin in record.origins)]
        )


class ForgetsTheDocument(ReferenceStore):
    """Takes the whole source back for one document."""

    def delete_by_provenance(self, *, source, doc_id=None):
        return super().delete_by_provenance(source=source)


class ImportsWhatItCan(ReferenceStore):
    """Writes the good lines before a broken one."""

    def import_jsonl(self, path, *, on_error="stop"):
        receipts: list[Receipt] = []
        for line in path.read_bytes().splitlines(keepends=True):
            part = path.with_suffix(".part")
            part.write_bytes(line)
            receipts += super().import_jsonl(part).receipts
        return ImportReport(receipts=tuple(receipts))


class SkipsInSilence(ReferenceStore):
    """Leaves the broken lines out and says nothing."""

    def import_jsonl(self, path, *, on_error="stop"):
        return ImportReport(receipts=super().import_jsonl(path, on_error=on_error).receipts)


class Overwrites(ReferenceStore):
    """Exports over whatever is there."""

    def export_jsonl(self, path):
        path.unlink(missing_ok=True)
        return super().export_jsonl(path)


class CountsTwice(ReferenceStore):
    """Hears a second speaker in every line that is imported again."""

    def import_jsonl(self, path, *, on_error="stop"):
        report = super().import_jsonl(path, on_error=on_error)
        for receipt in report.receipts:
            record = self._records[receipt.id]
            self._records[receipt.id] = replace(record, origins=record.origins * 2)
        return report


class KeepsBlobsOfTheDead(ReferenceStore):
    """Deletes records and leaves their blobs."""

    def delete(self, ids):
        blobs = dict(self._blobs)
        count = super().delete(ids)
        self._blobs = blobs
        return count


class UndoBringsBlobsBack(ReferenceStore):
    """Puts a blob back with its record."""

    lost: ClassVar[dict] = {}

    def delete(self, ids):
        self.lost = dict(self._blobs)
        return super().delete(ids)

    def undo(self, count=1):
        undone = super().undo(count)
        self._blobs |= {key: blob for key, blob in self.lost.items() if key[0] in self._records}
        return undone


class SnapshotsWithoutBlobs(ReferenceStore):
    """Copies the records alone."""

    def snapshot(self, path):
        blobs, self._blobs = self._blobs, {}
        super().snapshot(path)
        self._blobs = blobs


class UndoesByTheClock(ReferenceStore):
    """Takes the operation with the latest time for the latest."""

    def undo(self, count=1):
        self._operations.sort(key=lambda operation: operation.time)
        return super().undo(count)


class HistoryByTheClock(ReferenceStore):
    """Sorts what happened by its time."""

    def history(self, id=None, *, limit=100):
        return sorted(super().history(id), key=lambda change: change.time, reverse=True)[:limit]


class IdsFromTheClock(ReferenceStore):
    """Makes ids of the present, as some databases do."""

    def write_many(self, items):
        self._next_id = iter(range(int(self._clock().timestamp()) + 10**12, 10**15))
        return super().write_many(items)


class FadesByTheClock(ReferenceStore):
    """Scores by how long ago the store was begun."""

    def _nearest(self, vector, k):
        years = (self._clock() - self._operations[0].time).days / 365
        return [replace(hit, score=hit.score * 0.99**years) for hit in super()._nearest(vector, k)]


class EvictsMoreThanItSays(ReferenceStore):
    """Lets two go and names one."""

    def evict(self):
        ids = sorted(self._records)[:2]
        self.delete(ids)
        return ids[:1]


class ReplaysAtRandom(ReferenceStore):
    """Lets the moment decide."""

    turn = 0

    def replay_batches(self, batch_size, *, seed=0, adapter=None):
        self.turn += 1
        return super().replay_batches(batch_size, seed=seed + self.turn)


BROKEN = (AssertionError, pytest.fail.Exception, UnknownIdError, KeyError, StorageError, InvalidInputError)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Distances, "test_scores_never_rise_down_the_list_and_higher_is_nearer"),
        (Reversed, "test_scores_never_rise_down_the_list_and_higher_is_nearer"),
        (Reversed, "test_each_item_is_its_own_best_hit"),
        (SameScore, "test_scores_never_rise_down_the_list_and_higher_is_nearer"),
        (FiltersAfterTopK, "test_a_smaller_k_is_a_prefix"),
        (FiltersAfterTopK, "test_a_vector_is_a_cue"),
        (OtherTopThree, "test_a_smaller_k_is_a_prefix"),
        (LosesTheLast, "test_the_length_counts_live_records"),
        (LosesTheLast, "test_receipts_come_in_order_with_ids_of_their_own"),
        (HalfABatch, "test_one_bad_item_keeps_the_whole_batch_out"),
        (ShuffledReceipts, "test_receipts_come_in_order_with_ids_of_their_own"),
        (Gaps, "test_receipts_come_in_order_with_ids_of_their_own"),
        (Resurrects, "test_deletes_survive_a_rebuild"),
        (RecallsTheDead, "test_a_deleted_record_is_gone"),
        (ReusesIds, "test_ids_are_never_used_again"),
        (AnswersNaN, "test_a_broken_vector_is_refused"),
        (PlainKeyError, "test_unknown_ids_are_an_error_of_their_own"),
        (NewIdAfterUndo, "test_undoing_a_delete_brings_the_same_records_back"),
        (UndoesUndos, "test_undo_goes_from_the_newest_back"),
        (ForgetsTooMuch, "test_what_two_sources_said_stays_until_the_last"),
        (ForgetsTheDocument, "test_a_document_can_be_taken_back"),
        (KeepsBlobsOfTheDead, "test_a_record_that_is_not_held_has_no_blobs"),
        (UndoBringsBlobsBack, "test_a_blob_is_no_operation"),
        (ReplaysAtRandom, "test_the_same_seed_replays_the_same"),
    ],
)
def test_a_fault_breaks_its_promise(kind, promise):
    contract = contract_of(kind)
    with closing(contract.open_store(None)) as store, pytest.raises(BROKEN):
        getattr(contract, promise)(store)
    sound = contract_of(ReferenceStore)
    with closing(sound.open_store(None)) as store:
        getattr(sound, promise)(store)


def test_faults_that_need_more_than_a_store(tmp_path):
    with pytest.raises(BROKEN):
        contract_of(AfterClose).test_a_closed_store_says_so(tmp_path / "kit.db", tmp_path)
    with closing(AnyK()) as store, pytest.raises(BROKEN):
        contract_of(AnyK).test_k_must_be_a_whole_number_from_one(store, 0)
    with closing(BelievesAnySnapshot()) as store, pytest.raises(BROKEN):
        contract_of(BelievesAnySnapshot).test_a_bad_snapshot_changes_nothing(store, tmp_path)
    with closing(SnapshotsWithoutBlobs()) as store, pytest.raises(BROKEN):
        contract_of(SnapshotsWithoutBlobs).test_a_snapshot_takes_blobs_along(store, tmp_path)
    with closing(ImportsWhatItCan()) as store, pytest.raises(BROKEN):
        contract_of(ImportsWhatItCan).test_a_broken_line_is_named_and_nothing_is_imported(store, tmp_path, b"{}")
    with closing(SkipsInSilence()) as store, pytest.raises(BROKEN):
        contract_of(SkipsInSilence).test_told_to_skip_it_leaves_out_the_broken_lines_alone(store, tmp_path)
    with closing(Overwrites()) as store, pytest.raises(BROKEN):
        contract_of(Overwrites).test_an_export_never_overwrites(store, tmp_path)
    with closing(CountsTwice()) as store, pytest.raises(BROKEN):
        contract_of(CountsTwice).test_importing_again_changes_nothing(store, tmp_path)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (UndoesByTheClock, "test_undo_takes_the_latest_call_back_and_not_the_latest_time"),
        (HistoryByTheClock, "test_the_history_follows_the_calls_and_not_the_clock"),
        (IdsFromTheClock, "test_ids_keep_growing_when_the_clock_jumps_back"),
        (FadesByTheClock, "test_a_clock_that_jumps_back_changes_no_answer"),
    ],
)
def test_a_fault_shows_when_the_clock_jumps_back(kind, promise, tmp_path):
    with pytest.raises(BROKEN):
        getattr(contract_of(kind), promise)(tmp_path / "kit.db")


@pytest.mark.parametrize("kind", [Resurrects, UndoesUndos, EvictsMoreThanItSays])
def test_the_state_machine_finds_the_fault_too(kind, tmp_path):
    def try_histories():
        for turn in range(5):  # one run in twenty tries no history that shows the fault
            folder = tmp_path / f"turn{turn}"
            folder.mkdir()
            contract_of(kind).test_any_history_agrees_with_a_plain_dict(folder)

    with pytest.raises(BROKEN):
        try_histories()


def test_a_missing_ability_is_a_skip_with_a_reason():
    class Bones:
        pass

    contract = contract_of(Bones)
    with pytest.raises(pytest.skip.Exception, match="Bones does not claim SupportsUndo"):
        contract.test_undoing_more_than_there_is(Bones())


def test_a_contract_without_its_hooks_says_which():
    class Empty(MemoryStoreContract):
        pass

    with pytest.raises(TypeError, match="make_item"):
        Empty()
