"""Work as a lab's root: its process is reaped with the work, and its end is reported whatever ends it."""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import Lab
from pyctr_lab.errors import Gone, LabError, Unsupported
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.kernel import proc
from pyctr_lab.runtime.job import KINDS, WORKER, run_as_root

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
def own_lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


def run(lab: Lab, function: str, **words: Any) -> Iterator[Any]:
    return run_as_root(lab.world, f"runtime.jobs:{function}", **words)


def workers() -> list[int]:
    """The processes of jobs, parents first."""
    found = [pid for pid in proc.descendants(os.getpid()) if WORKER[-1] in Path(f"/proc/{pid}/cmdline").read_text()]
    return sorted(found, key=lambda pid: int(proc.status(pid)["PPid"]) in found)


def test_it_is_root_of_the_lab_in_the_namespaces_asked_for(lab: Lab) -> None:
    for kinds in (KINDS, (*KINDS, "net")):
        (seen,) = run(lab, "look", kinds=kinds)
        assert seen["ids"] == [0, 0, []]
        theirs = proc.namespaces(lab.world.machine_pid)
        assert {kind for kind, number in seen["namespaces"].items() if number == theirs[kind]} == set(kinds)


def test_nothing_of_the_package_is_imported_but_what_it_needs(lab: Lab) -> None:
    (seen,) = run(lab, "look")
    assert seen["modules"] == ["pyctr_lab", "pyctr_lab.errors", "pyctr_lab.kernel"]


def test_its_files_are_those_of_the_labs_root_and_in_its_folder(lab: Lab, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    list(run(lab, "look", folder=tmp_path, made="file"))
    assert (tmp_path / "file").stat().st_uid == proc.uid_map(lab.world.machine_pid)[0].outside


def test_words_and_rows_may_be_many_and_long(lab: Lab) -> None:
    words = ["x" * 300_000, *map(str, range(20_000))]
    assert list(run(lab, "echo", words=words)) == words


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("lab", Unsupported, r"^not here \(there\)$"),
        ("image", BadImage, r"^not an image \(another\)$"),
        ("system", LabError, "refused"),
    ],
)
def test_an_error_arrives_as_one_line(lab: Lab, kind: str, error: type[LabError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        list(run(lab, "refuse", kinds=(*KINDS, "net"), kind=kind))
    assert raised.type is error


def test_a_mistake_in_it_is_named(lab: Lab) -> None:
    with pytest.raises(Gone, match="crash ended before it was done: ZeroDivisionError: a mistake"):
        list(run(lab, "crash"))


def test_no_zombie_is_left_in_the_lab(lab: Lab, orphans: None) -> None:
    before = set(proc.descendants(os.getpid()))
    list(run(lab, "echo", words=["a"]))
    assert set(proc.descendants(os.getpid())) == before


def test_closed_early_it_ends(lab: Lab, orphans: None) -> None:
    before = set(proc.descendants(os.getpid()))
    rows = run(lab, "wait")
    next(rows)
    assert len(workers()) == 2
    rows.close()
    assert set(proc.descendants(os.getpid())) == before


@pytest.mark.parametrize(("machine", "why"), [(False, "done: killed by SIGKILL"), (True, "this lab has ended")])
def test_what_has_killed_it_is_said(own_lab: Lab, machine: bool, why: str) -> None:
    rows = run(own_lab, "wait")
    next(rows)
    os.kill(own_lab.world.machine_pid if machine else workers()[-1], signal.SIGKILL)
    with pytest.raises(Gone, match=why):
        next(rows)
    assert not workers()


def test_its_end_is_that_of_the_parent_too(lab: Lab) -> None:
    rows = run(lab, "wait")
    next(rows)
    parent, child = workers()
    gone = os.pidfd_open(child)
    os.kill(parent, signal.SIGKILL)
    with pytest.raises(Gone):
        next(rows)
    assert select.select([gone], [], [], 20)[0]
    os.close(gone)
