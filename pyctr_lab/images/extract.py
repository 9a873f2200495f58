"""Unpack a layer into a folder of its own, in overlayfs's form: whiteouts are devices 0:0, opaque is an attribute.

To be called by a process that is root of its user namespace. Each parent is opened_in by openat2(2) as if the layer's
folder were the root, the last part with O_EXCL and O_NOFOLLOW: no entry leads out. What an entry leaves open, or names
without containing it, is taken from the layers below; an unpacked layer therefore fits on these only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, TypeVar

from .archive import Kind, Member, shown_name
from .descriptors import BadImage
from .openat2 import FOLDER, open_in_root, opened_in
from .overlayfs import (
    META,
    OPAQUE,
    OPAQUE_NAME,
    WHITEOUT,
    is_kept,
    is_whiteout,
    lstat_in,
    pieces_of,
    split,
    visible,
    xattrs_of,
)

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ODD = {errno.EEXIST, errno.EFBIG, errno.EISDIR, errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG, errno.ENOENT,
       errno.ENOTDIR, errno.ENOTEMPTY, errno.EXDEV}  # fmt: skip # the archive's fault
MOST_SKIPPED = 10_000  # lines of a report
Made = TypeVar("Made")
Owners = Mapping[str, Sequence[int]]


@dataclass
class Unpacked:
    """What became of a layer's entries."""

    entries: int = 0
    bytes: int = 0
    skipped: dict[str, str] = field(default_factory=dict)  # path, and for an attribute its name: reason
    owners: dict[str, list[int]] = field(default_factory=dict)  # path: uid and gid that this id map has not
    opaque: bool = False  # the whole layer: leave out those below, for overlayfs ignores the mark at a root


@dataclass
class Open:
    """A folder that entries are put into; its time, and what its own entry says, are set when they have left it."""

    path: bytes
    mtime: int
    entry: Member | None = None


def extract(
    entries: Iterable[Member], layer: int, below: Sequence[int] = (), owners: Sequence[Owners] = ()
) -> Unpacked:
    """Unpack entries into the open folder `layer`; `below` are the folders of the layers below it, the highest first.

    `owners` are what the reports on those below have. Raises BadImage for an archive that cannot be what it says; the
    folder is then of no use.
    """
    extraction = Extraction(layer, dict(zip(below, chain(owners, repeat({})), strict=False)))
    umask = os.umask(0)
    try:
        for entry in entries:
            try:
                extraction.take(entry)
            except OSError as why:
                if why.errno not in ODD:
                    raise
                raise BadImage(f"{shown_name(entry.name)} cannot be unpacked: {why.strerror}") from None
        extraction.leave(None)
    finally:
        os.close(extraction.last)
        os.umask(umask)
        if isinstance(entries, Generator):
            entries.close()
    return extraction.report


