"""/proc as data: what the kernel reports about a process. Sources: proc(5), namespaces(7), user_namespaces(7)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass

from .constants import KINDS


@dataclass(frozen=True)
class IdRange:
    """One line of a uid_map or gid_map: `count` ids from `inside` on map to those from `outside` on."""

    inside: int
    outside: int
    count: int


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo: directory `root` of the file system `source`, of type `kind`, is mounted at `target`.

    `device` (major:minor) tells two file systems of one type apart: each PID namespace's proc has its own.
    """

    id: int
    parent: int
    root: str
    target: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    kind: str
    source: str
    super_options: tuple[str, ...]
    device: str = ""

    @property
    def readonly(self) -> bool:
        """Whether the mount is read-only."""
        return "ro" in self.options


def text_of(pid: int | str, name: str) -> str:
    """The text of /proc/PID/name. Raises ProcessLookupError if the process has ended."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}"):
            raise
        raise ProcessLookupError(f"process {pid} has ended") from None


def namespaces(pid: int | str) -> dict[str, int]:
    """Kind -> inode number of the namespace of a process. Processes with the same number share the namespace."""
    return {kind: inode for kind in KINDS if (inode := namespace(pid, kind)) is not None}


def namespace(pid: int | str, kind: str) -> int | None:
    """The inode number of one namespace; None if the kernel has no such kind."""
    try:
        return int(os.readlink(f"/proc/{pid}/ns/{kind}").rpartition("[")[2].rstrip("]"))
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}"):
            return None
        raise ProcessLookupError(f"process {pid} has ended") from None


def status(pid: int | str) -> dict[str, str]:
    """The fields of /proc/PID/status, as text."""
    lines = (line.partition(":") for line in text_of(pid, "status").splitlines())
    return {name: value.strip() for name, _, value in lines}


def nspid(pid: int | str) -> tuple[int, ...]:
    """The pid of a process in each PID namespace that it is visible in, ours first, its own last."""
    return tuple(map(int, status(pid)["NSpid"].split()))


def children(pid: int | str) -> tuple[int, ...]:
    """The children of a process, zombies included; the kernel lists them by thread."""
    found: list[int] = []
    for thread in threads(pid):
        with suppress(ProcessLookupError):  # the thread or the process has ended meanwhile
            found += map(int, text_of(f"{pid}/task/{thread}", "children").split())
    return tuple(found)


def descendants(pid: int) -> tuple[int, ...]:
    """Children, their children and so on, zombies included."""
    found: list[int] = []
    ahead = [pid]
    while ahead:
        with suppress(ProcessLookupError):
            found += (new := children(ahead.pop()))
            ahead += new
    return tuple(found)


def threads(pid: int | str) -> list[str]:
    """The thread ids of a process. Raises ProcessLookupError if it has ended."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        raise ProcessLookupError(f"process {pid} has ended") from None


def ancestors(pid: int | str) -> tuple[int, ...]:
    """The parent of a process, its parent, and so on, as far as they are visible here."""
    found: list[int] = []
    parent = int(status(pid)["PPid"])
    while parent:
        found.append(parent)
        try:
            parent = int(status(parent)["PPid"])
        except (PermissionError, ProcessLookupError):  # /proc hides processes of other users (hidepid)
            break
    return tuple(found)


def state(pid: int | str) -> str:
    """One letter: R running, S sleeping, D waiting, T stopped, Z zombie; `-` if there is no such process."""
    try:
        return stat(pid)[0]
    except ProcessLookupError:
        return "-"


def has_ended(pid: int | str) -> bool:
    """Whether a process has ended: it is gone, or a zombie without threads.

    The first thread alone is a zombie, too, for the moment in which another one calls execve(2): programs in Go do.
    """
    try:
        fields = stat(pid)
    except ProcessLookupError:
        return True
    return fields[0] in "ZX" and int(fields[17]) < 2


def stat(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat behind the name: the first is the third of proc(5), the state."""
    return text_of(pid, "stat").rpartition(")")[2].split()


def cpu_seconds(pid: int | str) -> float:
    """Seconds of processor time used so far, in user mode and in the kernel (utime and stime)."""
    return sum(map(int, stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def start_time(pid: int | str) -> str:
    """The start of a process, in ticks since boot: with the pid, its identity. Empty if it has ended or is hidden."""
    try:
        return stat(pid)[19]
    except (ProcessLookupError, PermissionError):
        return ""


def smaps_rollup(pid: int | str) -> dict[str, int]:
    """The fields of /proc/PID/smaps_rollup in bytes: Rss, Pss and others. Empty for a zombie."""
    lines = re.findall(r"^(\w+): +(\d+) kB", text_of(pid, "smaps_rollup"), re.MULTILINE)
    return {name: int(kibibytes) * 1024 for name, kibibytes in lines}


def pss(pid: int | str) -> int:
    """Proportional set size in bytes: a page that n processes share counts as an n-th in each."""
    return smaps_rollup(pid).get("Pss", 0)


def uid_map(pid: int | str) -> tuple[IdRange, ...]:
    """The map of user ids from inside to outside; empty until it is written."""
    return _id_map(pid, "uid_map")


def gid_map(pid: int | str) -> tuple[IdRange, ...]:
    """The map of group ids from inside to outside; empty until it is written."""
    return _id_map(pid, "gid_map")


def _id_map(pid: int | str, name: str) -> tuple[IdRange, ...]:
    return tuple(IdRange(*map(int, line.split())) for line in text_of(pid, name).splitlines())


def mountinfo(pid: int | str) -> tuple[Mount, ...]:
    """The mounts in the mount namespace of a process, oldest first."""
    return tuple(map(parse_mount, text_of(pid, "mountinfo").splitlines()))


def parse_mount(line: str) -> Mount:
    """One line of mountinfo (proc(5)): optional fields end at a single `-`; blanks in names are octal escapes."""
    head, _, tail = line.partition(" - ")
    number, parent, device, root, target, options, *propagation = head.split(" ")
    kind, source, *super_options = tail.split(" ")
    return Mount(
        int(number),
        int(parent),
        _unescaped(root),
        _unescaped(target),
        tuple(options.split(",")),
        tuple(propagation),
        kind,
        _unescaped(source),
        tuple(",".join(super_options).split(",")),
        device,
    )


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)


def limits(pid: int | str) -> dict[str, tuple[int | None, int | None]]:
    """Resource limit -> (soft, hard), named as in /proc/PID/limits; None is unlimited. See getrlimit(2)."""
    found = {}
    for line in text_of(pid, "limits").splitlines()[1:]:
        name, soft, hard = line[:26].strip(), line[26:47].strip(), line[47:68].strip()
        found[name] = (_limit(soft), _limit(hard))
    return found


def _limit(word: str) -> int | None:
    return None if word == "unlimited" else int(word)


def cgroup(pid: int | str) -> str:
    """The cgroup path of a process, in the reader's cgroup namespace: of v2 if mounted, else of the first v1 line."""
    paths = dict(reversed([line.split(":", 2)[1:] for line in text_of(pid, "cgroup").splitlines()]))
    return paths.get("", next(iter(paths.values()), "/"))
