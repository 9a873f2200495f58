"""What Linux offers: system calls as data, their constants, /proc. Thin; no policy."""

from . import calls, constants, filters, netlink, proc, sockets
from .arguments import Argument, GroupDescriptor, GroupFile, ProcFile, Ref, Spelled, Struct, Subject
from .calls import (
    Answer,
    Call,
    CallError,
    capset,
    chdir,
    chroot,
    clock_gettime,
    close,
    dup3,
    execve,
    fchdir,
    flock,
    fork,
    getgid,
    getpid,
    getuid,
    ioctl,
    kill,
    mkdirat,
    mknodat,
    mount,
    mount_setattr,
    openat,
    pidfd_open,
    pivot_root,
    prctl,
    prlimit64,
    read,
    setgroups,
    sethostname,
    setns,
    setresgid,
    setresuid,
    setsid,
    symlinkat,
    umask,
    umount2,
    uname,
    unlinkat,
    unshare,
    wait4,
    write,
)
from .capabilities import FileCapabilities, capability_sets, set_file_capabilities
from .constants import *  # noqa: F403  every name of a header, as a manual page would spell it
from .constants import Named
from .sockets import bind, connect, ifreq, listen, sockaddr_in, socket
from .syscall_table import SYSCALLS

__all__ = [
    "SYSCALLS", "Answer", "Argument", "Call", "CallError", "FileCapabilities", "GroupDescriptor", "GroupFile",
    "Named", "ProcFile", "Ref", "Spelled", "Struct", "Subject", "bind", "calls", "capability_sets", "capset",
    "chdir", "chroot", "clock_gettime", "close", "connect", "constants", "dup3", "execve", "fchdir", "filters",
    "flock", "fork", "getgid", "getpid", "getuid", "ifreq", "ioctl", "kill", "listen", "mkdirat", "mknodat",
    "mount", "mount_setattr", "netlink", "openat", "pidfd_open", "pivot_root", "prctl", "prlimit64", "proc", "read",
    "set_file_capabilities", "setgroups", "sethostname", "setns", "setresgid", "setresuid", "setsid", "sockaddr_in",
    "socket", "sockets", "symlinkat", "umask", "umount2", "uname", "unlinkat", "unshare", "wait4", "write",
]  # fmt: skip
__all__ += [name for name in vars(constants) if name.isupper() and not name.startswith("_")]
