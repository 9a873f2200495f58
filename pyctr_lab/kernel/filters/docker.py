"""Docker's default policy, written the other way round: what it refuses, and which capability opens what.

Docker lists the calls that are allowed; here they are all calls of `syscall_table` but these. A call that is newer than
the table is refused, as there. The source of the decisions is moby's default profile (https://github.com/moby/profiles,
seccomp/default.json at 02e898b; copyright of the Moby authors, Apache License 2.0); groups and wording are ours.

Compared with that file, for no capability, each one alone and all: every number up to 500 on both processors, and edges
of the arguments of socket, personality and clone. All decisions were equal. Stricter: programs for i386 and arm are
killed (Docker lets them run). The kernel is taken to be 4.8 or newer (Docker refuses ptrace on older ones).
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from errno import ENOSYS

from ...errors import BadInput
from ..checks import short_repr
from ..syscall_table import SYSCALLS
from .policy import ALLOW, Comparison, FilterPolicy, FilterRule, refuse

REFUSED = {
    "keys are not in a namespace": "add_key keyctl request_key",
    "io_uring makes calls that no filter sees": "io_uring_enter io_uring_register io_uring_setup",
    "userfaultfd holds the kernel up inside a race": "userfaultfd",
    "another kernel": "kexec_file_load kexec_load",
    "swap and memory of the whole machine": "migrate_pages move_pages swapoff swapon",
    "another root": "pivot_root",
    "not yet in Docker's list": "file_getattr file_setattr open_tree_attr uprobe",
    "obsolete": """_sysctl afs_syscall create_module get_kernel_syms getpmsg nfsservctl putpmsg query_module security
        sysfs tuxcall uselib ustat vserver""",
}
OPENED_BY = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": """bpf clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
        lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
        setdomainname sethostname setns syslog umount2 unshare""",
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime settimeofday",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}
# Left out of 0..45: 12 DECnet, 19 ECONET, 20 ATMSVC, 23 IRDA, 25 WANPIPE, 34 IUCV, 37 CAIF, 38 ALG, 40 VSOCK.
SOCKET_FAMILIES = (13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45)
PERSONALITIES = (0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # Linux, 32 bits, the name "2.6", both; "tell me"
NEW_NAMESPACES = 0x7E020000  # the CLONE_NEW... flags of clone(2), but for time
BY_ARGUMENT = ("clone", "personality", "socket")


def docker_policy(*, capabilities: Collection[str] = (), processor: str = "") -> FilterPolicy:
    """Docker's default for a container with these capabilities ("CAP_SYS_ADMIN") on `processor` (default: this one)."""
    processor = processor or platform.machine()
    if processor not in SYSCALLS:
        raise BadInput(f"no table of system calls for {short_repr(processor)}", hint=f"one of {', '.join(SYSCALLS)}")
    opened = {name for capability in capabilities for name in OPENED_BY.get(capability, "").split()}
    closed = {name for names in (*REFUSED.values(), *OPENED_BY.values()) for name in names.split()} - opened
    allowed = tuple(name for name in SYSCALLS[processor] if name not in (*closed, *BY_ARGUMENT))
    rules = (FilterRule(allowed, ALLOW), *_by_argument("CAP_SYS_ADMIN" in capabilities))
    return FilterPolicy(refuse(), rules, (processor,))


def _by_argument(admin: bool) -> list[FilterRule]:
    """The rules that look at an argument. clone3 hides its flags in memory: ENOSYS sends programs back to clone."""
    flags = () if admin else (Comparison(0, "MASKED_EQ", NEW_NAMESPACES),)
    rules = [FilterRule(("clone",), ALLOW, flags), FilterRule(("socket",), ALLOW, (Comparison(0, "LT", 12),))]
    rules += [FilterRule(("socket",), ALLOW, (Comparison(0, "EQ", family),)) for family in SOCKET_FAMILIES]
    rules += [FilterRule(("personality",), ALLOW, (Comparison(0, "EQ", value),)) for value in PERSONALITIES]
    return rules if admin else [*rules, FilterRule(("clone3",), refuse(ENOSYS))]
