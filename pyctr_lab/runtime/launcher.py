"""Obeys lists of system calls, one list a message, and answers with what the kernel said.

Started as `python -I -S launcher.py FD`, where FD is one end of a SEQPACKET socket pair. It knows no steps and no
containers. A message is marshal's form of (number, names of the descriptors sent along, calls); a call is (name,
arguments, errnos that are fine, name for its result); arguments are as `kernel/calls.py` says. A message that is too
long for the socket is empty there, and lies in its first descriptor. A list ends at its first failure.

An answer is text: the message's number, then a line a call: result, errno, nanoseconds, and in
hexadecimal each buffer that the kernel wrote to.

The kernel stamps the sender's pid on each message: one from any process but the peer is dropped, so that a process
in a container that gets hold of the socket can do nothing with it. See SCM_CREDENTIALS in unix(7).

Whatever it needs is imported here, at once: after it has let root go, its own library may be unreadable.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import sys
import time
from _signal import SIG_DFL, SIG_SETMASK, pthread_sigmask, signal, valid_signals  # type: ignore[import-not-found]
from _socket import (  # not `socket`: 8 ms and 1 MB more
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    SCM_CREDENTIALS,
    SCM_RIGHTS,
    SO_PASSCRED,
    SOL_SOCKET,
    socket,
)

sys.path.append(os.path.dirname(__file__))  # where these two are, and nothing of Python's own
from layout import changed, word  # type: ignore[import-not-found]
from spawner import Spawner  # type: ignore[import-not-found]

MESSAGE = 1 << 18  # bytes; the sender keeps below it
ANCILLARY = CMSG_SPACE(12) + CMSG_SPACE(4 * 16)  # who the sender is, and descriptors
EINVAL = 22
libc = ctypes.CDLL(None, use_errno=True)
python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter still during a call
NUMBERS = {
    "pidfd_open": 434,
    "mount_setattr": 442,
}  # libc 2.36 wraps both; an older one may not. Alike on x86-64 and arm64
NUMBERS["futex"] = 98 if os.uname().machine == "aarch64" else 202
CLONE3 = 435
OPENING = ("openat", "pidfd_open", "socket", "memfd_create")
SPECIAL = ("fork", "load", "spawn", "gate", "results", "abandon")
spawners: list[Spawner] = []  # one, once it is asked for


def receive(channel: socket) -> tuple[bytes, list[int], int | None]:
    """The next message, its descriptors, and the pid of its sender: None when nothing can come any more."""
    try:
        message, extra, _, _ = channel.recvmsg(MESSAGE, ANCILLARY, MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", [], None
    words = {kind: memoryview(data).cast("i").tolist() for _, kind, data in extra}
    return message, words.get(SCM_RIGHTS, []), words[SCM_CREDENTIALS][0] if SCM_CREDENTIALS in words else None


def whole(message: bytes, descriptors: list[int]) -> bytes:
    """A message that is too long for the socket lies in a file."""
    if message or not descriptors:
        return message
    fd = descriptors.pop(0)
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def function_of(name: str) -> tuple[ctypes._NamedFuncPointer, list[ctypes.c_long]]:
    """libc's wrapper, or where libc has none the bare system call."""
    try:
        return getattr(libc, name), []
    except AttributeError:
        return libc.syscall, [ctypes.c_long(NUMBERS[name])]


def make(name: str, args: tuple[object, ...], known: dict[str, int]) -> tuple[int, int, str]:
    """Makes one system call. Returns its result, its errno, and the line that tells both."""
    memory: list[tuple[bytes, bytearray]] = []
    function, words = function_of(name)
    words = words + [ctypes.c_long(word(arg, known, memory)) for arg in args]
    start = time.perf_counter_ns()
    result = function(*words)
    took = time.perf_counter_ns() - start
    errno = ctypes.get_errno() if result == -1 else 0
    return result, errno, " ".join([str(result), str(errno), str(took), *changed(memory)])


def special(name: str, args: tuple, known: dict[str, int], handed: list[int]) -> tuple[int, int, str]:  # type: ignore[type-arg]
    """What is no plain system call, told as any other. A descriptor for whoever asked is `handed` over."""
    result, errno, told, start = 0, 0, "", time.perf_counter_ns()
    try:
        match name:
            case "fork":
                result = clone3(*args) if args[0] else os.fork()
            case "load":  # the loop's code, and where in it the clock is
                spawners.append(Spawner(*args))
            case "spawn":
                result, pidfd = spawners[-1].spawn(*args, known)
                handed.append(pidfd)
            case "gate":
                result = spawners[-1].gate(*args)
            case "results":
                told = " ".join(["", *(each.hex() for each in spawners[-1].results(*args))])
            case "abandon":
                spawners[-1].abandon(*args)
    except OSError as why:
        result, errno = -1, why.errno or 0
    return result, errno, f"{result} {errno} {time.perf_counter_ns() - start}{told}"


def clone3(flags: int, group: str = "") -> int:
    """A fork into new namespaces, and a control group: os.fork has no flags. struct clone_args is eleven words."""
    fd = os.open(group, os.O_DIRECTORY) if group else 0
    try:
        return clone3_into(flags, fd)
    finally:  # in the child too
        if group:
            os.close(fd)


