"""JupyterLab of the machine in vagrant/, through the forwarded port.

`./lab test vm` runs this file, with the address and its token in PYCTR_ADDRESS; `./lab test` knows no machine
and leaves it out (its name is no test's). Every time limit is one for a processor that is emulated.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from browser.conftest import browser  # noqa: F401 (a fixture)
from playwright.sync_api import Browser, Page

TOP = Path(__file__).parents[2]
LESSON = "00_start_here.ipynb"
ADDRESS = urllib.parse.urlsplit(os.environ.get("PYCTR_ADDRESS", ""))
TOKEN = urllib.parse.parse_qs(ADDRESS.query).get("token", [""])[0]
SERVER = f"http://{ADDRESS.netloc}"
FIRST_CONTAINER = 14  # cells of the lesson up to there
PATIENCE_S = 900

pytestmark = [
    pytest.mark.timeout(2 * PATIENCE_S),
    pytest.mark.skipif(not TOKEN, reason="PYCTR_ADDRESS names no machine; ./lab test vm does"),
]

WHO = """import os, pathlib
print(os.getuid(), os.uname().release, pathlib.Path("/proc/self/cgroup").read_text().strip())"""


def ask(path: str, token: str | None, *, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and content of an answer; a body is put there."""
    headers = {} if token is None else {"Authorization": f"token {token}"}
    request = urllib.request.Request(f"{SERVER}{path}", body, headers, method="PUT" if body else "GET")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return int(answer.status), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_the_address_is_on_this_host_alone() -> None:
    assert ADDRESS.hostname == "127.0.0.1"


@pytest.mark.parametrize("token", [None, "", "wrong"])
@pytest.mark.parametrize("path", ["/api/contents", "/lab/tree/" + LESSON, "/api/kernels"])
def test_nobody_comes_in_without_the_token(path: str, token: str | None) -> None:
    status, content = ask(path, token)
    # A page of JupyterLab leads to the question for the token instead; nothing of the course is on it.
    assert status in (401, 403) or (path.startswith("/lab") and b"password_input" in content)


def test_the_token_opens_it() -> None:
    status, content = ask("/api/contents", TOKEN)
    assert status == 200
    names = {entry["name"] for entry in json.loads(content)["content"]}
    assert {path.name for path in (TOP / "notebooks").glob("*.ipynb")} <= names


def put_lesson(cells: int | None) -> None:
    """The first cells of the lesson, or all, without outputs and with one question more, in the learner's folder."""
    book = nbformat.read(TOP / "notebooks" / LESSON, as_version=4)
    book.cells = [book.cells[0], nbformat.v4.new_code_cell(WHO), *book.cells[1:cells]]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    body = json.dumps({"type": "notebook", "format": "json", "content": book}).encode()
    assert ask(f"/api/contents/{LESSON}", TOKEN, body=body)[0] == 200


def saved() -> list[dict[str, object]]:
    """The code cells of the lesson as the machine has them on its disk."""
    content = json.loads(ask(f"/api/contents/{LESSON}", TOKEN)[1])["content"]
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def kernel_listens() -> bool:
    """A kernel that the page has not met yet would be asked for in a dialogue."""
    kernels = [session["kernel"] for session in json.loads(ask("/api/sessions", TOKEN)[1])]
    return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)


def until(page: Page, done: Callable[[], bool]) -> None:
    """The server has no event to wait for, so it is asked again."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end
        page.wait_for_timeout(3000)  # each question costs an emulated processor a second


def is_run(page: Page) -> bool:
    """All of it. The page itself does not tell: its kernel is idle between two cells, and far cells are not drawn."""
    with page.expect_response(lambda answer: LESSON in answer.url and answer.request.method == "PUT"):
        page.keyboard.press("Control+s")
    return all(cell["execution_count"] for cell in saved())


def run_all(page: Page) -> None:
    """Every cell, by the menu, as a learner does; then saved."""
    until(page, kernel_listens)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    until(page, lambda: is_run(page))


def test_a_lesson_is_run_in_the_browser(browser: Browser, pytestconfig: pytest.Config) -> None:  # noqa: F811
    """By default its first container; with --all, the whole lesson. nbval runs it in the machine, too."""
    put_lesson(None if pytestconfig.option.complete else FIRST_CONTAINER)
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"{SERVER}/lab/workspaces/{secrets.token_hex(4)}/tree/{LESSON}?token={TOKEN}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    run_all(page)
    (TOP / "artefacts").mkdir(exist_ok=True)
    page.screenshot(path=TOP / "artefacts" / "lesson-in-the-machine.png")
    page.context.close()
    outputs = [output for cell in saved() for output in cell["outputs"]]  # type: ignore[attr-defined]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    uid, kernel, group = "".join(outputs[0]["text"]).split(maxsplit=2)
    assert uid != "0" and kernel != os.uname().release
    assert group.startswith("0::/system.slice/pyctr-lab.service/")  # one line: pure version 2
