"""The conformance kit: what every Hippo store promises, as pytest classes to inherit (extra `testing`).

Subclass `MemoryStoreContract`, say how to open your store and how to make items for it, and pytest holds the store to
every promise it claims. `ReferenceStore` is a small store that keeps them all, in memory: read it as the
specification.

Example:
    ```python
    from hippo_core.testing import MemoryStoreContract


    class TestMyStore(MemoryStoreContract):
        @staticmethod
        def open_store(path):
            return MyStore(path)

        @staticmethod
        def make_item(number, *, source="kit", doc_id=None):
            return MyItem(f"item {number}", source, doc_id)

        @staticmethod
        def cue_for(item):
            return item.text
    ```
"""

import pytest

# Before the promises are imported, so that a broken one shows both sides of its assertion
pytest.register_assert_rewrite("hippo_core.testing.promises", "hippo_core.testing.machine")

from hippo_core.testing.contract import MemoryStoreContract  # noqa: E402 - after the line above
from hippo_core.testing.reference import ReferenceStore  # noqa: E402

__all__ = ["MemoryStoreContract", "ReferenceStore"]
