"""Teaching: a world's episodes into stores on disk, and the stores opened again by the process that answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from hippo_adapters import HiddenStateEncoder, LanguageModel, read
from hippo_core import Encoder, EventLog, Salience, from_jsonable, to_jsonable
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.predictions import Prediction
from hippo_lab.worlds import World, dump_world, load_world
from numpy.typing import NDArray

STORES = ("plain", "gated", "hidden", "emptied")
"""Everything written; behind the gate; keyed by the model's hidden states; everything deleted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """What teaching one world did, and how long it took."""

    suite: str
    seed: int
    episodes: int
    encode_seconds: float
    write_seconds: float
    surprise_seconds: float = 0.0
    kept: int | None = None
    """Episodes that the gate wrote; None where no gated store was made."""
    kept_gold: float | None = None
    """Share of the questions whose gold episode the gate wrote."""
    mean_surprise: float | None = None
    """Nats a token over the taught texts."""
    store_bytes: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtWorld:
    """A world with the stores that were taught it."""

    world: World
    folder: Path
    encoder: Encoder
    language: Callable[[], LanguageModel]
    """Loads the model at the first call: most arms never need it here."""

    def vectors(self) -> NDArray[np.float32]:
        """Return the sentence vectors of the items, computed once at teaching, shape (items, dim)."""
        return np.load(self.folder / "vectors.npy")

    def open(self, store: str) -> EpisodicStore:
        """Open one of `STORES`; the caller closes it."""
        path = self.folder / f"{store}.db"
        if store == "hidden":
            return EpisodicStore(path, encoder=HiddenStateEncoder(self.language()), lexical_weight=0.0)
        return EpisodicStore(path, encoder=self.encoder)


def teach(
    world: World,
    folder: Path,
    *,
    stores: Collection[str],
    encoder: Encoder,
    language: Callable[[], LanguageModel],
    gate: WriteGate,
    events: EventLog,
    clock: Callable[[], float] = time.perf_counter,
) -> Teaching:
    """Write a world's episodes into the wanted stores, and the world beside them.

    Args:
        world: what to teach.
        folder: made here.
        stores: some of `STORES`; "plain" is always made.
        encoder: the sentence encoder, for every store but "hidden".
        language: returns the model that measures surprise for "gated" and makes the keys of "hidden".
        gate: of "gated".
        events: where each gate decision goes.
        clock: seconds.
    """
    folder.mkdir(parents=True)
    dump_world(world, folder / "world.jsonl")
    episodes = [item.episode for item in world.items]
    start = clock()
    vectors = encoder.encode([episode.text for episode in episodes])
    encoded = clock()
    np.save(folder / "vectors.npy", vectors)
    keys = list(vectors)
    with EpisodicStore(folder / "plain.db", encoder=encoder) as store:
        store.write_many(episodes, keys=keys)
    written = clock()
    figures = Teaching(
        suite=world.suite,
        seed=world.seed,
        episodes=len(episodes),
        encode_seconds=encoded - start,
        write_seconds=written - encoded,
    )
    if "emptied" in stores:
        with EpisodicStore(folder / "emptied.db", encoder=encoder) as store:
            receipts = store.write_many(episodes, keys=keys)
            store.delete([receipt.id for receipt in receipts if receipt.id is not None])
    if "gated" in stores:
        start = clock()
        surprises = [reading.nll for reading in read(language(), [episode.text for episode in episodes])]
        seconds = clock() - start
        surprised = [
            replace(episode, salience=Salience(surprise=surprise))
            for episode, surprise in zip(episodes, surprises, strict=True)
        ]
        with EpisodicStore(folder / "gated.db", encoder=encoder, gate=gate, events=events) as store:
            receipts = store.write_many(surprised, keys=keys)
        kept = {item.key for item, receipt in zip(world.items, receipts, strict=True) if receipt.id is not None}
        figures = replace(
            figures,
            surprise_seconds=seconds,
            mean_surprise=sum(surprises) / len(surprises),
            kept=len(kept),
            kept_gold=sum(not kept.isdisjoint(question.gold) for question in world.questions) / len(world.questions),
        )
    if "hidden" in stores:
        with EpisodicStore(folder / "hidden.db", encoder=HiddenStateEncoder(language()), lexical_weight=0.0) as store:
            store.write_many(episodes)
    figures = replace(figures, store_bytes={path.stem: path.stat().st_size for path in sorted(folder.glob("*.db"))})
    (folder / "teaching.json").write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")
    return figures


def reopen(folder: Path, *, encoder: Encoder, language: Callable[[], LanguageModel]) -> TaughtWorld:
    """Return what `teach` left in `folder`."""
    return TaughtWorld(world=load_world(folder / "world.jsonl"), folder=folder, encoder=encoder, language=language)


def read_teaching(folder: Path) -> Teaching:
    """Return the figures that `teach` left in `folder`."""
    return Teaching(**json.loads((folder / "teaching.json").read_text(encoding="utf-8")))


def write_predictions(folder: Path, predictions: Sequence[Prediction]) -> None:
    """Leave one world's answers beside its stores."""
    lines = [json.dumps(to_jsonable(prediction), ensure_ascii=False) for prediction in predictions]
    (folder / "predictions.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def read_predictions(folder: Path) -> list[Prediction]:
    """Return what `write_predictions` left in `folder`."""
    with (folder / "predictions.jsonl").open(encoding="utf-8") as file:
        return [from_jsonable(Prediction, json.loads(line)) for line in file]
