"""The command `hippo-train`."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hippo_core import HippoError
from hippo_core.errors import InvalidInputError

_CONF = Path(__file__).parent / "conf"


def main() -> None:
    """Run what the command line asks for; errors are one sentence, not a traceback."""
    try:
        import hydra
        from hydra.core.hydra_config import HydraConfig
        from omegaconf import DictConfig, OmegaConf

        from hippo_train.commands import COMMANDS
    except ImportError as exc:
        sys.exit(f"hippo-train: the command needs {exc.name}. Run: pip install 'hippo-train[cli]'")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    given = sys.argv[1:]
    sys.argv[1:] = spelt_out(given) or ["--help"]  # a training takes long: it is asked for, not the default
    check_keys(sys.argv[1:])

    @hydra.main(version_base="1.3", config_path=str(_CONF), config_name="config")
    def run(config: DictConfig) -> None:
        from rich.console import Console

        resolved: Any = OmegaConf.to_container(config, resolve=True)
        try:
            chosen = COMMANDS[HydraConfig.get().runtime.choices["train"]]
            chosen(resolved, command=shlex.join(["hippo-train", *given]), console=Console())
        except HippoError as exc:  # Hydra would show a traceback
            _fail(exc)
        except KeyboardInterrupt:
            sys.exit(130)

    run()


def spelt_out(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as Hydra reads them.

    The seeds write the bare `train/qlora` for `train=qlora`, a night is a verb, and a model may be named that has no
    configuration of its own: a folder, a file or a Hugging Face id.

    Example:
        >>> spelt_out(["model=llama32-3b", "train/qlora", "train.seq_len=1024"])
        ['model=llama32-3b', 'train=qlora', 'train.seq_len=1024']
        >>> spelt_out(["model=./my-model"])
        ['model.name=./my-model']
        >>> spelt_out(["consolidate", "store=memory.db", "--watch"])
        ['train=consolidate', 'memory.episodic=memory.db', 'train.watch=true']
    """
    spelt: list[str] = []
    for argument in arguments:
        argument = {"consolidate": "train=consolidate", "--watch": "train.watch=true"}.get(argument, argument)
        argument = re.sub(r"^store=", "memory.episodic=", argument)
        if group := re.fullmatch(r"(train|model)/([\w-]+)", argument):
            argument = f"{group[1]}={group[2]}"
        if (
            argument.startswith("model=")
            and not (_CONF / "model" / f"{argument.removeprefix('model=')}.yaml").is_file()
        ):
            argument = f"model.name={argument.removeprefix('model=')}"
        spelt.append(argument)
    return spelt


def check_keys(arguments: Sequence[str]) -> None:
    """End with a sentence where a key is none: Hydra's own advice is to add it."""
    from difflib import get_close_matches

    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    overrides = [argument for argument in arguments if not argument.startswith("-")]
    with initialize_config_dir(str(_CONF), version_base="1.3"):
        try:
            compose("config", overrides=overrides)
            return
        except HydraException as exc:
            said = str(exc).splitlines()[0].rstrip(".")
        # Keys of the groups that were chosen, where the choice itself is right
        groups = [override for override in overrides if re.match(r"(train|model)=", override)]
        try:
            config: Any = OmegaConf.to_container(compose("config", overrides=groups))
        except HydraException:
            config = {}
    known = sorted(_leaves(config))
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if known and key not in (*known, "train", "model"):
            ends = [name for name in known if name.rpartition(".")[2] == key]
            near = ends or get_close_matches(key, known, n=1)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            _fail(InvalidInputError(f"`{key}` is no key.{meant} `hippo-train --help` lists all of them."))
    _fail(InvalidInputError(f"{said}. `hippo-train --help` lists what there is."))


def _leaves(config: Any, prefix: str = "") -> list[str]:
    if not isinstance(config, dict) or not config:
        return [prefix]
    return [leaf for key, value in config.items() for leaf in _leaves(value, f"{prefix}.{key}".lstrip("."))]


def _fail(error: HippoError) -> NoReturn:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True).print(f"[red]hippo-train:[/red] {escape(str(error))}", highlight=False)
    sys.exit(1)
