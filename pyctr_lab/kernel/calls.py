"""System calls as data. A function here makes a `Call`, and makes nothing happen.

Names are those of the generic table of system calls (arm64's: `openat`, `mkdirat`, `dup3`), which every architecture
has. An argument is one of five kinds, and the launcher knows no others:

    int, None    a machine word
    str          a pointer to that text, ending in NUL
    bytes        a pointer to a buffer with that content; what the kernel wrote into it comes back
    tuple        a pointer to an array of machine words, each again one of these (argv, rlimit64, sock_fprog, ...)
    Ref("fd")    the result of the earlier call in the same list that was named so
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from errno import EAGAIN, errorcode
from typing import NamedTuple

from ..errors import BadInput, LabError
from . import constants as k
from .checks import argument, identity, number, path, several, text, variables
from .hints import hint_for
from .spelling import Argument, GroupDescriptor, GroupFile, ProcFile, Ref, Spelled, Struct, Subject, octal, spell

MOST_READ = 1 << 18  # bytes: an answer carries so much
PATH_BEHIND = {"mount": 1, "symlinkat": 2}  # arguments before the path that may be text as well
NAMES_NO_FILE = ("write", "sethostname")


class Call(NamedTuple):
    """One system call, not yet made."""

    name: str
    args: tuple[Argument, ...] = ()
    accept: tuple[int, ...] = ()  # errnos that are fine
    result: str = ""  # what later calls of the same list call its result
    outside: bool = False  # made by the launcher for the process, which it sees as /proc/PID

    def __str__(self) -> str:
        return self.bare() + (f" = {self.result}" if self.result else "")

    def bare(self) -> str:
        """The call as strace prints it, without its result."""
        if self.name in ("execve", "execvpe"):  # as strace does it, unless it is told to be verbose
            variables = len(self.args[2]) - 1 if isinstance(self.args[2], tuple) else 0
            return f"{self.name}({spell(self.args[0])}, {spell(self.args[1])}, /* {variables} vars */)"
        if self.name != "fork":
            return f"{self.name}({', '.join(map(spell, self.args))})"
        if not self.args[0]:
            return "fork()"
        group = f", cgroup={spell(self.args[1])}" if len(self.args) > 1 else ""
        return f"clone3({{flags={self.args[0]!r}, exit_signal=SIGCHLD, stack=NULL, stack_size=0{group}}}, 88)"

    @property
    def path(self) -> str | None:
        """The file that the call names: its first text, but for calls where that is something else."""
        if self.name in NAMES_NO_FILE:
            return None
        texts = self.args[PATH_BEHIND.get(self.name, 0) :]
        return next((str(arg) for arg in texts if isinstance(arg, str | ProcFile | GroupFile)), None)

    def accepting(self, *errnos: int) -> Call:
        """The same call, for which these errnos are fine (a directory that exists already, say)."""
        return self._replace(accept=errnos)

    def named(self, result: str) -> Call:
        """The same call, with a name for its result."""
        return self._replace(result=result)

    def from_outside(self) -> Call:
        """The same call, made by the launcher for the process."""
        return self._replace(outside=True)

    @property
    def of_group(self) -> bool:
        """Whether it names a control group of the lab."""
        return any(isinstance(arg, GroupFile | GroupDescriptor) for arg in self.args)

    def resolved(self, *, pid: int | None, lab: str = "") -> Call:
        """The same call, with what is known now: the process's number as its maker sees it, and the lab's own group.

        Without `pid` the launcher replaces it, when it has spawned the process.
        """
        if pid is not None and Subject() in self.args:
            return write(self.args[0], str(pid))._replace(outside=self.outside)  # type: ignore[arg-type]
        return self._replace(args=tuple(resolve(arg, pid, lab) for arg in self.args))


class Answer(NamedTuple):
    """What the kernel answered to one call: `seconds` is the time inside the call, the way there is not in it."""

    call: Call
    result: int
    errno: int = 0
    seconds: float = 0.0
    buffers: tuple[bytes, ...] = ()  # the call's buffers that the kernel wrote to

    @property
    def name(self) -> str:
        """The call's name, as the manual page has it."""
        return self.call.name

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The call's arguments; a reference is replaced by what it referred to."""
        return self.call.args

    @property
    def failed(self) -> bool:
        """Whether the kernel refused, with an errno that the call did not expect."""
        return self.errno != 0 and self.errno not in self.call.accept

    def __str__(self) -> str:
        if not self.errno:
            return f"{self.call.bare()} = {self.result}"
        fine = "" if self.failed else ", which is fine"
        return f"{self.call.bare()} = -1 {errorcode.get(self.errno, self.errno)} ({os.strerror(self.errno)}){fine}"

    def error(self, answers: Iterable[Answer] = ()) -> CallError:
        """The failure as an exception, with a hint where the errno misleads."""
        all_of_them = tuple(answers)
        hint = hint_for(self.call, self.errno, all_of_them)
        return CallError(self.call, self.errno, hint=hint, answers=all_of_them)


