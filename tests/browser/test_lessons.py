"""Each lesson as a learner meets it: opened in JupyterLab, run sitting by sitting, an exercise solved.

The themes alternate from lesson to lesson and from run to run; with --all, each lesson is opened in both.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from rotation import LESSONS, THEMES, theme_of

from pyctr_lab.course import exercises
from pyctr_lab.course.learner import copies

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
EACH = [pytest.param(lesson, theme, id=f"{lesson}, {theme}", marks=[pytest.mark.complete] * (theme != theme_of(lesson)))
        for lesson in LESSONS for theme in THEMES]  # fmt: skip
CELLS = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells"


@pytest.fixture(scope="module")
def course(jupyterlab):
    copies.update(jupyterlab.folder, NOTEBOOKS)
    return jupyterlab


def errors(page):
    """The cells that ended in an error, with its text."""
    return page.evaluate(
        f"""() => {CELLS}.flatMap(cell => (cell.toJSON().outputs || [])
            .filter(output => output.output_type === 'error').map(output => [cell.source, output.evalue]))"""
    )


def run_cell(jupyterlab, page, index):
    """Runs one cell, and returns its outputs."""
    page.evaluate(
        """async index => {
             jupyterapp.shell.currentWidget.content.activeCellIndex = index;
             await jupyterapp.commands.execute('notebook:run-cell');
           }""",
        index,
    )
    jupyterlab.idle(page)
    return page.locator(".jp-Cell.jp-mod-active .jp-OutputArea")


def run_last(jupyterlab, page, source):
    """Adds a cell at the end, runs it, and returns what it shows."""
    page.evaluate(
        """async source => {
             const book = jupyterapp.shell.currentWidget.content;
             book.activeCellIndex = book.widgets.length - 1;
             await jupyterapp.commands.execute('notebook:insert-cell-below');
             book.activeCell.model.sharedModel.setSource(source);
             await jupyterapp.commands.execute('notebook:run-cell');
           }""",
        source,
    )
    jupyterlab.idle(page)
    shown = page.locator(".jp-Cell.jp-mod-active .jp-OutputArea")
    shown.locator(".jp-OutputArea-output").first.wait_for()
    shown.scroll_into_view_if_needed()
    return shown


def sittings(page):
    """The cells of each sitting. A lesson without sittings is one."""
    begin = page.evaluate(f"{CELLS}.flatMap((cell, at) => /^# Sitting /m.test(cell.source) ? [at] : [])")
    bounds = [0, *begin[1:], page.evaluate(f"{CELLS}.length")]
    return [range(first, after) for first, after in itertools.pairwise(bounds)]


@pytest.mark.timeout(1200)  # a busy machine is no failure: each cell has a time of its own
@pytest.mark.parametrize(("lesson", "theme"), EACH)
def test_a_lesson_runs_and_an_exercise_is_solved(course, screenshot, lesson, theme):
    """In the learner's copy, each sitting in a kernel of its own."""
    copies.reset(course.folder, NOTEBOOKS, lesson)  # JupyterLab itself has saved one that was open for two minutes
    page = course.open(f"{lesson}.ipynb", theme=theme)
    assert page.evaluate(f"{CELLS}.every(cell => !(cell.toJSON().outputs || []).length)"), "no answer stands there yet"
    for number, cells in enumerate(sittings(page)):
        if number:
            course.restart(page)
        course.run_all(page, cells)
    assert errors(page) == []
    assert page.evaluate(f"{CELLS}.every(cell => cell.cell_type !== 'code' || cell.execution_count)")
    pictures = page.locator(".jp-OutputArea img")
    assert all(width > 0 for width in pictures.evaluate_all("all => all.map(image => image.naturalWidth)"))
    screenshot(page, f"lesson-{lesson}-{theme}")

    exercise = next(each for each in exercises.ALL.values() if each.lesson == lesson[:2])
    fresh = f'exercises.reset("{exercise.id}")\n'  # the other theme's run has solved it
    start = f'{fresh}lab = Lab()\nground = exercises.start("{exercise.id}", lab)\n'
    asked = run_last(course, page, f'{start}exercises.check("{exercise.id}")')
    answers = f"{re.escape(exercise.title)}”: (not yet|no answer yet)"
    asked.get_by_text(re.compile(answers)).wait_for()
    solved = run_last(course, page, f"{start}{exercise.source()}")
    solved.get_by_text(f"{exercise.title}”: passed").wait_for()
    assert errors(page) == []
    screenshot(page, f"lesson-{lesson}-{theme}-solved")
    page.context.close()


def test_interrupt_the_kernel_ends_what_the_cell_was_waiting_for(jupyterlab):
    cells = [
        "from pyctr_lab import Lab\nlab = Lab()\nbox = lab.container('demo')",
        "print('waiting', flush=True)\nbox.run(['sleep', '1000'])",
        "print([process.name for process in lab.host.view().processes], box.run(['echo', 'alive']).stdout)",
    ]
    page = jupyterlab.open(jupyterlab.notebook("interrupt.ipynb", cells))
    run_cell(jupyterlab, page, 0)
    # not all at once: when one fails, that makes it the active cell, at whatever moment
    page.evaluate(
        """() => {
             jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
             void jupyterapp.commands.execute('notebook:run-cell');
           }"""
    )
    page.get_by_text("waiting", exact=True).wait_for()
    page.get_by_title("Interrupt the kernel").click()
    page.get_by_text("KeyboardInterrupt").first.wait_for()
    jupyterlab.idle(page)
    shown = run_cell(jupyterlab, page, 2)
    shown.get_by_text("alive").wait_for()
    assert "sleep" not in shown.inner_text() and "demo" in shown.inner_text()
    page.context.close()
