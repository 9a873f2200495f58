"""A service of a lab obeys, and ends with it, with the notebook, and by itself, and no process is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.errors import BadInput, Gone, LabError, TimeExpired
from pyctr_lab.kernel import proc
from pyctr_lab.runtime.service import LabService

pytestmark = pytest.mark.machine
TARGET = "runtime.jobs:serve"
NOTEBOOK = """
import sys, time
from pyctr_lab import Lab
from pyctr_lab.runtime.service import LabService
lab = Lab(private=True)
service = LabService(lab.world, "runtime.jobs:serve")
print(service.machine_pid, lab.world.machine_pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


@pytest.fixture
def service(own_lab: Lab) -> Iterator[LabService]:
    with LabService(own_lab.world, TARGET) as made:
        yield made


def processes(service: LabService) -> tuple[int, int]:
    """The one that waits, and the one that serves."""
    return service.machine_pid, *proc.children(service.machine_pid)


def test_it_says_that_it_is_ready_and_answers_each_order(lab: Lab) -> None:
    come, go = os.pipe()
    with LabService(lab.world, TARGET, {"gate": come}) as service:
        assert service.ready == {"ids": [0], "gate": os.fstat(come).st_ino}
        for number in range(3):
            assert service.ask({"number": number}) == {"got": {"number": number}}
        with pytest.raises(BadInput, match=r"^not that$"):
            service.ask({"wrong": 1})
        assert service.alive and "alive" in repr(service)
        theirs = proc.namespaces(lab.world.machine_pid)
        seen = proc.namespaces(processes(service)[1])
        assert {kind for kind in seen if seen[kind] == theirs[kind]} >= {"user", "mnt", "pid", "net"}
    os.close(come)
    os.close(go)


def test_an_answer_that_came_too_late_is_not_taken_for_another(lab: Lab) -> None:
    come, go = os.pipe()
    with LabService(lab.world, TARGET, {"gate": come}) as service:
        with pytest.raises(TimeExpired):
            service.ask({"wait": 1}, timeout=0)
        os.close(go)
        assert service.ask({"number": 2}) == {"got": {"number": 2}}
    os.close(come)


def test_a_start_that_fails_says_why_in_one_line_and_leaves_nothing(lab: Lab) -> None:
    before = set(proc.descendants(os.getpid()))
    with pytest.raises(LabError, match=r"^port 53: Address already in use$"):
        LabService(lab.world, TARGET, refuse="port 53")
    assert set(proc.descendants(os.getpid())) == before


def test_it_is_not_of_the_notebooks_session_whose_interrupts_are_not_for_it(service: LabService) -> None:
    sessions = {os.getsid(pid) for pid in processes(service)}
    assert os.getsid(0) not in sessions


def test_ended_twice_it_refuses_orders(service: LabService) -> None:
    pids = processes(service)
    service.end()
    service.end()
    assert all(map(proc.has_ended, pids)) and not service.alive and "ended" in repr(service)
    with pytest.raises(Gone, match="was ended") as raised:
        service.ask({})
    assert raised.value.hint


def test_one_that_ends_by_itself_is_gone(service: LabService) -> None:
    for _ in range(2):
        with pytest.raises(Gone) as raised:
            service.ask({"end": 1})
        assert raised.value.hint


@pytest.mark.parametrize(
    ("victim", "why"),
    [("service", "killed by SIGKILL"), ("its parent", "runtime.jobs:serve ended"), ("lab", "this lab has ended")],
)
def test_whatever_was_killed_it_is_gone_with_a_hint(own_lab: Lab, service: LabService, victim: str, why: str) -> None:
    parent, child = processes(service)
    gone = os.pidfd_open(child)
    os.kill({"service": child, "its parent": parent, "lab": own_lab.world.machine_pid}[victim], signal.SIGKILL)
    assert select.select([gone], [], [], 20)[0]
    os.close(gone)
    with pytest.raises(Gone, match=why) as raised:
        service.ask({})
    assert raised.value.hint and not service.alive
    assert proc.has_ended(parent)


def test_closing_the_lab_ends_it(own_lab: Lab, service: LabService) -> None:
    pids = processes(service)
    own_lab.close()
    with pytest.raises(Gone, match="this lab is closed"):
        service.ask({})
    assert all(map(proc.has_ended, pids))


def test_it_dies_with_the_notebook() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", NOTEBOOK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as notebook:
        assert notebook.stdout
        parent, launcher = map(int, notebook.stdout.readline().split())
        watched = [os.pidfd_open(pid) for pid in (parent, *proc.children(parent), launcher)]
        notebook.kill()
    for pidfd in watched:
        assert select.select([pidfd], [], [], 20)[0]
        os.close(pidfd)
    assert len(watched) == 3
