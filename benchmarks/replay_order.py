"""Does the order of replay matter to what a learner retains? An associator taught similar cues with conflicting values.

    python benchmarks/replay_order.py             # a few minutes on one core

Question, written before the run: with the same episodes and the same number of updates, and each order at its own best
learning rate, does the interleaved order leave more episodes answered right after the last pass than the shuffled one?
The figure: the paired difference of retention, 95 % interval, for two learners, two update sizes and two numbers of
passes.

The world: 32 groups of 8 cues, cosine about 0.9 within a group and 0 between groups; each cue has a value of its own
among 64, no two of a group the same. Cues are the keys of episodes in a real store, which makes the orders
itself; `blocked` is made here: one group after another. Saliences are random, so the priority says nothing about the
values: it can only move episodes forward or back. The learner is a linear map, or one hidden layer of 128 tanh units,
under softmax and cross-entropy, trained by plain SGD, one episode an update or sixteen. Every arm sees each episode
once a pass, and makes equally many updates: short batches are joined to full ones. A pass of the store's orders is an
epoch with a seed of its own.

The store's settings are its defaults. Learning rates are chosen on development seeds, for each arm and condition; the
test seeds only report.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Episode, HashingEncoder, Provenance, Salience
from hippo_episodic import EpisodicStore, ReplayConfig
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.statistics import holm, mean_interval, paired_difference
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEVELOPMENT, TEST = range(100, 103), range(10)
GROUPS, MEMBERS, DIM, VALUES, HIDDEN, BATCH = 32, 8, 64, 64, 128, 16
SIMILARITY = 0.9
RATES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
CONDITIONS = tuple(product(("linear", "hidden"), (1, BATCH), (1, 5)))  # learner, episodes an update, passes
ARMS = ("interleaved", "interleaved, uniform", "shuffled", "priority", "blocked")
TIME = datetime(2026, 1, 1, tzinfo=UTC)  # one for all, so that recency decides nothing
RESULT = Path(__file__).parent / "results" / "replay_order.json"


def make_world(seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Return unit cues, shape (GROUPS · MEMBERS, DIM), group by group, and the value of each."""
    rng = np.random.default_rng([seed, 1])
    groups = np.repeat(rng.standard_normal((GROUPS, DIM)), MEMBERS, axis=0)
    own = rng.standard_normal((GROUPS * MEMBERS, DIM))
    cues = np.sqrt(SIMILARITY) * groups + np.sqrt(1 - SIMILARITY) * own
    values = np.concatenate([rng.choice(VALUES, MEMBERS, replace=False) for _ in range(GROUPS)])
    return cues / np.linalg.norm(cues, axis=1, keepdims=True), values


def store_orders(cues: Array, seed: int, config: ReplayConfig, passes: int) -> list[list[int]]:
    """Return one order of the cues a pass, as a store hands them out."""
    rng = np.random.default_rng([seed, 2])
    episodes = [
        Episode(
            text=f"episode {number} of world {seed}",
            provenance=Provenance(source="world", time=TIME),
            salience=Salience(score=float(rng.random())),
        )
        for number in rng.permutation(len(cues)).tolist()
    ]
    with EpisodicStore(":memory:", encoder=HashingEncoder(dim=DIM), replay=config) as store:
        receipts = store.write_many(episodes, keys=list(cues))
        row = {receipt.id: number for number, receipt in enumerate(receipts)}
        return [
            [row[hit.id] for batch in store.replay_batches(BATCH, seed=1_000 * seed + each) for hit in batch]
            for each in range(passes)
        ]


def blocked_orders(seed: int, passes: int) -> list[list[int]]:
    """Return one order a pass: groups in random order, each one whole, its members in random order."""
    rng = np.random.default_rng([seed, 3])
    return [
        [int(group * MEMBERS + member) for group in rng.permutation(GROUPS) for member in rng.permutation(MEMBERS)]
        for _ in range(passes)
    ]


def orders_of(arm: str, cues: Array, seed: int, passes: int) -> list[list[int]]:
    if arm == "blocked":
        return blocked_orders(seed, passes)
    configs = {
        "interleaved": ReplayConfig(),
        "interleaved, uniform": ReplayConfig(exponent=0.0),
        "shuffled": ReplayConfig(order="shuffled"),
        "priority": ReplayConfig(order="priority"),
    }
    return store_orders(cues, seed, configs[arm], passes)


