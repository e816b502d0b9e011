"""Trials as processes: the same threads for all, killed when their time is up, read from what they left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from peers import peer_class
from trial import Settings

TRIAL = Path(__file__).with_name("trial.py")


def measure(settings: Settings, *, limit_s: float, builds: Path) -> dict[str, Any]:
    """Run both phases of one peer at one size and return its figures, with `status` "ok" or what went wrong.

    Args:
        settings: of the first phase; the folders exist, the store's is empty.
        limit_s: wall-clock seconds for both phases together.
        builds: folder of libraries that were built apart.
    """
    end = time.monotonic() + limit_s
    status, reason = "ok", ""
    for phase in ("write", "recall"):
        status, reason = _run(replace(settings, phase=phase), end - time.monotonic(), builds)
        if status != "ok":
            reason = f"in phase {phase}: {reason}"
            if status == "timed out":
                reason = f"stopped after {limit_s:.0f} s, in phase {phase}"
            break
        if phase == "write":
            held = [path for path in Path(settings.store).rglob("*") if path.is_file()]
            _note(settings, size_bytes=sum(path.stat().st_size for path in held))
            for path in held:  # start-up is measured with a warm page cache
                _read_through(path)
    figures: dict[str, Any] = {"status": status} | ({"reason": reason} if reason else {})
    path = Path(settings.figures)
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        figures |= json.loads(line)
    return figures


def build(name: str, builds: Path) -> str:
    """Build what a peer needs and cannot be had as a wheel; return why that failed, "" if it did not.

    It goes into a folder of its own, on the path of this peer alone: no environment is changed.
    """
    requirement = peer_class(name).needs_building
    if not requirement or _importable(peer_class(name).packages[0]):
        return ""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        return f"{requirement} is not installed, and uv, which would build it, is not either"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(builds / name)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{requirement} could not be built: {_last_line(done.stderr)}"


def environment(threads: int, home: Path) -> dict[str, str]:
    """Return the environment of every trial: one number of threads, no telemetry, nothing in the user's home."""
    count = str(threads)
    names = ("OMP", "OPENBLAS", "MKL", "RAYON")
    return (
        dict(os.environ)
        | {f"{name}_NUM_THREADS": count for name in names}
        | {"LANCE_CPU_THREADS": count, "TOKIO_WORKER_THREADS": count}  # not LANCE_IO_THREADS: 1 of them hangs
        | {"OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}
        | {"ANONYMIZED_TELEMETRY": "False", "MEM0_TELEMETRY": "False", "MEM0_DIR": str(home), "HF_HUB_OFFLINE": "1"}
    )


def _run(settings: Settings, limit_s: float, builds: Path) -> tuple[str, str]:
    variables = environment(settings.threads, Path(settings.figures).parent)
    built = builds / settings.peer
    if built.exists():
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(built), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, str(TRIAL), settings.to_json()],
            env=variables,
            cwd=settings.data,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(0.0, limit_s),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timed out", ""
    if done.returncode < 0:
        return "failed", f"killed by signal {-done.returncode}"
    if done.returncode > 0:
        return "failed", _last_line(done.stderr)
    return "ok", ""


def _note(settings: Settings, **figures: Any) -> None:
    with Path(settings.figures).open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


def _read_through(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass


def _importable(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package.replace("-", "_")) is not None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"
