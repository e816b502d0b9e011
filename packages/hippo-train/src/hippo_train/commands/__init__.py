"""What the command can train: a file each, and a line in the table."""

from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console

from hippo_train.commands import adapter, consolidate, lora

__all__ = ["COMMANDS", "Command"]


class Command(Protocol):
    """Trains what the resolved configuration says."""

    def __call__(self, resolved: Mapping[str, Any], *, command: str, console: Console) -> None:
        """Do it, telling `console` how far it is; `command` is for the record."""
        ...


COMMANDS: Mapping[str, Command] = {
    "adapter": adapter.run,
    "consolidate": consolidate.run,
    "lora": lora.run,
    "qlora": lora.run,
}
"""Name of a `train` group to what it does."""
