"""Counters of what limits have done, and waiting for the next time: the kernel wakes, nobody looks again and again."""

from __future__ import annotations

import os
import threading
import time

import pytest

from pyctr_lab import Cgroup, Container, Lab
from pyctr_lab.errors import Gone
from pyctr_lab.runtime import Events

pytestmark = pytest.mark.machine

BOMB = ["python3", "-c", "x = b'x' * (200 << 20)"]
MANY = ["python3", "-c", "import os\nfor _ in range(20): os.fork() or os.read(0, 1)"]
SPIN = ["sh", "-c", "while :; do :; done"]


def test_counters_are_told_apart() -> None:
    before, after = Events(oom_kill=1, pids_max=5), Events(oom_kill=3, pids_max=5, throttled=2)
    assert after.since(before) == Events(oom_kill=2, throttled=2)
    assert after and not Events() and not after.since(after)


def test_a_fresh_group_has_counted_nothing(group: Cgroup) -> None:
    assert group.events == Events()
    with group.watch() as watch:
        assert watch.wait(0) == Events() and watch.wait(-1) == Events()


def test_out_of_memory_is_counted_and_wakes(lab: Lab, group: Cgroup, box: Container) -> None:
    group.limit(memory="32M")
    group.add(box)
    with group.watch() as watch:
        program = box.start(BOMB)
        seen, until = Events(), time.monotonic() + 120
        while not seen.oom_kill:  # the group's first process may wake it too, a little late
            seen = watch.wait(max(0.0, until - time.monotonic()))
            assert time.monotonic() < until, "woken in time"
        assert program.wait(120).signal == "SIGKILL"
    assert group.events.oom_kill >= 1 and group.events.memory_max >= 1


def test_a_refused_fork_is_counted_and_wakes(group: Cgroup, box: Container) -> None:
    group.limit(pids=6)
    group.add(box)
    with group.watch() as watch:
        program = box.start(MANY)
        assert watch.wait(120).pids_max >= 1
    assert program.wait(120).returncode == 1 and "BlockingIOError" in program.stderr
    assert group.events.pids_max >= 1


def test_a_share_that_is_used_up_is_counted(group: Cgroup, box: Container) -> None:
    group.limit(cpus=0.1)
    group.add(box)
    program = box.start(SPIN)
    while group.events.throttled < 2:  # nobody is woken for it
        assert program.poll() is None
    program.kill()
    program.wait()


def test_the_end_of_the_last_process_wakes(lab: Lab, group: Cgroup) -> None:
    if not os.path.exists(f"{group.folders[0]}/cgroup.events"):
        pytest.skip("version 1 alone does not tell of it")
    with lab.container("last") as box:
        group.add(box)
        with group.watch() as watch:
            waiter = threading.Thread(target=watch.wait, args=(30,))
            waiter.start()
            box.kill()
            waiter.join(20)
            woken = not waiter.is_alive()
    assert woken


def test_a_watch_leaves_no_descriptor_and_says_that_it_is_closed(group: Cgroup) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        with group.watch() as watch:
            watch.wait(0)
    watch.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
    with pytest.raises(Gone, match="closed"):
        watch.wait(0)


def test_a_watch_of_a_group_that_is_gone_says_so(lab: Lab, delegated: None) -> None:
    group = lab.cgroup("short")
    with group.watch() as watch:
        group.remove()
        with pytest.raises(Gone, match="no more"):
            watch.wait(5)
    with pytest.raises(Gone):
        group.watch()
