"""Numbers of system calls, for machine code that makes them without libc.

Left out: calls that change the process's memory or its dumpable flag (mmap, setresuid). A process that shares its
memory cannot make them for itself alone. Sources: <asm/unistd_64.h>, <asm-generic/unistd.h>.
"""

from __future__ import annotations

import platform
from errno import ENOSYS, EPERM
from functools import lru_cache

X86_64 = {
    "bind": 49, "capset": 126, "chdir": 80, "chroot": 161, "clock_gettime": 228, "close": 3, "connect": 42,
    "dup3": 292, "execve": 59, "fchdir": 81, "ftruncate": 77, "futex": 202, "getgid": 104, "getpid": 39,
    "getuid": 102, "ioctl": 16, "kill": 62, "listen": 50, "mkdirat": 258, "mknodat": 259, "mount": 165,
    "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "openat": 257, "openat2": 437, "pidfd_open": 434,
    "pivot_root": 155, "prctl": 157, "prlimit64": 302, "read": 0, "recvfrom": 45, "sendto": 44, "setgroups": 116,
    "sethostname": 170, "setns": 308, "setsid": 112, "setsockopt": 54, "socket": 41, "symlinkat": 266, "umount2": 166,
    "uname": 63, "unlinkat": 263, "unshare": 272, "wait4": 61, "write": 1,
}  # fmt: skip

ARM64 = {
    "bind": 200, "capset": 91, "chdir": 49, "chroot": 51, "clock_gettime": 113, "close": 57, "connect": 203,
    "dup3": 24, "execve": 221, "fchdir": 50, "ftruncate": 46, "futex": 98, "getgid": 176, "getpid": 172,
    "getuid": 174, "ioctl": 29, "kill": 129, "listen": 201, "mkdirat": 34, "mknodat": 33, "mount": 40,
    "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "openat": 56, "openat2": 437, "pidfd_open": 434,
    "pivot_root": 41, "prctl": 167, "prlimit64": 261, "read": 63, "recvfrom": 207, "sendto": 206, "setgroups": 159,
    "sethostname": 161, "setns": 268, "setsid": 157, "setsockopt": 208, "socket": 198, "symlinkat": 36, "umount2": 39,
    "uname": 160, "unlinkat": 35, "unshare": 97, "wait4": 260, "write": 64,
}  # fmt: skip

NEWER = {"clone3": 435, "mount_setattr": 442}  # the same on every processor
ARCHITECTURES = {"x86_64": X86_64, "aarch64": ARM64}


def numbers_here() -> dict[str, int]:
    """The numbers for this machine's processor; empty for a processor that is not listed."""
    return ARCHITECTURES.get(platform.machine(), {})


@lru_cache
def kernel_has(name: str) -> bool:
    """Whether clone3(2) (Linux 5.3) or mount_setattr(2) (5.12) can be called; a seccomp policy may refuse a newer call.

    Tried with a structure of 0 bytes: the kernel checks its size first, and answers EINVAL.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(NEWER[name], -1, None, 0, None, 0)
    return ctypes.get_errno() not in (ENOSYS, EPERM)
