"""Write a layer as OCI has it: from the upper folder of an overlay, or from two trees.

The same content gives the same bytes, and so the same diff_id: names sorted, ustar headers, pax headers only where
ustar has no room, no names of users, whole seconds. See layer.md of OCI's image specification, "Change Types".
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest

from ..errors import BadInput, LabError
from .archive import BLOCK, XATTR, checksum, shown_name
from .openat2 import opened_in
from .overlayfs import OPAQUE_NAME, WHITEOUT, is_opaque, is_whiteout, pieces_of, prefixes, split, xattrs_of

HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
PAX_NAME = b"././@PaxHeader"  # as Python's tarfile has it
FLAGS = {stat.S_IFREG: b"0", stat.S_IFLNK: b"2", stat.S_IFCHR: b"3", stat.S_IFBLK: b"4", stat.S_IFDIR: b"5",
         stat.S_IFIFO: b"6"}  # fmt: skip
CHUNK = 1 << 18
RECORD = 10240

Change = tuple[bytes, os.stat_result | None]  # a path, and its status; None for a whiteout
Owners = Mapping[str, list[int]]


def upper_changes(upper: int) -> Iterator[Change]:
    """What the open upper folder of an overlay changes, in the order of a layer; the root itself is left out."""
    todo: list[Change] = [(b"", os.fstat(upper))]
    while todo:
        path, found = todo.pop()
        if path:
            yield path, found
        if found and stat.S_ISDIR(found.st_mode):
            inside = folder_content(upper, path)
            below: list[Change] = [hidden(name) if is_whiteout(each) else (name, each) for name, each in inside]
            with opened_in(upper, path) as fd:
                below += [(path_in(path, OPAQUE_NAME), None)] if is_opaque(fd) else []
            todo += sorted(below, key=by_name, reverse=True)


def tree_changes(before: int | None, after: int, *, newest: int | None = None) -> list[Change]:
    """What changed between two trees, in the order of a layer, with the folders around it.

    Without `before` all of `after`, the root itself too. Files are compared by what a layer keeps of them.
    """
    changed: dict[bytes, os.stat_result | None] = {} if before is not None else {b"": os.fstat(after)}
    folders: dict[bytes, os.stat_result] = {}
    todo = [(b"", before)]
    while todo:
        path, old = todo.pop()
        was = dict(folder_content(old, path)) if old is not None else {}
        for each, found in folder_content(after, path):
            former = was.pop(each, None)
            if stat.S_ISDIR(found.st_mode):
                folders[each] = found
                todo.append((each, old if former and stat.S_ISDIR(former.st_mode) else None))
            if old is None or former is None or differs(old, after, each, former, found, newest):
                changed[each] = found
        changed |= dict(map(hidden, was))
    around = {prefix: folders[prefix] for path in changed for prefix in prefixes(split(path)[0]) if prefix}
    return sorted({**around, **changed}.items(), key=lambda change: change[0].split(b"/"))


def differs(before: int, after: int, path: bytes, old: os.stat_result, new: os.stat_result, newest: int | None) -> bool:
    """Whether a layer would keep different things of a path in two trees. The time of a folder alone is no change."""
    for name in ("st_mode", "st_uid", "st_gid", "st_rdev"):
        if getattr(old, name) != getattr(new, name):
            return True
    if not stat.S_ISDIR(new.st_mode) and seconds(old, newest) != seconds(new, newest):
        return True
    if (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino):
        return False
    if stat.S_ISLNK(new.st_mode):
        return link_target(before, path) != link_target(after, path)
    if not stat.S_ISREG(new.st_mode) and not stat.S_ISDIR(new.st_mode):
        return False
    with opened_in(before, path, os.O_RDONLY) as one, opened_in(after, path, os.O_RDONLY) as other:
        if xattrs_of(one) != xattrs_of(other):
            return True
        return stat.S_ISREG(new.st_mode) and (old.st_size != new.st_size or not same_data(one, other))


def same_data(one: int, other: int) -> bool:
    """Whether two open files have the same content."""
    return all(first == second for first, second in zip_longest(pieces_of(one), pieces_of(other)))


def write_layer(
    changes: Iterable[Change], root: int, *, owners: Owners | None = None, newest: int | None = None
) -> Iterator[bytes]:
    """The archive of these changes, in chunks; their content is in the open folder `root`.

    `owners` has by path what a tree of one id cannot keep. A time after the second `newest` becomes that second.
    """
    chunk = bytearray()
    total = 0
    for piece in chain(headers_and_data(changes, root, owners or {}, newest), (bytes(2 * BLOCK),)):
        chunk += piece
        if len(chunk) >= CHUNK:
            total += len(chunk)
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk) + bytes(-(total + len(chunk)) % RECORD)


def headers_and_data(
    changes: Iterable[Change], root: int, owners: Owners, newest: int | None
) -> Iterator[bytes | memoryview]:
    """The headers and the data of all changes."""
    first: dict[tuple[int, int], bytes] = {}  # of each file with several names
    for path, found in changes:
        if found is None:
            yield header(path, b"0", 0, (0, 0), 0)
            continue
        if split(path)[1].startswith(WHITEOUT):
            raise BadInput(f"a layer cannot hold the name {shown_name(path)}: it would hide another")
        flag = FLAGS.get(stat.S_IFMT(found.st_mode))
        if flag is None:
            continue  # a socket
        uid, gid = owners.get(os.fsdecode(path), (found.st_uid, found.st_gid))
        about = (stat.S_IMODE(found.st_mode), (uid, gid), seconds(found, newest))
        if found.st_nlink > 1 and flag != b"5":
            target = first.setdefault((found.st_dev, found.st_ino), path)
            if target != path:
                yield header(path, b"1", *about, target=target)
                continue
        if flag == b"0":
            yield from file_blocks(path, root, about)
        elif flag == b"5":
            with opened_in(root, path) as fd:
                yield header((path or b".") + b"/", flag, *about, xattrs=xattrs_of(fd))
        elif flag == b"2":
            yield header(path, flag, *about, target=link_target(root, path))
        else:
            yield header(path, flag, *about, device=found.st_rdev)


def file_blocks(path: bytes, root: int, about: tuple[int, tuple[int, int], int]) -> Iterator[bytes | memoryview]:
    """A file: its header and its data, holes as zeros, for not every tool reads them otherwise."""
    with opened_in(root, path, os.O_RDONLY | os.O_NONBLOCK) as fd:
        size = left = os.fstat(fd).st_size
        yield header(path, b"0", *about, size=size, xattrs=xattrs_of(fd))
        for _, piece in pieces_of(fd, size):
            yield piece
            left -= len(piece)
        if left:
            raise LabError(f"{shown_name(path)} became shorter while it was read")
        yield bytes(-size % BLOCK)


def header(
    path: bytes,
    flag: bytes,
    mode: int,
    owner: tuple[int, int],
    mtime: int,
    *,
    size: int = 0,
    target: bytes = b"",
    device: int = 0,
    xattrs: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """The header of one entry, with a pax header before it where ustar's fields have no room."""
    pax = {XATTR + name: value for name, value in (xattrs or {}).items()}
    prefix, name = split_ustar(path)
    if name is None:
        pax[b"path"], name = path, path[:100]
    if len(target) > 100:
        pax[b"linkpath"] = target
    fields = []
    numbers = ((b"uid", owner[0], 7), (b"gid", owner[1], 7), (b"size", size, 11), (b"mtime", mtime, 11))
    for key, value, digits in numbers:
        if not 0 <= value < 8**digits:
            pax[key] = b"%d" % value
        fields.append(b"%0*o" % (digits, 0 if key in pax else value))
    major, minor = (b"%07o" % part for part in (os.major(device), os.minor(device)))
    raw = HEADER.pack(name, b"%07o" % mode, *fields, b" " * 8, flag, target[:100], b"ustar\x0000", b"", b"", major,
                      minor, prefix)  # fmt: skip
    raw = raw[:148] + b"%06o\0 " % checksum(raw) + raw[156:]
    return pax_header(pax) + raw if pax else raw


