import subprocess
import sys

import hippo_adapters


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