class CallError(LabError, OSError):
    """A system call failed.

    `call` is the call, `errno` and `filename` are as in OSError, `answers` are all answers of the list up to and
    with the failed one: what was done before stands.
    """

    def __init__(self, call: Call, errno: int, *, hint: str = "", answers: Sequence[Answer] = ()) -> None:
        OSError.__init__(self, errno, os.strerror(errno), call.path)
        self.message = f"{call.bare()} = -1 {errorcode.get(errno, errno)} ({os.strerror(errno)})"
        self.call = call
        self.hint = hint
        self.answers = tuple(answers)

    __str__ = LabError.__str__


def resolve(arg: Argument, pid: int | None, lab: str) -> Argument:
    """An argument, with what is known now in it."""
    if isinstance(arg, GroupFile):
        return arg.within(lab)
    if isinstance(arg, GroupDescriptor):
        return Ref(arg.file.within(lab))
    if isinstance(arg, ProcFile) and pid is not None:
        return f"/proc/{pid}/{arg.name}"
    return arg


# --- processes and namespaces
def unshare(flags: int) -> Call:
    """unshare(2): leave what is shared with others for a new one of its own."""
    return Call("unshare", (number(flags, "flags"),))


def setns(fd: int | Ref, nstype: int) -> Call:
    """setns(2): enter the namespace (or, by a pidfd, several of them) that `fd` refers to."""
    return Call("setns", (number(fd, "fd"), number(nstype, "nstype")))


def sethostname(name: str) -> Call:
    """sethostname(2): rename the machine, as this UTS namespace knows it."""
    size = len(os.fsencode(text(name, "a host name")))
    if size > 64:
        raise BadInput(f"a host name is at most 64 bytes long, not {size}")
    return Call("sethostname", (name, size))


def prctl(option: int, *args: Argument) -> Call:
    """prctl(2): one of many settings of the calling process."""
    return Call("prctl", (number(option, "an option"), *map(argument, args)))


def kill(pid: int, signal: int) -> Call:
    """kill(2): send a signal; `pid` as the maker of the call sees it."""
    return Call("kill", (number(pid, "a process id", least=-(1 << 31)), number(signal, "a signal")))


def wait4(pid: int, options: int = 0) -> Call:
    """wait4(2): wait for a child; its status (four bytes) comes back as a buffer."""
    child = number(pid, "a process id", least=-(1 << 31))
    return Call("wait4", (child, bytes(4), number(options, "options"), None))


def pidfd_open(pid: int) -> Call:
    """pidfd_open(2): a descriptor that stands for a process."""
    return Call("pidfd_open", (number(pid, "a process id"), 0), result="pidfd")


def setsid() -> Call:
    """setsid(2): start a new session, which may get a terminal of its own."""
    return Call("setsid")


