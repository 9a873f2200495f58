"""The learner who comes back: after a restart, a reload, another day, each answered prediction says what was said."""

from __future__ import annotations

CELLS = [
    "from pyctr_lab.course import predict",
    'predict("3.uts-copy", "Does its host name change at once?", options=["yes", "no"])',
    'predict("what-is-a-container", "In one sentence?")',
]
STILL = ".pct:not(.pct-live .pct)"  # the card above the buttons, which the notebook keeps
MODEL = "jupyterapp.shell.currentWidget.context"


def answers(page):
    """Wait until both cards say what was said, and look for what must not be seen."""
    page.locator(f"{STILL} p", has_text="You said: no").wait_for()
    page.locator(f"{STILL} p", has_text="You said: A process.").wait_for()
    seen = page.locator(".jp-Notebook").inner_text()
    assert "You have not said yet" not in seen
    assert not page.get_by_text("Error displaying widget").locator("visible=true").count()
    assert not page.locator(".jp-OutputArea input").locator("visible=true").count(), "no dead button takes a click"


def test_what_was_said_stands_after_a_restart_a_reload_and_another_day(jupyterlab, screenshot):
    page = jupyterlab.open(jupyterlab.notebook("come-back.ipynb", CELLS))
    jupyterlab.run_all(page)
    page.get_by_role("radio", name="no").check()
    page.get_by_text("Kept: no").wait_for()
    field = page.locator(".pct-live input[type=text]")
    field.fill("A process.")
    field.press("Enter")
    page.get_by_text("Kept: A process.").wait_for()
    assert page.locator(f"{STILL} p").locator("visible=true").count() == 0, "while the buttons live, they say it"

    jupyterlab.restart(page)
    answers(page)
    page.evaluate(f"{MODEL}.save()")
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    jupyterlab.idle(page)
    answers(page)
    screenshot(page, "come-back-reloaded")
    page.context.close()

    jupyterlab.end_kernels()
    page = jupyterlab.open("come-back.ipynb")
    answers(page)
    jupyterlab.run_all(page)
    page.locator(".pct-live", has_text="You said: no").wait_for()
    assert page.get_by_role("radio", name="no").is_checked()
    page.context.close()


def test_before_the_first_cell_each_cell_says_what_to_run(jupyterlab):
    """The kernels of `./lab` load the course's extension: no cell has to do it first."""
    cells = ["%%host\nhostname", "lab.host", "import time\ntime.sleep(1000)"]
    page = jupyterlab.open(jupyterlab.notebook("too-early.ipynb", cells))
    for number, said in enumerate(["there is no open lab", "After a restart of the kernel, run the lesson's first"]):
        page.evaluate("at => { jupyterapp.shell.currentWidget.content.activeCellIndex = at }", number)
        page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
        page.get_by_text(said).wait_for()
        assert "not found" not in page.locator(".jp-OutputArea").nth(number).inner_text()
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 2")
    page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
    page.locator(".jp-InputPrompt", has_text="[*]").wait_for()
    page.get_by_title("Interrupt the kernel").click()
    page.get_by_text("interrupted; run the cell again").wait_for()
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
    page.context.close()
