"""A night as a page: what was replayed, learnt, refused and forgotten, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from hippo_train.consolidation.config import ConsolidationConfig

if TYPE_CHECKING:
    from hippo_train.consolidation.night import CheckedQuestion, NightReport

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 240, 44, 14, 42
_CLASS = {True: "good", False: "bad", None: "quiet"}
_SHOWN = 6  # memories of a kind; the others can be unfolded
_STYLE = """
body { font: 16px/1.5 Georgia, serif; color: #222; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1, h2 { font-weight: normal; } h1 { font-size: 2rem; margin-bottom: 0; } .quiet { color: #777; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem .3rem 0; vertical-align: top; }
th { font-weight: normal; color: #777; border-bottom: 1px solid #ddd; } .first td { border-top: 1px solid #8883; }
summary { cursor: pointer; color: #777; } .good { color: #1a7f37; } .bad { color: #b42318; }
svg { width: 100%; } svg text { font: 14px Georgia, serif; fill: #777; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #ddd; } .good { color: #4ac26b; } .bad { color: #ff7b72; }
}
"""


def write_report(report: NightReport, path: Path, *, name: str, model: str, config: ConsolidationConfig) -> None:
    """Write a night's report as one HTML file that needs nothing else."""
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(name)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>\n"
        f"<h1>{escape(name)}</h1>\n<p class=quiet>{escape(model)}, {report.seconds / 60:.1f} minutes</p>\n"
        f"{_verdict(report)}\n{_summary(report)}\n{_cost(report, config)}\n{_curve(report)}\n"
        f"{_memories(report)}\n{_unasked(report)}\n</html>\n",
        encoding="utf-8",
    )


def _verdict(report: NightReport) -> str:
    if not report.refused_for:
        return "<p class=good>The night was <b>committed</b>: its weights are in force.</p>"
    reasons = "".join(f"<li>{escape(reason)}" for reason in report.refused_for)
    return (
        f"<p class=bad>The night was <b>refused</b>, and nothing changed:</p><ul class=bad>{reasons}</ul>"
        "<p>What follows is what its weights would have done.</p>"
    )


def _summary(report: NightReport) -> str:
    new = [each for each in report.checked if not each.earlier]
    right = sum(each.right for each in new)
    rows = (
        ("Replayed", f"{len(report.replayed)} memories for the first time, {len(report.rehearsed)} of earlier nights"),
        (
            "Learnt",
            f"{len(set(report.learnt) & set(report.replayed))} of the new ones: with the store off, all that was asked "
            f"about them is answered; {right} of {len(new)} questions in all, none of them practised (but those about "
            "memories of which hardly any question could be made)",
        ),
        ("Not taught", f"{len(report.unasked)} memories, because no question could be made of them"),
        ("Forgotten", f"{len(report.forgotten)} memories of earlier nights"),
    )
    return "<table>" + "".join(f"<tr><td>{name}<td>{said}" for name, said in rows) + "</table>"


def _cost(report: NightReport, config: ConsolidationConfig) -> str:
    if report.guards is None:
        return ""
    found, held = report.guards, report.guards.held(config)
    kept = "no earlier nights" if found.retention is None else f"{found.retention:.1%}"
    rows = (
        (
            "Perplexity on other text",
            f"{found.perplexity_ratio - 1:+.1%}",
            f"at most {config.perplexity_limit - 1:+.1%}",
            held["perplexity_ratio"],
        ),
        (
            "Shift of what is expected there (KL, nats a token)",
            f"{found.divergence:.4f}",
            f"at most {config.divergence_limit}",
            held["divergence"],
        ),
        (
            "Everyday answers: tokens that the base model gave at least 50 %, unchanged",
            f"{found.locality:.1%}",
            f"at least {config.locality_limit:.0%}",
            held["locality"],
        ),
        (
            "Facts of earlier nights still known",
            kept,
            f"at least {config.retention_limit:.0%}",
            held["retention"],
        ),
        (
            "Everyday answers: all tokens, unchanged, also where two were as good as equal",
            f"{found.agreement:.1%}",
            "",
            None,
        ),
        ("Everyday answers: unchanged to the last token", f"{found.unchanged:.1%}", "", None),
    )
    cells = "".join(
        f"<tr><td>{what}<td class={_CLASS[good]}>{value}<td class=quiet>{limit}" for what, value, limit, good in rows
    )
    return f"<h2>What it cost</h2><table><tr><th><th>now<th>limit{cells}</table>"


def _curve(report: NightReport) -> str:
    """Return the loss of every step, and its running mean, as a drawing."""
    losses = [each.traces for each in report.losses if each.traces is not None]
    if len(losses) < 2:
        return ""
    top = max(losses)
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - 10
    ticks = "".join(
        f"<text x={_LEFT - 6} y={_y(value, top) + 5:.0f} text-anchor=end>{value:.1f}</text>"
        for value in (0.0, top / 2, top)
    )
    ticks += "".join(
        f"<text x={_x(step - 1, len(losses)):.0f} y={floor + 18} text-anchor=middle>{step}</text>"
        for step in sorted({1, (len(losses) + 1) // 2, len(losses)})
    )
    return (
        f"<h2>How it was learnt</h2><svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='Loss by step'>"
        f"<path d='M{_LEFT} {_TOP}V{floor}H{right}' fill=none stroke='#bbb'/>{ticks}"
        f"<polyline points='{_points(losses, top)}' fill=none stroke='#0969da' stroke-opacity=.25 />"
        f"<polyline points='{_points(_smoothed(losses), top)}' fill=none stroke='#0969da' stroke-width=2 />"
        f"<text x={(_LEFT + right) // 2} y={_HEIGHT - 6} text-anchor=middle>step; the line is the running mean "
        "of the loss of an answer's token, in nats</text></svg>"
    )


def _x(place: int, count: int) -> float:
    return _LEFT + (_WIDTH - 10 - _LEFT) * place / (count - 1)


def _y(loss: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * loss / top


def _points(losses: Sequence[float], top: float) -> str:
    return " ".join(f"{_x(i, len(losses)):.1f},{_y(loss, top):.1f}" for i, loss in enumerate(losses))


def _smoothed(values: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in values:
        found.append(value if not found else 0.9 * found[-1] + 0.1 * value)
    return found


def _memories(report: NightReport) -> str:
    """Return what was asked, memory by memory, those of a kind together."""
    asked = sorted(report.checked, key=lambda each: each.trace)
    several = [list(group) for _, group in groupby(asked, key=lambda each: each.trace)]
    new = [each for each in several if not each[0].earlier]
    earlier = [each for each in several if each[0].earlier]
    right = [sum(question.right for question in each) for each in new]
    groups = (
        ("Forgotten", [each for each in earlier if not all(question.right for question in each)]),
        ("Learnt", [each for each, count in zip(new, right, strict=True) if count == len(each)]),
        ("Learnt in part", [each for each, count in zip(new, right, strict=True) if 0 < count < len(each)]),
        ("Not learnt", [each for each, count in zip(new, right, strict=True) if count == 0]),
        ("Still known from earlier nights", [each for each in earlier if all(question.right for question in each)]),
    )
    return "\n".join(f"<h2>{title}: {len(found)}</h2>{_table(found)}" for title, found in groups if found)


def _table(memories: Sequence[Sequence[CheckedQuestion]]) -> str:
    first, rest = (_rows(memories[:_SHOWN]), _rows(memories[_SHOWN:]))
    head = "<table><tr><th>asked<th>before<th>now<th>correct"
    more = f"<details><summary>{len(memories) - _SHOWN} more</summary>{head}{rest}</table></details>" if rest else ""
    return f"{head}{first}</table>{more}"


def _rows(memories: Sequence[Sequence[CheckedQuestion]]) -> str:
    return "".join(
        f"<tr{' class=first' if place == 0 else ''}><td>{escape(each.question)}<td class=quiet>{_said(each.before)}"
        f"<td class={'good' if each.right else 'bad'}>{_said(each.after)}<td>{escape(each.answer)}"
        for memory in memories
        for place, each in enumerate(memory)
    )


def _said(text: str) -> str:
    return escape(text.strip()) or "<i>nothing</i>"


def _unasked(report: NightReport) -> str:
    if not report.unasked:
        return ""
    ids = ", ".join(map(str, sorted(report.unasked)))
    return (
        f"<h2>Not taught: {len(report.unasked)}</h2><p>No question could be made of these memories, because of "
        "how they are worded, or because another corrects them or fits every question as well. They do not count as "
        f"known, and the store keeps them.</p><details><summary>their ids</summary><p>{ids}</p></details>"
    )