def setgroups(groups: Iterable[int]) -> Call:
    """setgroups(2): the supplementary group ids."""
    ids = tuple(identity(group, "a group id") for group in several(groups, "group ids"))
    raw = struct.pack(f"{len(ids)}I", *ids)
    return Call("setgroups", (len(ids), Spelled(raw, f"[{', '.join(map(str, ids))}]")))


def setresuid(uid: int) -> Call:
    """setresuid(2): real, effective and saved user id at once."""
    return Call("setresuid", (identity(uid, "a user id"),) * 3)


def setresgid(gid: int) -> Call:
    """setresgid(2): real, effective and saved group id at once."""
    return Call("setresgid", (identity(gid, "a group id"),) * 3)


def prlimit64(resource: int, soft: int, hard: int) -> Call:
    """prlimit64(2) on the caller itself: a resource limit, soft and hard."""
    low, high = (number(value, "a limit", least=-1, most=(1 << 64) - 1) for value in (soft, hard))
    return Call("prlimit64", (0, number(resource, "a resource"), Struct(rlim_cur=low, rlim_max=high), None))


def fork(flags: int = 0, group: str | GroupFile = "") -> Call:
    """fork(2), or with `flags` clone3(2) into new namespaces: the child obeys a channel of its own from here on.

    `group` is the folder of a control group (version 2) in which the child is born: CLONE_INTO_CGROUP is among `flags`.
    """
    return Call("fork", (number(flags, "flags"), *([path(group)] if group else [])))


def futex_wait(word: Ref) -> Call:
    """futex(2): sleep until somebody wakes those who wait at a word in memory; not if it is no longer 0."""
    return Call("futex", (word, k.FUTEX_WAIT_PRIVATE, 0, None), accept=(EAGAIN,))


def futex_wake(word: Ref) -> Call:
    """futex(2): wake one of those who wait at a word in memory."""
    return Call("futex", (word, k.FUTEX_WAKE_PRIVATE, 1))


def execve(argv: Iterable[str], env: Mapping[str, str], path: str = "") -> Call:
    """execve(2): become another program. `path` is argv[0] where not given."""
    words = tuple(text(word, "an argument") for word in several(argv, "a command"))
    text(path, "a path")
    if not words or not (path or words[0]):
        raise BadInput("no program to run: the command is empty")
    pairs = tuple(f"{name}={value}" for name, value in variables(env).items())
    # a bare name is looked up along PATH: libc's execvpe(3) makes one execve(2) a folder
    name = "execve" if "/" in (path or words[0]) else "execvpe"
    return Call(name, (path or words[0], (*words, None), (*pairs, None)))


def capset(capabilities: Iterable[int]) -> Call:
    """capset(2): make these the effective and the permitted capabilities; none is inherited by exec."""
    kept = tuple(number(each, "a capability", most=63) for each in several(capabilities, "capabilities"))
    mask = sum(1 << int(number) for number in kept)
    names = "|".join(f"1<<{name!r}" for name in kept) or "0"
    header = Spelled(
        struct.pack("Ii", k._LINUX_CAPABILITY_VERSION_3, 0), "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}"
    )
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = Spelled(
        struct.pack("6I", low, low, 0, high, high, 0), f"{{effective={names}, permitted={names}, inheritable=0}}"
    )
    return Call("capset", (header, data))


# --- files
def openat(path_: str | ProcFile | GroupFile, flags: int = k.O_RDONLY, mode: int = 0) -> Call:
    """openat(2); the descriptor is named `fd` for the calls that follow, and is closed at exec."""
    how = number(flags, "flags") | k.O_CLOEXEC
    rights = [octal(number(mode, "a mode"))] if mode else []
    return Call("openat", (k.AT_FDCWD, path(path_), how, *rights), result="fd")


def read(fd: int | Ref, size: int) -> Call:
    """read(2): up to `size` bytes, which come back as a buffer."""
    number(size, "a size", most=MOST_READ)
    return Call("read", (number(fd, "a descriptor"), bytes(size), size))


