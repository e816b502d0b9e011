"""Run folders: `runs/<date>/<experiment>-<id>/` with the configuration, events, predictions and metrics of one run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hippo_core import Clock, EventLog, InvalidInputError, from_jsonable, to_jsonable

from hippo_lab.environment import config_hash
from hippo_lab.metrics import Metrics, validate_metrics
from hippo_lab.predictions import Prediction

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class RunFolder:
    """One run on disk. `create` starts one, the constructor opens one.

    Args:
        path: an existing run folder.
        clock: gives events their time.

    Raises:
        InvalidInputError: the folder holds no run.
    """

    def __init__(self, path: str | Path, *, clock: Clock) -> None:
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise InvalidInputError(f"{self.path} is not a run folder: it has no config.json.")
        self.events = EventLog(self.path / "events.jsonl", clock=clock)

    @classmethod
    def create(cls, root: str | Path, experiment: str, *, config: Mapping[str, Any], clock: Clock) -> RunFolder:
        """Make `<root>/<date>/<experiment>-<id>/` and write the resolved configuration into it.

        The id is the start of the configuration's hash, with a number where the same configuration ran before that day.

        Args:
            root: usually `runs`.
            experiment: lower-case letters, digits, `-` and `_`.
            config: the resolved configuration, made of JSON types.
            clock: its date names the folder.

        Raises:
            InvalidInputError: a name that is no folder name.
            OSError: the folder cannot be made.
        """
        if not _NAME.fullmatch(experiment):
            raise InvalidInputError(f"experiment {experiment!r} must be lower-case letters, digits, `-` and `_`.")
        day = Path(root) / clock().date().isoformat()
        day.mkdir(parents=True, exist_ok=True)
        name = f"{experiment}-{config_hash(config)[:8]}"
        number = 1
        while True:
            path = day / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
                break
            except FileExistsError:
                number += 1
        _write_json(path / "config.json", dict(config))
        return cls(path, clock=clock)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return json.loads((self.path / "config.json").read_text(encoding="utf-8"))

    def add_predictions(self, predictions: Iterable[Prediction]) -> None:
        """Append to `predictions.jsonl`."""
        lines = [json.dumps(to_jsonable(prediction), ensure_ascii=False) for prediction in predictions]
        with (self.path / "predictions.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def predictions(self) -> list[Prediction]:
        """Read `predictions.jsonl`; an empty list where there is none yet."""
        path = self.path / "predictions.jsonl"
        if not path.exists():
            return []
        with path.open(encoding="utf-8") as file:
            return [from_jsonable(Prediction, json.loads(line)) for line in file if line.strip()]

    def write_metrics(self, metrics: Metrics) -> dict[str, Any]:
        """Write `metrics.json` and return its content."""
        document = metrics.document()
        _write_json(self.path / "metrics.json", document)
        return document

    def metrics(self) -> dict[str, Any]:
        """Read and check `metrics.json`.

        Raises:
            OSError: there is none yet.
            MetricsShapeError: it was changed.
        """
        document = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))
        validate_metrics(document)
        return document


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
