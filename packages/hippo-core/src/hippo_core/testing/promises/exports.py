"""JSON lines: out and in again, whole, or without the lines that an import was told to skip."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import InvalidInputError
from hippo_core.protocols import SupportsExport
from hippo_core.records import ImportReport
from hippo_core.testing.hooks import ContractHooks, Store, needs


class ExportPromises(ContractHooks):
    """What `export_jsonl` and `import_jsonl` promise."""

    def test_an_export_can_be_imported(self, store: Store, tmp_path: Path) -> None:
        """One record a line; another store reads them back in order, and exports the same lines."""
        portable = needs(store, SupportsExport)
        items = self.items(9)
        ids = self.write(store, items)
        store.delete(ids[4])
        del items[4]
        file = tmp_path / "out.jsonl"
        assert portable.export_jsonl(file) == 8
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(lines) == 8
        assert all(isinstance(json.loads(line), dict) for line in lines)
        with self.opened(tmp_path / "other.db") as other:
            report = needs(other, SupportsExport).import_jsonl(str(file))
            assert report.skipped == ()
            new_ids = [receipt.id for receipt in report.receipts if receipt.id is not None]
            self.assert_holds(other, dict(zip(new_ids, items, strict=True)))
            again = tmp_path / "again.jsonl"
            needs(other, SupportsExport).export_jsonl(again)
            assert again.read_text(encoding="utf-8").splitlines() == lines

    def test_importing_again_changes_nothing(self, store: Store, tmp_path: Path) -> None:
        """Every record is there already, and so is everyone who said it."""
        portable = needs(store, SupportsExport)
        items = self.items(5)
        ids = self.write(store, items)
        file = tmp_path / "out.jsonl"
        portable.export_jsonl(file)
        for _ in range(2):
            report = portable.import_jsonl(file)
            assert [(receipt.status, receipt.id) for receipt in report.receipts] == [("merged", id) for id in ids]
        self.assert_holds(store, dict(zip(ids, items, strict=True)))
        portable.export_jsonl(tmp_path / "again.jsonl")
        assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()

    def test_an_export_never_overwrites(self, store: Store, tmp_path: Path) -> None:
        """A path that is taken is bad input, and what is there stays."""
        portable = needs(store, SupportsExport)
        self.write(store, self.items(2))
        file = tmp_path / "taken.jsonl"
        file.write_text("mine", encoding="utf-8")
        with pytest.raises(InvalidInputError, match="taken"):
            portable.export_jsonl(file)
        assert file.read_text(encoding="utf-8") == "mine"
        assert list(tmp_path.glob("taken*")) == [file], "something was left beside the file"

    def test_an_empty_store_exports_nothing(self, store: Store, tmp_path: Path) -> None:
        """No records, no lines; importing none is allowed."""
        portable = needs(store, SupportsExport)
        assert portable.export_jsonl(tmp_path / "none.jsonl") == 0
        assert (tmp_path / "none.jsonl").read_bytes() == b""
        assert portable.import_jsonl(tmp_path / "none.jsonl") == ImportReport()

    @pytest.mark.parametrize(
        "broken", [b"{not json", b'"a string"', b'{"no such field": 1}', b"{}", b'{"text": "\xff\xfe"}', b"null"]
    )
    def test_a_broken_line_is_named_and_nothing_is_imported(self, store: Store, tmp_path: Path, broken: bytes) -> None:
        """The error says which line, counted from 1, and the good lines before it are not written either."""
        portable = needs(store, SupportsExport)
        self.write(store, self.items(5, first=100))
        file = tmp_path / "out.jsonl"
        portable.export_jsonl(file)
        lines = file.read_bytes().splitlines()
        lines.insert(3, broken)
        file.write_bytes(b"\n".join(lines) + b"\n")
        with self.opened(tmp_path / "other.db") as other:
            kept = dict(zip(self.write(other, self.items(2)), self.items(2), strict=True))
            with pytest.raises(InvalidInputError) as caught:
                needs(other, SupportsExport).import_jsonl(file)
            assert re.search(r"\bline 4\b", str(caught.value)), f"the line is not named: {caught.value}"
            self.assert_holds(other, kept)

    def test_told_to_skip_it_leaves_out_the_broken_lines_alone(self, store: Store, tmp_path: Path) -> None:
        """The good lines are imported in order; the report says which were not, and why. The last one is torn."""
        portable = needs(store, SupportsExport)
        items = self.items(4)
        self.write(store, items)
        file = tmp_path / "out.jsonl"
        portable.export_jsonl(file)
        lines = file.read_bytes().splitlines()
        file.write_bytes(b"\n".join([lines[0], b"{}", lines[1], b"", lines[2], lines[3][:-9]]))
        with self.opened(tmp_path / "other.db") as other:
            report = needs(other, SupportsExport).import_jsonl(file, on_error="skip")
            assert [skipped.line for skipped in report.skipped] == [2, 6]
            assert all(skipped.reason for skipped in report.skipped)
            new_ids = [receipt.id for receipt in report.receipts if receipt.id is not None]
            self.assert_holds(other, dict(zip(new_ids, items[:3], strict=True)))

    def test_an_unknown_choice_is_refused(self, store: Store, tmp_path: Path) -> None:
        """Only "stop" and "skip" mean something."""
        portable = needs(store, SupportsExport)
        portable.export_jsonl(tmp_path / "none.jsonl")
        wrong: Any = "ignore"
        with pytest.raises(InvalidInputError, match="ignore"):
            portable.import_jsonl(tmp_path / "none.jsonl", on_error=wrong)

    def test_a_missing_file_is_an_error(self, store: Store, tmp_path: Path) -> None:
        """It is an `OSError`, and nothing is imported."""
        portable = needs(store, SupportsExport)
        with pytest.raises(OSError, match="missing"):
            portable.import_jsonl(tmp_path / "missing.jsonl")
        assert len(store) == 0
