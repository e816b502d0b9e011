"""What a run came from: commit, versions, hardware and a hash of its configuration."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """Where the source stood."""

    commit: str
    """Hexadecimal; `unknown` outside a repository, without git, or before the first commit."""
    dirty: bool
    """Whether files differ from the commit, untracked ones included; True where the commit is unknown."""


def source_state(folder: str | Path) -> SourceState:
    """Ask git about the repository that `folder` is in."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if commit is None or changes is None:
        return SourceState(commit="unknown", dirty=True)
    return SourceState(commit=commit, dirty=bool(changes))


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return Python's version and those of `packages` (names as on PyPI); packages that are absent are left out."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_hardware() -> str:
    """Return one line: the machine, its cores and, where the system tells, its memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    line = f"{platform.system()} {platform.machine()}, {cores} CPU cores"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        gibibytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        line += f", {gibibytes:.0f} GiB memory"
    return line


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration, hexadecimal; the order of its keys does not matter.

    Raises:
        TypeError: a value that JSON cannot hold.
    """
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _git(folder: str | Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:  # git is not installed
        return None
    return done.stdout.strip() if done.returncode == 0 else None
