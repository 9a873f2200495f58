"""A system call that was watched, and the listener through which the kernel asks about it. See seccomp_unotify(2)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from errno import ENOENT, ENOTCONN, errorcode
from typing import NamedTuple

from ..kernel import constants as k
from ..kernel.signatures import Text, spell_call

NOTIFICATION = struct.Struct("<QIIiIQ6Q")  # struct seccomp_notif: id, thread, flags, and struct seccomp_data
RESPONSE = struct.Struct("<QqiI")  # struct seccomp_notif_resp: id, result, errno, flags
WAITING, GONE = "waiting", "gone"


@dataclass(slots=True, repr=False)
class WatchedCall:
    """A system call of a process in a watched container. `number` counts them from 1, in the order in which they came.

    `pid` is the process's number as the lab's host sees it, `program` its name, as in /proc/PID/comm. `arguments` are
    all six registers, `paths` the files that the call names. `answer` is "" once it has gone on, an errno's name if it
    was refused, "waiting" before, and "gone" where the process ended, or a signal interrupted the call, before the
    answer: then it was not made. `waited_ns` is the time from its arrival in the notebook to the answer.
    """

    number: int
    pid: int
    program: str
    name: str
    arguments: tuple[int, ...]
    paths: tuple[str, ...] = ()
    answer: str = WAITING
    waited_ns: int = 0
    texts: Mapping[int, Text] = field(default_factory=dict)

    def __str__(self) -> str:
        return spell_call(self.name, self.arguments, self.texts)

    def __repr__(self) -> str:
        return f"WatchedCall({str(self)!r}{f', answer={self.answer!r}' if self.answer else ''})"


class Iovec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


libc = ctypes.CDLL(None, use_errno=True)
_vector = (ctypes.POINTER(Iovec), ctypes.c_ulong)
libc.process_vm_readv.argtypes = [ctypes.c_int, *_vector, *_vector, ctypes.c_ulong]
libc.process_vm_readv.restype = ctypes.c_ssize_t
PAGE = os.sysconf("SC_PAGESIZE")


class Notification(NamedTuple):
    """What the kernel says of a call. The thread is numbered as the notebook sees it."""

    id: int
    thread: int
    number: int
    arguments: tuple[int, ...]


class Listener:
    """The descriptor on which the kernel passes calls on and takes answers. Used under the watch's lock."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def receive(self) -> Notification | None:
        """The next call; None if its process has ended meanwhile, or no process is left."""
        raw = bytearray(NOTIFICATION.size)  # zeros, as the kernel demands
        try:
            fcntl.ioctl(self.fd, k.SECCOMP_IOCTL_NOTIF_RECV, raw)
        except OSError as why:
            if why.errno in (ENOENT, ENOTCONN):
                return None
            raise
        id, thread, _, number, _, _, *arguments = NOTIFICATION.unpack(raw)
        return Notification(id, thread, number, tuple(arguments))

    def send(self, id: int, errno: int = 0) -> bool:
        """Refuse a call with this errno, or let it go on. False if its process has ended, or a signal came."""
        flags = 0 if errno else int(k.SECCOMP_USER_NOTIF_FLAG_CONTINUE)
        try:
            fcntl.ioctl(self.fd, k.SECCOMP_IOCTL_NOTIF_SEND, RESPONSE.pack(id, 0, -errno, flags))
        except OSError as why:
            if why.errno != ENOENT:
                raise
            return False
        return True

    def valid(self, id: int) -> bool:
        """Whether the call still waits: only then was what was read of its thread the thread's."""
        try:
            fcntl.ioctl(self.fd, k.SECCOMP_IOCTL_NOTIF_ID_VALID, id.to_bytes(8, "little"))
        except OSError as why:
            if why.errno != ENOENT:
                raise
            return False
        return True

    def close(self) -> None:
        """Close it. Twice is fine."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def read_memory(thread: int, address: int, size: int) -> bytes:
    """Bytes of a thread's memory, as many as are there; b"" where there are none, or they may not be read.

    By process_vm_readv(2): /proc/PID/mem is closed where the process has another uid than the notebook.
    """
    there = min(size, PAGE - address % PAGE)  # the manual promises whole elements only; the rest may be in no page
    buffer = ctypes.create_string_buffer(size)
    ours, theirs = (Iovec * 1)(), (Iovec * 2)()
    ours[0].base, ours[0].size = ctypes.addressof(buffer), size
    theirs[0].base, theirs[0].size = address, there
    theirs[1].base, theirs[1].size = address + there, size - there
    count = libc.process_vm_readv(thread, ours, 1, theirs, 2, 0)
    return buffer.raw[: max(0, count)]


def identify(thread: int, depth: int) -> tuple[str, int]:
    """The name of a thread's program, and the number of its process in the PID namespace that is so many below ours."""
    with suppress(OSError):
        fd = os.open(f"/proc/{thread}/status", os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.read(fd, 4096)
        finally:
            os.close(fd)
        name, pids = re.search(rb"Name:\t(.*)", status), re.search(rb"NStgid:\t(.*)", status)
        if name and pids:
            return os.fsdecode(name[1]), int(pids[1].split()[depth])
    return "", 0


def errno_name(number: int) -> str:
    """EPERM for 1; a number that has no name as text."""
    return errorcode.get(number, str(number))
