"""JSON lines: out and in again, whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hippo_core.errors import InvalidInputError
from hippo_core.protocols import SupportsExport
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
            receipts = needs(other, SupportsExport).import_jsonl(str(file))
            new_ids = [receipt.id for receipt in receipts if receipt.id is not None]
            self.assert_holds(other, dict(zip(new_ids, items, strict=True)))
            again = tmp_path / "again.jsonl"
            needs(other, SupportsExport).export_jsonl(again)
            assert again.read_text(encoding="utf-8").splitlines() == lines

    def test_an_empty_store_exports_nothing(self, store: Store, tmp_path: Path) -> None:
        """No records, no lines; importing none is allowed."""
        portable = needs(store, SupportsExport)
        assert portable.export_jsonl(tmp_path / "none.jsonl") == 0
        assert (tmp_path / "none.jsonl").read_bytes() == b""
        assert portable.import_jsonl(tmp_path / "none.jsonl") == []

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

    def test_a_missing_file_is_an_error(self, store: Store, tmp_path: Path) -> None:
        """It is an `OSError`, and nothing is imported."""
        portable = needs(store, SupportsExport)
        with pytest.raises(OSError, match="missing"):
            portable.import_jsonl(tmp_path / "missing.jsonl")
        assert len(store) == 0
