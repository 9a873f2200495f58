"""A lesson in sittings: each runs by itself, from its own first cell, and twice in one kernel.

By default for the lesson whose turn it is; that each sitting stands alone, the browser's tests show for all of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from rotation import in_turn

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TITLE = "# Sitting "


def sittings(lesson: Path) -> Iterator[tuple[str, list[NotebookNode]]]:
    """The cells of each sitting, from its heading to the next one."""
    cells: list[NotebookNode] = []
    name = ""
    for cell in nbformat.read(lesson, 4).cells:
        heading = next((line for line in cell.source.splitlines() if line.startswith(TITLE)), "")
        if cell.cell_type == "markdown" and heading:
            if cells:
                yield name, cells
            name, cells = heading.removeprefix("# "), []
        if name:
            cells.append(cell)
    if cells:
        yield name, cells


ALL = [pytest.param(cells, id=f"{lesson.stem}, {name}", marks=in_turn(lesson.stem))
       for lesson in LESSONS for name, cells in sittings(lesson)]  # fmt: skip


@pytest.mark.parametrize("cells", ALL)
def test_it_stands_alone_and_runs_twice(
    cells: list[NotebookNode], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    again = copy.deepcopy(cells)
    for cell in again:
        cell.id = f"again-{cell.id}"
    book = nbformat.v4.new_notebook(cells=[*copy.deepcopy(cells), *again])
    NotebookClient(book, timeout=240, kernel_name="python3").execute()  # raises at the first cell that fails


def test_there_are_sittings_to_run() -> None:
    assert len(ALL) >= 4
