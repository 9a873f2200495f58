"""In which order steps work, as data, each rule with its reason.

All measured; the errno is what the kernel says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..kernel.checks import check_list as several
from .mounts import (
    ROOT,
    Chroot,
    HostTree,
    MinimalDev,
    MountStep,
    PivotRoot,
    PrivatePropagation,
    Proc,
    ReadOnlyRoot,
    Sysfs,
)
from .namespaces import NAMES, ClockOffset, IdMaps, JoinNamespace, NewNamespace
from .privileges import DropCapabilities, Exec, SetIds
from .step import Step, refuse_no_step


@dataclass(frozen=True)
class Rule:
    """A step that `concerns` is true of `needs` an earlier one, or comes `never after` one, that `other` is true of.

    `other` is asked with (the earlier step, the step concerned). `harm` marks what would not fail, but change the lab.
    """

    concerns: Callable[[Step], bool]
    relation: Literal["needs", "never after"]
    other: Callable[[Step, Step], bool]
    name: str  # of the other step
    reason: str
    own_user: bool = False  # only behind a user namespace of its own
    shared_user: bool = False  # only where there is none yet
    harm: bool = False

    def broken_by(self, step: Step, earlier: Sequence[Step], own_user: bool) -> bool:
        """Whether `step` may not come behind `earlier`."""
        if not self.concerns(step) or (self.own_user and not own_user) or (self.shared_user and own_user):
            return False
        met = any(self.other(before, step) for before in earlier)
        return met == (self.relation == "never after")


@dataclass(frozen=True)
class Refusal:
    """Step number `index` of a list would not work there, for `reason`; `needs` names what it lacks, if anything."""

    index: int
    step: Step
    reason: str
    needs: str = ""
    kind: str = ""  # the namespace kind that would be changed in the lab itself

    def __str__(self) -> str:
        return f"step {self.index + 1}, {self.step.title}{', ' if self.needs else ': '}{self.advice}"

    @property
    def advice(self) -> str:
        """What is out of order, without the step's name."""
        return f"needs “{self.needs}” before it: {self.reason}" if self.needs else self.reason


def own(step: Step, kind: str) -> bool:
    """Whether a step leaves the container with a namespace of this kind that is not the lab's."""
    if kind == "time" and isinstance(step, ClockOffset):
        return True
    return isinstance(step, NewNamespace | JoinNamespace) and step.kind == kind


def _is(*types: type[Step]) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, types)


def _after(*types: type[Step]) -> Callable[[Step, Step], bool]:
    return lambda before, _: isinstance(before, types)


def _own(kind: str) -> Callable[[Step, Step], bool]:
    return lambda before, _: own(before, kind)


def _makes(kind: str) -> Callable[[Step], bool]:
    return lambda step: own(step, kind)


def _changes(kind: str) -> Callable[[Step], bool]:
    return lambda step: step.changes == kind


def _mounts_more(step: Step) -> bool:
    return isinstance(step, MountStep) and not isinstance(step, PrivatePropagation)


def _acts(step: Step) -> bool:
    return bool(step.changes)


def _is_on(before: Step, step: Step) -> bool:
    return getattr(before, "target", None) == getattr(step, "new", "")


def _in_new_root(step: Step) -> bool:
    return getattr(step, "target", "").startswith(f"{ROOT}/")


def _fills_new_root(step: Step) -> bool:
    return isinstance(step, MinimalDev | Proc | Sysfs) and _in_new_root(step)


def _begins_root(before: Step, _: Step) -> bool:
    return getattr(before, "target", None) == ROOT or (isinstance(before, JoinNamespace) and before.kind == "mnt")


def _needs_privilege(step: Step) -> bool:
    return bool(step.changes) or isinstance(step, NewNamespace | Chroot)


