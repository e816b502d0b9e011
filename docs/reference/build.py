"""Write one page a package of its public names: `uv run python docs/reference/build.py`.

A name is public when the `__all__` of the package, or of one of its subpackages, lists it. A page begins with a list,
the first paragraph of each name's docstring; then come signatures, fields, methods and what the docstrings say of
arguments and errors. So nothing is written twice.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Cost|Example):$", re.MULTILINE)
WIDEST_SIGNATURE = 100


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


def strings_below(body: list[ast.stmt]) -> dict[str, str]:
    """Return the docstrings of what is assigned: the string below the assignment, which Python forgets."""
    found: dict[str, str] = {}
    for above, below in pairwise(body):
        match above, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = text
            case _:
                pass
    return found


def constants_of(package: ModuleType) -> dict[str, str]:
    """Return the docstrings of a package's constants and type aliases."""
    found: dict[str, str] = {}
    for path in package.__path__:
        for file in Path(path).rglob("*.py"):
            found |= strings_below(ast.parse(file.read_text("utf-8")).body)
    return found


def fields_of(kind: type) -> dict[str, tuple[str, str]]:
    """Return the declaration and the docstring of each field that a class or its bases in this workspace describe."""
    found: dict[str, tuple[str, str]] = {}
    for each in reversed(kind.__mro__):
        if not each.__module__.startswith("hippo"):
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        if not isinstance(node, ast.ClassDef):
            continue
        texts = strings_below(node.body)
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
                if name in texts:
                    found[name] = (ast.unparse(statement), texts[name])
    return found


def docstring(name: str, value: object, constants: dict[str, str]) -> str:
    """Return a public name's docstring; empty when it has none."""
    if name in constants:
        text = constants[name]
    elif inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        text = inspect.getdoc(value) if value.__doc__ else None
    else:
        text = None
    if text is None or text.startswith(f"{name}("):  # what dataclass writes where nobody wrote a docstring
        return ""
    return inspect.cleandoc(text)


def summary(name: str, value: object, constants: dict[str, str]) -> str:
    """Return the first paragraph of a public name's docstring on one line; empty when it has none."""
    return one_line(docstring(name, value, constants).split("\n\n")[0])


def one_line(text: str) -> str:
    """Return `text` without its line breaks."""
    return " ".join(text.split())


class Plain(str):
    """Shown in a signature as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature(name: str, value: Any) -> str:
    """Return how `value` is called, on one line or an argument a line."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    parameters = [
        each.replace(annotation=plain_annotation(each.annotation), default=plain_default(each.default))
        for each in found.parameters.values()
        if each.name not in ("self", "cls")
    ]
    result = found.return_annotation
    shown = inspect.Signature(parameters, return_annotation=plain_annotation(result))
    if inspect.isclass(value) or result is None or result == "None":
        shown = shown.replace(return_annotation=inspect.Signature.empty)
    text = f"{name}{shown}"
    if len(text) <= WIDEST_SIGNATURE:
        return text
    kinds = inspect.Parameter
    parts: list[str] = []
    for place, each in enumerate(parameters):
        starred = any(before.kind in (kinds.VAR_POSITIONAL, kinds.KEYWORD_ONLY) for before in parameters[:place])
        if each.kind is kinds.KEYWORD_ONLY and not starred:
            parts.append("*")
        parts.append(str(each))
    after = str(shown).rpartition(")")[2]
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){after}"


def plain_annotation(annotation: Any) -> Any:
    """Return an annotation as it is shown."""
    return Plain(annotation) if isinstance(annotation, str) else annotation


def plain_default(default: Any) -> Any:
    """Return a default as it is shown: functions by name, and nothing that differs from run to run."""
    if default is inspect.Parameter.empty:
        return default
    if inspect.isroutine(default) or inspect.isclass(default):
        return Plain(default.__name__)
    return Plain("…") if re.search(r" at 0x|<factory>", repr(default)) else default


def methods_of(kind: type) -> Iterator[tuple[str, str, Any]]:
    """Yield kind ("property" or ""), name and function of each public method, as the source orders them."""
    found: dict[str, tuple[str, Any]] = {}
    for each in reversed(kind.__mro__):
        if not each.__module__.startswith("hippo"):
            continue
        for name, value in vars(each).items():
            if name.startswith("_"):
                continue
            if isinstance(value, property):
                found[name] = ("property", value.fget)
            elif isinstance(value, (classmethod, staticmethod)) or inspect.isfunction(value):
                found[name] = ("", getattr(kind, name))
    for name, (what, value) in found.items():
        yield what, name, value


def prose(text: str) -> str:
    """Return a Google-style docstring as Markdown, without its first paragraph."""
    parts = SECTION.split(text)
    before = parts[0].partition("\n\n")[2].strip()
    blocks = [before] if before else []
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        body = textwrap.dedent(body.strip("\n"))
        if title == "Example":
            blocks.append(f"```pycon\n{body.strip()}\n```")
        elif title in ("Args", "Raises"):
            blocks.append("\n".join([f"**{title}**", "", *entries(body)]))
        else:
            blocks.append(f"**{title}**: {one_line(body)}")
    return "\n\n".join(blocks)


def entries(body: str) -> Iterator[str]:
    """Yield a line for each `name: text` of a section, its further lines joined to it."""
    for entry in re.split(r"\n(?=\S)", body.strip()):
        name, _, text = one_line(entry).partition(": ")
        yield f"- `{name}`: {text}"


def entry(name: str, value: Any, constants: dict[str, str]) -> Iterator[str]:
    """Yield the blocks about one public name."""
    yield f"### `{name}`"
    described = docstring(name, value, constants)
    fields = fields_of(value) if inspect.isclass(value) else {}
    is_error = inspect.isclass(value) and issubclass(value, BaseException)
    is_protocol = getattr(value, "_is_protocol", False)
    if inspect.isroutine(value) or (inspect.isclass(value) and not fields and not is_error and not is_protocol):
        yield f"```python\n{signature(name, value)}\n```"
    yield one_line(described.split("\n\n")[0])
    if more := prose(described):
        yield more
    if fields:
        yield "\n".join(f"- `{declared}`: {one_line(text)}" for declared, text in fields.values())
    if not inspect.isclass(value) or is_error:
        return
    for what, method, function in methods_of(value):
        text = inspect.getdoc(function) or ""
        if not text:
            continue
        if what:
            yield f"#### `{name}.{method}`"
        else:
            yield f"#### `{name}.{method}()`"
            yield f"```python\n{signature(method, function)}\n```"
        yield one_line(text.split("\n\n")[0])
        if more := prose(text):
            yield more


def page(package: str) -> str:
    """Return a package's reference page."""
    modules = public_modules(package)
    constants = constants_of(modules[0])
    lists: list[str] = []
    details: list[str] = []
    listed: set[str] = set()
    for module in modules:
        names = [name for name in getattr(module, "__all__", ()) if name not in listed]
        listed.update(names)
        if not names:
            continue
        values = {name: getattr(module, name) for name in names}
        lists.append(f"**`{module.__name__}`**")
        lists.append(
            "\n".join(f"- [`{name}`](#{name.lower()}): {summary(name, values[name], constants)}" for name in names)
        )
        details.append(f"## `{module.__name__}`")
        for name in names:
            details += entry(name, values[name], constants)
    head = [f"# {package}", "<!-- Written by docs/reference/build.py; edit the docstrings. -->"]
    return "\n\n".join([*head, *lists, *details]) + "\n"


if __name__ == "__main__":
    for name in packages():
        (Path(__file__).parent / f"{name}.md").write_text(page(name), "utf-8")
