"""Order: each rule refuses with its reason, and the kernel refuses it too, or the lab would be harmed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from errno import EACCES, EINVAL, ENETUNREACH, ENODEV, ENOENT, EOVERFLOW, EPERM, EROFS

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import Gone, Harm, OrderError
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.kernel.filters import docker_policy
from pyctr_lab.kernel.landlock import landlock_abi
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import ORDER, Recipe, Step, refusals
from pyctr_lab.steps.namespaces import NewNamespace

pytestmark = pytest.mark.machine

USER, MNT, UTS, NET, PID = map(NewNamespace, ("user", "mnt", "uts", "net", "pid"))
PRIVATE, TREE, PIVOT = steps.PrivatePropagation(), steps.HostTree(), steps.PivotRoot()
MAPS = steps.IdMaps(count=1, setgroups="deny")
OWN = (USER, MAPS, MNT, PRIVATE)
CABLE, ADDRESS = steps.Veth(steps.NetworkEnd("", 0, 10002)), steps.Address("10.88.0.2/24")
FILTER = steps.Seccomp(docker_policy())
SLEEP = steps.Exec(["sleep", "1000"])

# (what was done before, the step that is refused, the errno it gets, or what goes wrong afterwards)
CASES: list[tuple[tuple[Step, ...], Step, int | type[Exception] | tuple[Step, int] | str]] = [
    ((SLEEP,), UTS, Gone),
    ((UTS, steps.SetHostname("x")), USER, (steps.SetHostname("y"), EPERM)),
    ((MNT,), USER, (steps.Tmpfs("/mnt"), EPERM)),
    ((PID,), USER, "no /proc"),
    ((steps.Chroot("/usr"),), USER, EPERM),
    ((), MAPS, EPERM),
    ((USER, MAPS), MAPS, EPERM),
    ((USER,), steps.SetIds(0, 0), EINVAL),
    ((USER,), SLEEP, "powerless"),
    (OWN, steps.Proc("/proc"), EPERM),
    (OWN, steps.Sysfs("/sys"), EPERM),
    ((*OWN, PID, TREE, PIVOT), steps.Proc("/proc"), EPERM),
    ((*OWN, TREE, PIVOT), TREE, ENOENT),
    ((*OWN, steps.DropCapabilities()), steps.Tmpfs("/mnt"), EPERM),
    ((USER, MAPS, steps.DropCapabilities(())), UTS, EPERM),
    ((MNT, steps.Tmpfs("/mnt")), PRIVATE, "leaked"),
    ((MNT, steps.Tmpfs("/mnt")), PIVOT, EINVAL),
    (OWN, PIVOT, EINVAL),
    ((), steps.SetHostname("x"), Harm),
    ((), steps.Tmpfs("/mnt"), Harm),
    ((), steps.LoopbackUp(), Harm),
    (OWN, steps.ReadOnlyRoot("/mnt"), EINVAL),
    ((*OWN, PID), steps.Proc("/mnt/proc"), EACCES),
    ((USER, MNT, PRIVATE), TREE, EOVERFLOW),
    ((*OWN, TREE, PIVOT), steps.ReadOnlyRoot("/mnt"), ENOENT),
    ((*OWN, TREE, PIVOT), steps.MinimalDev("/mnt/dev"), ENOENT),
    ((*OWN, TREE), steps.MaskPaths(), ENOENT),
    ((*OWN, steps.Landlock()), steps.Tmpfs("/mnt"), EPERM),
    ((USER, MAPS, FILTER), UTS, EPERM),
    ((*OWN, FILTER), steps.Tmpfs("/mnt"), EPERM),
    ((USER, MAPS, steps.DropCapabilities()), FILTER, EACCES),
    ((), CABLE, Harm),
    ((NET,), ADDRESS, ENODEV),
    ((NET, CABLE, ADDRESS), steps.Route("10.88.0.1"), ENETUNREACH),
    ((NET, CABLE, steps.LinkUp()), steps.Route("10.88.0.1"), ENETUNREACH),
]


def name(case: tuple[tuple[Step, ...], Step, object]) -> str:
    return f"{case[1].title}-after-{case[0][-1].title if case[0] else 'nothing'}".replace(" ", "_")


@pytest.mark.parametrize("case", CASES, ids=name)
def test_it_is_refused_for_its_own_reason(case: tuple[tuple[Step, ...], Step, object]) -> None:
    before, step, _ = case
    assert refusals(before) == (), "what came before is in order"
    (refused,) = refusals([*before, step])
    assert (refused.index, refused.step) == (len(before), step)
    assert refused.reason in str(refused) and f"step {len(before) + 1}" in str(refused)
    assert not refused.needs or refused.needs in str(refused)
    with pytest.raises(OrderError) as why:
        Recipe([*before, step])
    assert (why.value.step, why.value.reason) == (step, refused.reason)


def test_no_rule_is_left_out() -> None:
    seen = {refusals([*before, step])[0].reason for before, step, _ in CASES}
    assert {rule.reason for rule in ORDER} - seen == set()


@pytest.fixture
def alone() -> Iterator[Container]:
    """A container in a lab of its own: some of these change the lab."""
    with Lab() as lab, lab.container("box") as box:
        yield box


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_kernel_refuses_it_or_the_lab_would_change(
    case: tuple[tuple[Step, ...], Step, int | type[Exception] | tuple[Step, int] | str], alone: Container
) -> None:
    before, step, outcome = case
    if steps.Landlock() in before and not landlock_abi():
        pytest.skip("this kernel has no Landlock")
    for earlier in before:
        alone.apply(earlier)
    if outcome == "leaked":
        alone.apply(step)
        assert "/mnt" in {mount.target for mount in alone.host.view().mounts}
        return
    if outcome == "no /proc":
        for then in (step, MAPS, MNT, PRIVATE):
            alone.apply(then)
        step, outcome = steps.Proc("/proc"), EPERM
    if outcome == "powerless":
        alone.apply(step)
        assert int(proc.status(alone.machine_pid)["CapEff"], 16) == 0
        return
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            alone.apply(step)
        return
    if isinstance(outcome, tuple):
        alone.apply(step)
        step, outcome = outcome
    with pytest.raises(CallError) as refused:
        alone.apply(step)
    assert refused.value.errno in ((outcome, EROFS) if outcome == EACCES else (outcome,))


def shuffled(seed: int, lab: Lab) -> list[Step]:
    """The default recipe with up to three of its steps somewhere else, and sometimes one missing."""
    dice = random.Random(seed)
    order = list(lab.recipe())
    for _ in range(dice.randint(1, 3)):
        order.insert(dice.randrange(len(order)), order.pop(dice.randrange(len(order))))
    if dice.random() < 0.4:
        order.pop(dice.randrange(len(order)))
    return order


LATE = [rule.reason for rule in ORDER if "user namespace comes first" in rule.reason or "leaked" in rule.reason]


@pytest.mark.repeat(few=20, many=200)
def test_what_is_accepted_works_and_what_is_refused_does_not(repetition: int, lab: Lab, alone: Container) -> None:
    order = shuffled(repetition, lab)
    refused = refusals(order)
    last = refused[0].index if refused else len(order)
    for step in order[:last]:
        alone.apply(step)
    if not refused:
        done = alone.run(["sh", "-c", "echo $$"])
        assert (done.returncode, done.stderr) == (0, "")
        return
    if refused[0].reason in LATE:  # each by itself is shown above
        return
    with pytest.raises(Harm if refused[0].kind else (Harm, CallError)):
        alone.apply(order[last])


def test_random_orders_are_of_both_sorts(lab: Lab) -> None:
    sorts = [bool(refusals(shuffled(seed, lab))) for seed in range(60)]
    assert 10 < sum(sorts) < 55


def test_a_kind_that_is_meant_to_be_shared_is_no_harm() -> None:
    assert refusals([steps.SetHostname("x")])[0].kind == "uts"
    assert refusals([steps.SetHostname("x")], shared=["uts"]) == ()
    assert refusals([steps.SetHostname("x")], shared=["net"]) != ()


def test_a_step_is_refused_once_at_most() -> None:
    found = refusals([UTS, SLEEP, steps.Tmpfs("/mnt"), NET])
    assert [refusal.index for refusal in found] == [2, 3]


def test_to_join_is_as_good_as_to_make() -> None:
    assert refusals([steps.JoinNamespace("uts", 7), steps.SetHostname("x")]) == ()
