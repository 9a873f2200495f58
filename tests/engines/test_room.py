"""The engines' room: what is seen in it, and that nothing of it is left, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest
from traces import mounts

from pyctr_lab.cgroups.places import delegation
from pyctr_lab.engines import Room
from pyctr_lab.errors import Gone, LabError
from pyctr_lab.kernel import proc
from pyctr_lab.runtime import clean
from pyctr_lab.runtime.carrier import readable

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room is another Python: it must find the tests' generators."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


def groups_of(pid: int) -> list[str]:
    """The control groups that a room has, or has left."""
    return glob(f"/sys/fs/cgroup/**/pyctr-lab-{pid}", recursive=True)


@pytest.fixture
def left() -> Iterator[list[int]]:
    """Mounts are afterwards what they were, and the rooms that a test puts in this list have no control groups."""
    before, rooms = mounts(), list[int]()
    yield rooms
    until = time.monotonic() + 20
    while any(map(groups_of, rooms)) and time.monotonic() < until:
        time.sleep(0.01)  # the guard of a killed room is at work
    assert rooms and not any(map(groups_of, rooms))
    assert mounts() - before == set()


AT_THE_WORST_MOMENT = """
import os, signal
from pyctr_lab.engines import inside
from pyctr_lab.cgroups import leftovers
start = leftovers.start_cgroup_reaper
def end(*words):
    os.kill({whom}, {signal})
    return start(*words)
leftovers.start_cgroup_reaper = end
print(os.getpid(), flush=True)
inside.main("generators:seen", {{}})
"""


@pytest.mark.parametrize("how", ["its end is asked for", "its opener is killed"])
def test_ended_between_its_groups_and_their_guard_it_leaves_none(left: list[int], how: str) -> None:
    asked = how == "its end is asked for"
    words = {"whom": "os.getpid()", "signal": "15"} if asked else {"whom": "os.getppid()", "signal": "9"}
    script = AT_THE_WORST_MOMENT.format(**words)
    opener = "import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', sys.argv[1]])"
    done = subprocess.run([sys.executable, "-P", "-c", opener, script], stdout=subprocess.PIPE, text=True, timeout=60)
    left.append(int(done.stdout.splitlines()[0]))
    assert done.returncode in ((0,) if asked else (0, -9)), "0 where nobody has given us control groups"
    assert has_ended(left[0])


def has_ended(pid: int) -> bool:
    """Waits for a process to be gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return readable(pidfd, 20)
    finally:
        os.close(pidfd)


def test_a_room_is_a_world_of_its_own(left: list[int]) -> None:
    with Room("generators:seen") as room:
        left.append(room.pid)
        (seen,) = list(room)
    assert seen["uid"] == 0 and seen["host"] == "room" and seen["parent"] == 1
    assert seen["processes"] == [1, seen["pid"]]
    assert seen["scratch"] == "/run/pyctr-lab/tmp" and not Path(seen["scratch"]).exists(), "it goes with the room"
    own = [line.split(":")[2] for line in seen["cgroup"].splitlines()]
    assert not delegation().places or "/" in own or "/host" in own, "its groups begin with its own"
    assert bool(room.groups) == bool(delegation().places)


def test_leaving_early_ends_everything_inside(left: list[int]) -> None:
    with Room("generators:sleepers", count=20) as room:
        left.append(room.pid)
        row = next(iter(room))
        assert row["alive"] == 20
        assert bool(groups_of(room.pid)) == bool(room.groups)
    assert has_ended(room.pid)


def test_who_opened_it_may_be_killed(left: list[int]) -> None:
    script = "from pyctr_lab.engines import Room\nroom = Room('generators:sleepers', count=5)\nrows = iter(room)\n"
    script += "next(rows)\nprint(room.pid, flush=True)\nnext(rows)"
    with subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True) as opener:
        assert opener.stdout
        room = int(opener.stdout.readline())
        left.append(room)
        opener.kill()
    assert has_ended(room)


@pytest.mark.skipif(not delegation().places, reason="nobody has given us control groups here")
def test_its_guard_killed_too_clean_removes_what_is_left_in_every_hierarchy(left: list[int]) -> None:
    room = Room("generators:sleepers", count=1)
    left.append(room.pid)
    next(iter(room))
    guards = [pid for pid in proc.children(room.pid) if "cgroup_reaper.py" in proc.text_of(pid, "cmdline")]
    for pid in guards:
        os.kill(pid, signal.SIGKILL)
    os.kill(room.pid, signal.SIGKILL)
    assert has_ended(room.pid) and len(guards) == 1 and all(map(os.path.isdir, room.groups))
    assert all(map(has_ended, guards)), "who lives holds the locks"
    removed, kept = clean(patience=10)
    assert set(room.groups) <= set(removed) and not kept
    room.close()


def test_an_error_inside_is_told_with_its_hint() -> None:
    with Room("generators:fails") as room, pytest.raises(LabError, match="no luck") as why:
        list(room)
    assert why.value.hint == "try again"


def test_one_that_dies_says_its_last_words(left: list[int]) -> None:
    with Room("generators:dies") as room, pytest.raises(Gone, match="farewell"):
        left.append(room.pid)
        list(room)


def test_a_folder_of_the_learners_does_not_stand_in_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Room("generators:seen") as room:
        assert len(list(room)) == 1
