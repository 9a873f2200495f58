"""What the lessons certify, and how they are written: answers that were computed, outputs compared, cells one can read.

The lists of exceptions shrink: a cell that is mended goes from its list, and none comes to it.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MOST_EXEMPT = 0.15
MOST_LINES = 20
MOST_WORDS = 60

# --- what still stands: lesson -> ids of cells, or a share
TYPED_IN: dict[str, set[str]] = {}
EXEMPT = {"01": 0.19}
WALLS = {"03": {"wall-45"}}
EACH = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def cells(lesson: Path, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Id, source and metadata of the cells of a kind."""
    book = json.loads(lesson.read_text(encoding="utf-8"))
    return [(each["id"], "".join(each["source"]), each["metadata"]) for each in book["cells"]
            if each["cell_type"] == kind]  # fmt: skip


def parsed(source: str) -> ast.Module | None:
    """A cell's Python; None for one that is a script of a magic."""
    lines = (line for line in source.splitlines() if not line.startswith("%"))
    return None if source.startswith("%%") else ast.parse("\n".join(lines))


def is_constant(node: ast.AST, known: set[str]) -> bool:
    """Whether an expression says the same whatever the kernel does. `known` are names of constants."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.IfExp):
        same = ast.dump(node.body) == ast.dump(node.orelse)
        return is_constant(node.test, known) or (same and is_constant(node.body, known))
    if isinstance(node, ast.Subscript):
        return is_constant(node.value, known) and is_constant(node.slice, known)
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id in ("str", "int", "float", "len", "max", "min", "repr")
        method = isinstance(node.func, ast.Attribute) and is_constant(node.func.value, known)
        return (plain or method) and all(is_constant(each, known) for each in node.args)
    inner = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
    composed = ast.JoinedStr | ast.FormattedValue | ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare
    kinds = composed | ast.Tuple | ast.List | ast.Dict
    return isinstance(node, kinds) and all(is_constant(each, known) for each in inner)


def typed_in(source: str, known: set[str]) -> bool:
    """Whether a cell compares a prediction with an answer that nobody had to ask for."""
    tree = parsed(source)
    found = False
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            grows = isinstance(node.value, ast.List)  # what begins empty is filled later
            (known.add if is_constant(node.value, known) and not grows else known.discard)(node.targets[0].id)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "compare":
            actual = node.args[1:2] + [each.value for each in node.keywords if each.arg == "actual"]
            found = found or any(is_constant(each, known) for each in actual)
    return found


def typed_in_cells(lesson: Path) -> set[str]:
    known: set[str] = set()
    return {name for name, source, _ in cells(lesson, "code") if typed_in(source, known)}


def is_exempt(source: str, metadata: dict[str, Any]) -> bool:
    tags = {tag.lower() for tag in metadata.get("tags", [])}
    skipped = {"nbval-ignore-output", "nbval-skip"} & tags
    return bool(skipped) or "NBVAL_IGNORE_OUTPUT" in source or "NBVAL_SKIP" in source


def exempt_share(lesson: Path) -> float:
    code = cells(lesson, "code")
    return sum(is_exempt(source, metadata) for _, source, metadata in code) / len(code)


def long_cells(lesson: Path) -> set[str]:
    return {name for name, source, _ in cells(lesson, "code") if len(source.splitlines()) > MOST_LINES}


def walls(lesson: Path) -> set[str]:
    """Prose cells of too many words. One with a table, or a list of what a lesson is about, may have more."""
    prose = ((name, source) for name, source, _ in cells(lesson, "markdown") if not re.search(r"^\||^# ", source, re.M))
    return {name for name, source in prose if len(re.findall(r"[^\W_][\w'’.-]*", source)) > MOST_WORDS}


@EACH
def test_no_answer_is_typed_in(lesson: Path) -> None:
    found = typed_in_cells(lesson) - TYPED_IN.get(lesson.stem[:2], set())
    assert not found, "compare() takes what the kernel said, computed in the cell"


@EACH
def test_outputs_are_compared(lesson: Path) -> None:
    most = EXEMPT.get(lesson.stem[:2], MOST_EXEMPT)
    assert exempt_share(lesson) <= most, "sanitise, print the shape, or assert"


@EACH
def test_code_cells_are_short(lesson: Path) -> None:
    assert not long_cells(lesson), f"at most {MOST_LINES} lines: the rest goes into the package"


@EACH
def test_prose_cells_are_short(lesson: Path) -> None:
    found, known = walls(lesson), WALLS.get(lesson.stem[:2], set())
    assert found <= known, f"at most {MOST_WORDS} words a cell: one idea each"
    assert known <= found, "short by now: take them off the list"


@pytest.mark.parametrize(
    "source",
    [
        "compare('x', 'no')", "compare('x', actual='no', note=n)", "compare('x', f'{5}')", "a = 'no'\ncompare('x', a)",
        "compare('x', {1: 'no'}[1])", "compare('x', 'no' if a else 'no')", "compare('x', 'no' if True else b)",
        "compare('x', ' no '.strip())", "compare('x', str(65534))", "display(compare('x', 'a' + 'b'))",
    ],
)  # fmt: skip
def test_an_answer_that_is_typed_in_is_found(source: str) -> None:
    assert typed_in(source, set())


@pytest.mark.parametrize(
    "source",
    ["compare('x', 'no' if a == b else 'yes')", "compare('x', count)", "compare('x', f'{took:.1f}')",
     "compare('x', {1: 'no'}[version])", "a = 'no'\na = ask()\ncompare('x', a)", "%%host\ncompare 'x'"],
)  # fmt: skip
def test_an_answer_that_is_computed_is_fine(source: str) -> None:
    assert not typed_in(source, set())
