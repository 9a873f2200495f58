"""Which ids the lab's outer world has, and its id maps: one user's own, subordinate ids, or a range for root's lab.

See user_namespaces(7), subuid(5), newuidmap(1).
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

from ..kernel import proc

IDS = 65536  # of a container of a lab that root has opened
FIRST_FOR_ROOT = 200_000_000  # far from what useradd assigns; moved up where a user has it


def map_ids(pid: int) -> int:
    """Write the id maps of the outer world; return how many ids a container may have. Raises OSError.

    Root maps one more, the last: control groups belong to it, so no process in a container owns their files.
    """
    if os.getuid() == 0:
        first = free_range(Path("/etc/subuid"), Path("/etc/subgid"))
        if not is_ours(first, IDS + 1):  # in a container, say: root there has no rights outside already
            return map_one(pid)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 {first} {IDS + 1}")
        return IDS
    ids, _ = map_ranges(pid)
    return ids or map_one(pid)


def is_ours(first: int, count: int) -> bool:
    """Whether our own user namespace has these ids at all."""
    return any(own.inside <= first and first + count <= own.inside + own.count for own in proc.uid_map("self"))


def map_one(pid: int) -> int:
    """A user alone: one id. Without privilege over groups, setgroups must be given up first.

    Where newgidmap has written its map and newuidmap has not, that map stays: each is written once.
    """
    if not proc.gid_map(pid):
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/gid_map").write_text(f"0 {os.getgid()} 1")
    Path(f"/proc/{pid}/uid_map").write_text(f"0 {os.getuid()} 1")
    return 1


def map_ranges(pid: int) -> tuple[int, str]:
    """A user with subordinate ids: newuidmap(1) and newgidmap(1) may write more than one.

    Return how many there are, or 0 and the reason.
    """
    uids, gids = subordinate(Path("/etc/subuid"), os.getuid()), subordinate(Path("/etc/subgid"), os.getgid())
    found = common_ranges(uids, gids)
    if not found:
        return 0, "no range of subordinate ids"
    lines = [(os.getuid(), os.getgid(), 1), *found]
    why = run_id_mapper("newgidmap", pid, [(gid, count) for _, gid, count in lines])
    why = why or run_id_mapper("newuidmap", pid, [(uid, count) for uid, _, count in lines])
    return (0, why) if why else (sum(count for _, _, count in lines), "")


def run_id_mapper(program: str, pid: int, outside: Iterable[tuple[int, int]]) -> str:
    """Have a map written that has these ranges (first, count) one behind the other. Return why it cannot be."""
    words, inside = [program, str(pid)], 0
    for first, count in outside:
        words += map(str, (inside, first, count))
        inside += count
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as why:
        return f"{program}: {why.strerror}"
    return (done.stderr.strip() or f"{program} ended with {done.returncode}") if done.returncode else ""


def subordinate(file: Path, own: int) -> list[tuple[int, int]]:
    """The ranges (first, count) that belong to the user, each id once, and without `own`. See subuid(5)."""
    uid = os.getuid()
    try:
        names = {str(uid), pwd.getpwuid(uid).pw_name}
    except KeyError:
        names = {str(uid)}
    found, taken = [], [(own, 1)]
    for first, count in ((first, count) for owner, first, count in ranges(file) if owner in names):
        pieces = [(first, count)]
        for hole in taken:
            pieces = [rest for piece in pieces for rest in around(piece, hole)]
        found += pieces
        taken.append((first, count))
    return found


def around(piece: tuple[int, int], hole: tuple[int, int]) -> list[tuple[int, int]]:
    """What another range leaves of a range, on both sides."""
    (first, count), (start, length) = piece, hole
    behind = max(first, start + length)
    sides = ((first, min(first + count, start) - first), (behind, first + count - behind))
    return [(at, left) for at, left in sides if left > 0]


def common_ranges(uids: Iterable[tuple[int, int]], gids: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Ids that lie one behind the other in both: (first uid, first gid, count), longest first, up to IDS - 1."""
    users, groups, found = sorted(uids, key=itemgetter(1)), sorted(gids, key=itemgetter(1)), []
    while users and groups:
        (uid, some), (gid, others) = users.pop(), groups.pop()
        count = min(some, others)
        found.append((uid, gid, count))
        users += around((uid, some), (uid, count))
        groups += around((gid, others), (gid, count))
    found.sort(key=itemgetter(2), reverse=True)
    left = [IDS - 1 - sum(count for _, _, count in found[:place]) for place in range(len(found))]
    return [(uid, gid, min(count, most)) for (uid, gid, count), most in zip(found, left, strict=True) if most > 0]


def ranges(file: Path) -> Iterable[tuple[str, int, int]]:
    """(owner, first, count) of each line of a subuid file; lines that are none are passed over."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        owner, *numbers = line.split(":")
        if len(numbers) == 2 and all(word.isdigit() for word in numbers):
            yield owner, int(numbers[0]), int(numbers[1])


def free_range(*files: Path, first: int = FIRST_FOR_ROOT) -> int:
    """The first id, from `first` on, of a range that no user has: shared ids would share files."""
    for _, start, count in sorted(line for file in files for line in ranges(file)):
        if start < first + IDS + 1 and first < start + count:
            first = start + count
    return first
