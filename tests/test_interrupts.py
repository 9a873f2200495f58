"""Ctrl-C at any moment: nothing of what was interrupted is left, and the lab goes on."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.interrupts import interrupted, uninterrupted, waiting

SCRIPT = r"""
import collections, gc, os, random, signal, sys, time
from pyctr_lab import Lab, Limits
from pyctr_lab.kernel import proc
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.interrupts import uninterrupted
count = int(sys.argv[1])
lab, limited = Lab(), "pids" not in delegation().missing
def made():
    with lab.container("box") as box:
        for step in lab.recipe():
            box.apply(step)
        box.run(["true"])
def plain():
    box = lab.container("plain")
    box.run(["true"])
def started():
    with uninterrupted():  # what Python does between two of our calls is not ours
        program = lab.start(["sleep", "1000"])
        program.end()
def grouped():
    with lab.cgroup("web", pids=9) as group, lab.container("member") as box:
        group.add(box)
        box.run(["true"])
ways = [lambda: lab.run(["true"]), made, plain, started]
ways += [grouped, lambda: lab.run(["true"], limits=Limits(pids=16))] if limited else []
def state():
    gc.collect()
    lab.reaper.reap(lab.launcher)
    there = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    held = {path: os.readlink(path) for path in there if os.path.islink(path)}  # the folder that is listed is not
    processes = [(pid, proc.state(pid), proc.text_of(pid, "comm")) for pid in proc.descendants(lab.host.machine_pid)]
    folders = [lab.groups.folder(place) for place in lab.groups.where.everywhere] if limited else []
    groups = {entry.path for folder in folders for entry in os.scandir(folder) if entry.is_dir()}
    return len(held), processes, groups, len(os.listdir(f"/proc/{lab.host.machine_pid}/fd")), held
def settled():
    for box in list(lab.containers.values()):
        box.kill()
    until = time.monotonic() + 20
    while (now := state())[1] and time.monotonic() < until:  # what was killed is about to end
        time.sleep(0.01)
    return now
def took(way):
    began = time.perf_counter()
    way()
    return time.perf_counter() - began
for way in ways:
    way()
seconds = [min(took(way) for _ in range(3)) for way in ways]
before = settled()
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
hits, seed = 0, random.Random(int(sys.argv[2]))
while hits < count:
    number = seed.randrange(len(ways))
    try:
        signal.setitimer(signal.ITIMER_REAL, seed.uniform(0.0001, seconds[number]))
        ways[number]()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        hits += 1
for way in ways:
    way()
after = settled()
print(before, after, sep="\n")
assert before[:4] == after[:4], "something is left"
"""


@pytest.mark.machine
@pytest.mark.repeat(few=200, many=1000)
def test_random_interrupts_leave_nothing(repeats: int, tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(SCRIPT)
    command = [sys.executable, "-P", str(tmp_path / "interrupted.py"), str(repeats), str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_the_end() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        interrupt()
        seen.append(interrupted())
    assert seen == [True] and not interrupted()


def test_or_for_the_next_wait() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        interrupt()
        with waiting():
            seen.append("not reached")
    with pytest.raises(KeyboardInterrupt), uninterrupted(), waiting():
        interrupt()
        seen.append("not reached either")
    assert seen == []


def test_where_it_is_firm_there_is_no_wait() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted(firm=True), waiting():
            interrupt()
            seen.append("reached")
        seen.append("reached, too")
    assert seen == ["reached", "reached, too"]


def test_whoever_insists_gets_out() -> None:
    count = 0
    with pytest.raises(KeyboardInterrupt), uninterrupted(firm=True):
        while True:
            interrupt()
            count += 1
    assert count == 2


def test_what_was_there_before_is_there_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
    thread = threading.Thread(target=uninterrupted().__enter__)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) == before, "another thread gets no interrupts"


def test_a_program_that_nobody_holds_is_reaped(lab: Lab) -> None:
    pids = [lab.start(["true"]).machine_pid for _ in range(3)]
    gc.collect()
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < until:
        lab.reaper.reap(lab.launcher)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
