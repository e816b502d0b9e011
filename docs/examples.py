"""Run the marked Python examples of a Markdown file, each in a fresh process and an empty folder.

`python docs/examples.py README.md` runs all of them; with a name after it, `library`, the one under
`<!-- example: library -->`. Blocks of one name are one example, told in parts.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

MARKED = re.compile(r"^<!-- example: (\S+) -->\n+```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main(page: str, wanted: str | None = None) -> int:
    """Return 1 when an example fails, or when there is none to run."""
    examples: dict[str, str] = {}
    for name, code in MARKED.findall(Path(page).read_text("utf-8")):
        examples[name] = examples.get(name, "") + code
    chosen = {name: code for name, code in examples.items() if wanted in (None, name)}
    if not chosen:
        print(f"{page} has no example {wanted or ''}; there are: {', '.join(examples) or 'none'}.", file=sys.stderr)
        return 1
    failed = False
    for name, code in chosen.items():
        print(f"-- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            failed |= subprocess.run([sys.executable, "-c", code], cwd=folder, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
