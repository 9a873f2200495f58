"""Numbers of system calls, for machine code that makes them without libc.

Left out: calls that change the process's memory (mmap): one that shares it cannot make them for itself alone. A change
of ids clears the dumpable flag of that memory, which prctl(2) sets again. Sources: <asm/unistd_64.h>,
<asm-generic/unistd.h>.
"""

from __future__ import annotations

import platform
from errno import ENOSYS, EPERM
from functools import lru_cache

from .syscall_table import SYSCALLS

NAMES = """
bind capset chdir chroot clock_gettime close connect dup3 execve fchdir ftruncate futex getgid getpid getuid
ioctl kill landlock_add_rule landlock_create_ruleset landlock_restrict_self listen mkdirat mknodat mount
mount_setattr move_mount open_tree openat openat2 pidfd_open pivot_root prctl prlimit64 read recvfrom seccomp
sendto setgroups sethostname setns setresgid setresuid setsid setsockopt socket symlinkat umount2 uname
unlinkat unshare wait4 write
"""

X86_64, ARM64 = ({name: table[name] for name in NAMES.split()} for table in SYSCALLS.values())
ARCHITECTURES = {"x86_64": X86_64, "aarch64": ARM64}


def numbers_here() -> dict[str, int]:
    """The numbers for this machine's processor; empty for a processor that is not listed."""
    return ARCHITECTURES.get(platform.machine(), {})


@lru_cache
def kernel_has(name: str) -> bool:
    """Whether clone3(2) (Linux 5.3) or mount_setattr(2) (5.12) can be called; a seccomp policy may refuse a newer call.

    Each has one number on every processor. Tried with a structure of 0 bytes: the kernel checks its size first, and
    answers EINVAL.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(SYSCALLS["x86_64"][name], -1, None, 0, None, 0)
    return ctypes.get_errno() not in (ENOSYS, EPERM)
