"""Hints for errnos that mislead: what the kernel means by them. Measured, and from the manual pages."""

from __future__ import annotations

from collections.abc import Mapping
from errno import EAGAIN, EBUSY, EINVAL, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENXIO, EPERM

from .arguments import Argument
from .constants import CLONE_NEWPID, CLONE_NEWUSER, KIND_FLAGS, MS_REMOUNT

HINTS: dict[tuple[str, int], str] = {
    ("unshare", EPERM): "a new namespace needs CAP_SYS_ADMIN: take a user namespace first, which needs nothing",
    (
        "unshare",
        EINVAL,
    ): "one pid namespace a fork, a user namespace not after chroot and not from a process with threads",
    ("unshare", ENOSPC): "a limit of /proc/sys/user/max_*_namespaces is reached, or namespaces are nested 32 deep",
    ("setns", EPERM): "to enter it, CAP_SYS_ADMIN is needed in the user namespace that owns it",
    ("sethostname", EPERM): "CAP_SYS_ADMIN is needed in the user namespace that owns this UTS namespace",
    ("mount", EPERM): "CAP_SYS_ADMIN is needed in the user namespace that owns this mount namespace; a file system on "
    "a disk cannot be mounted from a user namespace",
    ("mount", EINVAL): "a tree with mounts below it must be bound recursively, and a shared mount cannot be moved",
    ("mount", ENOSPC): "a limit on the number of mounts (fs.mount-max) is reached",
    ("mount", EBUSY): "it is mounted there already, or still in use",
    ("pivot_root", EINVAL): "the new root must be a mount point, and neither it nor / may be shared",
    ("pivot_root", EBUSY): "the new root is the old one already",
    ("umount2", EINVAL): "it is not a mount point, or it came from outside and is locked",
    ("fork", ENOMEM): "the first process of the new pid namespace has died; no other can be started in it",
    ("fork", EAGAIN): "a limit on the number of processes is reached",
    ("write", EPERM): "a map may name only ids that the writer owns; setgroups must be denied before an unprivileged "
    "gid map; each map is written once",
    ("write", EINVAL): "a map has up to 340 lines of three numbers, which may not overlap",
    ("execve", ENOENT): "the program, its interpreter (#!) or its loader is not in the container's file system",
    ("execve", ENOEXEC): "it is neither a program for this machine nor a script with #!",
    ("ioctl", EPERM): "CAP_NET_ADMIN is needed in the user namespace that owns this network namespace",
    ("openat", ENXIO): "there is no terminal, or no process has the other end open",
}
HINTS["openat", ENOMEM] = HINTS["fork", ENOMEM]


MOUNTS = {
    "proc": "/proc belongs after a pid namespace of its own; where the old one is covered in part, none may be mounted",
    "sysfs": "/sys belongs after a network namespace of its own",
}
REMOUNT = "flags inherited from outside cannot be cleared"
OWN_USER = "one's own user namespace cannot be entered again"
ABOVE = "only one's own PID namespace can be entered, and those below one's own"
UNMAPPED = "the ids of the user namespace that it is made in must be mapped first; a process in a chroot can make none"


def hint_for(name: str, args: tuple[Argument, ...], errno: int, opened: Mapping[int, str] | None = None) -> str:
    """What the kernel means by `errno` from this call; empty where the errno says enough.

    `opened` are the files behind descriptors that earlier calls of the same list have opened.
    """
    name = "execve" if name == "execvpe" else name  # libc function: one execve(2) for each folder of PATH
    return _by_arguments(name, args, errno, opened or {}) or HINTS.get((name, errno), "")


def _by_arguments(name: str, args: tuple[Argument, ...], errno: int, opened: Mapping[int, str]) -> str:
    """A hint for an errno whose reason depends on the arguments."""
    match args:
        case (int(flags), *_) if name in ("unshare", "fork") and errno == EPERM and flags & CLONE_NEWUSER:
            return UNMAPPED
        case (_, _, _, int(flags), _) if (name, errno) == ("mount", EPERM) and flags & MS_REMOUNT:
            return REMOUNT
        case (_, _, str(kind), *_) if (name, errno) == ("mount", EPERM):
            return MOUNTS.get(kind, "")
        case (int(fd), int(nstype)) if (name, errno) == ("setns", EINVAL):
            return _wrong_kind(opened.get(fd, ""), nstype)
    return ""


def _wrong_kind(file: str, nstype: int) -> str:
    """Why setns(2) fails with EINVAL: the descriptor is of another kind, or the namespace may not be entered."""
    kind = file.rpartition("/ns/")[2]
    if kind in KIND_FLAGS and KIND_FLAGS[kind] != nstype:
        return f"the descriptor is a {kind} namespace; {nstype!r} stands for another kind"
    wrong = "" if kind in KIND_FLAGS else f"the descriptor is no namespace of the kind that {nstype!r} stands for"
    inside = OWN_USER if nstype == CLONE_NEWUSER else ABOVE if nstype == CLONE_NEWPID else ""
    return "; or ".join(filter(None, (wrong, inside)))


REPEATED = 20  # bytes before the message that an answer of netlink repeats
CAPPED, TEXT = 0x100, 1  # NLM_F_CAPPED: only its header is repeated. NLMSGERR_ATTR_MSG


def kernel_text(answer: bytes) -> str:
    """What the kernel says in words of a netlink message that it refuses (NETLINK_EXT_ACK); empty where it does not."""
    words = memoryview(answer[: len(answer) & ~3]).cast("I")
    if len(words) < 9:
        return ""
    capped, end = (words[1] >> 16) & CAPPED, min(words[0], len(answer))
    place = REPEATED + (16 if capped else words[5] + -words[5] % 4)
    while place + 4 <= end:
        size, type = words[place // 4] & 0xFFFF, words[place // 4] >> 16
        if type == TEXT:
            return (
                f"the kernel says: {answer[place + 4 : place + size].partition(bytes(1))[0].decode(errors='replace')}"
            )
        place += max(4, size + -size % 4)
    return ""
