"""A test that is marked `alone` has the machine to itself, also when tests run side by side.

Lessons that measure do so in little: fewer engines, less time.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("PYCTR_LAB_QUICK", "exec,ours,unshare,bubblewrap,runc,qemu")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Each test holds a lock that the workers of one run share; one marked `alone` holds it exclusively."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:  # one process, one test at a time
        return (yield)
    with (Path(tempfile.gettempdir()) / f"pyctr-lab-tests-{run}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The lock goes with the run."""
    run = getattr(session.config, "workerinput", {}).get("testrunuid")
    if run is None and session.config.pluginmanager.hasplugin("dsession"):
        run = session.config.pluginmanager.getplugin("dsession").nodemanager.testrunuid
        (Path(tempfile.gettempdir()) / f"pyctr-lab-tests-{run}.lock").unlink(missing_ok=True)
