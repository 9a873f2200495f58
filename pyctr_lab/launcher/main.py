"""The launcher: carry out one request after another, and answer with what the kernel said.

Started as `python -I -S main.py FD`, where FD is one end of a SEQPACKET socket pair. It knows no steps and no
containers. A request is marshal's form of (number, kind, names of the descriptors sent along, words); a request that
is too long for the socket is empty there, and lies in its first descriptor. The kinds, and their words:

    calls    a list of system calls, which ends at its first failure
    fork     calls, then flags and a cgroup's folder (version 2): fork, or clone3; the child obeys descriptor "channel"
    load     the machine code of `faststart/loop.py`, and where in it the clock is
    spawn    start a program by that code: see Spawner.spawn; then calls from outside, and the call that opens its gate
    results  the number of a spawned process: what became of its calls
    abandon  the number of a spawned process: kill it if it still runs

A call is (name, arguments, errnos that are fine, name for its result, where in its buffer the kernel's answer has an
errno of its own: -1 for nowhere). An argument is a number, text, bytes, a tuple of arguments (a structure or an array),
None, or a list: [name] is an earlier result, [text, name, text] a text around one, [bytes, name, bytes] a buffer.

An answer is text: the request's number, then a line a call: result, errno, nanoseconds, and in hexadecimal each buffer
that the kernel wrote to. The kernel stamps the sender's pid on each request: one from any process but the peer is
dropped, so that a process in a container that gets hold of the socket can do nothing with it. See SCM_CREDENTIALS in
unix(7).

All modules are imported at start: after the launcher has dropped root, Python's own library may be unreadable.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import sys
import time
from _collections_abc import Callable  # loaded already, unlike `collections`
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
from layout import changed, search_path, word  # type: ignore[import-not-found]
from spawner import Spawner  # type: ignore[import-not-found]

MESSAGE = 1 << 18  # bytes; the sender keeps below it
ANCILLARY = CMSG_SPACE(12) + CMSG_SPACE(4 * 16)  # the sender's pid, and descriptors
EINVAL = 22
libc = ctypes.CDLL(None, use_errno=True)
python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter still during a call
NUMBERS = {
    "open_tree": 428,
    "move_mount": 429,
    "pidfd_open": 434,
    "openat2": 437,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}  # libc 2.36 wraps all but openat2 and Landlock's; an older one may not. Alike on x86-64 and arm64
NUMBERS["futex"], NUMBERS["seccomp"] = (98, 277) if os.uname().machine == "aarch64" else (202, 317)
CLONE3 = 435
OPENING = ("openat", "openat2", "open_tree", "pidfd_open", "socket", "memfd_create",
           "landlock_create_ruleset")  # fmt: skip
FORKING = ("fork", "vfork")  # as a plain call they would leave a second launcher on this channel
INVALID = (TypeError, ValueError, LookupError, OverflowError, AttributeError)  # what no valid request raises
spawners: list[Spawner] = []  # one, after a "load"


def receive(channel: socket) -> tuple[bytes, list[int], int | None]:
    """The next request, its descriptors, and the pid of its sender: None when nothing can come any more."""
    try:
        request, extra, _, _ = channel.recvmsg(MESSAGE, ANCILLARY, MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", [], None
    words = {kind: memoryview(data).cast("i").tolist() for _, kind, data in extra}
    return request, words.get(SCM_RIGHTS, []), words[SCM_CREDENTIALS][0] if SCM_CREDENTIALS in words else None


def whole(request: bytes, descriptors: list[int]) -> bytes:
    """A request that is too long for the socket lies in a file."""
    if request or not descriptors:
        return request
    fd = descriptors.pop(0)
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def function_of(name: str) -> tuple[ctypes._NamedFuncPointer, list[ctypes.c_long]]:
    """libc's wrapper, or where libc has none the bare system call."""
    if name in FORKING:
        raise LookupError(name)
    try:
        return getattr(libc, name), []
    except AttributeError:
        return libc.syscall, [ctypes.c_long(NUMBERS[name])]


def make_call(name: str, args: tuple[object, ...], known: dict[str, int], own: int) -> tuple[int, int, str]:
    """Make one system call. Return its result, its errno, and its line of the answer.

    `own` is where in its buffer the kernel's answer has an errno, as netlink's has: a failure like any other.
    """
    memory: list[tuple[bytes, bytearray]] = []
    function, words = function_of(name)
    words = words + [ctypes.c_long(word(arg, known, memory)) for arg in args]
    start = time.perf_counter_ns()
    result = function(*words)
    took = time.perf_counter_ns() - start
    errno = ctypes.get_errno() if result == -1 else 0
    if own >= 0 and not errno and (refused := int.from_bytes(memory[0][1][own : own + 4], "little", signed=True)) < 0:
        result, errno = -1, -refused
    return result, errno, " ".join([str(result), str(errno), str(took), *changed(memory)])


def fork_or_clone3(flags: int, group: str) -> int:
    """fork(2), or with `flags` clone3(2) into new namespaces and the cgroup `group`: os.fork has no flags."""
    if not flags:
        return os.fork()
    fd = os.open(group, os.O_DIRECTORY) if group else 0
    try:
        return clone3(flags, fd)
    finally:  # in the child too
        if group:
            os.close(fd)


def clone3(flags: int, fd: int) -> int:
    """clone3(2), as Python forks; struct clone_args is eleven words, and 17 is SIGCHLD."""
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


def attempt(action: Callable[..., int | None], *words: object) -> tuple[int, int, str]:
    """Do what is no plain system call, and answer as to one. Invalid words fail with EINVAL, as in the kernel."""
    errno, start = 0, time.perf_counter_ns()
    try:
        result = action(*words) or 0
    except OSError as why:
        result, errno = -1, why.errno or 0
    except INVALID:
        result, errno = -1, EINVAL
    return result, errno, f"{result} {errno} {time.perf_counter_ns() - start}"


