"""The two forms of the tests, a lock for those that need a quiet machine, and that the machine is left as it was.

The default form is what a change can break; `--all` is the complete form. CONTRIBUTING.md says what each proves.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import machine_state
import pytest
from rotation import LESSONS, rotated, theme_of
from xdist.scheduler import LoadScopeScheduling

# The outputs of the lessons are compared, and so are those of their exercises: every learner has this variant.
os.environ.setdefault("PYCTR_LAB_VARIANT", "1")
# Lessons that measure do so in little: fewer engines, less time.
os.environ.setdefault("PYCTR_LAB_QUICK", "exec,ours,unshare,bubblewrap,runc,qemu")

BEFORE: pytest.StashKey[machine_state.State] = pytest.StashKey()
CHANGED: pytest.StashKey[list[str]] = pytest.StashKey()
FIRST = ("browser", "notebooks", "course", "tests", "engines", "machines")  # folders whose scopes take longest


class Scheduling(LoadScopeScheduling):
    """As --dist loadscope, but with at most two browsers at once: one for lessons, one for all that is smaller."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope if "test_lessons" in scope or "/browser/" not in scope else "tests/browser"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", dest="complete", help="complete form: all tests, large numbers")


def pytest_configure() -> None:
    """A run that nohup or a script started in the background ignores these signals, and tests send them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header(config: pytest.Config) -> str:
    if config.option.complete:
        return "form: complete (--all)"
    themes = ", ".join(f"{lesson[:2]} {theme_of(lesson)}" for lesson in LESSONS)
    twice = " ".join(lesson[:2] for lesson in rotated(1))
    return f"form: default, without tests marked `complete`; in the browser: {themes}; twice in one kernel: {twice}"


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long scopes first, so that no worker is left with one at the end; deselect what only the complete form runs."""
    if named := [item.nodeid for item in items if re.search(r" at 0x\w{2}", item.nodeid)]:
        raise pytest.UsageError(f"a test's name must be the same in every worker: {named[0]}")
    items.sort(key=lambda item: FIRST.index(first) if (first := item.path.parent.name) in FIRST else len(FIRST))
    for item in items:
        if item.path.suffix == ".ipynb":  # a lesson shows the machine that it runs on
            item.add_marker("machine")
    left = [] if config.option.complete else [item for item in items if item.get_closest_marker("complete")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember the machine as it is: once, in the process that hands the tests to the workers."""
    if not hasattr(session.config, "workerinput"):
        session.config.stash[BEFORE] = machine_state.snapshot()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What has changed on the machine; seconds and number of tests by folder, and the longest of each."""
    if changed := config.stash.get(CHANGED, []):
        terminalreporter.section("failed: the machine is not what it was before these tests", red=True)
        for line in changed:
            terminalreporter.write_line(line)
    seconds: dict[str, dict[str, float]] = {}
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            folder = seconds.setdefault("/".join(report.nodeid.partition("::")[0].split("/")[:2]), {})
            folder[report.nodeid] = folder.get(report.nodeid, 0) + report.duration
    terminalreporter.section("seconds by folder")
    for folder, tests in sorted(seconds.items(), key=lambda each: -sum(each[1].values())):
        longest = max(tests, key=tests.__getitem__)
        most = f"{tests[longest]:.1f} s: {longest.rpartition('::')[2]}"
        terminalreporter.write_line(f"{sum(tests.values()):7.1f}  {len(tests):5}  {folder}  ({most[:80]})")


def lock_file(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"pyctr-lab-tests-{name}.lock"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a lock that the workers of one run share; a test marked `alone` holds it exclusively."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:  # one process, one test at a time
        return (yield)
    with lock_file(run).open("a") as lock, lock_file(f"{run}-next").open("a") as following:
        fcntl.flock(following, fcntl.LOCK_EX)  # a test that waits to be alone keeps those behind it waiting, too
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(following, fcntl.LOCK_UN)
        return (yield)


@pytest.hookimpl(trylast=True)  # workers have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail when the machine is not what it was; remove the files of the lock."""
    if BEFORE in session.config.stash:
        session.config.stash[CHANGED] = machine_state.settled(session.config.stash[BEFORE])
        if session.config.stash[CHANGED] and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    run = getattr(session.config, "workerinput", {}).get("testrunuid")
    if run is None and session.config.pluginmanager.hasplugin("dsession"):
        run = session.config.pluginmanager.getplugin("dsession").nodemanager.testrunuid
        for name in (run, f"{run}-next"):
            lock_file(name).unlink(missing_ok=True)