ORDER = (
    Rule(
        lambda step: True,
        "never after",
        _after(Exec),
        "exec",
        "after exec the process is the program: it obeys no more",
    ),
    Rule(
        _makes("user"),
        "never after",
        lambda before, _: _acts(before),
        "a step that acts",
        "the user namespace comes first: it gives the power over the others (EPERM otherwise)",
    ),
    Rule(
        _makes("user"),
        "never after",
        lambda before, _: any(own(before, kind) for kind in ("mnt", "uts", "ipc", "net", "pid")),
        "another namespace",
        "the user namespace comes first: it has no power over namespaces older than itself (EPERM)",
    ),
    Rule(
        _makes("user"), "never after", _after(Chroot), "chroot", "no user namespace for a process in a chroot (EPERM)"
    ),
    Rule(
        _is(IdMaps),
        "needs",
        _own("user"),
        "user namespace",
        "ids are mapped from one user namespace to another (EPERM)",
    ),
    Rule(_is(IdMaps), "never after", _after(IdMaps), "id maps", "each map is written once (EPERM)"),
    Rule(
        _is(SetIds),
        "needs",
        _after(IdMaps),
        "id maps",
        "an id that is not mapped cannot be taken (EINVAL)",
        own_user=True,
    ),
    Rule(
        _is(Exec), "needs", _after(IdMaps), "id maps", "without maps, exec takes every capability away", own_user=True
    ),
    Rule(
        _is(Proc),
        "needs",
        _own("pid"),
        "PID namespace",
        "/proc shows a PID namespace, which must be one's own (EPERM)",
        own_user=True,
    ),
    Rule(
        _is(Sysfs),
        "needs",
        _own("net"),
        "network namespace",
        "/sys shows a network namespace, which must be one's own (EPERM)",
        own_user=True,
    ),
    Rule(
        _is(Proc, Sysfs),
        "never after",
        _after(PivotRoot),
        "pivot_root",
        "the kernel wants to see the old one while a new one is mounted (EPERM)",
        own_user=True,
    ),
    Rule(
        _is(HostTree, MinimalDev),
        "never after",
        _after(PivotRoot),
        "pivot_root",
        "what it shows of the host is gone with the old root (ENOENT)",
    ),
    Rule(
        lambda step: isinstance(step, MountStep) and (_in_new_root(step) or _begins_root(step, step)),
        "never after",
        lambda before, _: isinstance(before, PivotRoot) and before.new == ROOT,
        "pivot_root",
        f"{ROOT} has become / by then, and there is no other (ENOENT)",
    ),
    Rule(
        _is(HostTree, MinimalDev),
        "needs",
        _after(IdMaps),
        "id maps",
        "a file cannot belong to an id that is not mapped (EOVERFLOW)",
        own_user=True,
    ),
    Rule(
        _fills_new_root,
        "needs",
        _begins_root,
        "file system of its own",
        "the folder for it is made in the new root (EACCES)",
    ),
    Rule(
        lambda step: isinstance(step, ReadOnlyRoot) and step.target == ROOT,
        "needs",
        _begins_root,
        "file system of its own",
        "only what is a mount can be made read-only (EINVAL)",
    ),
    Rule(
        _mounts_more,
        "never after",
        _after(DropCapabilities),
        "drop capabilities",
        "mounting needs CAP_SYS_ADMIN (EPERM)",
    ),
    Rule(
        _needs_privilege,
        "never after",
        _after(DropCapabilities),
        "drop capabilities",
        "it needs a capability that has been given up (EPERM)",
    ),
    Rule(
        _is(PrivatePropagation),
        "never after",
        lambda before, _: _mounts_more(before),
        "a mount",
        "the mounts made before it have leaked already",
    ),
    Rule(
        _is(PivotRoot),
        "needs",
        _after(PrivatePropagation),
        "private mounts",
        "a shared root cannot be swapped (EINVAL)",
        shared_user=True,
    ),
    Rule(_is(PivotRoot), "needs", _is_on, "a mount on the new root", "the new root must be a mount point (EINVAL)"),
    *(
        Rule(
            _changes(kind),
            "needs",
            _own(kind),
            f"{NAMES[kind]} namespace",
            f"else it changes the lab's own {what}",
            harm=True,
        )
        for kind, what in (("uts", "host name"), ("mnt", "mounts"), ("net", "network"))
    ),
)


def refusals(steps: Iterable[Step], *, shared: Iterable[str] = ()) -> tuple[Refusal, ...]:
    """Which steps of a list would not work where they stand, and why. At most one refusal a step: the first.

    `shared` names kinds that the learner means to share with the lab, whatever a step changes there.
    """
    sequence, meant, found = several(steps, "a recipe"), several(shared, "what is shared"), []
    for step in sequence:
        refuse_no_step(step)
    own_user = False
    for index, step in enumerate(sequence):
        for rule in ORDER:
            if rule.broken_by(step, sequence[:index], own_user) and not (rule.harm and step.changes in meant):
                needs = rule.name if rule.relation == "needs" else ""
                found.append(Refusal(index, step, rule.reason, needs, step.changes if rule.harm else ""))
                break
        own_user = own_user or own(step, "user")
    return tuple(found)
