"""The kernel's constants, one block per header, spelled as the manual pages spell them.

Every number here is the same on x86-64 and arm64; the few that are not (O_DIRECTORY, O_NOFOLLOW) come from the
standard library, which was compiled for the machine.
"""

from __future__ import annotations

import os


class Named(int):
    """A number that remembers its spelling, so that a call prints as strace prints it: flags joined with `|`."""

    parts: tuple[tuple[int, str], ...]

    def __new__(cls, value: int, spelling: str) -> Named:
        self = super().__new__(cls, value)
        self.parts = ((value, spelling),)
        return self

    def __or__(self, other: int) -> Named:
        union = Named(int(self) | int(other), "")
        added = getattr(other, "parts", ((other, hex(other)),) if other else ())
        union.parts = tuple(sorted({*self.parts, *added}))
        return union

    def __ror__(self, other: int) -> Named:
        return self | other

    def __repr__(self) -> str:
        return "|".join(spelling for _, spelling in self.parts)

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


# <linux/sched.h>
CLONE_VM = Named(0x100, "CLONE_VM")
CLONE_NEWTIME = Named(0x80, "CLONE_NEWTIME")
CLONE_NEWNS = Named(0x20000, "CLONE_NEWNS")
CLONE_NEWCGROUP = Named(0x2000000, "CLONE_NEWCGROUP")
CLONE_NEWUTS = Named(0x4000000, "CLONE_NEWUTS")
CLONE_NEWIPC = Named(0x8000000, "CLONE_NEWIPC")
CLONE_NEWUSER = Named(0x10000000, "CLONE_NEWUSER")
CLONE_NEWPID = Named(0x20000000, "CLONE_NEWPID")
CLONE_NEWNET = Named(0x40000000, "CLONE_NEWNET")
CLONE_PIDFD = Named(0x1000, "CLONE_PIDFD")
CLONE_CLEAR_SIGHAND = Named(0x100000000, "CLONE_CLEAR_SIGHAND")
CLONE_INTO_CGROUP = Named(0x200000000, "CLONE_INTO_CGROUP")

# <linux/futex.h>
FUTEX_WAIT_PRIVATE = Named(128, "FUTEX_WAIT_PRIVATE")
FUTEX_WAKE_PRIVATE = Named(129, "FUTEX_WAKE_PRIVATE")

# <linux/mount.h>
MS_RDONLY = Named(1, "MS_RDONLY")
MS_NOSUID = Named(2, "MS_NOSUID")
MS_NODEV = Named(4, "MS_NODEV")
MS_NOEXEC = Named(8, "MS_NOEXEC")
MS_REMOUNT = Named(32, "MS_REMOUNT")
MS_NOATIME = Named(1024, "MS_NOATIME")
MS_BIND = Named(4096, "MS_BIND")
MS_MOVE = Named(8192, "MS_MOVE")
MS_REC = Named(16384, "MS_REC")
MS_PRIVATE = Named(1 << 18, "MS_PRIVATE")
MS_SLAVE = Named(1 << 19, "MS_SLAVE")
MS_SHARED = Named(1 << 20, "MS_SHARED")
MNT_DETACH = Named(2, "MNT_DETACH")
MOUNT_ATTR_RDONLY = Named(1, "MOUNT_ATTR_RDONLY")
MOUNT_ATTR_NOSUID = Named(2, "MOUNT_ATTR_NOSUID")
MOUNT_ATTR_NODEV = Named(4, "MOUNT_ATTR_NODEV")
MOUNT_ATTR_NOEXEC = Named(8, "MOUNT_ATTR_NOEXEC")
OPEN_TREE_CLONE = Named(1, "OPEN_TREE_CLONE")
OPEN_TREE_CLOEXEC = Named(0o2000000, "OPEN_TREE_CLOEXEC")
MOVE_MOUNT_F_EMPTY_PATH = Named(0x4, "MOVE_MOUNT_F_EMPTY_PATH")
MOVE_MOUNT_T_EMPTY_PATH = Named(0x40, "MOVE_MOUNT_T_EMPTY_PATH")

# <linux/openat2.h>
RESOLVE_NO_MAGICLINKS = Named(0x2, "RESOLVE_NO_MAGICLINKS")
RESOLVE_IN_ROOT = Named(0x10, "RESOLVE_IN_ROOT")

