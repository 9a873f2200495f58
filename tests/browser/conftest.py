"""JupyterLab in Debian's Chromium: a server of its own for the tests, and notebooks opened in it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
CHROMIUM = "/usr/bin/chromium"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not os.path.exists(CHROMIUM):
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@dataclass
class JupyterLab:
    """A running server: notebooks are put into `folder` and opened at `address`."""

    address: str
    token: str
    folder: Path
    browser: Browser

    def notebook(self, name: str, cells: list[str], *, outputs: list[list[dict[str, object]]] | None = None) -> str:
        """Writes a notebook of code cells (never trusted: it was not run here) and returns its name."""
        book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
        book.cells = [nbformat.v4.new_code_cell(source) for source in cells]
        for cell, stored in zip(book.cells, outputs or [], strict=False):
            cell.outputs = [nbformat.from_dict(each) for each in stored]
            cell.execution_count = 1
        nbformat.write(book, self.folder / name)
        return name

    def add(self, path: Path) -> str:
        """Copies a notebook of the course into the server's folder and returns its name."""
        shutil.copy(path, self.folder / path.name)
        return path.name

    def open(self, name: str, *, theme: str = "light", width: int = 1500, height: int = 1000) -> Page:
        """The notebook in a page of its own, with that theme, its kernel ready."""
        self._settings(theme)
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        page = context.new_page()
        page.set_default_timeout(60_000)  # a busy machine is no failure
        page.goto(f"{self.address}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?token={self.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self._wears(page, theme)
        self.idle(page)
        return page

    def in_themes(self, page: Page) -> Iterator[str]:
        """Dress an open page in the light theme, then in the dark one; at the end in the light one again."""
        for theme in THEMES:
            self.dress(page, theme)
            yield theme
        self.dress(page, "light")

    def dress(self, page: Page, theme: str) -> None:
        """Switch the theme of an open page, and of the system that it believes in."""
        page.emulate_media(color_scheme=theme)
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", THEMES[theme])
        self._wears(page, theme)
        page.locator("#jupyterlab-splash").wait_for(state="detached")

    def _wears(self, page: Page, theme: str) -> None:
        page.wait_for_selector(f'body[data-jp-theme-light="{str(theme == "light").lower()}"]', state="attached")

    def _settings(self, theme: str) -> None:
        folder = Path(self.folder).parent / "home/.jupyter/lab/user-settings/@jupyterlab"
        for plugin, settings in (
            ("apputils-extension/themes", {"theme": THEMES[theme]}),
            ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
        ):
            path = folder / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))

    def run_all(self, page: Page, cells: range | None = None, *, timeout: float = 120) -> None:
        """Run all cells, or a range of them, and wait until none is left and the kernel is idle: an error ends the run.

        Args:
            cells: Neighbours that have not run yet.
            timeout: For each cell, in seconds.
        """
        if cells is None:
            page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        else:
            page.evaluate(
                """([first, last]) => {
                     const book = jupyterapp.shell.currentWidget.content;
                     book.deselectAll();
                     book.activeCellIndex = first;
                     book.extendContiguousSelectionTo(last);
                     void jupyterapp.commands.execute('notebook:run-cell');
                   }""",
                [cells[0], cells[-1]],
            )
        left = None
        while left != 0:
            # The model is asked: JupyterLab puts a cell into the page only when it comes near the screen.
            left = page.wait_for_function(
                """([left, first, last]) => {
                     const cells = jupyterapp.shell.currentWidget.content.model.sharedModel.cells
                         .slice(first, last).filter(cell => cell.cell_type === 'code');
                     const now = cells.filter(cell => cell.executionState === 'running').length;
                     return cells.some(cell => cell.execution_count) && now !== left && {left: now};
                   }""",
                arg=[left, *((0, 1 << 20) if cells is None else (cells.start, cells.stop))],
                timeout=timeout * 1000,
            ).json_value()["left"]
        self.idle(page)

    def restart(self, page: Page) -> None:
        """Restart the notebook's kernel, as a learner does who comes back."""
        page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
        self.idle(page)

    def idle(self, page: Page, *, timeout: float = 60) -> None:
        """Waits until the notebook's kernel is connected and has nothing to do."""
        page.wait_for_function(
            """() => {
                 const session = window.jupyterapp?.shell.currentWidget?.context?.sessionContext;
                 return session?.isReady && session.session?.kernel?.connectionStatus === 'connected'
                     && session.session.kernel.status === 'idle';
               }""",
            timeout=timeout * 1000,
        )

    def end_kernels(self) -> None:
        """Ends every notebook's kernel, and with it what its cells have started."""
        for session in self._ask("GET", "/api/sessions"):
            self._ask("DELETE", f"/api/sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        asked = urllib.request.Request(f"{self.address}{path}", method=method, headers=headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.loads(answer.read() or "null")


@pytest.fixture(autouse=True)
def kernels_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's kernels end with it: else they run on beside the next, and a notebook opened again has its old one."""
    yield
    if "jupyterlab" in request.fixturenames:
        request.getfixturevalue("jupyterlab").end_kernels()


@pytest.fixture(scope="session")
def jupyterlab(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[JupyterLab]:
    """A JupyterLab server on loopback, with a home and a token of its own; ended by its own process id."""
    place = tmp_path_factory.mktemp("jupyterlab")
    folder, home, token = place / "course", place / "home", secrets.token_hex(16)
    folder.mkdir()
    home.mkdir()
    port = free_port()
    with open(place / "server.log", "w") as log:
        env = environment(home, pytestconfig)
        server = subprocess.Popen(command(folder, port, token), env=env, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(address, token, server, place / "server.log")
        yield JupyterLab(address, token, folder, browser)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def command(folder: Path, port: int, token: str) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": str(port),
        "ServerApp.port_retries": "0",
        "ServerApp.root_dir": str(folder),
        "IdentityProvider.token": token,
        "ServerApp.open_browser": "False",
        "ServerApp.allow_root": "True",
        "LabApp.expose_app_in_browser": "True",  # so that a test can wait for the kernel, not for a clock
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]


def environment(home: Path, config: pytest.Config) -> dict[str, str]:
    quick = os.environ["PYCTR_LAB_QUICK"]
    if not config.option.complete:
        quick = quick.replace(",qemu", "")  # nbval measures a machine, too; here its ten boots would show nothing more
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG", "IPYTHON"))}
    return {
        **kept,
        "PYCTR_LAB_QUICK": quick,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "run"),
        "JUPYTER_PATH": str(ROOT / "jupyter"),  # the kernels that ./lab starts
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(ROOT),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(address: str, token: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """There is no event to wait for: a server says that it serves by answering."""
    end = time.monotonic() + 240
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture
def screenshot() -> Callable[..., Path]:
    """Keeps what a page shows in the ignored folder `artefacts/`, for a person to look at."""

    def keep(page: Page, name: str, *, whole: bool = False) -> Path:
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        return path

    return keep
