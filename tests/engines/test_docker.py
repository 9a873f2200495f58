"""A daemon of Docker's for the measurement only; and that nothing of it is left, nor of a machine beside it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import machine_state
import pytest
from traces import names

from pyctr_lab.engines import Sandbox
from pyctr_lab.engines.survey import with_kernel
from pyctr_lab.kernel import proc
from pyctr_lab.machines.hardware import Hardware

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs root and Debian's package docker.io"
)
PATHS = os.pathsep.join([str(HERE), str(HERE.parents[1])])


@pytest.fixture(scope="module")
def life() -> dict[str, list[Any]]:
    """One daemon, from its start to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PATHS)
        with Sandbox("generators:docker_life") as sandbox:
            return {what: rest for what, *rest in sandbox}


def test_its_daemons_are_told_apart_from_what_an_instance_adds(life: dict[str, list[Any]]) -> None:
    assert life["daemons"] == [["containerd", "dockerd"]]
    added, payload, shared = life["instance"]
    assert payload[0] == "sleep" and shared == []
    assert sum(name.startswith("containerd-shim") for name in added) == 1 and "docker" in added


def test_a_stopped_instance_is_forgotten_and_so_is_one_that_hung(life: dict[str, list[Any]]) -> None:
    assert life["stopped"] == [1, [], []]
    assert life["hung"] == [[], 0], "and the daemon works on"


def test_it_has_no_network(life: dict[str, list[Any]]) -> None:
    assert life["network"] == [["lo"]]


def test_the_end_of_the_block_ends_the_daemons(life: dict[str, list[Any]]) -> None:
    assert life["closed"] == [[], False]


# --- sudden death
def ours(mark: str, worlds: set[str]) -> set[int]:
    """The processes that were started with this mark in their environment, and all in these PID namespaces."""
    found = set()
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):  # it has ended meanwhile
            if os.readlink(f"/proc/{pid}/ns/pid") in worlds or mark in proc.text_of(pid, "environ"):
                found.add(pid)
    return found


def family(ancestor: int) -> set[int]:
    """A process and all that descend from it, in whatever namespaces they are."""
    children: dict[int, list[int]] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            children.setdefault(int(proc.status(pid)["PPid"]), []).append(pid)
    found, ahead = set(), [ancestor]
    while ahead:
        found.add(pid := ahead.pop())
        ahead += children.get(pid, [])
    return found


def programs(ancestor: int, mark: str) -> set[str]:
    """The names of what is running."""
    found = set()
    for pid in ours(mark, worlds_of(family(ancestor))):
        with suppress(OSError):
            found.add(proc.text_of(pid, "cmdline").split("\0")[0].rpartition("/")[2])
    return found


def worlds_of(pids: set[int]) -> set[str]:
    """Their PID namespaces, without our own. What is in a container or a lab has one below the sandbox's."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/pid"))
    return found - {os.readlink("/proc/self/ns/pid")}


@pytest.mark.skipif(not shutil.which(Hardware(1, 1).program), reason="needs QEMU")
@pytest.mark.repeat(few=2, many=20)
@pytest.mark.timeout(600)
def test_killed_at_any_moment_neither_a_daemon_nor_a_machine_is_left(tmp_path: Path, repeats: int) -> None:
    with_kernel(["qemu"])
    before, run, chance, mark = machine_state.snapshot(), names("/run"), random.Random(11), f"mark-{uuid4().hex}"
    script = "from pyctr_lab.engines import Sandbox\n"
    script += "for row in Sandbox('generators:docker_and_machine'): print(row, flush=1)"
    env = {**os.environ, "PYTHONPATH": PATHS, "TMPDIR": str(tmp_path), "MARK": mark}
    worlds: set[str] = set()
    for number in range(repeats):
        with subprocess.Popen([sys.executable, "-P", "-c", script], env=env, stdout=subprocess.PIPE) as victim:
            assert victim.stdout
            if number == 0:  # both are up for certain
                up = victim.stdout.readline().decode()
                assert "qemu" in up and "containerd-shim" in up
                wanted, until = {Hardware(1, 1).program, "dockerd", "containerd", "sleep"}, time.monotonic() + 20
                while not wanted <= (seen := programs(victim.pid, mark)) and time.monotonic() < until:
                    time.sleep(0.02)  # a container has spoken, and turns into its program now
                assert wanted <= seen, "else we look in vain"  # in a second look a QEMU that was only asked is gone
            else:
                time.sleep(chance.uniform(0.1, 6.0))  # any moment is the point here
            assert victim.poll() is None
            worlds |= worlds_of(family(victim.pid))
            victim.kill()
    assert worlds

    def left() -> list[object]:
        return [*ours(mark, worlds), *os.listdir(tmp_path), *(names("/run") - run)]

    until = time.monotonic() + 30
    while left() and time.monotonic() < until:
        time.sleep(0.02)  # guards are at work; of their end nothing is told
    assert left() == [] and machine_state.settled(before) == []