# <fcntl.h>
O_RDONLY = Named(0, "O_RDONLY")
O_WRONLY = Named(1, "O_WRONLY")
O_RDWR = Named(2, "O_RDWR")
O_CREAT = Named(0o100, "O_CREAT")
O_EXCL = Named(0o200, "O_EXCL")
O_NOCTTY = Named(0o400, "O_NOCTTY")
O_TRUNC = Named(0o1000, "O_TRUNC")
O_APPEND = Named(0o2000, "O_APPEND")
O_NONBLOCK = Named(0o4000, "O_NONBLOCK")
O_CLOEXEC = Named(0o2000000, "O_CLOEXEC")
O_DIRECTORY = Named(os.O_DIRECTORY, "O_DIRECTORY")
O_NOFOLLOW = Named(os.O_NOFOLLOW, "O_NOFOLLOW")
O_PATH = Named(0o10000000, "O_PATH")
AT_FDCWD = Named(-100, "AT_FDCWD")
AT_EMPTY_PATH = Named(0x1000, "AT_EMPTY_PATH")
AT_RECURSIVE = Named(0x8000, "AT_RECURSIVE")
AT_SYMLINK_NOFOLLOW = Named(0x100, "AT_SYMLINK_NOFOLLOW")
AT_SYMLINK_FOLLOW = Named(0x400, "AT_SYMLINK_FOLLOW")
AT_REMOVEDIR = Named(0x200, "AT_REMOVEDIR")
AT_EACCESS = Named(0x200, "AT_EACCESS")

# <linux/prctl.h>
PR_SET_PDEATHSIG = Named(1, "PR_SET_PDEATHSIG")
PR_SET_DUMPABLE = Named(4, "PR_SET_DUMPABLE")
SUID_DUMP_USER = Named(1, "SUID_DUMP_USER")
PR_SET_KEEPCAPS = Named(8, "PR_SET_KEEPCAPS")
PR_SET_NAME = Named(15, "PR_SET_NAME")
PR_CAPBSET_READ = Named(23, "PR_CAPBSET_READ")
PR_CAPBSET_DROP = Named(24, "PR_CAPBSET_DROP")
PR_SET_NO_NEW_PRIVS = Named(38, "PR_SET_NO_NEW_PRIVS")
PR_SET_SECCOMP = Named(22, "PR_SET_SECCOMP")
PR_SET_SECUREBITS = Named(28, "PR_SET_SECUREBITS")
PR_CAP_AMBIENT = Named(47, "PR_CAP_AMBIENT")
PR_CAP_AMBIENT_RAISE = Named(2, "PR_CAP_AMBIENT_RAISE")
SECCOMP_MODE_FILTER = Named(2, "SECCOMP_MODE_FILTER")

# <linux/landlock.h>
LANDLOCK_CREATE_RULESET_VERSION = Named(1, "LANDLOCK_CREATE_RULESET_VERSION")
LANDLOCK_RULE_PATH_BENEATH = Named(1, "LANDLOCK_RULE_PATH_BENEATH")
LANDLOCK_ACCESS_FS = {
    name: Named(1 << bit, f"LANDLOCK_ACCESS_FS_{name}")
    for bit, name in enumerate(
        [
            *("EXECUTE", "WRITE_FILE", "READ_FILE", "READ_DIR", "REMOVE_DIR", "REMOVE_FILE", "MAKE_CHAR", "MAKE_DIR"),
            *("MAKE_REG", "MAKE_SOCK", "MAKE_FIFO", "MAKE_BLOCK", "MAKE_SYM", "REFER", "TRUNCATE", "IOCTL_DEV"),
        ]
    )
}

# <linux/seccomp.h>: a filter with a listener
SECCOMP_SET_MODE_FILTER = Named(1, "SECCOMP_SET_MODE_FILTER")
SECCOMP_FILTER_FLAG_NEW_LISTENER = Named(8, "SECCOMP_FILTER_FLAG_NEW_LISTENER")
SECCOMP_USER_NOTIF_FLAG_CONTINUE = Named(1, "SECCOMP_USER_NOTIF_FLAG_CONTINUE")
SECCOMP_IOCTL_NOTIF_RECV = Named(0xC0502100, "SECCOMP_IOCTL_NOTIF_RECV")
SECCOMP_IOCTL_NOTIF_SEND = Named(0xC0182101, "SECCOMP_IOCTL_NOTIF_SEND")
SECCOMP_IOCTL_NOTIF_ID_VALID = Named(0x40082102, "SECCOMP_IOCTL_NOTIF_ID_VALID")

# <stdio.h>
RENAME_NOREPLACE = Named(1, "RENAME_NOREPLACE")
RENAME_EXCHANGE = Named(2, "RENAME_EXCHANGE")

# <unistd.h>
F_OK = Named(0, "F_OK")
X_OK = Named(1, "X_OK")
W_OK = Named(2, "W_OK")
R_OK = Named(4, "R_OK")

# <asm-generic/signal.h>
SIGHUP = Named(1, "SIGHUP")
SIGINT = Named(2, "SIGINT")
SIGKILL = Named(9, "SIGKILL")
SIGTERM = Named(15, "SIGTERM")
SIGCHLD = Named(17, "SIGCHLD")
SIGSTOP = Named(19, "SIGSTOP")

# <linux/wait.h>
WNOHANG = Named(1, "WNOHANG")