def pax_header(pax: Mapping[bytes, bytes]) -> bytes:
    """A pax header with these records, sorted."""
    content = b"".join(pax_record(key, value) for key, value in sorted(pax.items()))
    return header(PAX_NAME, b"x", 0, (0, 0), 0, size=len(content)) + content + bytes(-len(content) % BLOCK)


def pax_record(key: bytes, value: bytes) -> bytes:
    """A record of a pax header: its length, itself included, key and value."""
    rest = b" %s=%s\n" % (key, value)
    size = len(rest) + len(str(len(rest)))
    return b"%d%s" % (len(rest) + len(str(size)), rest)


def split_ustar(path: bytes) -> tuple[bytes, bytes | None]:
    """A path as ustar's prefix and name; no name where it does not fit."""
    if len(path) <= 100:
        return b"", path
    at = path.rfind(b"/", 0, min(156, len(path) - 1))
    if at > 0 and len(path) - at - 1 <= 100:
        return path[:at], path[at + 1 :]
    return b"", None


def seconds(found: os.stat_result, newest: int | None) -> int:
    """The time of a file as a layer has it."""
    whole = found.st_mtime_ns // 10**9
    return whole if newest is None else min(whole, newest)


def folder_content(root: int, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """What is in a folder, by path, sorted."""
    with opened_in(root, path) as fd:
        for name in sorted(map(os.fsencode, os.listdir(fd))):
            yield path_in(path, name), os.stat(name, dir_fd=fd, follow_symlinks=False)


def path_in(folder: bytes, name: bytes) -> bytes:
    """A name in a folder."""
    return folder + b"/" + name if folder else name


def hidden(path: bytes) -> Change:
    """The whiteout of a path."""
    folder, name = split(path)
    return path_in(folder, WHITEOUT + name), None


def by_name(change: Change) -> bytes:
    """The order within a folder."""
    return split(change[0])[1]


def link_target(root: int, path: bytes) -> bytes:
    """readlink(2)."""
    folder, name = split(path)
    with opened_in(root, folder) as fd:
        return os.readlink(name, dir_fd=fd)
