"""A lesson's cells, and what stands under each of its headings: a learner may begin at any of them."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SECTION = "## "


def lesson(name: str) -> list[NotebookNode]:
    """The cells of a lesson."""
    return list(nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells)


def sections(cells: list[NotebookNode]) -> dict[str, list[NotebookNode]]:
    """The cells of each section by its heading, in turn; by "" those before the first heading."""
    found: dict[str, list[NotebookNode]] = {"": []}
    heading = ""
    for cell in cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        heading = next((line.removeprefix(SECTION) for line in lines if line.startswith(SECTION)), heading)
        found.setdefault(heading, []).append(cell)
    return found


def code(cells: list[NotebookNode]) -> list[str]:
    """The sources of the cells of code."""
    return [cell.source for cell in cells if cell.cell_type == "code"]
