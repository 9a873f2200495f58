"""Masks: what they cover cannot be read, or not written; and who may take one off. Asked of the kernel."""

from __future__ import annotations

import errno
import os

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import CallError
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import MaskPaths, ReadOnlyPaths, Recipe, Step
from pyctr_lab.steps.masks import FOLDERS, MASKED

LOOK = "wc -l < /proc/interrupts; ls /proc/fs; echo 1 > /proc/sys/kernel/shmmni; echo wrote=$?"


def unmasked(lab: Lab) -> Recipe:
    return lab.recipe().without(MaskPaths, ReadOnlyPaths)


def with_steps(lab: Lab, *masks: Step, without: tuple[type[Step], ...] = ()) -> Recipe:
    """The default recipe, with other masks before pivot_root."""
    base = list(unmasked(lab).without(*without))
    place = next(place for place, step in enumerate(base) if isinstance(step, steps.PivotRoot))
    return Recipe([*base[:place], *masks, *base[place:]])


@pytest.mark.parametrize("start", ["auto", "fork"])
def test_what_is_covered_is_empty_and_what_is_read_only_is_not_written(start) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        before = lab.run(["sh", "-c", LOOK], recipe=unmasked(lab))
        ran = lab.run(["sh", "-c", LOOK], recipe=with_steps(lab, MaskPaths(), ReadOnlyPaths()))
        assert int(before.stdout.split()[0]) > 0 and "wrote=0" in before.stdout
        assert ran.stdout.split()[0] == "0" and "wrote=0" not in ran.stdout
        assert "Read-only" in ran.stderr
        assert start == "fork" or lab.starter.why_slow == ""


def test_a_folder_is_covered_by_an_empty_one(lab: Lab) -> None:
    look = "ls /proc/sys | wc -l; cat /proc/uptime | wc -c; test -e /proc/none; echo $?"
    recipe = with_steps(lab, MaskPaths(("/proc/sys", "/proc/uptime", "/proc/none")))
    assert lab.run(["sh", "-c", look], recipe=recipe).stdout.split() == ["0", "0", "1"]


def test_each_path_of_dockers_is_covered_by_one_mount(lab: Lab) -> None:
    recipe = with_steps(lab, MaskPaths())
    there = {path for path in MASKED if os.path.exists(path)}
    mounted = lab.run(["cut", "-d ", "-f5", "/proc/self/mountinfo"], recipe=recipe).stdout.split()
    assert sorted(path for path in mounted if path in MASKED) == sorted(there)
    assert len([call for call in MaskPaths().calls() if call.name == "mount"]) == len(MASKED)


def test_of_dockers_paths_the_kind_is_known() -> None:
    for path in filter(os.path.exists, MASKED):
        assert os.path.isdir(path) == (path in FOLDERS), path


@pytest.mark.parametrize(("without", "uncovered"), [((), False), ((steps.DropCapabilities, steps.Seccomp), True)])
def test_only_who_may_unmount_takes_a_mask_off(lab: Lab, without: tuple[type[Step], ...], uncovered: bool) -> None:
    recipe = with_steps(lab, MaskPaths(("/proc/interrupts",)), without=without)
    ran = lab.run(["sh", "-c", "umount /proc/interrupts; wc -l < /proc/interrupts"], recipe=recipe)
    assert (ran.stdout.strip() != "0") == uncovered


def test_from_a_user_namespace_within_a_mask_stays_on(lab: Lab) -> None:
    recipe = with_steps(lab, MaskPaths(("/proc/interrupts",)), without=(steps.Seccomp,))
    within = "umount /proc/interrupts; mount -t proc proc /tmp; echo $?; wc -l < /proc/interrupts"
    nested = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "sh", "-c", within]
    ran = lab.run(nested, recipe=recipe)
    assert ran.stdout.split() == ["32", "0"], "neither can the mask go, nor a fresh /proc come"


def test_without_proc_they_would_cover_nothing_and_fail(box: Container) -> None:
    for step in (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"), steps.NewNamespace("mnt"),
                 steps.PrivatePropagation(), steps.HostTree()):  # fmt: skip
        box.apply(step)
    with pytest.raises(CallError) as why:
        box.apply(MaskPaths())
    assert why.value.errno == errno.ENOENT


@pytest.mark.parametrize("path", ["/", "", "/proc", "/etc/passwd", "/proc/../etc", "proc/keys", "/proc//keys", None, 5])
def test_what_cannot_be_masked_is_refused(path: object) -> None:
    for kind in (MaskPaths, ReadOnlyPaths):
        with pytest.raises(BadInput) as why:
            kind((path,))  # type: ignore[arg-type]
        assert "\n" not in str(why.value)
