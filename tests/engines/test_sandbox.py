"""The engines' sandbox: what is seen in it, and that nothing of it is left, however it ends."""

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
from pyctr_lab.engines import Sandbox
from pyctr_lab.errors import Gone, LabError
from pyctr_lab.kernel import proc
from pyctr_lab.runtime import clean
from pyctr_lab.runtime.carrier import readable

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox is another Python: it must find the tests' generators."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


def groups_of(pid: int) -> list[str]:
    """The control groups that a sandbox has, or has left."""
    return glob(f"/sys/fs/cgroup/**/pyctr-lab-{pid}", recursive=True)


@pytest.fixture
def left() -> Iterator[list[int]]:
    """Mounts are afterwards what they were, and the sandboxes that a test puts in this list have no control groups."""
    before, sandboxes = mounts(), list[int]()
    yield sandboxes
    until = time.monotonic() + 20
    while any(map(groups_of, sandboxes)) and time.monotonic() < until:
        time.sleep(0.01)  # the reaper of a killed sandbox is at work
    assert sandboxes and not any(map(groups_of, sandboxes))
    assert mounts() - before == set()


AT_THE_WORST_MOMENT = """
import os
from pyctr_lab.engines import Sandbox
from pyctr_lab.runtime.carrier import Carrier
receive = Carrier._receive
def end(carrier, timeout=None):  # the list that makes the cgroups and starts their reaper has just been sent
    if carrier.waiting_for.name == "execve" and carrier.parent.parent is None:
        print(carrier.parent.machine_pid, flush=True)
        os.kill(os.getpid(), {signal})
    return receive(carrier, timeout)
Carrier._receive = end
print(Sandbox("generators:seen").pid)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_its_opener_ended_while_groups_and_their_reaper_are_made_leaves_none(left: list[int], how: int) -> None:
    script = AT_THE_WORST_MOMENT.format(signal=int(how))
    done = subprocess.run([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True, timeout=60)
    left.append(int(done.stdout.splitlines()[0]))
    assert done.returncode == (-how if delegation().places else 0)
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
    with Sandbox("generators:seen") as sandbox:
        left.append(sandbox.pid)
        (seen,) = list(sandbox)
    assert seen["uid"] == 0 and seen["host"] == "sandbox" and seen["parent"] == 1
    assert seen["processes"] == [1, seen["pid"]]
    assert seen["scratch"] == "/run/pyctr-lab/tmp" and not Path(seen["scratch"]).exists(), "it goes with the sandbox"
    own = [line.split(":")[2] for line in seen["cgroup"].splitlines()]
    assert not delegation().places or "/" in own or "/host" in own, "its groups begin with its own"
    assert bool(sandbox.groups) == bool(delegation().places)


def test_leaving_early_ends_everything_inside(left: list[int]) -> None:
    with Sandbox("generators:sleepers", count=20) as sandbox:
        left.append(sandbox.pid)
        row = next(iter(sandbox))
        assert row["alive"] == 20
        assert bool(groups_of(sandbox.pid)) == bool(sandbox.groups)
    assert has_ended(sandbox.pid)


def test_who_opened_it_may_be_killed(left: list[int]) -> None:
    script = "from pyctr_lab.engines import Sandbox\nsandbox = Sandbox('generators:sleepers', count=5)\n"
    script += "rows = iter(sandbox)\nnext(rows)\nprint(sandbox.pid, flush=True)\nnext(rows)"
    with subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True) as opener:
        assert opener.stdout
        sandbox = int(opener.stdout.readline())
        left.append(sandbox)
        opener.kill()
    assert has_ended(sandbox)


@pytest.mark.skipif(not delegation().places, reason="nobody has given us control groups here")
def test_its_reaper_killed_too_clean_removes_what_is_left_in_every_hierarchy(left: list[int]) -> None:
    sandbox = Sandbox("generators:sleepers", count=1)
    left.append(sandbox.pid)
    next(iter(sandbox))
    reapers = [pid for pid in proc.children(sandbox.pid) if "cgroup_reaper.py" in proc.text_of(pid, "cmdline")]
    for pid in reapers:
        os.kill(pid, signal.SIGKILL)
    os.kill(sandbox.pid, signal.SIGKILL)
    assert has_ended(sandbox.pid) and len(reapers) == 1 and all(map(os.path.isdir, sandbox.groups))
    assert all(map(has_ended, reapers)), "who lives holds the locks"
    removed, kept = clean(patience=10)
    assert set(sandbox.groups) <= set(removed) and not kept
    sandbox.close()


def test_an_error_inside_is_told_with_its_hint() -> None:
    with Sandbox("generators:fails") as sandbox, pytest.raises(LabError, match="no luck") as why:
        list(sandbox)
    assert why.value.hint == "try again"


def test_one_that_dies_says_its_last_words(left: list[int]) -> None:
    with Sandbox("generators:dies") as sandbox, pytest.raises(Gone, match="farewell"):
        left.append(sandbox.pid)
        list(sandbox)


def test_a_folder_of_the_learners_does_not_stand_in_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Sandbox("generators:seen") as sandbox:
        assert len(list(sandbox)) == 1
