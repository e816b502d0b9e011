"""A night as a page: what was replayed, learnt, refused and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hippo_train.consolidation.night import CheckedQuestion, NightReport

_WIDTH, _HEIGHT, _MARGIN = 720, 200, 36
_SHOWN = 12  # questions of a kind
_STYLE = """
body { font: 16px/1.5 Georgia, serif; color: #222; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1, h2 { font-weight: normal; } h1 { font-size: 2rem; margin-bottom: 0; } .quiet { color: #777; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem .3rem 0; vertical-align: top; }
th { font-weight: normal; color: #777; border-bottom: 1px solid #ddd; }
.good { color: #1a7f37; } .bad { color: #b42318; }
svg text { font: 12px Georgia, serif; fill: #777; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #ddd; } .good { color: #4ac26b; } .bad { color: #ff7b72; }
}
"""


def write_report(report: NightReport, path: Path, *, name: str, model: str) -> None:
    """Write a night's report as one HTML file that needs nothing else."""
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(name)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>\n"
        f"<h1>{escape(name)}</h1>\n<p class=quiet>{escape(model)}, {report.seconds / 60:.1f} minutes</p>\n"
        f"{_verdict(report)}\n{_guards(report)}\n<h2>How it was learnt</h2>\n{_curve(report)}\n"
        f"{_questions(report)}\n</html>\n",
        encoding="utf-8",
    )


def _verdict(report: NightReport) -> str:
    new = [each for each in report.checked if not each.earlier]
    right = sum(each.right for each in new)
    learnt = len(set(report.learnt) & set(report.replayed))
    said = (
        f"<p>{len(report.replayed)} memories were replayed for the first time, and {len(report.rehearsed)} from "
        f"earlier nights with them. With the store off, it now answers <b>{right} of {len(new)}</b> questions about "
        f"the new ones that it never practised, and all that was asked about <b>{learnt}</b> memories.</p>"
    )
    if report.unasked:
        said += (
            f"<p>No question could be made of {len(report.unasked)} memories, because of how they are worded or "
            "because another corrects them; they are not counted as known and stay in the store alone.</p>"
        )
    if report.forgotten:
        said += f"<p class=bad>{len(report.forgotten)} memories of earlier nights are no longer answered.</p>"
    if report.refused_for:
        reasons = "".join(f"<li>{escape(reason)}" for reason in report.refused_for)
        return said + f"<p class=bad>The night was <b>refused</b> and nothing changed:</p><ul class=bad>{reasons}</ul>"
    return said + "<p class=good>The night was <b>committed</b>: its weights are in force.</p>"


def _guards(report: NightReport) -> str:
    if report.guards is None:
        return ""
    found = report.guards
    retention = "no earlier nights" if found.retention is None else f"{found.retention:.1%}"
    rows = (
        ("Perplexity on other text, to the base model's", f"{found.perplexity_ratio:.4f}"),
        ("KL from the base model there", f"{found.divergence:.4f} nats a token"),
        ("Tokens of everyday answers that it was sure of and still says", f"{found.locality:.1%}"),
        ("Tokens of everyday answers that it still says, toss-ups included", f"{found.agreement:.1%}"),
        ("Everyday answers that stayed as they were, word for word", f"{found.unchanged:.1%}"),
        ("Facts of earlier nights that are still known", retention),
    )
    return "<h2>What it cost</h2><table>" + "".join(f"<tr><td>{a}<td>{b}" for a, b in rows) + "</table>"


def _curve(report: NightReport) -> str:
    """Return the loss of a step over the night, smoothed, as a drawing."""
    losses = _smoothed([each.traces for each in report.losses if each.traces is not None])
    if len(losses) < 2:
        return "<p class=quiet>Too short to draw.</p>"
    top = max(losses)
    points = " ".join(
        f"{_MARGIN + (_WIDTH - 2 * _MARGIN) * i / (len(losses) - 1):.1f},"
        f"{_HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * loss / top:.1f}"
        for i, loss in enumerate(losses)
    )
    floor, right = _HEIGHT - _MARGIN, _WIDTH - _MARGIN
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='Loss by step'>"
        f"<path d='M{_MARGIN} {_MARGIN}V{floor}H{right}' fill=none stroke='#bbb'/>"
        f"<polyline points='{points}' fill=none stroke='#0969da' stroke-width=2 />"
        f"<text x={_MARGIN} y={_MARGIN - 10}>loss of an answer's token, nats: {losses[0]:.2f} at first, "
        f"{losses[-1]:.2f} at last</text><text x={right} y={floor + 20} text-anchor=end>step {len(losses)}</text></svg>"
    )


def _questions(report: NightReport) -> str:
    groups = (
        ("Learnt", [each for each in report.checked if each.right and not each.earlier]),
        ("Not learnt", [each for each in report.checked if not each.right and not each.earlier]),
        ("Forgotten", [each for each in report.checked if not each.right and each.earlier]),
    )
    return "\n".join(f"<h2>{title}</h2>{_table(several)}" for title, several in groups if several)


def _table(several: Sequence[CheckedQuestion]) -> str:
    rows = "".join(
        f"<tr><td>{escape(each.question)}<td class=quiet>{escape(each.before)}"
        f"<td class={'good' if each.right else 'bad'}>{escape(each.after)}<td>{escape(each.answer)}"
        for each in several[:_SHOWN]
    )
    more = f"<p class=quiet>and {len(several) - _SHOWN} more</p>" if len(several) > _SHOWN else ""
    return f"<table><tr><th>asked<th>before<th>now<th>right{rows}</table>{more}"


def _smoothed(values: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in values:
        found.append(value if not found else 0.9 * found[-1] + 0.1 * value)
    return found
