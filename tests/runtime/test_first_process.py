"""A PID namespace lives and dies with its number 1, and the lab says so."""

from __future__ import annotations

import os
import signal
from errno import ENOMEM

import pytest

from pyctr_lab import CallError, Lab, steps
from pyctr_lab.kernel import CLONE_NEWPID, unshare

pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("each_way")]


def test_behind_a_bare_unshare_the_second_child_cannot_be_born() -> None:
    with Lab() as lab:
        box = lab.container("demo")
        box.call(unshare(CLONE_NEWPID))
        assert box.run(["sh", "-c", "echo $$"]).stdout == "1\n"
        with pytest.raises(CallError) as caught:
            box.run(["true"])
        assert (caught.value.call.name, caught.value.errno) == ("fork", ENOMEM)
        assert "first process" in str(caught.value)
        assert box.alive


def test_who_lived_in_it_was_killed() -> None:
    with Lab() as lab:
        box = lab.container("demo")
        box.apply(steps.NewNamespace("pid"))
        sleepers = [box.start(["sleep", "1000"]) for _ in range(2)]
        os.kill(box.machine_pid, signal.SIGKILL)
        assert box.wait(10) == -signal.SIGKILL
        assert [sleeper.wait(10).signal for sleeper in sleepers] == ["SIGKILL", "SIGKILL"]
