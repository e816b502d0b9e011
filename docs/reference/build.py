"""Write one page a package of its public names: `uv run python docs/reference/build.py`.

A name is public when the `__all__` of the package, or of one of its subpackages, lists it. What a page says
about a name is the first paragraph of its docstring, so nothing is written twice.
"""

import ast
import importlib
import inspect
import pkgutil
from itertools import pairwise
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def packages() -> list[str]:
    """Return the published packages' names, as on their folders."""
    return sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


def public_modules(package: str) -> list[ModuleType]:
    """Return the package and those of its subpackages that list public names."""
    top = importlib.import_module(package.replace("-", "_"))
    subpackages = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(top.__path__, f"{top.__name__}.")
        if found.ispkg and "._" not in found.name
    ]
    return [top, *(module for module in subpackages if hasattr(module, "__all__"))]


def strings_below_assignments(package: ModuleType) -> dict[str, str]:
    """Return the docstrings of constants and type aliases: the string below the assignment, which Python forgets."""
    found: dict[str, str] = {}
    for path in package.__path__:
        for file in Path(path).rglob("*.py"):
            for above, below in pairwise(ast.parse(file.read_text("utf-8")).body):
                match above, below:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        found[name] = text
                    case _:
                        pass
    return found


def summary(name: str, value: object, constants: dict[str, str]) -> str:
    """Return the first paragraph of a public name's docstring on one line; empty when it has none."""
    if name in constants:
        text = constants[name]
    elif inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        text = inspect.getdoc(value) if value.__doc__ else None
    else:
        text = None
    if text is None or text.startswith(f"{name}("):  # what dataclass writes where nobody wrote a docstring
        return ""
    return " ".join(text.strip().split("\n\n")[0].split())


def page(package: str) -> str:
    """Return a package's reference page."""
    modules = public_modules(package)
    constants = strings_below_assignments(modules[0])
    lines = [f"# {package}", "", "<!-- Written by docs/reference/build.py; edit the docstrings. -->"]
    listed: set[str] = set()
    for module in modules:
        names = [name for name in getattr(module, "__all__", ()) if name not in listed]
        listed.update(names)
        if names:
            lines += ["", f"## `{module.__name__}`", ""]
            lines += [f"- `{name}`: {summary(name, getattr(module, name), constants)}" for name in names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name in packages():
        (Path(__file__).parent / f"{name}.md").write_text(page(name), "utf-8")
