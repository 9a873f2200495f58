"""Capabilities set by set: what each does now and after an exec, asked of the kernel, in both kinds of starts."""

from __future__ import annotations

import errno

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import CallError, mount
from pyctr_lab.kernel.capabilities import CapabilitySets, capability_sets, names_in_mask
from pyctr_lab.kernel.constants import CAPABILITIES
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import BoundingSet, KeepCapabilities, RaiseAmbient, Recipe, SecureBits, SetCapabilities

ALL = tuple(repr(each).removeprefix("CAP_") for each in CAPABILITIES)
TMPFS = mount("tmpfs", "/mnt", "tmpfs")
SETS = "grep -h ^Cap /proc/self/status"


@pytest.fixture
def root(box: Container) -> Container:
    """Root of a user namespace of its own, with its own mounts."""
    ids = box.world.ids
    maps = steps.IdMaps(count=ids) if ids > 1 else steps.IdMaps(count=1, setgroups="deny")
    for step in (steps.NewNamespace("user"), maps, steps.NewNamespace("mnt"), steps.PrivatePropagation()):
        box.apply(step)
    return box


def after_exec(box: Container) -> CapabilitySets:
    """The sets of a program that the process itself becomes."""
    box.apply(steps.Exec(["sleep", "1000"]))
    return capability_sets(box.machine_pid)


def known(sets: tuple[str, ...]) -> set[str]:
    """Those that this package has names for: the kernel may have newer ones."""
    return {name for name in sets if not name.isdigit()}


def test_a_mask_names_each_bit() -> None:
    assert names_in_mask(0b101) == ("CHOWN", "DAC_READ_SEARCH") and names_in_mask(1 << 63) == ("63",)


def test_what_is_set_alone_comes_back_at_exec(root: Container) -> None:
    assert known(capability_sets(root.machine_pid).effective) == set(ALL)
    root.apply(SetCapabilities(("KILL",)))
    now = capability_sets(root.machine_pid)
    assert (now.permitted, now.effective, now.inheritable) == (("KILL",), ("KILL",), ())
    with pytest.raises(CallError) as why:
        root.call(TMPFS)
    assert why.value.errno == errno.EPERM
    assert known(after_exec(root).effective) == set(ALL), "uid 0 has all of the bounding set again"


def test_the_bounding_set_alone_takes_nothing_from_the_process_itself(root: Container) -> None:
    root.apply(BoundingSet(("KILL", "CHOWN")))
    assert not root.call(TMPFS).errno and capability_sets(root.machine_pid).bounding == ("CHOWN", "KILL")
    assert after_exec(root).effective == ("CHOWN", "KILL")


def test_both_together_are_for_good(root: Container) -> None:
    root.apply(steps.DropCapabilities(("KILL",)))
    assert after_exec(root) == CapabilitySets(("KILL",), ("KILL",), ("KILL",))


def test_effective_is_a_part_of_what_is_permitted(root: Container) -> None:
    root.apply(SetCapabilities(("KILL", "CHOWN"), ("CHOWN",)))
    now = capability_sets(root.machine_pid)
    assert (now.permitted, now.effective) == (("CHOWN", "KILL"), ("CHOWN",))
    with pytest.raises(CallError, match="what is not permitted cannot be permitted again"):
        root.apply(SetCapabilities(("FOWNER",)))


def test_another_user_keeps_one_over_an_exec_by_the_ambient_set(root: Container) -> None:
    """capabilities(7): keep at the change of ids, make inheritable, raise."""
    if root.world.ids < 2:
        pytest.skip("this user has one id")
    for step in (KeepCapabilities(), steps.SetIds(1, 1)):
        root.apply(step)
    with pytest.raises(CallError, match="first permitted and inheritable"):
        root.apply(RaiseAmbient(("KILL",)))
    root.apply(SetCapabilities(("KILL",), inheritable=("KILL",)))
    root.apply(RaiseAmbient(("KILL",)))
    after = after_exec(root)
    assert (after.effective, after.ambient, after.inheritable) == (("KILL",), ("KILL",), ("KILL",))


def test_with_securebits_root_execs_with_nothing(root: Container) -> None:
    root.apply(SecureBits())
    assert known(capability_sets(root.machine_pid).effective) == set(ALL)
    assert after_exec(root).effective == ()


def test_a_bounding_set_after_its_own_capability_says_what_is_missing(root: Container) -> None:
    root.apply(SetCapabilities(("KILL",)))
    with pytest.raises(CallError, match="CAP_SETPCAP is needed for it"):
        root.apply(BoundingSet(("KILL",)))


@pytest.mark.parametrize("start", ["auto", "fork"])
def test_a_whole_start_has_them_too(start) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        recipe = Recipe([*lab.recipe().without(steps.DropCapabilities), BoundingSet(("KILL",)), SecureBits()])
        found = dict(line.split() for line in lab.run(["sh", "-c", SETS], recipe=recipe).stdout.splitlines())
        assert (found["CapBnd:"], found["CapEff:"]) == (f"{1 << 5:016x}", f"{0:016x}")
        assert start == "fork" or lab.starter.why_slow == ""


@pytest.mark.parametrize("make", [
    lambda: BoundingSet(("NO_SUCH",)), lambda: SetCapabilities(("CAP_KILL",)), lambda: RaiseAmbient("KILL"),
    lambda: SecureBits(("root",)), lambda: SetCapabilities((), (5,)), lambda: SecureBits(((),)),
])  # fmt: skip
def test_what_is_none_is_refused_in_one_line(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput) as why:
        make()
    assert "\n" not in str(why.value)
