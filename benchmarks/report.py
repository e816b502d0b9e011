"""Write the result tables of the READMEs from the files in benchmarks/results.

    python benchmarks/report.py            # writes them
    python benchmarks/report.py --check    # fails if a page says anything else than its file

A page marks a table's place with `<!-- results: NAME -->` and `<!-- end results -->`; NAME is a file in
benchmarks/results without its ending, a `metrics.json` that a run wrote, or `episodic`, all sizes or `episodic:SIZE`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from episodic.table import tables

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "apps/hei-nw/README.md", "packages/hippo-episodic/README.md", "benchmarks/episodic/README.md")
BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end results -->)", re.DOTALL)


def main(check: bool) -> int:
    """Return 1 if `check` finds a page that differs from its results."""
    stale = []
    for name in PAGES:
        page = ROOT / name
        text = page.read_text("utf-8")
        written = BLOCK.sub(lambda match: match[1] + render(match[2]) + match[3], text)
        if written != text:
            stale.append(name)
            if not check:
                page.write_text(written, "utf-8")
    if check and stale:
        print(f"Out of date: {', '.join(stale)}; run python benchmarks/report.py.", file=sys.stderr)
    return int(check and bool(stale))


def render(name: str) -> str:
    """Return the tables of one result file, with their cause."""
    name, _, size = name.partition(":")
    if name == "episodic":
        return "\n".join(tables(ROOT / "benchmarks" / "results" / "episodic.json", int(size) if size else None))
    document: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    run = document["run"]
    lines = [""]
    suites = document["suites"]
    if all("em" in arm for suite in suites.values() for arm in suite["arms"].values()):
        lines += _em_table(suites)
    else:
        for title, suite in suites.items():
            lines += ["", *_recall_table(suite, head=title if len(suites) > 1 else "")][len(lines) == 1 :]
    seeds = ", ".join(map(str, run["seeds"]))
    lines += [
        "",
        f"`{run['command']}`, {run['model']}, seeds {seeds}, {run['hardware']}, {run['seconds']:.0f} s, commit "
        f"`{run['commit'][:10]}`{' with uncommitted changes' if run['dirty'] else ''}. Mean and 95 % interval; all "
        f"figures are in `benchmarks/results/{name}.json`.",
        "",
    ]
    return "\n".join(lines)


def _em_table(suites: dict[str, Any]) -> list[str]:
    arms = dict.fromkeys(arm for suite in suites.values() for arm in suite["arms"])
    rows = ["| arm | " + " | ".join(suites) + " |", "|---|" + "---|" * len(suites)]
    for arm in arms:
        cells = [_interval(suite["arms"][arm]["em"]) if arm in suite["arms"] else "" for suite in suites.values()]
        rows.append(f"| `{arm}` | " + " | ".join(cells) + " |")
    asked = [_asked(suite) for suite in suites.values()]
    rows.append("| questions × seeds | " + " | ".join(asked) + " |")
    if any("effect" in suite for suite in suites.values()):
        rows.append("| effect test | " + " | ".join(map(_verdict, suites.values())) + " |")
    return rows


def _verdict(suite: dict[str, Any]) -> str:
    if "effect" not in suite:
        return ""
    return "passed" if suite["effect"]["passed"] else "**failed**"


def _recall_table(suite: dict[str, Any], *, head: str) -> list[str]:
    metrics = dict.fromkeys(name for arm in suite["arms"].values() for name in arm)
    rows = [f"| {head}{' ' if head else ''}| " + " | ".join(metrics) + " |", "|---|" + "---|" * len(metrics)]
    for arm, values in suite["arms"].items():
        rows.append(f"| `{arm}` | " + " | ".join(_interval(values[name]) for name in metrics) + " |")
    return rows


def _interval(row: dict[str, float]) -> str:
    return f"{row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _asked(suite: dict[str, Any]) -> str:
    row = next(iter(suite["arms"].values()))["em"]
    return f"{row['n'] // row['seeds']} × {row['seeds']}"


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
