"""`hei-nw ask`: an answer from memory, what it rests on, and what the model would have said without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hippo_core import Episode, Hit, InvalidInputError
from hippo_core.checks import checked_text
from hippo_episodic import EpisodicStore
from hippo_lab.arms import ArmName
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hei_nw.build import Bench
from hei_nw.recency import POOL, newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one question."""

    answer: str
    """With memory."""
    without_memory: str
    """By the same model and prompt form, nothing recalled."""
    hits: tuple[Hit[Episode], ...]
    """What was recalled, best first; the first `read` of them were in the prompt."""
    read: int


def ask(question: str, *, store: EpisodicStore, bench: Bench, show: int = 3) -> Reply:
    """Answer one question from a store.

    Args:
        question: in plain words.
        store: opened with the bench's encoder.
        bench: the model and its readers.
        show: how many recalled traces to return at least.

    Raises:
        InvalidInputError: a blank question, or an empty store.
    """
    checked_text(question, name="question")
    if len(store) == 0:
        raise InvalidInputError(f"The memory {store.path!r} is empty; fill it first: hei-nw remember FILE.")
    arm = ArmName(base="text")
    read = bench.answerer.traces_of(arm)
    hits = newest_first(question, store.recall(question, k=POOL))[: max(show, read)]
    with_memory, without = bench.answerer.answer(arm, [question, question], [hits, []])
    return Reply(answer=with_memory.text, without_memory=without.text, hits=tuple(hits), read=min(read, len(hits)))


def ask_command(questions: Sequence[str], *, store_path: Path, model: str, console: Console) -> None:
    """Print the reply to each question.

    Raises:
        InvalidInputError: there is no memory at `store_path`, or it is empty.
    """
    if not store_path.is_file():
        raise InvalidInputError(
            f"There is no memory at {str(store_path)!r}; make one with: hei-nw remember FILE --store {store_path}."
        )
    bench = Bench(model=model)
    with console.status("Loading the model…"):
        bench.language, bench.encoder  # noqa: B018 - loads them here, under the status line
    with EpisodicStore(store_path, encoder=bench.encoder) as store:
        for question in questions:
            with console.status("Remembering…"):
                reply = ask(question, store=store, bench=bench)
            _print(question, reply, console)


def _print(question: str, reply: Reply, console: Console) -> None:
    console.print(f"\n[bold]{escape(question)}[/bold]")
    console.print(f"[green]{escape(reply.answer or '(no answer)')}[/green]", highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "remembered", "from", "told", "score"):
        table.add_column(name, overflow="fold")
    for rank, hit in enumerate(reply.hits):
        origin = hit.item.provenance
        place = " › ".join(part for part in (origin.source, origin.doc_id) if part)
        if origin.span is not None:
            place += f" [{origin.span[0]}:{origin.span[1]}]"
        table.add_row(
            "read" if rank < reply.read else "",
            escape(hit.item.text),
            escape(place),
            f"{origin.time:%Y-%m-%d %H:%M}",
            f"{hit.score:.2f}",
            style="" if rank < reply.read else "dim",
        )
    console.print(table)
    console.print(f"[dim]Without memory it says:[/dim] {escape(reply.without_memory or '(nothing)')}", highlight=False)
