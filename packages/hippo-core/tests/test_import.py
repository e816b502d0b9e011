"""What importing the package brings along."""

import subprocess
import sys
from importlib.metadata import version

import hippo_core

CODE = """
import sys, time
opened = []
sys.addaudithook(lambda event, arguments: opened.append(event) if event.startswith("socket.") else None)
start = time.perf_counter()
import hippo_core
seconds = time.perf_counter() - start
heavy = {"torch", "transformers", "sentence_transformers", "scipy", "pandas", "faiss", "pytest", "hypothesis"}
print(sorted(heavy & set(sys.modules)), opened, seconds)
assert not heavy & set(sys.modules)
assert not opened
assert seconds < 5  # a stalled machine apart, it is a tenth of a second
"""


def test_importing_is_light():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_names_are_sorted_and_there():
    assert hippo_core.__all__ == sorted(hippo_core.__all__)
    assert all(hasattr(hippo_core, name) for name in hippo_core.__all__)


def test_the_package_has_a_version():
    assert version("hippo-core")
