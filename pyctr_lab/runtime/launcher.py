"""Obeys lists of system calls, one list a message, and answers with what the kernel said.

Started as `python -I -S launcher.py FD`, where FD is one end of a SEQPACKET socket pair. It knows no steps and no
containers. A message is marshal's form of (number, names of the descriptors sent along, calls); a call is (name,
arguments, errnos that are fine, name for its result); arguments are as `kernel/calls.py` says. A list ends at its
first failure. An answer is text: the message's number, then a line a call: result, errno, nanoseconds, and in
hexadecimal each buffer that the kernel wrote to.

Whatever it needs is imported here, at once: after it has let root go, its own library may be unreadable.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import sys
import time
from _signal import SIG_DFL, SIGINT, SIGPIPE, SIGXFSZ, signal  # type: ignore[import-not-found]
from _socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOL_SOCKET, socket  # not `socket`: 8 ms and 1 MB more

sys.path.append(os.path.dirname(__file__))  # where these two are, and nothing of Python's own
from layout import changed, word  # type: ignore[import-not-found]
from spawner import Spawner  # type: ignore[import-not-found]

MESSAGE = 1 << 18  # bytes; the sender keeps below it
libc = ctypes.CDLL(None, use_errno=True)
python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter still during a call
NUMBERS = {
    "pidfd_open": 434,
    "mount_setattr": 442,
}  # libc 2.36 wraps both; an older one may not. Alike on x86-64 and arm64
NUMBERS["futex"] = 98 if os.uname().machine == "aarch64" else 202
CLONE3 = 435
SPECIAL = ("fork", "load", "spawn", "gate", "results", "abandon")
spawners: list[Spawner] = []  # one, once it is asked for


def receive(channel: socket) -> tuple[bytes, list[int]]:
    """The next message, and its descriptors; no message when nobody holds the other end any more."""
    try:
        message, extra, _, _ = channel.recvmsg(MESSAGE, CMSG_SPACE(4 * 16), MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    return message, [fd for _, _, data in extra for fd in memoryview(data).cast("i")]


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


def obey(channel: socket) -> socket:
    """Carries out one list. Returns the channel that this process obeys next: a forked child has one of its own."""
    message, descriptors = receive(channel)
    if not message:
        os._exit(0)
    number, names, calls = marshal.loads(message)
    known = dict(zip(names, descriptors))  # noqa: B905  as many, or the kernel cut them
    lines = [number]
    handed: list[int] = []
    for name, args, fine, result_name in calls:
        if name in ("execve", "execvpe"):  # which does not come back when all is well
            answer(channel, lines)
            lines = [number]
        if name in SPECIAL:
            result, errno, line = special(name, args, known, handed)
        else:
            result, errno, line = make(name, seen(args, known["pid"]) if "pid" in known else args, known)
        if name == "fork" and result == 0:
            return become(channel, known["channel"], descriptors)  # the child answers for nothing before it
        lines.append(line)
        known[result_name] = result
        if errno and errno not in fine:
            break
    for fd in descriptors:
        os.close(fd)
    answer(channel, lines, tuple(handed))
    return channel


def seen(args: tuple[object, ...], pid: int) -> tuple[object, ...]:
    """Of a process that was spawned by this list nobody else knows the number yet."""
    return tuple(arg.replace("/proc/PID/", f"/proc/{pid}/") if isinstance(arg, str) else arg for arg in args)


def become(old: socket, new: int, descriptors: list[int]) -> socket:
    """A forked child lets go of all that is its parent's, or the lab would live as long as the child does."""
    old.close()
    for fd in descriptors:
        if fd != new:
            os.close(fd)
    return socket(fileno=new)


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


if __name__ == "__main__":
    channel = socket(fileno=int(sys.argv[1]))
    os.set_inheritable(channel.fileno(), False)  # a spawned program must not hold it
    for number in (SIGINT, SIGPIPE, SIGXFSZ):  # Python changes these three, and an exec'd program would inherit it
        signal(number, SIG_DFL)
    rename("carrier")
    gc.disable()  # no cycles are made here, and a collection would touch every page that a child shares
    while True:
        channel = obey(channel)
