"""The arguments of a system call that another process makes: texts read from its memory, all spelled as strace does.

Listed are the calls that name files, and a few others. Of a call that is not listed all six registers are spelled, in
hexadecimal: how many of them it takes is not known here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from . import constants as k
from .arguments import octal, quoted
from .constants import Named

LAYOUTS = """
access(path access) faccessat(dirfd path access) faccessat2(dirfd path access faccessat) chdir(path) chroot(path)
fchdir(fd) chmod(path mode) fchmodat(dirfd path mode) chown(path id id) lchown(path id id) fchownat(dirfd path id id at)
unshare(clone) setns(fd clone) close(fd) dup(fd) dup2(fd fd) dup3(fd fd dup3) creat(path mode)
execve(path argv env) execveat(dirfd path argv env at) exit_group(number) getpid() getppid() getuid() getgid()
kill(number signal) tkill(number signal) tgkill(number number signal) umask(mode) setuid(id) setgid(id)
link(path path) linkat(dirfd path dirfd path linkat) symlink(path path) symlinkat(path dirfd path)
readlink(path hex number) readlinkat(dirfd path hex number) rename(path path) renameat(dirfd path dirfd path)
renameat2(dirfd path dirfd path rename) unlink(path) unlinkat(dirfd path unlinkat) rmdir(path) mkdir(path mode)
mkdirat(dirfd path mode) mknod(path mode hex) mknodat(dirfd path mode hex)
open(path open creation) openat(dirfd path open creation) openat2(dirfd path hex number)
mount(text path text mount text) umount2(path umount) pivot_root(path path) open_tree(dirfd path hex)
move_mount(dirfd path dirfd path hex) mount_setattr(dirfd path at hex number)
stat(path hex) lstat(path hex) newfstatat(dirfd path hex at) fstat(fd hex) statx(dirfd path at hex hex)
statfs(path hex) truncate(path number) ftruncate(fd number) utimensat(dirfd path hex at) getdents64(fd hex number)
sethostname(text number) memfd_create(text hex) getxattr(path text hex number) setxattr(path text hex number hex)
socket(family type number) connect(fd hex number) bind(fd hex number) listen(fd number)
read(fd hex number) write(fd hex number)
"""
SIGNATURES = {name: tuple(kinds.split()) for name, kinds in re.findall(r"(\w+)\(([^)]*)\)", LAYOUTS)}

Text: TypeAlias = str | tuple[str, ...] | int  # of a path or a text; of argv; how many variables
Read: TypeAlias = Callable[[int, int], bytes]  # (address, size) -> what can be read there, b"" for nothing
MOST_TEXT = 4096  # PATH_MAX
MOST_WORDS, MOST_WORD = 32, 256  # of argv, and bytes of one
MOST_VARIABLES = 512


def read_texts(name: str, arguments: Sequence[int], read: Read) -> dict[int, Text]:
    """What pointers among the arguments lead to, by their places. What cannot be read is left out."""
    found: dict[int, Text] = {}
    for place, (kind, address) in enumerate(zip(SIGNATURES.get(name, ()), arguments, strict=False)):
        if kind in READERS and address:
            text = READERS[kind](address, read)
            if text is not None:
                found[place] = text
    return found


def paths_in(name: str, texts: Mapping[int, Text]) -> tuple[str, ...]:
    """The paths among them, in order."""
    kinds = SIGNATURES.get(name, ())
    return tuple(text for place, text in sorted(texts.items()) if kinds[place] == "path" and isinstance(text, str))


def spell_call(name: str, arguments: Sequence[int], texts: Mapping[int, Text]) -> str:
    """The call as strace prints it, without its result."""
    if name not in SIGNATURES:
        return f"{name}({', '.join(map(_hexadecimal, arguments))})"
    kinds = SIGNATURES[name]
    if kinds[-1:] == ("creation",) and not arguments[len(kinds) - 2] & (k.O_CREAT | TMPFILE):
        kinds = kinds[:-1]  # there is no mode then
    words = (
        _spell_text(kind, texts[place]) if place in texts else SPELLERS[kind](arguments[place])
        for place, kind in enumerate(kinds)
    )
    return f"{name}({', '.join(words)})"


# --- read
def _text_at(address: int, read: Read, most: int = MOST_TEXT) -> str | None:
    text, ended, _ = read(address, most).partition(b"\0")
    if ended:
        return os.fsdecode(text)
    return os.fsdecode(text) + "..." if text else None


def _pointers_at(address: int, read: Read, most: int) -> list[int]:
    raw = read(address, 8 * most)
    words = [int.from_bytes(raw[place : place + 8], "little") for place in range(0, len(raw) - 7, 8)]
    return words[: words.index(0)] if 0 in words else words


def _words_at(address: int, read: Read) -> tuple[str, ...] | None:
    words = (_text_at(pointer, read, MOST_WORD) for pointer in _pointers_at(address, read, MOST_WORDS))
    return tuple("" if word is None else word for word in words)


def _variables_at(address: int, read: Read) -> int | None:
    return len(_pointers_at(address, read, MOST_VARIABLES))


READERS: dict[str, Callable[[int, Read], Text | None]] = {
    "path": _text_at, "text": _text_at, "argv": _words_at, "env": _variables_at,
}  # fmt: skip


# --- spelled
def _spell_text(kind: str, text: Text) -> str:
    if isinstance(text, int):
        return f"/* {text} vars */"
    if isinstance(text, tuple):
        return f"[{', '.join(quoted(os.fsencode(word)) for word in text)}{', ...' * (len(text) == MOST_WORDS)}]"
    return quoted(os.fsencode(text))


def _hexadecimal(word: int) -> str:
    return f"{word:#x}" if word else "0"


def _pointer(word: int) -> str:
    return f"{word:#x}" if word else "NULL"


def _int(word: int) -> int:
    """The low 32 bits with their sign: what the kernel takes of an int."""
    return (word & 0xFFFFFFFF) - ((word & 0x80000000) << 1)


def _folder(word: int) -> str:
    return repr(k.AT_FDCWD) if _int(word) == k.AT_FDCWD else str(_int(word))


def _number(word: int) -> str:
    return str(word - ((word >> 63) << 64))


def _mode(word: int) -> str:
    return repr(octal(word & 0xFFFFFFFF)) if word & 0xFFFFFFFF else "000"


def _joined(flags: int, names: Sequence[Named], *, zero: str = "0") -> str:
    """Flags by their names, joined with `|`; bits without a name in hexadecimal."""
    found = [name for name in names if name and flags & name == name]
    rest = flags
    for name in found:
        rest &= ~name
    words = [*map(repr, found), *([f"{rest:#x}"] if rest else [])]
    return "|".join(words) or zero


def _starting(*beginnings: str) -> tuple[Named, ...]:
    named = [each for each in vars(k).values() if isinstance(each, Named) and repr(each).startswith(beginnings)]
    return tuple(sorted(named))


def _flags(names: Sequence[Named], *, zero: str = "0") -> Callable[[int], str]:
    return lambda word: _joined(word & 0xFFFFFFFF, names, zero=zero)


def _one_of(names: Sequence[Named]) -> Callable[[int], str]:
    return lambda word: next((repr(name) for name in names if name == _int(word)), str(_int(word)))


def _open(word: int) -> str:
    how = _joined(word & 3, (k.O_WRONLY, k.O_RDWR), zero=repr(k.O_RDONLY))
    others = _joined(word & 0xFFFFFFFC, OPENING, zero="")
    return f"{how}|{others}" if others else how


def _type(word: int) -> str:
    kind = _one_of((k.SOCK_STREAM, k.SOCK_DGRAM, k.SOCK_RAW))(word & 0xF)
    more = _joined(word & 0xFFFFFFF0, (SOCK_NONBLOCK, k.SOCK_CLOEXEC), zero="")
    return f"{kind}|{more}" if more else kind


TMPFILE = 0o20000000  # the bit of O_TMPFILE that is no other flag's
SOCK_NONBLOCK = Named(k.O_NONBLOCK, "SOCK_NONBLOCK")
OPENING = tuple(name for name in _starting("O_") if name > k.O_RDWR)
SPELLERS: dict[str, Callable[[int], str]] = {
    "access": _flags((k.R_OK, k.W_OK, k.X_OK), zero=repr(k.F_OK)),
    "argv": _pointer,
    "at": _flags((k.AT_SYMLINK_NOFOLLOW, k.AT_EMPTY_PATH, k.AT_RECURSIVE)),
    "clone": _flags(_starting("CLONE_NEW")),
    "creation": _mode,
    "dirfd": _folder,
    "dup3": _flags((k.O_CLOEXEC,)),
    "env": _pointer,
    "faccessat": _flags((k.AT_SYMLINK_NOFOLLOW, k.AT_EACCESS, k.AT_EMPTY_PATH)),
    "family": _one_of(_starting("AF_")),
    "fd": lambda word: str(_int(word)),
    "hex": _pointer,
    "id": lambda word: str(_int(word)),
    "linkat": _flags((k.AT_SYMLINK_FOLLOW, k.AT_EMPTY_PATH)),
    "mode": _mode,
    "mount": _flags(_starting("MS_")),
    "number": _number,
    "open": _open,
    "path": _pointer,
    "rename": _flags((k.RENAME_NOREPLACE, k.RENAME_EXCHANGE)),
    "signal": _one_of(_starting("SIG")),
    "text": _pointer,
    "type": _type,
    "umount": _flags((k.MNT_DETACH,)),
    "unlinkat": _flags((k.AT_REMOVEDIR,)),
}
