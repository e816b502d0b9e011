"""What nights cost and what was still known after each: tables, the retention curve, and figures for `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hippo_lab.metrics import SuiteMetrics
from hippo_lab.plots import Curve, curves_plot
from hippo_lab.report import Picture, Section
from hippo_lab.statistics import Interval, mean_interval
from hippo_lab.tables import Table

from hei_nw.sleeping import Rested

MODES = {
    "B0 no memory": "none",
    "B1 store on": "cross_attention",
    "B2 night, on": "consolidated+cross_attention",
    "B3 night, off": "consolidated",
}
"""What the modes of HEI-NW are called, and the arms that they are."""
_COST = {"perplexity_ratio": 3, "divergence": 4, "locality": 3, "agreement": 3}
"""Guards and their digits: see `hippo_train.GuardReport`."""
_COST_HEAD = ("ppl ratio", "KL", "locality", "tokens")


def nights_section(rested: Sequence[Rested], suites: Mapping[str, SuiteMetrics]) -> Section:
    """Return what the nights cost and what was still known after each, with the retention curve."""
    tables: list[Table] = []
    pictures: list[Picture] = []
    for suite in dict.fromkeys(one.suite for one in rested):
        told = [one for one in rested if one.suite == suite]
        tables += [_nights_table(suite, told), _modes_table(suite, suites[suite], told)]
        if nights := max((len(one.nights) for one in told if one.asked), default=0):
            tables.append(_retention_table(suite, told, nights))
            pictures.append(_retention_picture(suite, told, nights))
    return Section(
        title="Nights",
        tables=tuple(tables),
        pictures=tuple(pictures),
        text="Perplexity ratio and KL, in nats a token, are on text that was not practised. Tokens is the share of "
        "the tokens of everyday answers that are still the likeliest, locality that of those that the base model was "
        "sure of. What a night replayed, learnt, refused and forgot is "
        "in the report.html beside its weights.",
    )


def with_nights(metrics: SuiteMetrics, rested: Sequence[Rested]) -> SuiteMetrics:
    """Return a suite's metrics with what the nights cost and left, beside the answers that their weights gave.

    The arms that wear them get the guards of the night in force, means over the worlds, as `perplexity_ratio` and so
    on; B3 also `em_day_1` and so on: exact match after the last night on what was told on that day.
    """
    cost = _cost(rested)
    last = max((len(one.nights) for one in rested if one.asked), default=0)
    left = {f"em_day_{day}": known for day in range(1, last + 1) if (known := known_after(rested, day=day, night=last))}
    changed = {
        arm: {**metrics.arms[arm], **cost, **(left if arm == MODES["B3 night, off"] else {})}
        for mode, arm in MODES.items()
        if "night" in mode and arm in metrics.arms
    }
    return replace(metrics, arms={**metrics.arms, **changed})


def known_after(rested: Sequence[Rested], *, day: int, night: int) -> Interval | None:
    """Return exact match on one day's questions after one night, over all worlds; None where none were asked."""
    asked = [
        (right, one.seed)
        for one in rested
        for each in one.asked
        if (each.day, each.night) == (day, night)
        for right in each.right
    ]
    return _interval([right for right, _ in asked], [seed for _, seed in asked]) if asked else None


def _interval(values: Sequence[float], seeds: Sequence[int]) -> Interval:
    return mean_interval(values, seeds, rng=np.random.default_rng(0))


def _cost(rested: Sequence[Rested]) -> dict[str, Interval]:
    """Return the guards of the weights in force, over the worlds that have any."""
    found = {
        one.seed: night["guards"] for one in rested for night in one.nights if night["status"] == "committed"
    }  # the last of a world stays
    return {name: _interval([guards[name] for guards in found.values()], list(found)) for name in _COST if found}


def _nights_table(suite: str, rested: Sequence[Rested]) -> Table:
    rows = [
        (
            str(one.seed),
            str(number),
            night["status"],
            f"{len(night['learnt'])} of {len({*night['replayed'], *night['rehearsed']} - {*night['unasked']})}",
            str(len(night["forgotten"])),
            *(_guard(night, name, digits) for name, digits in _COST.items()),
            f"{night['seconds'] / 60:.1f}",
        )
        for one in rested
        for number, night in enumerate(one.nights, start=1)
    ]
    shipped = ", which came with the program" if any(one.shipped for one in rested) else ""
    head = ("seed", "night", "status", "learnt", "lost", *_COST_HEAD, "min")
    return Table(title=f"{suite}: nights{shipped}", head=head, rows=tuple(rows))


def _modes_table(suite: str, metrics: SuiteMetrics, rested: Sequence[Rested]) -> Table:
    """Answers with and without the store, before and after the night, beside what the night in force cost."""
    found = _cost(rested)
    cost = [f"{found[name].mean:.{digits}f}" if found else "" for name, digits in _COST.items()]
    rows: list[tuple[str, ...]] = []
    for mode, arm in MODES.items():
        if arm in metrics.arms:
            em = metrics.arms[arm]["em"]
            base = ["1.000", "0.0000", "1.000", "1.000"] if "night" not in mode else cost
            rows.append((mode, f"{em.mean:.2f} [{em.low:.2f}, {em.high:.2f}]", *base))
    return Table(title=f"{suite}: B0 to B3", head=("mode", "EM", *_COST_HEAD), rows=tuple(rows))


def _retention_table(suite: str, rested: Sequence[Rested], nights: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for day in range(1, nights + 1):
        shares = [known_after(rested, day=day, night=night) for night in range(1, nights + 1)]
        rows.append((f"day {day}", *(f"{share.mean:.2f}" if share else "" for share in shares)))
    head = ("told on", *(f"night {night}" for night in range(1, nights + 1)))
    return Table(title=f"{suite}: EM, store off", head=head, rows=tuple(rows))


def _retention_picture(suite: str, rested: Sequence[Rested], nights: int) -> Picture:
    curves: list[Curve] = []
    for day in range(1, nights + 1):
        points = [
            (night, known) for night in range(day, nights + 1) if (known := known_after(rested, day=day, night=night))
        ]
        if points:
            curves.append(
                Curve(
                    label=f"told on day {day}",
                    x=tuple(float(night) for night, _ in points),
                    y=tuple(share.mean for _, share in points),
                    low=tuple(share.low for _, share in points),
                    high=tuple(share.high for _, share in points),
                )
            )
    png = curves_plot(
        curves, title=f"{suite}: what the weights still know", x_label="night", y_label="exact match, store off"
    )
    return Picture(name=f"{suite}-retention", caption="Exact match on each day's questions, 95 % intervals.", png=png)


def _guard(night: dict[str, Any], name: str, digits: int) -> str:
    return "" if night["guards"] is None else f"{night['guards'][name]:.{digits}f}"
