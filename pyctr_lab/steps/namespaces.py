"""Namespaces of one's own, or another's, and what belongs to them at birth. See namespaces(7)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ENOENT, EUSERS

from ..errors import BadInput
from ..kernel.arguments import GroupFile, ProcFile, Ref, Subject
from ..kernel.calls import Call, close, fork, ioctl, openat, sethostname, setns, unshare, write
from ..kernel.checks import check_list, check_number, short_repr
from ..kernel.constants import AF_INET, IFF_UP, KIND_FLAGS, KINDS, O_WRONLY, SIOCSIFFLAGS, SOCK_DGRAM
from ..kernel.sockets import ifreq, socket
from .step import Step

NAMES = {
    "mnt": "mount", "uts": "UTS", "ipc": "IPC", "pid": "PID", "net": "network", "user": "user", "cgroup": "cgroup",
    "time": "time",
}  # fmt: skip
OPTIONS = {
    "mnt": "--mount --propagation unchanged",
    "pid": "--pid --fork",
    # A process enters by fork; on Linux 6.1 a program that entered by setns cannot even vfork.
    "time": "--time --fork",
}  # of unshare(1), where it is not the kind's own name


def write_to(path: str | ProcFile | GroupFile, text: str | Subject) -> list[Call]:
    """Writes a file of /proc, which must be one write."""
    fd = Ref("fd")
    return [openat(path, O_WRONLY), write(fd, text), close(fd)]


def known_kind(kind: str) -> str:
    """A kind of namespace, named as in /proc/PID/ns."""
    if not isinstance(kind, str) or kind not in KIND_FLAGS:
        raise BadInput(f"there is no namespace kind {short_repr(kind)}", hint=f"the kinds are {', '.join(KINDS)}")
    return kind


@dataclass(frozen=True)
class NewNamespace(Step):
    """Leave a shared namespace for a new one."""

    kind: str
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        known_kind(self.kind)

    @property
    def touches(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.kind,)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"privilege", *(["no world yet"] if self.kind == "user" else [])})

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({f"own {self.kind}"})

    def calls(self) -> list[Call]:
        flag = KIND_FLAGS[self.kind]
        if self.kind == "pid":  # the caller stays where it is: its next child is the new namespace's PID 1
            return [unshare(flag), fork()]
        if self.kind == "time":  # likewise, but here the caller may follow
            fd = Ref("fd")
            return [unshare(flag), openat("/proc/self/ns/time_for_children"), setns(fd, flag), close(fd)]
        return [unshare(flag)]

    def describe(self) -> str:
        return f"Give the process {'an' if self.kind == 'ipc' else 'a'} {NAMES[self.kind]} namespace of its own."

    def shell(self) -> str:
        return f"unshare {OPTIONS.get(self.kind, f'--{self.kind}')}"

    @property
    def title(self) -> str:
        return f"{NAMES[self.kind]} namespace" + (", fork" if self.kind == "pid" else "")


@dataclass(frozen=True)
class JoinNamespace(Step):
    """Enter the namespace that another process is in. `pid` is that process as the lab's host sees it."""

    kind: str
    pid: int
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        known_kind(self.kind)
        check_number(self.pid, "a process id (.pid, as lab.host sees it)", least=1)

    @property
    def touches(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.kind,)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"no world yet"} if self.kind == "user" else ())

    @property
    def provides(self) -> frozenset[str]:
        more = {"mnt": ["new root"], "user": ["id maps"]}.get(self.kind, [])
        return frozenset({f"own {self.kind}", *more})

    def calls(self) -> list[Call]:
        fd, flag = Ref("fd"), KIND_FLAGS[self.kind]
        found = [openat(f"/proc/{self.pid}/ns/{self.kind}"), setns(fd, flag), close(fd)]
        return [*found, fork()] if self.kind == "pid" else found

    def describe(self) -> str:
        return f"Enter the {NAMES[self.kind]} namespace of process {self.pid}."

    def advice(self, errno: int) -> str:
        if errno != ENOENT:
            return ""
        return "the lab has no such process: .pid is its number there, .machine_pid on your machine"

    def shell(self) -> str:
        option = {"mnt": "mount"}.get(self.kind, self.kind)
        keep = " --preserve-credentials" if self.kind == "user" else ""
        return f"nsenter{keep} --{option}=/proc/{self.pid}/ns/{self.kind}"

    @property
    def title(self) -> str:
        return f"{NAMES[self.kind]} namespace of {self.pid}"


