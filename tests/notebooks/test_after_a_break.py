"""A lesson after a break: with the cells that its head names, a section has what it needs."""

from __future__ import annotations

import ast
import builtins
from itertools import takewhile

import nbformat
import pytest
from nbclient import NotebookClient
from sections import code, lesson, sections

BESIDES = {5: (4,), 9: (4, 5, 6)}  # the sections whose figures a section needs, as the lesson's head says


def parts() -> list[list[str]]:
    """The code of what stands before section 1, then of each section; section 2 up to its exercise."""
    found = [*sections(lesson("09_vm_versus_container")).values()]
    found[2] = [*takewhile(lambda cell: "### Exercise" not in cell.source, found[2])]
    return [*map(code, found)]


def lacking(cells: list[str]) -> set[str]:
    """The names that these cells, run in turn, use before any of them has made them."""
    made, lacks = {*dir(builtins), "display", "get_ipython"}, set[str]()
    for source in cells:
        nodes = list(ast.walk(ast.parse(source)))
        used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        made |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        made |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
        lacks |= used - made
    return lacks


@pytest.mark.parametrize("number", range(1, 10))
def test_a_section_has_its_names_after_a_break(number: int) -> None:
    found = parts()
    assert len(found) == 10
    again = [*found[0][:1], *found[2]]  # "the first cell of code, then section 2 up to its exercise"
    for each in (*BESIDES.get(number, ()), number):
        again += found[each]
    assert lacking(again) == set()


def test_in_lesson_03_the_box_that_is_killed_is_number_1_in_its_own_namespace() -> None:
    """Else nothing says so, and the cell that waits for its children to end with it waits for ever."""
    cells = {cell.id: cell for cell in lesson("03_namespaces")}
    book = nbformat.v4.new_notebook(cells=[cells[name] for name in ("who-02", "who-22", "who-23")])
    NotebookClient(book, timeout=240, kernel_name="python3").execute()
    assert book.cells[-1].outputs[0]["data"]["text/plain"] == "[(1, 'demo')]"
