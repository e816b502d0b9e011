"""The command `hei-nw`: the experiment, and a memory that a person can use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hippo_core import HippoError
from rich.console import Console
from rich.markup import escape

DEFAULT_STORE = Path("hippo-memory.db")
DEFAULT_MODEL = "smollm2-135m"


def main() -> None:
    """Run what the command line asks for; errors are one sentence, not a traceback."""
    console = Console()
    arguments = sys.argv[1:]
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        if arguments[:1] == ["remember"]:
            _remember(arguments[1:], console)
        elif arguments[:1] == ["ask"]:
            _ask(arguments[1:], console)
        else:
            _experiment(arguments, console)
    except HippoError as exc:
        _fail(exc, console)
    except KeyboardInterrupt:
        console.print("\nStopped. What was written so far is kept.")
        sys.exit(130)


def _fail(error: HippoError, console: Console) -> NoReturn:
    console.print(f"[red]hei-nw:[/red] {escape(str(error))}", highlight=False)
    sys.exit(1)


def _experiment(arguments: Sequence[str], console: Console) -> None:
    import hydra
    from omegaconf import DictConfig, OmegaConf

    from hei_nw.config import RunConfig
    from hei_nw.experiment import run_experiment

    quiet_libraries()
    overrides: list[str] = []
    for argument in arguments:
        if overrides[-1:] == ["--days"]:
            overrides[-1:] = ["preset=days", f"days={argument}"]
        else:
            overrides.append("preset=full" if argument == "--full" else argument)
    sys.argv = ["hei-nw", *overrides]

    @hydra.main(version_base="1.3", config_path=str(Path(__file__).parent / "conf"), config_name="config")
    def run(config: DictConfig) -> None:
        resolved = OmegaConf.to_container(config, resolve=True)
        try:
            run_experiment(RunConfig.of(resolved), command=["hei-nw", *arguments], console=console)
        except HippoError as exc:  # Hydra would show a traceback
            _fail(exc, console)

    run()


def _remember(arguments: Sequence[str], console: Console) -> None:
    parser = argparse.ArgumentParser(prog="hei-nw remember", description="Read files into a memory.")
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="text, Markdown (.md) or JSON lines (.jsonl)"
    )
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="the memory; made when missing (%(default)s)")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="whose surprise counts (%(default)s)")
    parser.add_argument("--threshold", type=float, help="the write gate's τ; -1 keeps everything")
    parser.add_argument("--explain", action="store_true", help="show every decision")
    chosen = parser.parse_args(arguments)
    from hei_nw.remembering import remember_command

    quiet_libraries()
    remember_command(
        chosen.files,
        store_path=chosen.store,
        model=chosen.model,
        threshold=chosen.threshold,
        explain=chosen.explain,
        console=console,
    )


def _ask(arguments: Sequence[str], console: Console) -> None:
    parser = argparse.ArgumentParser(prog="hei-nw ask", description="Answer from a memory.")
    parser.add_argument("questions", nargs="+", metavar="QUESTION")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="the memory (%(default)s)")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="who answers (%(default)s)")
    chosen = parser.parse_args(arguments)
    from hei_nw.asking import ask_command

    quiet_libraries()
    ask_command(chosen.questions, store_path=chosen.store, model=chosen.model, console=console)


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars and notices out of ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