class Request:
    """One request on its way: results known by name, the lines of the answer so far, descriptors to hand over."""

    def __init__(self, channel: socket, number: str, known: dict[str, int]) -> None:
        self.channel, self.number, self.known = channel, number, known
        self.lines = [number]
        self.handed: list[int] = []

    def carry_out(self, calls: list) -> bool:  # type: ignore[type-arg]
        """Make calls up to the first that fails, and close then what they have opened. False if one failed."""
        opened: set[int] = set()
        for name, args, fine, result_name, own in calls:
            if name in ("execve", "execvpe"):  # which does not come back when all is well
                self.send()
            if name == "execvpe":  # which searches its caller's PATH
                os.environ["PATH"] = search_path(args[2])
            result, errno = self.note(result_name, *made(name, args, self.known, own))
            if errno and errno not in fine:
                close_all(opened)  # no later list knows their names
                return False
            if name in OPENING and not errno:
                opened.add(result)
            elif name == "close":
                opened.discard(self.known.get(args[0][0], -1) if isinstance(args[0], list) else args[0])
        return True

    def note(self, name: str, result: int, errno: int, line: str) -> tuple[int, int]:
        """Add a line to the answer, and give the result its name."""
        self.lines.append(line)
        self.known[name] = result
        return result, errno

    def fork(self, calls: list, flags: int, group: str) -> bool:  # type: ignore[type-arg]
        """Make calls, then fork. True in the child, which answers nothing here."""
        if not self.carry_out(calls):
            return False
        for spawner in spawners:
            spawner.show_memory()
        result, errno, line = attempt(fork_or_clone3, flags, group)
        self.lines.append(line)
        return (result, errno) == (0, 0)

    def spawn(self, words: tuple, outside: list, opening: list) -> None:  # type: ignore[type-arg]
        """Spawn a process, make calls for it from outside, and open the gate at which it waits for them."""

        def start() -> int:
            pid, pidfd = spawners[-1].spawn(*words, self.known)
            self.handed.append(pidfd)
            return int(pid)

        _, errno = self.note("pid", *attempt(start))
        if not errno and self.carry_out(outside) and opening:
            self.known["gate"] = spawners[-1].gate(words[0])
            self.carry_out(opening)

    def results(self, number: int) -> None:
        """What became of the calls of a spawned process, as buffers of one line."""
        found: list[bytes] = []
        _, _, line = attempt(lambda: found.extend(spawners[-1].results(number)))
        self.lines.append(" ".join([line, *(each.hex() for each in found)]))

    def load(self, code: bytes, ticks: int) -> None:
        """Keep the machine code by which processes are spawned."""
        self.lines.append(attempt(lambda: spawners.append(Spawner(code, ticks)))[2])

    def abandon(self, number: int) -> None:
        """Kill a spawned process that still runs."""
        self.lines.append(attempt(spawners[-1].abandon, number)[2])

    def send(self) -> None:
        """Send the lines, and hand descriptors over. Without a peer the launcher ends."""
        rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in self.handed)
        ancillary = [(SOL_SOCKET, SCM_RIGHTS, rights)] if self.handed else []
        try:
            self.channel.sendmsg(["\n".join(self.lines).encode()], ancillary)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        close_all(self.handed)
        self.lines, self.handed = [self.number], []


def obey(channel: socket, peer: int) -> tuple[socket, int]:
    """Carry out one request of the peer. Return the channel to obey next: a forked child has one of its own."""
    data, descriptors, sender = receive(channel)
    if sender is None:
        os._exit(0)
    try:
        number, kind, names, words = marshal.loads(whole(data, descriptors)) if sender == peer else ("", "", (), ())
    except (EOFError, ValueError, TypeError):
        number = ""
    if not number:
        close_all(descriptors)
        return channel, peer
    request = Request(channel, number, dict(zip(names, descriptors)))  # noqa: B905  as many, or the kernel cut them
    if handle(request, kind, words):
        # the child sees no process outside its PID namespace: that is pid 0
        return obey_as_child(channel, request.known["channel"], descriptors), 0 if os.getpid() == 1 else peer
    close_all(descriptors)
    request.send()
    return channel, peer


def handle(request: Request, kind: str, words: tuple) -> bool:  # type: ignore[type-arg]
    """Do what a request says. True in a forked child."""
    try:
        match kind:
            case "calls":
                request.carry_out(*words)
            case "fork":
                return request.fork(*words)
            case "spawn":
                request.spawn(*words)
            case "results":
                request.results(*words)
            case "load":
                request.load(*words)
            case "abandon":
                request.abandon(*words)
    except INVALID:
        request.lines.append(f"-1 {EINVAL} 0")
    return False


def made(name: str, args: tuple[object, ...], known: dict[str, int], own: int) -> tuple[int, int, str]:
    """Make one call. What is not a valid call fails with EINVAL, as in the kernel."""
    try:
        return make_call(name, args, known, own)
    except INVALID:
        return -1, EINVAL, f"-1 {EINVAL} 0"


def close_all(descriptors: list[int] | set[int]) -> None:
    """Close what came with a request, or was opened for one."""
    for fd in descriptors:
        os.close(fd)


def obey_as_child(old: socket, new: int, descriptors: list[int]) -> socket:
    """A forked child lets go of all that is its parent's, or the lab would live as long as the child does."""
    old.close()
    close_all([fd for fd in descriptors if fd != new])
    channel = socket(fileno=new)
    channel.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
    return channel


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
