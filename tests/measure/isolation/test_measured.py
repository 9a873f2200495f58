"""Probes against the real kernel: each gets out where its walls are missing, and nowhere else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.kernel import proc
from pyctr_lab.measure.isolation import WALLS, IsolationMatrix, measure_isolation, probe_recipe
from pyctr_lab.runtime.carrier import readable

BY_FILES = {"watch_shared_file", "lock_shared_file"}


@pytest.fixture
def image_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab with a store of its own, and the image busybox in it."""
    monkeypatch.setenv("PYCTR_LAB_IMAGES", str(tmp_path / "store"))
    with Lab(private=True) as made:
        made.images.import_("busybox", "busybox")
        yield made


def whole(matrix: IsolationMatrix) -> None:
    """All that the table expects has been measured, and is so."""
    assert not matrix.unexpected, "\n".join(map(str, matrix.unexpected))
    left = [note for note in matrix.notes if "not measured" in note]
    assert not left, left
    for probe in matrix.probes:
        assert set(matrix.fewest(probe.name)) == set(probe.out), probe.name


@pytest.mark.machine
def test_each_probe_gets_out_where_its_walls_are_missing(lab: Lab) -> None:
    done = []
    matrix = measure_isolation(lab, progress=lambda number, total: done.append((number, total)))
    whole(matrix)
    assert {probe.name for probe in matrix.escaped()} >= BY_FILES
    if set(matrix.walls) == set(WALLS):
        assert {probe.name for probe in matrix.escaped()} == BY_FILES
    assert done == [(number + 1, len(done)) for number in range(len(done))]
    assert max(map(len, str(matrix).splitlines()[:-len(matrix.notes) or None])) <= 120


@pytest.mark.machine
def test_none_gets_out_of_an_image(image_lab: Lab) -> None:
    matrix = measure_isolation(image_lab, image="busybox", missing=[(), "pid", ("no_new_privs", "nosuid")])
    assert not matrix.unexpected, "\n".join(map(str, matrix.unexpected))
    assert not matrix.escaped()
    assert {probe.name for probe in matrix.escaped("pid")} >= {"read_victim_arguments"}
    assert matrix.title == f"Out with all walls up, on the image busybox: none, of {len(matrix.probes)} probes"
    assert "ids" not in matrix.walls


def test_a_recipe_of_the_reader(lab: Lab) -> None:
    names = ["set_semaphore", "read_host_name", "read_lab_file", "write_shared_folder"]
    shared = lab.recipe().without("ipc")
    found = {each.probe: each for each in probe_recipe(lab, shared, names)}
    assert {name: each.out for name, each in found.items()} == {
        "set_semaphore": True, "read_host_name": False, "read_lab_file": False, "write_shared_folder": False,
    }  # fmt: skip
    assert found["read_lab_file"].answer == "ENOENT"
    assert found["read_host_name"].answer == "demo"
    assert not any(each.out for each in probe_recipe(lab, lab.recipe(), names))


def test_a_tree_without_an_interpreter(image_lab: Lab) -> None:
    with pytest.raises(OSError, match=r"ENOENT"):
        probe_recipe(image_lab, image_lab.recipe(image="busybox"), ["read_lab_file"])


def test_nothing_is_left_in_the_lab(lab: Lab) -> None:
    def state() -> tuple[object, ...]:
        files = "/proc/mounts /proc/sys/user/max_ipc_namespaces /proc/sysvipc/sem /proc/sysvipc/shm"
        script = f"cat {files}; hostname; ls /srv /dev/pts /dev/shm; ip link show lo"
        return lab.host.run(["sh", "-c", script]).stdout, len(lab.processes())

    before = state()
    measure_isolation(lab, missing=[(), ("user", "caps", "seccomp"), ("uts", "user", "caps", "seccomp"), "ipc", "mnt"])
    assert state() == before


def test_an_interrupt_keeps_what_was_measured(lab: Lab) -> None:
    def interrupt(number: int, _: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    matrix = measure_isolation(lab, probes=["set_semaphore"], progress=interrupt)
    assert [each.missing for each in matrix.outcomes] == [(), ("user",)]
    assert matrix.notes[-1] == "interrupted: what had been measured by then"


SCRIPT = """
from pyctr_lab.measure.isolation import measure_isolation
measure_isolation(progress=lambda number, total: print(number, flush=True))
"""


def opened(pid: int) -> int | None:
    """A descriptor of a process; None where it has ended."""
    with suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None


def test_killed_amid_it_nothing_is_left() -> None:
    """Launcher, victim and containers end with the process that measures."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as measuring:
        assert measuring.stdout
        for _ in range(3):
            assert measuring.stdout.readline()
        below = [*proc.descendants(measuring.pid)]
        assert len(below) >= 3  # a launcher, its PID 1, the victim
        watched = list(map(opened, below))
        measuring.kill()
    for pidfd in filter(None, watched):
        assert readable(pidfd, 60)
        os.close(pidfd)
