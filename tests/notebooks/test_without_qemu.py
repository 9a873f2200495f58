"""Lesson 09 where QEMU is not installed: the cells of 9.3 and 9.4, whose ground is a virtual machine, say so."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from sections import lesson

FIRST = ("28060597", "3b86c3e3")  # the lesson's first cell, and the ground of 9.1
CELLS = ("a3a7138b", "aef77036", "c85bd671", "choose-jobs", "7c0d1ef7")


@pytest.fixture
def no_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH with all programs of this machine but QEMU."""
    for folder in filter(os.path.isdir, os.environ["PATH"].split(os.pathsep)):
        for program in os.scandir(folder):
            link = tmp_path / program.name
            if not program.name.startswith("qemu") and not os.path.lexists(link):
                link.symlink_to(program.path)
    monkeypatch.setenv("PATH", str(tmp_path))


def words_of(cell: NotebookNode) -> str:
    """What a cell has shown."""
    return "".join(each.get("text", "") or each.get("data", {}).get("text/plain", "") for each in cell.outputs)


@pytest.mark.usefixtures("no_qemu")
def test_the_cells_that_need_a_machine_say_so_and_go_on() -> None:
    """Else the second cell of 9.4 looks for jobs in the ground of another exercise."""
    cells = {cell.id: cell for cell in lesson("09_vm_versus_container")}
    book = nbformat.v4.new_notebook(cells=[cells[name] for name in (*FIRST, *CELLS)])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()  # raises at the first cell that fails
    for cell in book.cells[len(FIRST) :]:
        assert words_of(cell).startswith("Not run here: a virtual machine needs QEMU"), cell.id
