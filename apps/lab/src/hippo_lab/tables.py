"""The tables of a result, as rows of text, for the console, Markdown and HTML alike. Source: `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["plain", "good", "bad"]

_ORDER = (
    "em", "em_strict", "f1", "p_at_1", "contradiction_rate", "prompt_tokens", "kv_bytes", "flops", "latency_ms",
    "first_token_ms", "token_ms", "tool_call_ms", "store_bytes",
)  # fmt: skip
_HEADS: dict[str, str] = {
    "em": "EM", "em_strict": "strict EM", "f1": "F1", "p_at_1": "P@1", "contradiction_rate": "stale",
    "prompt_tokens": "tokens", "kv_bytes": "KV bytes", "flops": "FLOPs", "latency_ms": "ms",
    "first_token_ms": "ms to first token", "token_ms": "ms a token", "tool_call_ms": "tool ms",
    "store_bytes": "store bytes",
}  # fmt: skip
_COMPACT = ("em", "p_at_1", "prompt_tokens", "latency_ms")
_UNITS = (
    "prompt_tokens", "kv_bytes", "flops", "latency_ms", "first_token_ms", "token_ms", "tool_call_ms", "store_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text; the first column is a name, the others are numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sentence that must not be overlooked."""

    text: str
    tone: Tone


def arms_table(suite: str, document: Mapping[str, Any], *, compact: bool = False) -> Table:
    """Return each arm's metrics with their 95 % intervals; costs as means only.

    Args:
        suite: its name.
        document: `metrics["suites"][suite]`.
        compact: for terminals, show the main metrics only, and the interval of `em` alone.
    """
    arms: Mapping[str, Mapping[str, Mapping[str, Any]]] = document["arms"]
    present = dict.fromkeys(name for row in arms.values() for name in row)
    metrics = [name for name in _ORDER if name in present] + [name for name in present if name not in _ORDER]
    if compact:
        metrics = [name for name in metrics if name in _COMPACT or name.startswith("recall@")]
    rows = [
        (arm, *(_cell(name, row[name], compact) if name in row else "–" for name in metrics), _count(row))
        for arm, row in arms.items()
    ]
    heads = [_head(name) for name in metrics]
    return Table(title=f"{suite}: arms, mean [95 % interval]", head=("arm", *heads, "asked × seeds"), rows=tuple(rows))


def differences_table(suite: str, document: Mapping[str, Any]) -> Table:
    """Return the paired differences with p values."""
    rows: list[tuple[str, ...]] = [
        (
            f"{row['a']} − {row['b']}",
            _head(row["metric"]),
            f"{row['mean']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]",
            f"{row['p']:.3g}" if row["p"] >= 0.001 else "< 0.001",
        )
        for row in document["differences"]
    ]
    return Table(
        title=f"{suite}: paired differences", head=("arms", "metric", "difference", "p (Holm)"), rows=tuple(rows)
    )


def effect_verdict(suite: str, document: Mapping[str, Any]) -> Verdict:
    """Return what the effect test says about the suite."""
    effect = document.get("effect")
    if effect is None:
        return Verdict(
            text=f"{suite}: no effect test, because the run had no emptied and shuffled controls.", tone="bad"
        )
    figures = f"EM {effect['full']:.3f} full, {effect['emptied']:.3f} emptied, {effect['shuffled']:.3f} shuffled"
    bound = next((row["low"] for row in document["differences"] if row["b"] == "max(emptied, shuffled)"), None)
    margin = "" if bound is None else f"; lower 95 % bound of the difference {bound:+.3f}, which must exceed +0.2"
    word = "PASSED" if effect["passed"] else "FAILED: these answers do not come from the memory's content"
    return Verdict(text=f"{suite}: effect test {word} ({figures}{margin}).", tone="good" if effect["passed"] else "bad")


def run_lines(run: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return what the run came from, as names and values."""
    return [
        ("command", run["command"]),
        ("model", run["model"]),
        ("seeds", ", ".join(map(str, run["seeds"]))),
        ("commit", run["commit"] + (" with uncommitted changes" if run["dirty"] else "")),
        ("configuration", run["config_hash"][:16]),
        ("hardware", run["hardware"]),
        ("time", f"{run['seconds']:.0f} s"),
        ("versions", ", ".join(f"{name} {number}" for name, number in run["versions"].items())),
    ]


def _head(metric: str) -> str:
    return _HEADS.get(metric, metric)


def _cell(name: str, value: Mapping[str, Any], compact: bool) -> str:
    if name in _UNITS:
        return _short(value["mean"])
    if compact and name != "em":
        return f"{value['mean']:.3f}"
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _count(row: Mapping[str, Mapping[str, Any]]) -> str:
    first = row.get("em") or next(iter(row.values()), None)
    if first is None:
        return "–"
    return f"{first['n'] // first['seeds']} × {first['seeds']}"


def _short(number: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g}"