def write(fd: int | Ref | GroupDescriptor, data: str | Subject) -> Call:
    """write(2) of a text."""
    size = 3 if isinstance(data, Subject) else len(os.fsencode(text(data, "what is written")))  # as in "PID"
    return Call("write", (number(fd, "a descriptor"), data, size))


def close(fd: int | Ref) -> Call:
    """close(2)."""
    return Call("close", (number(fd, "a descriptor"),))


def dup3(old: int | Ref, new: int) -> Call:
    """dup3(2): make the descriptor `new` a copy of `old`."""
    return Call("dup3", (number(old, "a descriptor"), number(new, "a descriptor"), 0))


def ioctl(fd: int | Ref, request: int, arg: Argument) -> Call:
    """ioctl(2): a request to a device or a socket."""
    return Call("ioctl", (number(fd, "a descriptor"), number(request, "a request"), argument(arg)))


def mkdirat(path_: str | GroupFile, mode: int = 0o755) -> Call:
    """mkdirat(2): make a directory."""
    return Call("mkdirat", (k.AT_FDCWD, path(path_), octal(number(mode, "a mode"))))


def symlinkat(target: str, path_: str) -> Call:
    """symlinkat(2): make a symbolic link at `path_` that points to `target`."""
    return Call("symlinkat", (path(target), k.AT_FDCWD, path(path_)))


def chdir(path_: str) -> Call:
    """chdir(2): change the working directory."""
    return Call("chdir", (path(path_),))


def fchdir(fd: int | Ref) -> Call:
    """fchdir(2): change the working directory to an open one."""
    return Call("fchdir", (number(fd, "a descriptor"),))


def chroot(path_: str) -> Call:
    """chroot(2): look up absolute names from here on. No wall by itself."""
    return Call("chroot", (path(path_),))


# --- mounts
def mount(source: str | None, target: str, fstype: str | None = None, flags: int = 0, data: str | None = None) -> Call:
    """mount(2)."""
    for value, what in ((source, "what is mounted"), (fstype, "a kind of file system"), (data, "mount options")):
        if value is not None:
            text(value, what)
    if data is not None and len(os.fsencode(data)) > 4095:
        raise BadInput("mount options are at most 4095 bytes long: the kernel copies one page")
    return Call("mount", (source, path(target, "a mount point"), fstype, number(flags, "flags"), data))


def umount2(target: str, flags: int = 0) -> Call:
    """umount2(2): take a mount away; with MNT_DETACH at once, whoever still uses it."""
    return Call("umount2", (path(target), number(flags, "flags")))


def pivot_root(new_root: str, put_old: str) -> Call:
    """pivot_root(2): make `new_root` the root, and show the old root at `put_old`."""
    return Call("pivot_root", (path(new_root), path(put_old)))


def mount_setattr(path_: str, flags: int, attr_set: int) -> Call:
    """mount_setattr(2): set attributes of a mount, with AT_RECURSIVE of all below it too."""
    attributes = Struct(attr_set=number(attr_set, "attributes"), attr_clr=0, propagation=0, userns_fd=0)
    return Call("mount_setattr", (k.AT_FDCWD, path(path_), number(flags, "flags"), attributes, 32))


# --- asking
def uname() -> Call:
    """uname(2): six fields of 65 bytes each come back as a buffer."""
    return Call("uname", (bytes(390),))


def clock_gettime(clock: int) -> Call:
    """clock_gettime(2): seconds and nanoseconds come back as a buffer of two words."""
    return Call("clock_gettime", (number(clock, "a clock"), bytes(16)))


def getpid() -> Call:
    """getpid(2)."""
    return Call("getpid")


def getuid() -> Call:
    """getuid(2)."""
    return Call("getuid")


def getgid() -> Call:
    """getgid(2)."""
    return Call("getgid")
