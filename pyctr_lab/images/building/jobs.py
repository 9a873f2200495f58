"""What a build asks of the worker, which is root of the lab, in the folder of its unpacked layers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from posixpath import join
from typing import Any

from ...errors import BadInput
from ..diff import upper_changes, write_layer
from ..extract import Owners
from ..openat2 import open_in_root, opened_in
from ..overlayfs import ORIGIN
from ..tree_jobs import mount_layers


def spots(layers: Sequence[str], asked: Sequence[str], owners: Owners) -> Iterator[list[Any]]:
    """Where paths are in an image, the topmost layer first, and what is there; `owners`, by path, no file has.

    Yields for each path, and for all folders on the way to it: the path, where it really is, its kind, mode and owner.
    """
    top = mount_layers(layers)
    start = len(os.readlink(f"/proc/self/fd/{top}"))
    wanted = [*asked]
    seen: set[str] = set()
    while wanted:
        path = wanted.pop()
        if path not in seen:
            seen.add(path)
            found = spot(top, start, path)
            found = (*found[:3], *(owners.get(found[0].strip("/"), found[3:]) if found[3:] else ()))
            yield [path, *found]
            wanted += [place for place in folders_above(found[0]) if place not in seen]


def spot(top: int, start: int, path: str) -> tuple[Any, ...]:
    """Where a path really is below a folder; a part that is not there is where it would be made."""
    there, rest = path, ""
    while True:
        try:
            fd = open_in_root(top, os.fsencode(there), os.O_PATH)
            break
        except FileNotFoundError:
            there, _, name = there.rstrip("/").rpartition("/")
            there, rest = there or "/", join(name, rest) if rest else name
        except NotADirectoryError:
            raise BadInput(f"{path} lies in something that is no folder of the image") from None
    found, place = os.fstat(fd), os.readlink(f"/proc/self/fd/{fd}")[start:] or "/"
    os.close(fd)
    if rest:
        return (join(place, rest),)
    kind = "folder" if stat.S_ISDIR(found.st_mode) else "file"
    return place, kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def folders_above(path: str) -> list[str]:
    """The folders on the way to a path, without the root."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: place + 1]) for place in range(len(parts))]


def difference(upper: str, out: int, newest: int, left_out: Sequence[str], owners: Owners) -> Iterator[None]:
    """Write what a container has changed as the archive of a layer, but for some paths.

    What it has changed of the image's keeps the `owners` that no file has; what it made anew is its own.
    """
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    hidden = {f"{folder}/.wh.{name}" for folder, _, name in (path.rpartition("/") for path in left_out)}
    paths = {path.encode() for path in hidden.union(left_out)}
    changes = (change for change in upper_changes(root) if change[0] not in paths)
    with open(out, "wb", closefd=False) as file:
        kept = {path: list(ids) for path, ids in owners.items() if is_copied_up(root, os.fsencode(path))}
        file.writelines(write_layer(changes, root, owners=kept, newest=newest))
    yield None


def is_copied_up(upper: int, path: bytes) -> bool:
    """Whether overlayfs has copied a path from a layer, and no new file has taken its place."""
    try:
        with opened_in(upper, path, os.O_RDONLY | os.O_NONBLOCK) as fd:
            return ORIGIN in os.listxattr(fd)
    except OSError:  # not there, or a link: a program cannot change one, but only make it anew
        return False
