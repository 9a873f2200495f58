"""No module of the package imports another in a circle: within rooms and between them, for types only or not."""

from __future__ import annotations

import ast
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "pyctr_lab"
LAZY = {"pyctr_lab"}  # the root imports machines when they are first asked for, see PEP 562


def module_name(path: Path) -> str:
    """The dotted name of a file; a package is named by its folder."""
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_modules() -> dict[str, Path]:
    return {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imported(name: str, path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules that a file imports, wherever in it the import stands.

    `from . import x` means the module x, not its package; `from .x import y` means x.y where that is a module.
    """
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            deeper = {f"{origin}.{alias.name}" for alias in node.names}
            found |= deeper & set(modules)
            if deeper - set(modules):
                found.add(origin)
    return (found & set(modules)) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which reaches the others."""
    reach = {name: set(after) for name, after in graph.items()}
    for middle in graph:
        for name in graph:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    looping = [name for name in graph if name in reach[name]]
    found = {tuple(sorted(each for each in looping if each in reach[name] and name in reach[each])) for name in looping}
    return [list(circle) for circle in sorted(found)]


def test_there_is_no_circle() -> None:
    modules = all_modules()
    graph = {name: imported(name, path, modules) - LAZY for name, path in modules.items() if name not in LAZY}
    assert circles(graph) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
