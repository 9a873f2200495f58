"""The outer world: how the launcher is carried into it, and which ids it has. It is never really root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..kernel import proc
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
from ..kernel.spelling import Ref
from ..steps import LoopbackUp, PivotRoot
from ..steps.mounts import ROOT

IDS = 65536  # of a container of a lab that root has opened
FIRST_FOR_ROOT = 200_000_000  # far from what useradd hands out; moved up where somebody owns it
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


def let_go(*, root: bool) -> list[Call]:
    """Become the outer world's root, which is nobody in particular outside, and go on as its PID 1."""
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


def map_ids(pid: int) -> int:
    """Write the id maps of the outer world; return how many ids a container may have. Raises OSError.

    Root maps one more, the last: control groups belong to it, so no process in a container owns their files.
    """
    if os.getuid() == 0:
        first = free_range(Path("/etc/subuid"), Path("/etc/subgid"))
        if not is_ours(first, IDS + 1):  # in a container, a lab say: root there is nobody in particular already
            return map_one(pid)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 {first} {IDS + 1}")
        return IDS
    return map_with_range(pid) or map_one(pid)


def is_ours(first: int, count: int) -> bool:
    """Whether our own user namespace has these ids at all."""
    return any(own.inside <= first and first + count <= own.inside + own.count for own in proc.uid_map("self"))


def map_one(pid: int) -> int:
    """A user alone: one id. Without privilege over groups, setgroups must be given up first."""
    Path(f"/proc/{pid}/setgroups").write_text("deny")
    Path(f"/proc/{pid}/uid_map").write_text(f"0 {os.getuid()} 1")
    Path(f"/proc/{pid}/gid_map").write_text(f"0 {os.getgid()} 1")
    return 1


def map_with_range(pid: int) -> int:
    """A user with subordinate ids: newuidmap(1) and newgidmap(1) may write more. 0 where that cannot be."""
    uids, gids = (subordinate(Path(f"/etc/{name}")) for name in ("subuid", "subgid"))
    if not (uids and gids and shutil.which("newuidmap") and shutil.which("newgidmap")):
        return 0
    count = min(uids[1], gids[1], IDS - 1)
    for program, own, (first, _) in (("newgidmap", os.getgid(), gids), ("newuidmap", os.getuid(), uids)):
        command = [program, *map(str, (pid, 0, own, 1, 1, first, count))]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
            return 0
    return 1 + count


def subordinate(file: Path) -> tuple[int, int] | None:
    """The first range of ids that belongs to the user: (first, count). See subuid(5)."""
    uid = os.getuid()
    try:
        names = {str(uid), pwd.getpwuid(uid).pw_name}
    except KeyError:
        names = {str(uid)}
    return next(((first, count) for owner, first, count in ranges(file) if owner in names), None)


def ranges(file: Path) -> Iterable[tuple[str, int, int]]:
    """(owner, first, count) of each line of a subuid file; lines that are none are passed over."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        owner, *numbers = line.split(":")
        if len(numbers) == 2 and all(word.isdigit() for word in numbers):
            yield owner, int(numbers[0]), int(numbers[1])


def free_range(*files: Path, first: int = FIRST_FOR_ROOT) -> int:
    """The first id, from `first` on, of a range that belongs to nobody: shared identities would share files."""
    for _, start, count in sorted(line for file in files for line in ranges(file)):
        if start < first + IDS + 1 and first < start + count:
            first = start + count
    return first
