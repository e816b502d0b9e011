"""report.md and report.html: what a run found, with its plots and with answers to read.

The HTML is one file without outside assets, its images inline. The Markdown keeps its images in `plots/` beside it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hippo_lab.plots import arms_plot
from hippo_lab.predictions import Prediction
from hippo_lab.tables import Table, Verdict, arms_table, differences_table, effect_verdict, run_lines

EXAMPLES = 3
"""Right and wrong answers shown for each arm of a suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A plot with its caption."""

    name: str
    """File name without ending."""
    caption: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One suite's part of the report, or a part that an experiment adds (then without tables)."""

    title: str
    verdict: Verdict | None = None
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    text: str = ""
    """Plain paragraphs, separated by blank lines."""
    examples: tuple[Prediction, ...] = ()


def write_report(
    folder: str | Path,
    document: Mapping[str, Any],
    predictions: Sequence[Prediction],
    *,
    extra: Sequence[Section] = (),
) -> tuple[Path, Path]:
    """Write `report.md` and `report.html` into `folder` and return their paths.

    Args:
        folder: the run's.
        document: the content of `metrics.json`.
        predictions: of all suites and arms; the first right and wrong ones of each arm are shown.
        extra: further sections, for instance a keep-rate curve; they come after the suites.
    """
    folder = Path(folder)
    sections = [
        *(_suite_section(name, suite, predictions) for name, suite in document["suites"].items()),
        *extra,
    ]
    markdown, page = folder / "report.md", folder / "report.html"
    for picture in (picture for section in sections for picture in section.pictures):
        target = folder / "plots" / f"{picture.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture.png)
    markdown.write_text(_markdown(document, sections), encoding="utf-8")
    page.write_text(_html(document, sections), encoding="utf-8")
    return markdown, page


def pick_examples(predictions: Sequence[Prediction], *, each: int = EXAMPLES) -> tuple[Prediction, ...]:
    """Return the first `each` right and the first `each` wrong predictions of every arm, in order."""
    picked: list[Prediction] = []
    for arm in dict.fromkeys(prediction.arm for prediction in predictions):
        rows = [prediction for prediction in predictions if prediction.arm == arm]
        picked += [row for row in rows if _right(row)][:each] + [row for row in rows if not _right(row)][:each]
    return tuple(picked)


def _suite_section(name: str, suite: Mapping[str, Any], predictions: Sequence[Prediction]) -> Section:
    tables = [arms_table(name, suite), *([differences_table(name, suite)] if suite["differences"] else [])]
    pictures: tuple[Picture, ...] = ()
    if any("em" in row for row in suite["arms"].values()):
        png = arms_plot(suite["arms"], metric="em", title=f"{name}: exact match by arm")
        pictures = (Picture(name=f"{name}-em", caption="Normalised exact match with 95 % intervals.", png=png),)
    return Section(
        title=name,
        verdict=effect_verdict(name, suite),
        tables=tuple(tables),
        pictures=pictures,
        examples=pick_examples([row for row in predictions if row.suite == name]),
    )