class Extraction:
    """The state of unpacking one layer."""

    def __init__(self, layer: int, below: Mapping[int, Owners]) -> None:
        self.layer, self.below, self.owners = layer, list(below), below
        self._odd = frozenset().union(*below.values())  # paths whose owner is remembered in a layer below
        self.report = Unpacked()
        self._open: list[Open] = []  # each inside the one before it
        self._path: bytes | None = None  # of the folder that was opened last, if its name still leads there
        self.last = os.dup(layer)
        self._make: dict[Kind, Callable[[Member, int, bytes], None]] = {
            Kind.FILE: self.file, Kind.FOLDER: self.folder, Kind.SYMLINK: self.symlink, Kind.LINK: self.link,
            Kind.FIFO: self.fifo}  # fmt: skip

    def take(self, entry: Member) -> None:
        """Unpack one entry."""
        folder, name = split(entry.name)
        self.report.entries += 1
        if META in entry.name and name != OPAQUE_NAME and b"/" + META in b"/" + entry.name:
            return  # aufs's own
        if folder.startswith(WHITEOUT) or b"/" + WHITEOUT in folder:
            raise BadImage(f"an entry in a folder that is a whiteout: {shown_name(entry.name)}")
        if not entry.name:
            self.root(entry)
        elif entry.kind in (Kind.CHAR, Kind.BLOCK) and not name.startswith(WHITEOUT):
            self.skip(entry.name, f"{entry.kind.value} {entry.device[0]}:{entry.device[1]}")
        else:
            parent = self.enter(folder)
            try:
                if name == OPAQUE_NAME:
                    self.hide_all(folder, parent)
                elif name.startswith(WHITEOUT):
                    self.hide(folder, parent, name.removeprefix(WHITEOUT))
                else:
                    self._make[entry.kind](entry, parent, name)
            finally:
                os.close(parent)

    # --- folders
    def enter(self, path: bytes) -> int:
        """Open the folder of an entry, made if it has no entry of its own; those around the last entry are left."""
        self.leave(path)
        missing = []
        while (fd := self.existing(path)) is None:
            missing.append(path)
            path = split(path)[0]
        if not self._open or self._open[-1].path != path:
            self._open.append(Open(path, os.fstat(fd).st_mtime_ns))
        for each in reversed(missing):
            try:
                inner = self.implied(fd, each)
            finally:
                os.close(fd)
            fd = inner
        return fd

    def existing(self, path: bytes) -> int | None:
        """Open a folder of the layer: the last one again, as most entries ask for, or by openat2(2)."""
        if path != self._path:
            try:
                found = open_in_root(self.layer, path, FOLDER)
            except (FileNotFoundError, NotADirectoryError):
                return None
            os.dup2(found, self.last, inheritable=False)
            os.close(found)
            self._path = path
        return os.dup(self.last)

    def leave(self, path: bytes | None) -> None:
        """Set what folders are to have at the end, but for those around `path`."""
        while self._open and not (path is not None and is_around(self._open[-1].path, path)):
            last = self._open.pop()
            fd = self.existing(last.path)
            if fd is None:
                continue  # another entry, through a link, has replaced it
            try:
                if last.entry:
                    self.set_metadata(last.entry, fd)
                os.utime(fd, ns=(last.mtime, last.mtime))
            finally:
                os.close(fd)

    def implied(self, parent: int, path: bytes) -> int:
        """Make and open a folder that has no entry: as in the layers below, or root's, with mode 755."""
        name = split(path)[1]
        found = lstat_in(name, parent)
        if found and not is_whiteout(found):
            raise BadImage(f"{shown_name(path)} is no folder, and an entry lies in it")
        self.new_folder(parent, name, found)
        fd = open_in_root(parent, name, FOLDER)
        seen = None if found else visible(self.below, path)
        if seen and stat.S_ISDIR(seen[1].st_mode):
            self.as_below(path, fd, *seen)
        else:
            self.set_owner(path, 0, 0, fd)
            os.fchmod(fd, 0o755)
        return fd

    def as_below(self, path: bytes, fd: int, layer: int, found: os.stat_result) -> None:
        """Give a folder the mode, owner, time and attributes that it has in a layer below."""
        uid, gid = self.owners[layer].get(os.fsdecode(path), (found.st_uid, found.st_gid))
        self.set_owner(path, uid, gid, fd)
        with opened_in(layer, path) as lower:
            self.set_xattrs(path, xattrs_of(lower), fd)
        os.fchmod(fd, stat.S_IMODE(found.st_mode))
        self._open.append(Open(path, found.st_mtime_ns))

    def new_folder(self, parent: int, name: bytes, found: os.stat_result | None) -> None:
        """Make a folder instead of what was `found`. Where that hides a name below, the folder hides it, too."""
        if found:
            os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o700, dir_fd=parent)
        if found and is_whiteout(found):
            make_opaque(parent, name)

    def root(self, entry: Member) -> None:
        """What the archive says of the layer's folder itself."""
        if entry.kind is not Kind.FOLDER:
            raise BadImage(f"the root as a {entry.kind.value}")
        self.leave(b"")
        self._open[:] = [Open(b"", entry.mtime, entry)]

    # --- whiteouts
    def hide_all(self, path: bytes, parent: int) -> None:
        """Hide all that the layers below have in a folder."""
        self.report.opaque |= not path
        os.setxattr(parent, OPAQUE, b"y")

    def hide(self, folder: bytes, parent: int, name: bytes) -> None:
        """Hide a name of the layers below; what this layer has under that name stays."""
        if name in (b"", b".", b".."):
            raise BadImage(f"a whiteout of {shown_name(name)} in {shown_name(folder)}")
        found = lstat_in(name, parent)
        if visible(self.below, folder + b"/" + name if folder else name) is None:
            return
        if found is None:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
        elif stat.S_ISDIR(found.st_mode):
            make_opaque(parent, name)

    # --- one for each kind
    def folder(self, entry: Member, parent: int, name: bytes) -> None:
        """A folder; one that is there keeps its content."""
        found = lstat_in(name, parent)
        if found is None or not stat.S_ISDIR(found.st_mode):
            self.new_folder(parent, name, found)
        self._open.append(Open(entry.name, entry.mtime, entry))

    def file(self, entry: Member, parent: int, name: bytes) -> None:
        """A file; what is not written stays a hole."""
        fd = self.replacing(parent, name, lambda: os.open(name, NEW, 0o600, dir_fd=parent))
        try:
            end = 0
            for offset, piece in entry.data:
                write_at(fd, piece, offset)
                self.report.bytes += len(piece)
                end = offset + len(piece)
            if end < entry.size:
                os.ftruncate(fd, entry.size)
            self.set_metadata(entry, fd)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(fd)

    def symlink(self, entry: Member, parent: int, name: bytes) -> None:
        """A symbolic link."""
        self.replacing(parent, name, lambda: os.symlink(entry.target, name, dir_fd=parent))
        self.set_by_name(entry, parent, name)

    def fifo(self, entry: Member, parent: int, name: bytes) -> None:
        """A named pipe."""
        self.replacing(parent, name, lambda: os.mkfifo(name, 0o600, dir_fd=parent))
        self.set_by_name(entry, parent, name)
        os.chmod(name, entry.mode, dir_fd=parent)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent)

    def link(self, entry: Member, parent: int, name: bytes) -> None:
        """A hard link to an earlier entry, or a copy of a file of the layers below."""
        folder, last = split(entry.target)
        if os.fsdecode(entry.target) in self.report.skipped:
            return self.skip(entry.name, f"a link to {shown_name(entry.target)}")
        source = self.existing(folder)
        if source is None:
            return self.copy(entry, parent, name)
        try:
            found = lstat_in(last, source) if last else None
            if found is None:
                return self.copy(entry, parent, name)
            if stat.S_ISDIR(found.st_mode) or is_whiteout(found) or entry.target == entry.name:
                raise BadImage(f"a hard link {shown_name(entry.name)} to {shown_name(entry.target)}, which is no file")
            self.replacing(parent, name, lambda: os.link(last, name, src_dir_fd=source, dst_dir_fd=parent,
                                                    follow_symlinks=False))  # fmt: skip
        finally:
            os.close(source)
        if not stat.S_ISREG(found.st_mode):
            return self.set_by_name(entry, parent, name)
        with opened_in(parent, name, os.O_RDONLY) as fd:
            self.set_metadata(entry, fd, chown=(found.st_uid, found.st_gid) != (entry.uid, entry.gid))
            os.utime(fd, ns=(entry.mtime, entry.mtime))

    def copy(self, entry: Member, parent: int, name: bytes) -> None:
        """A copy of what the layers below have at a link's target."""
        found = visible([self.layer, *self.below], entry.target) if entry.target else None
        if found is None or stat.S_IFMT(found[1].st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
            raise BadImage(f"a hard link {shown_name(entry.name)} to {shown_name(entry.target)}, which is no file")
        lower = found[0]
        if stat.S_ISLNK(found[1].st_mode):
            entry.target = os.readlink(entry.target, dir_fd=lower)
            return self.symlink(entry, parent, name)
        with opened_in(lower, entry.target, os.O_RDONLY) as source:
            entry.xattrs = {**xattrs_of(source), **entry.xattrs}
            entry.size = found[1].st_size
            entry.data = pieces_of(source)
            self.file(entry, parent, name)

    def replacing(self, parent: int, name: bytes, make: Callable[[], Made]) -> Made:
        """Make a name; if it exists, remove it first: the last entry of a name wins."""
        try:
            return make()
        except FileExistsError:
            self._path = None
            remove_path(parent, name)
            return make()

    # --- metadata
    def set_metadata(self, entry: Member, fd: int, *, chown: bool = True) -> None:
        """Owner, attributes and mode: chown(2) clears setuid and capabilities, so it goes first."""
        if chown:
            self.set_owner(entry.name, entry.uid, entry.gid, fd)
        if entry.xattrs:
            self.set_xattrs(entry.name, entry.xattrs, fd)
        os.fchmod(fd, entry.mode)

    def set_by_name(self, entry: Member, parent: int, name: bytes) -> None:
        """Owner and time of what cannot be opened_in."""
        self.set_owner(entry.name, entry.uid, entry.gid, name, dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
        for key in entry.xattrs:
            self.skip(entry.name, f"an attribute of a {entry.kind.value}", key)

    def set_owner(self, path: bytes, uid: int, gid: int, file: int | bytes, **where: Any) -> None:
        """chown(2); the report keeps owners that the id map has not, and what takes the place of such in a report."""
        name = os.fsdecode(path)
        try:
            os.chown(file, uid, gid, **where)
        except OSError as why:
            if why.errno not in (errno.EINVAL, errno.EPERM):
                raise
            self.report.owners[name] = [uid, gid]
        else:
            if name in self._odd:
                self.report.owners[name] = [uid, gid]

    def set_xattrs(self, path: bytes, xattrs: Mapping[bytes, bytes], fd: int) -> None:
        """Set extended attributes, but for overlayfs's own, and for those of other privileges."""
        for key, value in xattrs.items():
            name = os.fsdecode(key)
            if not is_kept(name):
                self.skip(path, "an attribute that images do not keep", key)
                continue
            try:
                os.setxattr(fd, name, value)
            except OSError as why:  # an ACL of an unmapped id, too long a value, a file system without
                self.skip(path, os.strerror(why.errno or 0), key)

    def skip(self, path: bytes, reason: str, attribute: bytes = b"") -> None:
        """Report what is left out."""
        if len(self.report.skipped) < MOST_SKIPPED:
            key = os.fsdecode(path) + (f" [{os.fsdecode(attribute)}]" if attribute else "")
            self.report.skipped[key] = reason


def is_around(folder: bytes, path: bytes) -> bool:
    """Whether a folder is another, or above it."""
    return not folder or path == folder or path.startswith(folder + b"/")


def make_opaque(parent: int, name: bytes) -> None:
    """Have a folder hide those below it."""
    with opened_in(parent, name) as fd:
        os.setxattr(fd, OPAQUE, b"y")


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """pwrite(2) all of it."""
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


def remove_path(parent: int, name: bytes) -> None:
    """Remove a file, or a folder with all in it, however deep."""
    todo = [name]
    while todo:
        path = todo[-1]
        found = lstat_in(path, parent)
        if found is None or not stat.S_ISDIR(found.st_mode):
            os.unlink(path, dir_fd=parent)
            todo.pop()
            continue
        with opened_in(parent, path) as fd:
            inside = [path + b"/" + os.fsencode(each) for each in os.listdir(fd)]
        if inside:
            todo += inside
        else:
            os.rmdir(path, dir_fd=parent)
            todo.pop()