def clone3_into(flags: int, fd: int) -> int:
    """The call itself; 17 is SIGCHLD."""
    memory: list[tuple[bytes, bytearray]] = []
    args = word((flags, 0, 0, 0, 17, 0, 0, 0, 0, 0, fd), {}, memory)
    python.PyOS_BeforeFork()
    result = python.syscall(ctypes.c_long(CLONE3), ctypes.c_long(args), ctypes.c_long(88))
    if result == 0:
        python.PyOS_AfterFork_Child()
        return 0
    errno = ctypes.get_errno()
    python.PyOS_AfterFork_Parent()
    if result == -1:
        raise OSError(errno, "clone3")
    return int(result)


def obey(channel: socket, peer: int) -> tuple[socket, int]:
    """Carry out one list of the peer. Return the channel to obey next: a forked child has one of its own."""
    message, descriptors, sender = receive(channel)
    if sender is None:
        os._exit(0)
    try:
        number, names, calls = marshal.loads(whole(message, descriptors)) if sender == peer else ("", (), ())
    except (EOFError, ValueError, TypeError):
        number = ""
    if not number:
        close(descriptors)
        return channel, peer
    known = dict(zip(names, descriptors))  # noqa: B905  as many, or the kernel cut them
    lines = [number]
    handed: list[int] = []
    opened: set[int] = set()
    for name, args, fine, result_name in calls:
        if name in ("execve", "execvpe"):  # which does not come back when all is well
            answer(channel, lines)
            lines = [number]
        result, errno, line = carried_out(name, args, known, handed)
        if name == "fork" and result == 0:
            # the child answers for nothing before it; it sees no process outside its PID namespace: that is pid 0
            return become(channel, known["channel"], descriptors), 0 if os.getpid() == 1 else peer
        lines.append(line)
        known[result_name] = result
        if errno and errno not in fine:
            close(opened)  # no later list knows their names
            break
        if name in OPENING and not errno:
            opened.add(result)
        elif name == "close":
            opened.discard(known.get(args[0][0], -1) if isinstance(args[0], list) else args[0])
    close(descriptors)
    answer(channel, lines, tuple(handed))
    return channel, peer


def carried_out(name: str, args: tuple, known: dict[str, int], handed: list[int]) -> tuple[int, int, str]:  # type: ignore[type-arg]
    """Make one call, or answer a control message. What is not a valid call fails with EINVAL, as in the kernel."""
    try:
        if name in SPECIAL:
            return special(name, args, known, handed)
        return make(name, seen(args, known["pid"]) if "pid" in known else args, known)
    except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
        return -1, EINVAL, f"-1 {EINVAL} 0"


def close(descriptors: list[int] | set[int]) -> None:
    """Close what came with a message, or was opened for one."""
    for fd in descriptors:
        os.close(fd)


def seen(args: tuple[object, ...], pid: int) -> tuple[object, ...]:
    """Of a process that was spawned by this list nobody else knows the number yet."""
    return tuple(arg.replace("/proc/PID/", f"/proc/{pid}/") if isinstance(arg, str) else arg for arg in args)


def become(old: socket, new: int, descriptors: list[int]) -> socket:
    """A forked child lets go of all that is its parent's, or the lab would live as long as the child does."""
    old.close()
    close([fd for fd in descriptors if fd != new])
    channel = socket(fileno=new)
    channel.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
    return channel


def answer(channel: socket, lines: list[str], handed: tuple[int, ...] = ()) -> None:
    """Tells what was done, and hands descriptors over. With nobody left to tell, there is nothing left to do either."""
    rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in handed)
    try:
        channel.sendmsg(["\n".join(lines).encode()], [(SOL_SOCKET, SCM_RIGHTS, rights)] if handed else [])
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)
    for fd in handed:
        os.close(fd)


def rename(name: str) -> None:
    """Has `ps` show `name` instead of an interpreter's command line, by writing over the arguments in memory."""
    with open("/proc/self/stat") as file:
        start, end = (int(field) for field in file.read().rpartition(")")[2].split()[45:47])
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, name.encode(), min(len(name), end - start - 1))


def reset_signals() -> None:
    """Reset signals to their defaults: exec keeps ignored and blocked ones. With SIGCHLD ignored, the kernel reaps
    children itself, and their exit status is lost.
    """
    for number in valid_signals():
        try:
            signal(number, SIG_DFL)
        except OSError:  # SIGKILL and SIGSTOP have no other
            continue
    pthread_sigmask(SIG_SETMASK, ())


if __name__ == "__main__":
    channel, peer = socket(fileno=int(sys.argv[1])), os.getppid()
    channel.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
    os.set_inheritable(channel.fileno(), False)  # a spawned program must not hold it
    reset_signals()
    os.umask(0o022)  # else a container's root would be closed to its own users
    rename("carrier")
    gc.disable()  # no cycles are made here, and a collection would touch every page that a child shares
    while True:
        channel, peer = obey(channel, peer)