# <linux/time.h>
CLOCK_REALTIME = Named(0, "CLOCK_REALTIME")
CLOCK_MONOTONIC = Named(1, "CLOCK_MONOTONIC")
CLOCK_BOOTTIME = Named(7, "CLOCK_BOOTTIME")

# <sys/socket.h>, <linux/sockios.h>, <linux/if.h>
AF_UNIX = Named(1, "AF_UNIX")
AF_INET = Named(2, "AF_INET")
AF_UNSPEC = Named(0, "AF_UNSPEC")
AF_BRIDGE = Named(7, "AF_BRIDGE")
AF_INET6 = Named(10, "AF_INET6")
AF_NETLINK = Named(16, "AF_NETLINK")
AF_PACKET = Named(17, "AF_PACKET")
SOCK_STREAM = Named(1, "SOCK_STREAM")
SOCK_DGRAM = Named(2, "SOCK_DGRAM")
SOCK_RAW = Named(3, "SOCK_RAW")
SOCK_CLOEXEC = Named(0o2000000, "SOCK_CLOEXEC")
IPPROTO_IP = Named(0, "IPPROTO_IP")
SIOCGIFFLAGS = Named(0x8913, "SIOCGIFFLAGS")
SIOCSIFFLAGS = Named(0x8914, "SIOCSIFFLAGS")
SIOCGIFADDR = Named(0x8915, "SIOCGIFADDR")
IFF_UP = Named(1, "IFF_UP")

# <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_addr.h>, <linux/neighbour.h>
NETLINK_ROUTE = Named(0, "NETLINK_ROUTE")
SOL_NETLINK = Named(270, "SOL_NETLINK")
NETLINK_EXT_ACK = Named(11, "NETLINK_EXT_ACK")
NLM_F_REQUEST = Named(1, "NLM_F_REQUEST")
NLM_F_ACK = Named(4, "NLM_F_ACK")
NLM_F_EXCL = Named(0x200, "NLM_F_EXCL")
NLM_F_CREATE = Named(0x400, "NLM_F_CREATE")
NLM_F_DUMP = Named(0x300, "NLM_F_DUMP")
IFA_F_NODAD = Named(2, "IFA_F_NODAD")
RT_TABLE_MAIN = Named(254, "RT_TABLE_MAIN")
RTPROT_BOOT = Named(3, "RTPROT_BOOT")
RTN_UNICAST = Named(1, "RTN_UNICAST")

# <asm-generic/ioctls.h>
TIOCSCTTY = Named(0x540E, "TIOCSCTTY")

# <linux/shm.h>, <linux/msg.h>, <linux/sem.h>: what the kernel holds in this IPC namespace
SHM_INFO = Named(14, "SHM_INFO")
MSG_INFO = Named(12, "MSG_INFO")
SEM_INFO = Named(19, "SEM_INFO")
IPC_PRIVATE = Named(0, "IPC_PRIVATE")
IPC_CREAT = Named(0o1000, "IPC_CREAT")

# <asm-generic/resource.h>
RLIMITS = {
    name: Named(number, f"RLIMIT_{name.upper()}")
    for number, name in enumerate(
        [
            *("cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile"),
            *("memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"),
        ]
    )
}
RLIM_INFINITY = Named(-1, "RLIM_INFINITY")

# <linux/securebits.h>
SECBIT_NOROOT = Named(1, "SECBIT_NOROOT")
SECBIT_NOROOT_LOCKED = Named(2, "SECBIT_NOROOT_LOCKED")
SECBIT_NO_SETUID_FIXUP = Named(4, "SECBIT_NO_SETUID_FIXUP")
SECBIT_NO_SETUID_FIXUP_LOCKED = Named(8, "SECBIT_NO_SETUID_FIXUP_LOCKED")
SECBIT_KEEP_CAPS_LOCKED = Named(32, "SECBIT_KEEP_CAPS_LOCKED")

# <linux/capability.h>
_LINUX_CAPABILITY_VERSION_3 = Named(0x20080522, "_LINUX_CAPABILITY_VERSION_3")
CAPABILITIES = tuple(
    Named(number, f"CAP_{name}")
    for number, name in enumerate(
        [
            *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
            *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
            *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
            *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"),
            *("SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ"),
            *("PERFMON", "BPF", "CHECKPOINT_RESTORE"),
        ]
    )
)
CAP_NAMES = {repr(capability): capability for capability in CAPABILITIES}

# /proc/PID/ns: the kinds of namespaces, and the flag that asks for a new one
KIND_FLAGS = {
    "mnt": CLONE_NEWNS,
    "uts": CLONE_NEWUTS,
    "ipc": CLONE_NEWIPC,
    "pid": CLONE_NEWPID,
    "net": CLONE_NEWNET,
    "user": CLONE_NEWUSER,
    "cgroup": CLONE_NEWCGROUP,
    "time": CLONE_NEWTIME,
}
KINDS = tuple(KIND_FLAGS)
