"""A run's results on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from hippo_lab.tables import Table, arms_table, differences_table, effect_verdict


def print_results(document: Mapping[str, Any], *, console: Console) -> None:
    """Print each suite's arms, differences and effect test.

    Args:
        document: the content of `metrics.json`.
        console: where to.
    """
    for suite, results in document["suites"].items():
        console.print(_rich(arms_table(suite, results, compact=True)))
        if results["differences"]:
            console.print(_rich(differences_table(suite, results)))
        verdict = effect_verdict(suite, results)
        console.print(Text(verdict.text, style="bold green" if verdict.tone == "good" else "bold red"))
        console.print()


def print_tables(tables: Sequence[Table], *, console: Console) -> None:
    """Print tables that an experiment adds to its results."""
    for table in tables:
        console.print(_rich(table))


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1))
    for number, head in enumerate(table.head):
        shown.add_column(head, justify="right" if number else "left", no_wrap=True)
    for row in table.rows:
        # Text, not markup: an interval's brackets would be read as a style
        shown.add_row(*(Text(cell) for cell in row))
    return shown
