"""A lesson runs twice in one kernel, and each of its sections by itself; as root, and as a user who is not.

By default this is done with the lesson whose turn it is, with --all with each.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from ranges import as_user_with, needs_range
from rotation import in_turn
from sections import lesson, sections

from pyctr_lab.course.syllabus import QEMU, WRITTEN, Lesson

HERE = Path(__file__).parent
PLAIN = [each for each in WRITTEN if each.number != "03"]  # which has sittings: test_sittings.py
SECTIONED = [each for each in PLAIN if each.number != "09"]  # whose sections draw what its first one has measured
QUICK = [each for each in SECTIONED if not set(each.needs) - {"networks"}]
USER = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
SITTING = "\n# Sitting "


def whole(lessons: Iterable[Lesson]) -> list[Any]:
    """Parameters of a test of whole lessons."""
    return [pytest.param(each.notebook, id=each.notebook, marks=in_turn(each.notebook)) for each in lessons]


def run(cells: list[NotebookNode]) -> None:
    """Executes cells in one fresh kernel; raises at the first that ends in an error."""
    own = [copy.deepcopy(cell) for cell in cells]
    for number, cell in enumerate(own):
        cell.id = f"cell-{number}"
    book = nbformat.v4.new_notebook(cells=own)
    NotebookClient(book, timeout=120, kernel_name="python3").execute()


def first(cells: list[NotebookNode], section: list[NotebookNode]) -> NotebookNode:
    """The first code cell of the sitting that a section belongs to."""
    before = cells[: cells.index(section[0])]
    begins = [at for at, cell in enumerate(before) if cell.cell_type == "markdown" and SITTING in f"\n{cell.source}"]
    return next(cell for cell in cells[max(begins, default=0) :] if cell.cell_type == "code")


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))


@pytest.mark.timeout(900)  # with --all it measures at length, twice
@pytest.mark.parametrize("name", whole(PLAIN))
@pytest.mark.usefixtures("own_state")
def test_a_lesson_runs_twice_in_one_kernel(name: str) -> None:
    run(lesson(name) * 2)


@pytest.mark.parametrize("name", whole(QUICK))
@pytest.mark.usefixtures("own_state")
def test_each_cell_runs_twice_in_a_row(name: str) -> None:
    run([cell for cell in lesson(name) for _ in range(2)])


ALL = [
    pytest.param(lesson(each.notebook), cells, id=f"{each.notebook}, {title}", marks=in_turn(each.notebook))
    for each in SECTIONED
    for title, cells in sections(lesson(each.notebook)).items()
    if title[:1].isdigit()
]


@pytest.mark.parametrize(("cells", "section"), ALL)
@pytest.mark.usefixtures("own_state")
def test_a_section_runs_after_the_first_cell_alone(cells: list[NotebookNode], section: list[NotebookNode]) -> None:
    run([first(cells, section), *section])


# Without control groups. 02 boots ten machines: an ordinary user runs it in the course's machine.
@pytest.mark.parametrize("name", whole(each for each in SECTIONED if QEMU not in each.programs))
def test_a_lesson_runs_twice_for_a_user_who_is_not_root(name: str) -> None:
    if os.getuid() != 0:
        pytest.skip("the tests above have been run by such a user")
    run_twice_as(USER, name)


@needs_range
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", whole(each for each in SECTIONED if each.number == "06"))
def test_a_lesson_runs_twice_for_a_user_with_subordinate_ids(name: str, tmp_path: Path) -> None:
    """Files of images have many owners here, and in the test above one."""
    run_twice_as(as_user_with("jane.doe:322000000:65536", tmp_path, uid=61234, gid=61234), name)


def run_twice_as(user: list[str], name: str) -> None:
    """Execute a lesson twice in one kernel as user 61234; `user` are the words in front of the command."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chown(home, 61234, 61234)
        places = dict.fromkeys(("HOME", "IPYTHONDIR", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"), home)
        jupyter = dict.fromkeys(("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), home)
        code = f"import sys; sys.path[:0] = {[str(HERE), str(HERE.parent)]!r}; import test_twice as t; "
        command = [*user, sys.executable, "-c", f"{code}t.run(t.lesson({name!r}) * 2)"]
        done = subprocess.run(command, env={**os.environ, **places, **jupyter}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_there_are_sections_to_run() -> None:
    assert len(ALL) >= 23