@dataclass(frozen=True)
class IdMaps(Step):
    """Say which ids outside the user and group ids inside are. Written from outside, once."""

    inside: int = 0
    outside: int = 0
    count: int = 65536
    setgroups: str = "allow"  # "deny" where the writer of the group map has no privilege over the groups
    more: tuple[tuple[int, int, int], ...] = ()  # further ranges: one range may not straddle two of the map outside
    shell_form = "outside"
    touches = ("user",)

    def __post_init__(self) -> None:
        for line in check_list(self.more, "more ranges"):
            if len(check_list(line, "a range")) != 3:
                raise BadInput(
                    f"a range is three numbers, not {short_repr(line)}", hint="first inside, first outside, count"
                )
        for inside, outside, count in self.ranges:
            check_number(inside, "an id")
            check_number(outside, "an id")
            check_number(count, "the count of ids", least=1)
            if max(inside, outside) + count > 1 << 32:
                raise BadInput("ids go up to 4294967295")
        if self.setgroups not in ("allow", "deny"):
            raise BadInput(f'setgroups is "allow" or "deny", not {short_repr(self.setgroups)}')

    @property
    def ranges(self) -> tuple[tuple[int, int, int], ...]:
        """All ranges: (first id inside, first id outside, count)."""
        return ((self.inside, self.outside, self.count), *self.more)

    @property
    def text(self) -> str:
        """What is written to both maps: a line a range."""
        return "\n".join(" ".join(map(str, line)) for line in self.ranges)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"user namespace to map", "no id maps yet"})

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"id maps"})

    def calls(self) -> list[Call]:
        deny = write_to(ProcFile("setgroups"), "deny") if self.setgroups == "deny" else []
        maps = write_to(ProcFile("uid_map"), self.text) + write_to(ProcFile("gid_map"), self.text)
        return [call.from_outside() for call in deny + maps]

    def describe(self) -> str:
        total = sum(count for _, _, count in self.ranges)
        ids = "one id" if total == 1 else f"{total} ids"
        return f"Say who its {ids}, from {self.inside} on, are outside: from {self.outside} on. Written from outside."

    def shell(self) -> str:
        if self.setgroups == "deny":  # without privilege only one's own id can be mapped
            own = [f'echo "{self.inside} $(id -{letter}) {self.count}"' for letter in "ug"]
            return f"echo deny > /proc/$pid/setgroups && {own[0]} > /proc/$pid/uid_map && {own[1]} > /proc/$pid/gid_map"
        lines = self.text.replace("\n", "\\n")
        return " && ".join(f"printf '{lines}' > /proc/$pid/{name}" for name in ("uid_map", "gid_map"))

    def shell_of_user(self) -> str:
        """What a user without privilege does instead: setuid programs write ids of the first range in /etc/subuid."""
        first = """first=$(grep -Em 1 "^($(id -un)|$(id -u)):" /etc/sub{0}id | cut -d : -f 2)"""
        return " && ".join(
            f"{first.format(letter)} && new{letter}idmap $pid {' '.join(self._delegated(letter))}" for letter in "ug"
        )

    def _delegated(self, letter: str) -> Iterator[str]:
        """The ranges as words; the first id outside is the user's own."""
        for inside, outside, count in self.ranges:
            if outside == 0:
                yield f"{inside} $(id -{letter}) 1"
                inside, outside, count = inside + 1, 1, count - 1
            if count:
                yield f"{inside} $((first + {outside - 1})) {count}"

    @property
    def title(self) -> str:
        return "id maps"


@dataclass(frozen=True)
class SetHostname(Step):
    """Give the container a host name of its own (needs its own UTS namespace)."""

    name: str
    touches = ("uts",)
    changes = "uts"

    def __post_init__(self) -> None:
        if not self.name:
            raise BadInput("a host name must not be empty")
        sethostname(self.name)

    def calls(self) -> list[Call]:
        return [sethostname(self.name)]

    def describe(self) -> str:
        return f"Name the machine “{self.name}”, as this UTS namespace knows it."

    def shell(self) -> str:
        return f"hostname {shlex.quote(self.name)}"

    @property
    def title(self) -> str:
        return f"host name “{self.name}”"


@dataclass(frozen=True)
class LoopbackUp(Step):
    """Switch the loopback interface on; in a new network namespace it is there, and down."""

    touches = ("net",)
    changes = "net"

    def calls(self) -> list[Call]:
        fd = Ref("fd")
        return [socket(AF_INET, SOCK_DGRAM), ioctl(fd, SIOCSIFFLAGS, ifreq("lo", IFF_UP)), close(fd)]

    def shell(self) -> str:
        return "ip link set lo up"

    @property
    def title(self) -> str:
        return "loopback up"


@dataclass(frozen=True)
class ClockOffset(Step):
    """Shift the boot clock of a new time namespace. Only before anybody has entered it."""

    seconds: int
    shell_form = "wrapper"
    touches = ("time",)

    def __post_init__(self) -> None:
        check_number(self.seconds, "seconds", least=-(1 << 62))

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"own time"})

    def calls(self) -> list[Call]:
        flag, fd = KIND_FLAGS["time"], Ref("fd")
        return [
            unshare(flag),
            *write_to("/proc/self/timens_offsets", f"boottime {self.seconds} 0\n"),
            openat("/proc/self/ns/time_for_children"),
            setns(fd, flag).accepting(EUSERS),  # one that shares its memory enters at exec
            close(fd),
        ]

    def describe(self) -> str:
        return f"Give the process a time namespace of its own whose boot clock is {self.seconds} seconds ahead."

    def shell(self) -> str:
        return f"unshare --time --fork --boottime {self.seconds}"

    @property
    def title(self) -> str:
        return f"boot clock {self.seconds:+} s"


__all__ = [
    "NAMES",
    "ClockOffset",
    "IdMaps",
    "JoinNamespace",
    "LoopbackUp",
    "NewNamespace",
    "SetHostname",
    "write_to",
]
