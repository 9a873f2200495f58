"""Work as a lab's root: its process is reaped with the work, and its end is told whatever ends it."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from pyctr_lab.errors import Gone
from pyctr_lab.images.images import Images
from pyctr_lab.images.world import WORKER, run_as_root
from pyctr_lab.kernel import proc

pytestmark = pytest.mark.machine
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None)


@pytest.fixture
def orphans() -> Iterator[None]:
    """Have processes whose parent dies become this one's."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


@pytest.fixture
def endless(images: Images) -> Iterator[Iterator[Any]]:
    """Work that waits for the content of a layer."""
    images.trees.show()
    come, go = os.pipe()
    layers = [("0zz", come, "sha256:" + "0" * 64, {}, False)]
    yield run_as_root(images.lab, images.trees.folder, "tree_jobs:unpack", (come,), layers=layers)
    os.close(come)
    os.close(go)


def kill_when_it_works(images: Images, machine: bool) -> None:
    """Kill the lab's PID 1, or the process that works as its root."""
    while not (images.trees.folder / ".new-0zz").exists():
        sleep(0.01)
    jobs = {pid for pid in proc.descendants(os.getpid()) if WORKER[-1] in Path(f"/proc/{pid}/cmdline").read_text()}
    (worker,) = {pid for pid in jobs if int(proc.status(pid)["PPid"]) in jobs}
    os.kill(images.lab.world.machine_pid if machine else worker, signal.SIGKILL)


def test_no_zombie_is_left_in_the_lab(images: Images, orphans: None) -> None:
    before = set(proc.descendants(os.getpid()))
    list(run_as_root(images.lab, images.store.folder, "tree_jobs:remove_trees", names=[]))
    assert set(proc.descendants(os.getpid())) == before


@pytest.mark.parametrize(("machine", "why"), [(False, "done: killed by SIGKILL"), (True, "this lab has ended")])
def test_what_has_killed_it_is_said(images: Images, endless: Iterator[Any], machine: bool, why: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill_when_it_works, images, machine)
        with pytest.raises(Gone, match=why):
            next(endless)
        killed.result()
