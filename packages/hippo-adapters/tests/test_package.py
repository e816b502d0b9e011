import re
import subprocess
import sys
from pathlib import Path

import hippo_adapters
import pytest


def test_all_is_sorted_and_complete():
    exported = list(hippo_adapters.__all__)
    assert sorted(exported, key=lambda name: (not name.isupper(), not name[0].isupper(), name)) == exported
    assert all(hasattr(hippo_adapters, name) for name in exported)


def test_it_knows_no_store():
    code = (
        "import sys, hippo_adapters; print([m for m in sys.modules if m.startswith(('hippo_episodic', 'hippo_lab'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.strip() == "[]"


@pytest.mark.model
def test_the_readme_example_says_what_it_promises(capsys):
    readme = Path(__file__).parent.parent / "README.md"
    (code,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(readme), "exec"), {})
    with_memory, without, surprised, capital = capsys.readouterr().out.splitlines()
    assert with_memory == "harbour"
    assert without != "harbour"
    assert surprised == "True"
    assert capital.startswith("Paris")
