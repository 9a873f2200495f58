"""Which notebook the running cell stands in, and which cell makes what it needs: the first one of its sitting.

Jupyter's server names the notebook in JPY_SESSION_NAME, and its client the cell in each request. In a terminal, or in
an older client, both are missing: then the words say less.
"""

from __future__ import annotations

import ast
import json
import os
import re
from itertools import pairwise
from typing import Any

SITTING = re.compile(r"^# (Sitting \d+)", re.MULTILINE)
HEADING = re.compile(r"^(#{1,3}) (.+)", re.MULTILINE)
LESSON, UNKNOWN = "the lesson's first cell", "the lesson's first cell (or your sitting's, where it has sittings)"


def first_cell(shell: Any) -> str:
    """The cell to run first, in words: `the lesson's first cell`, `the first cell of Sitting 2`."""
    cells = notebook()
    if not cells:
        return UNKNOWN
    names = [kind == "markdown" and SITTING.search(source) for _, kind, source in cells]
    begins = [at for at, found in enumerate(names) if found]
    if not begins:
        return LESSON
    here = _position(shell, cells)
    if here is None:
        return "the first cell of your sitting"
    for begin, after in pairwise([0, *begins[1:], len(cells)]):
        if begin <= here < after:
            name = next(found[1] for found in names[begin:after] if found)
            return f"the first cell of {name}"
    return "the first cell of your sitting"


def is_made_here(name: str) -> bool:
    """Whether a code cell of the notebook assigns, defines or imports this name. False where it cannot be read."""
    made = re.compile(rf"\b(?:def|class|as|for|import) {re.escape(name)}\b|(?<!\.)\b{re.escape(name)}\b[\w, ]*=(?!=)")
    return any(kind == "code" and made.search(source) for _, kind, source in notebook())


def heading_of(shell: Any, name: str) -> str:
    """The heading of the section whose code makes this name: the nearest one before the running cell, else the first.

    Empty where no section makes it, or the notebook cannot be read. What stands between the title of a lesson or of a
    sitting and its first section is none.
    """
    cells, heading, found = notebook(), "", []
    for at, (_, kind, source) in enumerate(cells):
        if kind == "markdown":
            for level, words in HEADING.findall(source):
                heading = words if len(level) > 1 else ""
        elif name in _names_made(source):
            found.append((at, heading))
    here = _position(shell, cells)
    before = [heading for at, heading in found if here is not None and at < here]
    return (before[-1:] or [heading for _, heading in found[:1]] or [""])[0]


def _names_made(source: str) -> set[str]:
    """The names that a cell assigns, defines or imports; none of a cell that is no plain Python."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return set()
    made = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return made | {(node.asname or node.name).partition(".")[0] for node in nodes if isinstance(node, ast.alias)}


def notebook() -> list[tuple[str, str, str]]:
    """The notebook's cells as it was saved last: id, type, source. Empty where it cannot be read."""
    try:
        with open(os.environ.get("JPY_SESSION_NAME", ""), encoding="utf-8") as file:
            cells = json.load(file)["cells"]
        return [(str(each.get("id")), each["cell_type"], "".join(each["source"])) for each in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _position(shell: Any, cells: list[tuple[str, str, str]]) -> int | None:
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    metadata = parent.get("metadata", {}) if isinstance(parent, dict) else {}
    asked = metadata.get("cellId")
    return next((at for at, (name, _, _) in enumerate(cells) if name == asked), None)