def _markdown(document: Mapping[str, Any], sections: Sequence[Section]) -> str:
    lines = [f"# {document['experiment']}", ""]
    lines += [f"- {name}: {_cell(value)}" for name, value in run_lines(document["run"])] + [""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.verdict is not None:
            mark = "🟢" if section.verdict.tone == "good" else "🔴"
            lines += [f"{mark} **{section.verdict.text}**", ""]
        if section.text:
            lines += [section.text, ""]
        for picture in section.pictures:
            lines += [f"![{picture.caption}](plots/{picture.name}.png)", ""]
        for table in section.tables:
            lines += [f"### {table.title}", "", f"| {' | '.join(map(_cell, table.head))} |"]
            lines += ["|---" + "|---:" * (len(table.head) - 1) + "|"]
            lines += [f"| {' | '.join(map(_cell, row))} |" for row in table.rows] + [""]
        if section.examples:
            lines += ["### Some answers", ""]
            for row in section.examples:
                mark = "right" if _right(row) else "wrong"
                lines += [
                    f"- `{row.arm}` {mark}: **{_cell(row.question)}** → {_cell(row.text) or '(nothing)'} "
                    f"(wanted: {_cell(row.wanted)}{_fault(row)})"
                ]
                lines += [f"  - {_cell(trace.text)}" for trace in row.traces[:2]]
            lines += [""]
    return "\n".join(lines)


_STYLE = """
:root{--ink:#1f2328;--soft:#59636e;--line:#d8dee4;--wash:#f6f8fa;--good:#1a7f37;--bad:#cf222e;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--wash:#151b23;--good:#3fb950;
--bad:#f85149;--paper:#0d1117}img{filter:none;background:#fff}}
*{box-sizing:border-box}body{margin:0 auto;max-width:70rem;padding:2rem 1.25rem 4rem;background:var(--paper);
color:var(--ink);font:16px/1.55 system-ui,sans-serif}h1{margin:0 0 1rem}h2{margin:3rem 0 1rem;padding-top:1rem;
border-top:1px solid var(--line)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.scroll{overflow-x:auto}table{border-collapse:collapse;
font-size:.875rem;font-variant-numeric:tabular-nums;margin:.4rem 0 1.4rem}caption{text-align:left;font-weight:600;
padding:.4rem 0}th,td{padding:.35rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}
tbody tr:hover{background:var(--wash)}
.verdict{padding:.7rem 1rem;border-left:4px solid;border-radius:4px;background:var(--wash);font-weight:600}
.good{border-color:var(--good);color:var(--good)}.bad{border-color:var(--bad);color:var(--bad)}figure{margin:1.2rem 0}
img{max-width:min(100%,46rem);height:auto;border-radius:6px}figcaption{color:var(--soft);font-size:.85rem}
details{margin:.35rem 0;border:1px solid var(--line);border-radius:6px;padding:.4rem .8rem}summary{cursor:pointer}
code{font-size:.85em;background:var(--wash);padding:.1em .35em;border-radius:4px}pre{white-space:pre-wrap;
font-size:.8rem;background:var(--wash);padding:.7rem;border-radius:6px;overflow-wrap:anywhere}li{margin:.15rem 0}
.tag{font-size:.75rem;font-weight:700;margin-right:.5rem}.tag.good{color:var(--good)}.tag.bad{color:var(--bad)}
"""


def _html(document: Mapping[str, Any], sections: Sequence[Section]) -> str:
    title = html.escape(document["experiment"])
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in run_lines(document["run"])
    )
    body = "".join(map(_html_section, sections))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><dl>{facts}</dl>{body}</body></html>\n"
    )


def _html_section(section: Section) -> str:
    parts = [f"<section><h2>{html.escape(section.title)}</h2>"]
    if section.verdict is not None:
        parts.append(f'<p class="verdict {section.verdict.tone}">{html.escape(section.verdict.text)}</p>')
    parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in section.text.split("\n\n") if paragraph.strip()]
    for picture in section.pictures:
        data = base64.b64encode(picture.png).decode("ascii")
        caption = html.escape(picture.caption)
        parts.append(
            f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    for table in section.tables:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
        )
        parts.append(
            f'<div class="scroll"><table><caption>{html.escape(table.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    if section.examples:
        parts.append("<h3>Some answers</h3>" + "".join(map(_html_example, section.examples)))
    return "".join(parts) + "</section>"


def _html_example(row: Prediction) -> str:
    tone, word = ("good", "right") if _right(row) else ("bad", "wrong")
    traces = "".join(f"<li>{html.escape(trace.text)}</li>" for trace in row.traces)
    traces = f"<ul>{traces}</ul>" if traces else "<p>No traces.</p>"
    prompt = f"<pre>{html.escape(row.prompt)}</pre>" if row.prompt else ""
    wanted = html.escape(row.wanted + _fault(row))
    return (
        f'<details><summary><span class="tag {tone}">{word}</span><code>{html.escape(row.arm)}</code> '
        f"{html.escape(row.question)} → <b>{html.escape(row.text) or '(nothing)'}</b> "
        f"<small>wanted: {wanted}</small></summary>{traces}{prompt}</details>"
    )


def _right(row: Prediction) -> bool:
    return row.scores.get("em") == 1.0


def _fault(row: Prediction) -> str:
    return f"; malformed: {row.fault}" if row.fault is not None else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
