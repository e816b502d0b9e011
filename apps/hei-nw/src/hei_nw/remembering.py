"""`hei-nw remember`: read files into a memory; the gate decides what is worth it, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hippo_adapters import read
from hippo_core import Episode, Receipt, Salience
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.progress import progress
from rich.console import Console
from rich.markup import escape

from hei_nw.build import GATE, Bench
from hei_nw.documents import read_document

_BATCH = 64  # passages a transaction: often enough for the progress bar, seldom enough for the disk
_SHOWN = 5


def remember(
    episodes: Sequence[Episode], *, store: EpisodicStore, bench: Bench, console: Console
) -> list[tuple[Episode, Receipt]]:
    """Write episodes through the store's gate, with the model's surprise, and return each with its receipt.

    Surprise is measured after the passage before it, as a reader meets it. What was committed stays when this is
    interrupted; repeating the call merges what is already there.

    Args:
        episodes: of one document, in order.
        store: opened with a gate and the bench's encoder.
        bench: the model that is surprised.
        console: where progress is shown.
    """
    done: list[tuple[Episode, Receipt]] = []
    with progress("Reading", total=len(episodes), console=console) as advance:
        for start in range(0, len(episodes), _BATCH):
            batch = episodes[start : start + _BATCH]
            before = [episodes[i - 1].text if i else "" for i in range(start, start + len(batch))]
            readings = read(bench.language, [episode.text for episode in batch], contexts=before)
            surprised = [
                replace(episode, salience=_surprised(episode.salience, reading.nll))
                for episode, reading in zip(batch, readings, strict=True)
            ]
            done += zip(batch, store.write_many(surprised), strict=True)
            advance(len(batch))
    return done


def remember_command(
    files: Sequence[Path], *, store_path: Path, model: str, threshold: float | None, explain: bool, console: Console
) -> None:
    """Read files into the memory at `store_path` and print what became of them.

    Args:
        files: text, Markdown or JSON lines.
        store_path: made when it is missing.
        model: the model whose surprise counts.
        threshold: the gate's τ; None is the default gate, -1 keeps everything.
        explain: print every decision rather than a few.
        console: where to print.

    Raises:
        InvalidInputError: a file cannot be read. Files before it are remembered, it and later ones are not.
    """
    documents = [(file, read_document(file)) for file in files]
    gate: WriteGate = GATE if threshold is None else replace(GATE, threshold=threshold)
    bench = Bench(model=model)
    with console.status("Loading the model…"):
        bench.language, bench.encoder  # noqa: B018 - loads them here, under the status line
    with EpisodicStore(store_path, encoder=bench.encoder, gate=gate) as store:
        for file, episodes in documents:
            console.print(f"[bold]{escape(str(file))}[/bold]: {len(episodes)} passages", highlight=False)
            receipts = remember(episodes, store=store, bench=bench, console=console)
            _print(receipts, explain=explain, console=console)
        console.print(f"{store.path}: {len(store)} memories", highlight=False)


def _surprised(flags: Salience, surprise: float) -> Salience:
    return replace(flags, surprise=surprise)


def _print(receipts: Sequence[tuple[Episode, Receipt]], *, explain: bool, console: Console) -> None:
    for status, style in (("stored", "green"), ("merged", "yellow"), ("gated", "red")):
        chosen = [(episode, receipt) for episode, receipt in receipts if receipt.status == status]
        if not chosen:
            continue
        console.print(f"  [{style}]{status}[/{style}] {len(chosen)}", highlight=False)
        for episode, receipt in chosen if explain else chosen[:_SHOWN]:
            console.print(f"    {escape(_short(episode.text))}", highlight=False)
            console.print(f"      [dim]{escape(receipt.reason)}[/dim]", highlight=False)
        if not explain and len(chosen) > _SHOWN:
            console.print(f"    [dim]… and {len(chosen) - _SHOWN} more (--explain shows all)[/dim]")


def _short(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
