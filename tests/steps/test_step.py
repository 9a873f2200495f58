"""What every step promises: calls as data, one line in English, one in the shell, a title."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import pytest

from pyctr_lab import steps
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.kernel import KINDS, Call, getpid
from pyctr_lab.kernel.filters import ALLOW, FilterPolicy
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import Step

EVERY: list[Step] = [
    *(steps.NewNamespace(kind) for kind in KINDS),
    *(steps.JoinNamespace(kind, 7) for kind in KINDS),
    steps.OwnIds(), steps.OwnIds(70, (9,)),
    steps.IdMaps(), steps.IdMaps(count=1, setgroups="deny"), steps.IdMaps(count=1, more=((1, 1, 9),)),
    steps.ClockOffset(60), steps.ClockOffset(-5), steps.PrivatePropagation(), steps.Bind("/a b", "/c'd"),
    steps.Bind("/a", "/b", readonly=False), steps.Volume("/a b", "/c/d'"), steps.Tmpfs("/t"), steps.Proc(),
    steps.Sysfs(), steps.MinimalDev(), steps.HostTree(), steps.ReadOnlyRoot(),
    steps.Chroot("/x"), steps.PivotRoot(), steps.SetHostname("demo"),
    steps.LoopbackUp(), steps.ResourceLimit("nofile", 5), steps.ResourceLimit("core", None, None),
    steps.NoNewPrivileges(), steps.DropCapabilities(), steps.SetIds(1, 2), steps.WorkingDirectory("/tmp"),
    steps.Environment(A="b c"), steps.Exec(["true"]), steps.Overlay(("a,b", "c:d")), steps.Overlay(("a",), upper="u"),
    steps.Veth(steps.NetworkEnd("web", 100, 10002, "02:42:0a:58:00:02")), steps.Veth(steps.NetworkEnd("", 0, 10002)),
    steps.Address("10.88.0.2/24"), steps.Address("fd88::2/64", 11), steps.LinkUp(), steps.Route("10.88.0.1"),
    steps.Route("fd88::1", "fd89::/64"), steps.Resolver(("10.88.0.1",)), steps.Seccomp(FilterPolicy(ALLOW)),
    steps.BoundingSet(()), steps.SetCapabilities(("KILL",), (), ("KILL",)), steps.RaiseAmbient(("KILL",)),
    steps.KeepCapabilities(), steps.SecureBits(), steps.MaskPaths(), steps.ReadOnlyPaths(),
    steps.Landlock(), steps.Landlock((), ("/a b",)),
]  # fmt: skip
if "pids" in delegation().controllers:  # where nobody has given us a group, it says so: tests/steps/test_control_group
    EVERY.append(steps.ControlGroup(steps.Limits(pids=7), "seven"))
IDS = [f"{type(step).__name__}-{index}" for index, step in enumerate(EVERY)]


def test_no_step_is_left_out() -> None:
    public = {thing for thing in vars(steps).values() if isinstance(thing, type) and issubclass(thing, Step)}
    assert public - {Step, steps.ControlGroup} == {type(step) for step in EVERY} - {steps.ControlGroup}


@pytest.mark.parametrize("step", EVERY, ids=IDS)
def test_its_calls_are_data_and_the_same_each_time(step: Step) -> None:
    assert step.calls() == step.calls()
    assert all(isinstance(call, Call) and str(call) for call in step.calls())
    assert step.calls() or isinstance(step, steps.Environment)


@pytest.mark.parametrize("step", EVERY, ids=IDS)
def test_it_describes_itself(step: Step) -> None:
    said = step.describe()
    assert "\n" not in said and said.endswith((".", ")")) and said[0].isupper()
    assert step.title and "\n" not in step.title and len(step.title) < 40
    assert type(step).__name__ in repr(step)


@pytest.mark.parametrize("step", EVERY, ids=IDS)
def test_its_shell_form_is_one_that_a_shell_can_read(step: Step) -> None:
    form = step.shell() + (" true" if step.shell_form == "wrapper" and not isinstance(step, steps.Exec) else "")
    assert subprocess.run(["sh", "-n", "-c", form], capture_output=True, text=True).stderr == ""
    assert step.shell_form in ("command", "wrapper", "outside")
    assert ("$pid" in step.shell()) == (step.shell_form == "outside")


@pytest.mark.parametrize("step", EVERY, ids=IDS)
def test_it_cannot_be_changed_and_can_be_compared(step: Step) -> None:
    assert {step: 1}[step] == 1
    assert step == step and step != object()


@pytest.mark.parametrize("step", EVERY, ids=IDS)
def test_what_it_changes_it_touches(step: Step) -> None:
    assert set(step.touches) <= set(KINDS)
    assert not step.changes or step.changes in step.touches


@dataclass(frozen=True)
class Ask(Step):
    """Ask the process who it is."""

    def calls(self) -> list[Call]:
        return [getpid()]


def test_a_step_of_ones_own_needs_only_its_calls(box: Container) -> None:
    result = box.apply(Ask())
    assert result.calls[0].result == box.pid
    assert Ask().describe() == "Ask the process who it is."
    assert Ask().title == "Ask" and repr(result) == "StepResult('Ask', 1 call)"
    assert subprocess.run(["sh", "-c", Ask().shell()]).returncode == 0
