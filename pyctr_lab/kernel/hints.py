"""Where an errno misleads: what the kernel means by it. Measured, and from the manual pages."""

from __future__ import annotations

from errno import EAGAIN, EBUSY, EINVAL, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENXIO, EPERM

HINTS: dict[tuple[str, int], str] = {
    ("unshare", EPERM): "a new namespace needs CAP_SYS_ADMIN: take a user namespace first, which needs nothing",
    (
        "unshare",
        EINVAL,
    ): "one pid namespace a fork, a user namespace not after chroot and not from a process with threads",
    ("unshare", ENOSPC): "a limit of /proc/sys/user/max_*_namespaces is reached, or namespaces are nested 32 deep",
    ("setns", EPERM): "to enter it, CAP_SYS_ADMIN is needed in the user namespace that owns it",
    ("setns", EINVAL): "one's own user namespace cannot be entered again",
    ("sethostname", EPERM): "CAP_SYS_ADMIN is needed in the user namespace that owns this UTS namespace",
    ("mount", EPERM): "/proc belongs after a pid namespace of its own, /sys after a network namespace; a file system "
    "on a disk cannot be mounted from a user namespace; where parts of /proc are covered none can; "
    "flags inherited from outside cannot be cleared",
    ("mount", EINVAL): "a tree with mounts below it must be bound recursively, and a shared mount cannot be moved",
    ("mount", ENOSPC): "a limit on the number of mounts (fs.mount-max) is reached",
    ("mount", EBUSY): "it is mounted there already, or still in use",
    ("pivot_root", EINVAL): "the new root must be a mount point, and neither it nor / may be shared",
    ("pivot_root", EBUSY): "the new root is the old one already",
    ("umount2", EINVAL): "it is not a mount point, or it came from outside and is locked",
    ("fork", ENOMEM): "the first process of the new pid namespace has died; no other can be born in it",
    ("fork", EAGAIN): "a limit on the number of processes is reached",
    ("write", EPERM): "a map may name only ids that the writer owns; setgroups must be denied before an unprivileged "
    "gid map; each map is written once",
    ("write", EINVAL): "a map has up to 340 lines of three numbers, which may not overlap",
    ("execve", ENOENT): "the program, its interpreter (#!) or its loader is not in the container's file system",
    ("execve", ENOEXEC): "it is neither a program for this machine nor a script with #!",
    ("ioctl", EPERM): "CAP_NET_ADMIN is needed in the user namespace that owns this network namespace",
    ("openat", ENXIO): "there is no terminal, or nobody at the other end",
}
HINTS["openat", ENOMEM] = HINTS["fork", ENOMEM]


def hint_for(name: str, errno: int) -> str:
    """What the kernel means by `errno` from the system call `name`; empty where the errno says it all."""
    name = "execve" if name == "execvpe" else name  # libc's: one execve(2) for each folder of PATH
    return HINTS.get((name, errno), "")