def retained(
    cues: Array,
    values: NDArray[np.int64],
    orders: Sequence[Sequence[int]],
    *,
    learner: str,
    size: int,
    rates: Sequence[float],
) -> Array:
    """Return 1 for each cue that a learner answers right after its last update, else 0; shape (rates, cues).

    One learner a rate, all trained side by side from the same weights.
    """
    rng = np.random.default_rng(0)
    hidden = learner == "hidden"
    targets = np.eye(VALUES)[values]
    inner = np.repeat(rng.standard_normal((1, DIM, HIDDEN)), len(rates), axis=0)
    outer = np.zeros((len(rates), HIDDEN if hidden else DIM, VALUES))
    steps = np.array(rates)[:, None, None] / (HIDDEN if hidden else 1)
    for order in orders:
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            x = cues[chosen]
            h = np.tanh(x @ inner) if hidden else np.broadcast_to(x, (len(rates), *x.shape))
            error = steps / len(chosen) * (_softmax(h @ outer) - targets[chosen])
            if hidden:
                back = (error @ outer.swapaxes(1, 2)) * (1 - h * h)
                inner -= x.T @ back
            outer -= h.swapaxes(1, 2) @ error
    h = np.tanh(cues @ inner) if hidden else cues
    return ((h @ outer).argmax(axis=2) == values).astype(np.float64)


def _softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def measure(arm: str, seeds: Sequence[int], rates: Sequence[Sequence[float]]) -> list[Array]:
    """Return for each condition what was retained at each of its rates, shape (rates, cues of all seeds)."""
    found: list[list[Array]] = [[] for _ in CONDITIONS]
    for seed in seeds:
        cues, values = make_world(seed)
        orders = orders_of(arm, cues, seed, max(passes for _, _, passes in CONDITIONS))
        for place, (learner, size, passes) in enumerate(CONDITIONS):
            found[place].append(retained(cues, values, orders[:passes], learner=learner, size=size, rates=rates[place]))
    return [np.concatenate(each, axis=1) for each in found]


def main() -> None:
    development = {
        arm: [each.mean(axis=1) for each in measure(arm, DEVELOPMENT, [RATES] * len(CONDITIONS))] for arm in ARMS
    }
    chosen = {arm: [RATES[int(means.argmax())] for means in development[arm]] for arm in ARMS}
    print("rates:", chosen, flush=True)
    scores = {arm: [each[0] for each in measure(arm, TEST, [[rate] for rate in chosen[arm]])] for arm in ARMS}
    seeds = [seed for seed in TEST for _ in range(GROUPS * MEMBERS)]
    rows: dict[str, Any] = {}
    raw: dict[str, float] = {}
    for place, (learner, size, passes) in enumerate(CONDITIONS):
        name = f"{learner}, {size} an update, {passes} pass{'es' * (passes > 1)}"
        row: dict[str, Any] = {"arms": {}, "against shuffled": {}}
        for arm in ARMS:
            interval = mean_interval(scores[arm][place], seeds, rng=np.random.default_rng(0))
            row["arms"][arm] = {
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "rate": chosen[arm][place],
                "development": float(development[arm][place].max()),
            }
            if arm != "shuffled":
                difference, p = paired_difference(
                    scores[arm][place], scores["shuffled"][place], seeds, rng=np.random.default_rng(0)
                )
                raw[f"{name}: {arm}"] = p
                row["against shuffled"][arm] = {
                    "mean": difference.mean,
                    "low": difference.low,
                    "high": difference.high,
                }
        rows[name] = row
    for key, p in holm(raw).items():
        name, arm = key.split(": ")
        rows[name]["against shuffled"][arm]["p"] = p
    for name, row in rows.items():
        print(name)
        for arm in ARMS:
            mean = row["arms"][arm]
            line = f"  {arm:22s} {mean['mean']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}] at {mean['rate']}"
            if arm != "shuffled":
                d = row["against shuffled"][arm]
                line += f"   {d['mean']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}] p {d['p']:.3f}"
            print(line)
    source = source_state(Path(__file__).parent)
    cause = {
        "command": shlex.join(["python", "benchmarks/replay_order.py"]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "numpy"]),
        "development_seeds": list(DEVELOPMENT),
        "test_seeds": list(TEST),
        "rates_tried": list(RATES),
        "p": "bootstrap, two-sided, Holm over all comparisons of this file",
    }
    RESULT.write_text(json.dumps({"cause": cause, "retention": rows}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
