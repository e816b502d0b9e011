"""`hippo-train consolidate`: a night now, or one each night."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hippo_adapters import load_model
from hippo_core import SupportsTeaching
from hippo_core.errors import InvalidInputError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hippo_train.commands._output import output_folder
from hippo_train.commands._settings import settings
from hippo_train.consolidation import (
    ConsolidationConfig,
    LanguageModelRewriter,
    NightReport,
    Nights,
    consolidate,
    rewrite_traces,
)
from hippo_train.consolidation.trace_choice import choose_traces, known_ids

GROUP = "hippo.stores"


def run(resolved: Mapping[str, Any], *, command: str, console: Console) -> None:
    """Consolidate a store and say what came of it."""
    chosen = dict(resolved["train"])
    dry_run, watch, at = chosen.pop("dry_run"), chosen.pop("watch"), chosen.pop("at")
    made_up = chosen.pop("rewriter")
    if made_up not in ("templates", "model"):
        raise InvalidInputError(f"`train.rewriter` must be 'templates' or 'model', not {made_up!r}.")
    folder, drift_text = chosen.pop("nights"), _text(chosen.pop("drift_text"))
    config = settings(ConsolidationConfig, chosen, group="train")
    hour, minute = _time_of_day(at)
    kind, file = _chosen_store(resolved["memory"])
    if dry_run:
        with open_store(kind, file) as store:
            _show_plan(store, config, file, Path(str(folder)).expanduser(), console)
        return
    nights = Nights(output_folder(folder))
    model = load_model(**resolved["model"])
    rewriter = LanguageModelRewriter(model, seed=config.seed) if made_up == "model" else rewrite_traces
    while True:
        if watch:
            _sleep_until(_next(datetime.now().astimezone(), hour, minute), console)
        with open_store(kind, file) as store, _Bars(console) as bars:
            report = consolidate(
                store, model, nights, config, drift_text=drift_text, rewriter=rewriter, progress=bars.told
            )
        _show(report, console)
        if not watch:
            return


def open_store(kind: str, file: str) -> Any:
    """Return a store opened by the entry point of its kind.

    Raises:
        InvalidInputError: no installed package opens this kind, or what it opens cannot be taught from.
    """
    found = {each.name: each for each in entry_points(group=GROUP)}
    if kind not in found:
        raise InvalidInputError(f"No installed package opens {kind} stores. Run: pip install hippo-{kind}")
    store = found[kind].load()(file)
    if not isinstance(store, SupportsTeaching):
        raise InvalidInputError(f"{file} was opened as {kind}, and keeps no ledger of what was taught.")
    return store


def _chosen_store(memory: Mapping[str, str | None]) -> tuple[str, str]:
    given = [(kind, file) for kind, file in memory.items() if file]
    if len(given) != 1:
        raise InvalidInputError("Name the store that is to be consolidated: store=FILE.")
    return given[0]


def _text(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInputError(f"`train.drift_text`: {path} cannot be read as a text: {exc}") from exc


def _time_of_day(at: object) -> tuple[int, int]:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", str(at))
    if found is None:
        raise InvalidInputError(f"`train.at` must be a time of day such as 03:00, not {at!r}.")
    return int(found[1]), int(found[2])


def _next(now: datetime, hour: int, minute: int) -> datetime:
    """Return the next moment of this time of day."""
    moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


def _sleep_until(moment: datetime, console: Console) -> None:
    console.print(f"The next night begins at {moment:%Y-%m-%d %H:%M}; Ctrl-C ends the watch.", highlight=False)
    while (left := (moment - datetime.now().astimezone()).total_seconds()) > 0:
        time.sleep(min(left, 60.0))  # so that a clock that is set is followed


class _Bars(Progress):
    """A bar for each part of the night, from when it begins."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
        super().__init__(*columns, TimeRemainingColumn(), console=console)
        self._parts: dict[str, TaskID] = {}

    def told(self, what: str, done: int, total: int) -> None:
        if what not in self._parts:
            self._parts[what] = self.add_task(what, total=total)
        self.update(self._parts[what], completed=done, total=total)


def _show_plan(store: Any, config: ConsolidationConfig, file: str, nights: Path, console: Console) -> None:
    kept = Nights(nights) if nights.is_dir() else None
    current = kept.current if kept else None
    known = known_ids(kept) if kept else set[int]()
    # Without a night yet, marks of other folders' nights do not count: any name that has none will do
    choice = choose_traces(store, config, rewrite_traces, known=known, adapter=current.name if current else "base")
    asked = [choice.rewrites[id] for id in sorted(choice.new) if choice.rewrites[id].questions]
    console.print(
        f"{file}: {len(store):,} traces, {choice.unknown:,} of them not known to the weights. A night would replay "
        f"{len(choice.new)}"
        + (f" and pass over {len(choice.passed)} that no question can be made of" if choice.passed else "")
        + (", for instance:" if asked else "."),
        highlight=False,
    )
    for rewrite in asked[:3]:
        console.print(f"  {rewrite.statements[0]}", highlight=False, markup=False)
        console.print(f"    {rewrite.questions[0].text} {rewrite.questions[0].answer}", highlight=False, markup=False)


def _show(report: NightReport, console: Console) -> None:
    if report.night is None:
        if report.unasked:
            console.print(
                f"No question can be made of the {len(report.unasked)} traces that the weights do not know.",
                highlight=False,
            )
        else:
            console.print("There is nothing in the store that the weights do not know.")
        return
    em = "" if report.em is None else f", EM {report.em:.2f} on questions that were not practised"
    console.print(
        f"{report.status}: {len(set(report.learnt) & set(report.replayed))} of {len(report.replayed)} new traces "
        f"learnt{em}; {len(report.forgotten)} forgotten; {report.seconds / 60:.0f} minutes",
        highlight=False,
    )
    for reason in report.refused_for:
        console.print(f"  [red]{reason}[/red]", highlight=False)
    console.print(f"{report.night / 'report.html'}", highlight=False)
