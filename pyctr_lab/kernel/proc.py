"""/proc as data: what the kernel tells of a process. Sources: proc(5), namespaces(7), user_namespaces(7)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass

from .constants import KINDS


@dataclass(frozen=True)
class IdRange:
    """A line of a uid_map or gid_map: `count` ids from `inside` on are the ids from `outside` on."""

    inside: int
    outside: int
    count: int


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo: `root` of the file system `source` of kind `fstype` is seen at `target`."""

    id: int
    parent: int
    root: str
    target: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    kind: str
    source: str
    super_options: tuple[str, ...]

    @property
    def readonly(self) -> bool:
        """Whether nothing can be written through this mount."""
        return "ro" in self.options


def text_of(pid: int | str, name: str) -> str:
    """The text of /proc/PID/name. Raises ProcessLookupError where the process has gone."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}"):
            raise
        raise ProcessLookupError(f"process {pid} has ended") from None


def namespaces(pid: int | str) -> dict[str, int]:
    """Kind -> inode number of the namespace that a process is in. Two processes with one number share it."""
    return {kind: inode for kind in KINDS if (inode := namespace(pid, kind)) is not None}


def namespace(pid: int | str, kind: str) -> int | None:
    """The inode number of one namespace; None where this kernel has no such kind."""
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
    """A process's number in each pid namespace that sees it, ours first, its own last."""
    return tuple(map(int, status(pid)["NSpid"].split()))


def children(pid: int | str) -> tuple[int, ...]:
    """The children of a process, zombies included: each of its threads has its own."""
    found: list[int] = []
    for thread in threads(pid):
        with suppress(ProcessLookupError):  # the thread has ended meanwhile, or the process has
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
    """The numbers of its threads. Raises ProcessLookupError when it has ended."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        raise ProcessLookupError(f"process {pid} has ended") from None


def ancestors(pid: int | str) -> tuple[int, ...]:
    """The parent of a process, its parent, and so on, as far as they are seen from here."""
    found: list[int] = []
    parent = int(status(pid)["PPid"])
    while parent:
        found.append(parent)
        try:
            parent = int(status(parent)["PPid"])
        except (PermissionError, ProcessLookupError):  # /proc hides other people's processes (hidepid)
            break
    return tuple(found)


def state(pid: int | str) -> str:
    """One letter: R running, S sleeping, D waiting, T stopped, Z zombie. `-` where there is no such process."""
    try:
        return text_of(pid, "stat").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return "-"


def uid_map(pid: int | str) -> tuple[IdRange, ...]:
    """Which user ids inside are which outside. Empty before the map is written."""
    return _id_map(pid, "uid_map")


def gid_map(pid: int | str) -> tuple[IdRange, ...]:
    """Which group ids inside are which outside. Empty before the map is written."""
    return _id_map(pid, "gid_map")


def _id_map(pid: int | str, name: str) -> tuple[IdRange, ...]:
    return tuple(IdRange(*map(int, line.split())) for line in text_of(pid, name).splitlines())


def mountinfo(pid: int | str) -> tuple[Mount, ...]:
    """The mounts that a process sees, in the order in which they were made."""
    return tuple(map(parse_mount, text_of(pid, "mountinfo").splitlines()))


def parse_mount(line: str) -> Mount:
    """One line of mountinfo (proc(5)): optional fields end at a lone `-`; blanks in names are written in octal."""
    head, _, tail = line.partition(" - ")
    number, parent, _device, root, target, options, *propagation = head.split(" ")
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
    )


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)


def limits(pid: int | str) -> dict[str, tuple[int | None, int | None]]:
    """Resource limit -> (soft, hard), named as in the file; None means unlimited. See getrlimit(2)."""
    found = {}
    for line in text_of(pid, "limits").splitlines()[1:]:
        name, soft, hard = line[:26].strip(), line[26:47].strip(), line[47:68].strip()
        found[name] = (_limit(soft), _limit(hard))
    return found


def _limit(word: str) -> int | None:
    return None if word == "unlimited" else int(word)


def cgroup(pid: int | str) -> str:
    """The path of a process in the cgroup tree, as the reader sees it: v2's where there is one."""
    paths = dict(reversed([line.split(":", 2)[1:] for line in text_of(pid, "cgroup").splitlines()]))
    return paths.get("", next(iter(paths.values()), "/"))
