"""Where a command leaves its files, checked before the work and not after it."""

from __future__ import annotations

from pathlib import Path

from hippo_adapters import LanguageModel, describe_adapter
from hippo_adapters.io import DESCRIPTION
from hippo_core.errors import InvalidInputError


def output_folder(output: object) -> Path:
    """Return the folder, made and writable.

    Raises:
        InvalidInputError: an empty name, or a folder that cannot be made or written to.
    """
    if not isinstance(output, str) or not output.strip():
        raise InvalidInputError(f"`output` must be the name of a folder, not {output!r}.")
    folder = Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise InvalidInputError(f"`output`: {folder} cannot be written to ({exc.strerror}); choose another.") from exc
    return folder


def keep_other_adapters(folder: Path, model: LanguageModel) -> None:
    """Refuse a folder with the adapter of another model: a name left to its default must not cost a training.

    Raises:
        InvalidInputError: it holds one.
    """
    if (folder / DESCRIPTION).is_file():
        there = describe_adapter(folder)["model"]
        if there["digest"] != model.digest:
            raise InvalidInputError(
                f"{folder} holds an adapter for {there['name']}; choose another folder for {model.name}: output=FOLDER."
            )
