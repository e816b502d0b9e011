"""The import contracts of pyproject.toml hold, and would notice if they did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the sources under `folder`, which go before those installed."""
    sources = os.pathsep.join(str(path) for path in sorted(folder.glob("*/*/src")))
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layers_hold(root):
    result = lint_imports(root)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("packages/hippo-core/src/hippo_core", "hippo_episodic"),
        ("packages/hippo-episodic/src/hippo_episodic", "hippo_adapters"),
        ("packages/hippo-episodic/src/hippo_episodic", "torch"),
        ("packages/hippo-adapters/src/hippo_adapters", "hippo_episodic"),
        ("packages/hippo-adapters/src/hippo_adapters", "rich"),
        ("apps/lab/src/hippo_lab", "hei_nw"),
    ],
)
def test_a_wrong_import_is_noticed(root, tmp_path, importer, imported):
    shutil.copy(root / "pyproject.toml", tmp_path)
    for source in root.glob("*/*/src"):
        shutil.copytree(source, tmp_path / source.relative_to(root))
    (tmp_path / importer / "wrong.py").write_text(f"import {imported}\n", "utf-8")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{Path(importer).name}.wrong -> {imported}" in result.stdout
