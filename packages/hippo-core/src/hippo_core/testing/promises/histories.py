"""Any history of calls: Hypothesis tries to find one after which the store and a plain dict disagree."""

from __future__ import annotations

from pathlib import Path

from hippo_core.testing.hooks import ContractHooks


class HistoryPromises(ContractHooks):
    """What holds after any calls in any order."""

    def test_any_history_agrees_with_a_plain_dict(self, tmp_path: Path) -> None:
        """Writes, deletes, evictions, blobs, undos, recalls, snapshots, restores and reopenings, by two handles."""
        # Imported here, since child processes load the kit too and have no use for Hypothesis
        from hippo_core.testing.machine import run_machine

        run_machine(self, tmp_path)
