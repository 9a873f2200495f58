"""The lists of calls that carry the launcher into the lab's outer world. It is never really root."""

from __future__ import annotations

import os

from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import (
    Call,
    close,
    dup3,
    fork,
    mkdirat,
    mount,
    openat,
    prctl,
    setgroups,
    sethostname,
    setresgid,
    setresuid,
    symlinkat,
    unshare,
)
from ..kernel.constants import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    O_RDWR,
    PR_SET_DUMPABLE,
    PR_SET_NAME,
    PR_SET_PDEATHSIG,
    SIGKILL,
    SUID_DUMP_USER,
)
from ..steps import LoopbackUp, PivotRoot
from ..steps.mounts import ROOT

OUTER = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP


def unmask() -> list[Call]:
    """Inside another container parts of /proc are covered, and no user namespace may then mount a /proc of its own.

    Root can first mount a fresh one, in a pid and a mount namespace that belong to the machine's user namespace.
    """
    fresh = mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    return [unshare(CLONE_NEWPID | CLONE_NEWNS), fork(), mount(None, "/", None, MS_REC | MS_PRIVATE), fresh]


def is_masked() -> bool:
    """Whether something is mounted over a part of our /proc."""
    return any(mounted.target.startswith("/proc/") for mounted in proc.mountinfo("self"))


def leave() -> list[Call]:
    """The first call: leave the machine's world."""
    return [unshare(OUTER)]


def drop_root(*, root: bool) -> list[Call]:
    """Become the outer world's root, an id without rights outside, and go on as its PID 1."""
    groups = [setgroups([])] if root else []  # a user may not: setgroups is denied to a one-line map
    become = [setresgid(0), setresuid(0), prctl(PR_SET_DUMPABLE, SUID_DUMP_USER)]  # else its /proc files are root's
    return [*groups, *become, fork()]


def furnish() -> list[Call]:
    """What PID 1 of the outer world does first: a host as any other, with shared mounts, a name and a loopback."""
    return [
        prctl(PR_SET_PDEATHSIG, SIGKILL),
        prctl(PR_SET_NAME, "launcher"),
        openat("/dev/null", O_RDWR).named("null"),
        dup3(Ref("null"), 2),  # until here it may complain to the notebook; containers inherit what it has
        close(Ref("null")),
        mount(None, "/", None, MS_REC | MS_PRIVATE),
        *([] if os.path.isdir(ROOT) else with_new_root()),
        mount(None, "/", None, MS_REC | MS_SHARED),  # as systemd does on a real host
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC),
        sethostname("lab"),
        *LoopbackUp().calls(),
    ]


def with_new_root() -> list[Call]:
    """A root that has all of this one, and the folder at which containers put theirs together: ours lacks it.

    So it is in a container, whose root is read-only as well. What lies in /run is not to be seen.
    """
    new = "/run"
    calls = [mount("tmpfs", new, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"), mkdirat(new + ROOT), mkdirat(new + "/run")]
    for entry in sorted(os.scandir("/"), key=lambda entry: entry.name):
        if entry.is_symlink():
            calls.append(symlinkat(os.readlink(entry.path), new + entry.path))
        elif entry.is_dir() and entry.path != new:
            calls += [mkdirat(new + entry.path), mount(entry.path, new + entry.path, None, MS_BIND | MS_REC)]
    return [*calls, *PivotRoot(new).calls()]
