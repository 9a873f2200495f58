"""System calls as data. Each function here returns a `Call` and makes no system call.

Names are those of the generic table of system calls (arm64's: `openat`, `mkdirat`, `dup3`), which every architecture
has. An argument is one of five kinds, and the launcher knows no others:

    int, None    a machine word
    str          a pointer to that text, ending in NUL
    bytes        a pointer to a buffer with that content; what the kernel wrote into it comes back
    tuple        a pointer to an array of machine words, each again one of these (argv, rlimit64, sock_fprog, ...)
    Ref("fd")    the result of an earlier call in the same list, by the name of that result
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from errno import EAGAIN, errorcode
from typing import NamedTuple

from ..errors import BadInput, LabError
from . import constants as k
from .arguments import (
    Argument,
    GroupDescriptor,
    GroupFile,
    ProcFile,
    Ref,
    Spelled,
    Struct,
    Subject,
    SubjectBytes,
    octal,
    spell,
)
from .checks import check_argument, check_environment, check_id, check_list, check_number, check_path, check_text
from .errno_hints import hint_for, kernel_text

MOST_READ = 1 << 18  # bytes that one answer can carry
PATH_BEHIND = {"mount": 1, "symlinkat": 2}  # arguments before the path that may be text as well
NAMES_NO_FILE = ("write", "sethostname")


class Call(NamedTuple):
    """One system call, not yet made."""

    name: str
    args: tuple[Argument, ...] = ()
    accept: tuple[int, ...] = ()  # errnos that are fine
    result: str = ""  # the name of its result for later calls of the same list
    outside: bool = False  # made by the launcher for the process, which it sees as /proc/PID
    own_errno: int = -1  # where in its buffer the kernel's answer has an errno, negative or 0: it is the call's

    def __str__(self) -> str:
        return self.bare() + (f" = {self.result}" if self.result else "")

    def bare(self) -> str:
        """The call as strace prints it, without its result."""
        if self.name in ("execve", "execvpe"):  # as strace prints it by default
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
        """The same call, with errnos that are no failure (EEXIST for a directory, for example)."""
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
    """The kernel's answer to one call; `seconds` is the time inside the call alone."""

    call: Call
    result: int
    errno: int = 0
    seconds: float = 0.0
    buffers: tuple[bytes, ...] = ()  # the call's buffers that the kernel wrote to

    @property
    def name(self) -> str:
        """The call's name, as in the manual page."""
        return self.call.name

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The call's arguments, with each reference replaced by its value."""
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
        opened = {answer.result: str(answer.arguments[1]) for answer in all_of_them if answer.name == "openat"}
        said = kernel_text(self.buffers[0]) if self.call.own_errno >= 0 and self.buffers else ""
        hint = said or hint_for(self.call.name, self.call.args, self.errno, opened)
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
    if isinstance(arg, SubjectBytes) and pid is not None:
        return arg.of(pid)
    return arg


# --- processes and namespaces
def unshare(flags: int) -> Call:
    """unshare(2): move the caller into new namespaces of its own."""
    return Call("unshare", (check_number(flags, "flags"),))


def setns(fd: int | Ref, nstype: int) -> Call:
    """setns(2): enter the namespace (or, by a pidfd, several of them) that `fd` refers to."""
    return Call("setns", (check_number(fd, "fd"), check_number(nstype, "nstype")))


def sethostname(name: str) -> Call:
    """sethostname(2): rename the machine, as this UTS namespace knows it."""
    size = len(os.fsencode(check_text(name, "a host name")))
    if size > 64:
        raise BadInput(f"a host name is at most 64 bytes long, not {size}")
    return Call("sethostname", (name, size))


def prctl(option: int, *args: Argument) -> Call:
    """prctl(2): read or set one setting of the calling process."""
    return Call("prctl", (check_number(option, "an option"), *map(check_argument, args)))


def kill(pid: int, signal: int) -> Call:
    """kill(2): send a signal; `pid` in the PID namespace of the caller."""
    return Call("kill", (check_number(pid, "a process id", least=-(1 << 31)), check_number(signal, "a signal")))


def wait4(pid: int, options: int = 0) -> Call:
    """wait4(2): wait for a child; its status (four bytes) comes back as a buffer."""
    child = check_number(pid, "a process id", least=-(1 << 31))
    return Call("wait4", (child, bytes(4), check_number(options, "options"), None))


def pidfd_open(pid: int) -> Call:
    """pidfd_open(2): open a descriptor that refers to a process."""
    return Call("pidfd_open", (check_number(pid, "a process id"), 0), result="pidfd")


def setsid() -> Call:
    """setsid(2): start a new session, which may get a controlling terminal."""
    return Call("setsid")


def setgroups(groups: Iterable[int]) -> Call:
    """setgroups(2): set the supplementary group ids."""
    ids = tuple(check_id(group, "a group id") for group in check_list(groups, "group ids"))
    raw = struct.pack(f"{len(ids)}I", *ids)
    return Call("setgroups", (len(ids), Spelled(raw, f"[{', '.join(map(str, ids))}]")))


def setresuid(uid: int) -> Call:
    """setresuid(2): set the real, effective and saved user id."""
    return Call("setresuid", (check_id(uid, "a user id"),) * 3)


def setresgid(gid: int) -> Call:
    """setresgid(2): set the real, effective and saved group id."""
    return Call("setresgid", (check_id(gid, "a group id"),) * 3)


def prlimit64(resource: int, soft: int, hard: int) -> Call:
    """prlimit64(2) on the caller itself: set a resource limit, soft and hard."""
    low, high = (check_number(value, "a limit", least=-1, most=(1 << 64) - 1) for value in (soft, hard))
    return Call("prlimit64", (0, check_number(resource, "a resource"), Struct(rlim_cur=low, rlim_max=high), None))


def fork(flags: int = 0, group: str | GroupFile = "") -> Call:
    """fork(2), or with `flags` clone3(2) into new namespaces: the child then takes calls from its own channel.

    `group` is the folder of a control group (version 2) in which the child starts: `flags` has CLONE_INTO_CGROUP.
    """
    return Call("fork", (check_number(flags, "flags"), *([check_path(group)] if group else [])))


def futex_wait(word: Ref) -> Call:
    """futex(2): sleep until a futex_wake on this word of memory; return EAGAIN if the word is not 0."""
    return Call("futex", (word, k.FUTEX_WAIT_PRIVATE, 0, None), accept=(EAGAIN,))


def futex_wake(word: Ref) -> Call:
    """futex(2): wake one waiter on this word of memory."""
    return Call("futex", (word, k.FUTEX_WAKE_PRIVATE, 1))


def execve(argv: Iterable[str], env: Mapping[str, str], path: str = "") -> Call:
    """execve(2): replace the program. `path` defaults to argv[0]."""
    words = tuple(check_text(word, "an argument") for word in check_list(argv, "a command"))
    check_text(path, "a path")
    if not words or not (path or words[0]):
        raise BadInput("no program to run: the command is empty")
    pairs = tuple(f"{name}={value}" for name, value in check_environment(env).items())
    # a name without / is searched along PATH: libc's execvpe(3) makes one execve(2) for each folder
    name = "execve" if "/" in (path or words[0]) else "execvpe"
    return Call(name, (path or words[0], (*words, None), (*pairs, None)))


def capset(
    capabilities: Iterable[int], *, effective: Iterable[int] | None = None, inheritable: Iterable[int] = ()
) -> Call:
    """capset(2): set the permitted capabilities, and the effective ones: the same without `effective`.

    Of each set that is not named none remains.
    """
    permitted = check_capabilities(capabilities)
    acting = permitted if effective is None else check_capabilities(effective)
    sets = (acting, permitted, check_capabilities(inheritable))
    header = Spelled(
        struct.pack("Ii", k._LINUX_CAPABILITY_VERSION_3, 0), "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}"
    )
    masks = [sum(1 << int(number) for number in each) for each in sets]
    words = [mask & 0xFFFFFFFF for mask in masks] + [mask >> 32 for mask in masks]
    spelled = ["|".join(f"1<<{name!r}" for name in each) or "0" for each in sets]
    names = ", ".join(f"{name}={text}" for name, text in zip(CAPSET_FIELDS, spelled, strict=True))
    return Call("capset", (header, Spelled(struct.pack("6I", *words), f"{{{names}}}")))


CAPSET_FIELDS = ("effective", "permitted", "inheritable")


def check_capabilities(capabilities: Iterable[int]) -> tuple[int, ...]:
    """The numbers of capabilities."""
    return tuple(check_number(each, "a capability", most=63) for each in check_list(capabilities, "capabilities"))


# --- files
def openat(path: str | ProcFile | GroupFile, flags: int = k.O_RDONLY, mode: int = 0) -> Call:
    """openat(2): open a file; later calls name the descriptor `fd`, and exec closes it."""
    how = check_number(flags, "flags") | k.O_CLOEXEC
    rights = [octal(check_number(mode, "a mode"))] if mode else []
    return Call("openat", (k.AT_FDCWD, check_path(path), how, *rights), result="fd")


def openat2(folder: int | Ref, path: str, flags: int, resolve: int, *, mode: int = 0) -> Call:
    """openat2(2): open a file as `resolve` has it; with RESOLVE_IN_ROOT no link leads out of the folder."""
    how = Struct(
        flags=check_number(flags, "flags") | k.O_CLOEXEC,
        mode=octal(check_number(mode, "a mode")) if mode else 0,
        resolve=check_number(resolve, "resolve"),
    )
    return Call("openat2", (check_number(folder, "a folder"), check_path(path), how, 24), result="fd")


def read(fd: int | Ref, size: int) -> Call:
    """read(2): read up to `size` bytes, returned as a buffer."""
    check_number(size, "a size", most=MOST_READ)
    return Call("read", (check_number(fd, "a descriptor"), bytes(size), size))


def write(fd: int | Ref | GroupDescriptor, data: str | Subject) -> Call:
    """write(2): write a text."""
    size = 3 if isinstance(data, Subject) else len(os.fsencode(check_text(data, "what is written")))  # as in "PID"
    return Call("write", (check_number(fd, "a descriptor"), data, size))


def close(fd: int | Ref) -> Call:
    """close(2): close a descriptor."""
    return Call("close", (check_number(fd, "a descriptor"),))


def dup3(old: int | Ref, new: int) -> Call:
    """dup3(2): make the descriptor `new` a copy of `old`."""
    return Call("dup3", (check_number(old, "a descriptor"), check_number(new, "a descriptor"), 0))


def flock(fd: int | Ref, operation: int) -> Call:
    """flock(2): lock an open file or folder, until its last descriptor is closed."""
    return Call("flock", (check_number(fd, "a descriptor"), check_number(operation, "an operation")))


def ioctl(fd: int | Ref, request: int, arg: Argument) -> Call:
    """ioctl(2): send a request to a device or a socket."""
    return Call("ioctl", (check_number(fd, "a descriptor"), check_number(request, "a request"), check_argument(arg)))


def mkdirat(path: str | GroupFile, mode: int = 0o755, *, at: int | Ref = k.AT_FDCWD) -> Call:
    """mkdirat(2): make a directory; `at` is the open folder that a relative path starts from."""
    folder = check_number(at, "a folder", least=int(k.AT_FDCWD))
    return Call("mkdirat", (folder, check_path(path), octal(check_number(mode, "a mode"))))


def mknodat(path: str, mode: int, dev: int) -> Call:
    """mknodat(2): make a device node; `mode` says which kind."""
    mode, dev = check_number(mode, "a mode"), check_number(dev, "a device")
    return Call("mknodat", (k.AT_FDCWD, check_path(path), octal(mode), dev))


def symlinkat(target: str, path: str) -> Call:
    """symlinkat(2): make a symbolic link at `path` that points to `target`."""
    return Call("symlinkat", (check_path(target), k.AT_FDCWD, check_path(path)))


def unlinkat(path: str, flags: int = 0, *, at: int | Ref = k.AT_FDCWD) -> Call:
    """unlinkat(2): remove a name; `at` is the open folder that a relative path starts from."""
    folder = check_number(at, "a folder", least=int(k.AT_FDCWD))
    return Call("unlinkat", (folder, check_path(path), check_number(flags, "flags")))


def umask(mask: int) -> Call:
    """umask(2): the permission bits that new files do not get."""
    return Call("umask", (octal(check_number(mask, "a mask", most=0o777)),))


def chdir(path: str) -> Call:
    """chdir(2): change the working directory."""
    return Call("chdir", (check_path(path),))


def fchdir(fd: int | Ref) -> Call:
    """fchdir(2): change the working directory to an open directory."""
    return Call("fchdir", (check_number(fd, "a descriptor"),))


def chroot(path: str) -> Call:
    """chroot(2): change the root for path lookup. It isolates nothing by itself."""
    return Call("chroot", (check_path(path),))


# --- mounts
def mount(source: str | None, target: str, fstype: str | None = None, flags: int = 0, data: str | None = None) -> Call:
    """mount(2): mount a file system, or change a mount."""
    for value, what in ((source, "what is mounted"), (fstype, "a kind of file system"), (data, "mount options")):
        if value is not None:
            check_text(value, what)
    if data is not None and len(os.fsencode(data)) > 4095:
        raise BadInput("mount options are at most 4095 bytes long: the kernel copies one page")
    return Call("mount", (source, check_path(target, "a mount point"), fstype, check_number(flags, "flags"), data))


def umount2(target: str, flags: int = 0) -> Call:
    """umount2(2): unmount; with MNT_DETACH at once, even while it is in use."""
    return Call("umount2", (check_path(target), check_number(flags, "flags")))


def pivot_root(new_root: str, put_old: str) -> Call:
    """pivot_root(2): make `new_root` the root, and mount the old root at `put_old`."""
    return Call("pivot_root", (check_path(new_root), check_path(put_old)))


def mount_setattr(path: str, flags: int, attr_set: int, attr_clr: int = 0) -> Call:
    """mount_setattr(2): set and clear attributes of a mount, with AT_RECURSIVE of all below it too."""
    on, off = check_number(attr_set, "attributes"), check_number(attr_clr, "attributes")
    attributes = Struct(attr_set=on, attr_clr=off, propagation=0, userns_fd=0)
    return Call("mount_setattr", (k.AT_FDCWD, check_path(path), check_number(flags, "flags"), attributes, 32))


def open_tree(path: str) -> Call:
    """open_tree(2): copy a mount and all below it, as a tree that is mounted nowhere yet."""
    flags = k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | k.AT_RECURSIVE
    return Call("open_tree", (k.AT_FDCWD, check_path(path), flags), result="tree")


def tree_setattr(tree: int | Ref, attr_set: int) -> Call:
    """mount_setattr(2) on a tree of open_tree, and on all below."""
    attributes = Struct(attr_set=check_number(attr_set, "attributes"), attr_clr=0, propagation=0, userns_fd=0)
    return Call("mount_setattr", (check_number(tree, "a tree"), "", k.AT_EMPTY_PATH | k.AT_RECURSIVE, attributes, 32))


def move_mount(tree: int | Ref, folder: int | Ref) -> Call:
    """move_mount(2): mount a tree on an open folder."""
    flags = k.MOVE_MOUNT_F_EMPTY_PATH | k.MOVE_MOUNT_T_EMPTY_PATH
    return Call("move_mount", (check_number(tree, "a tree"), "", check_number(folder, "a folder"), "", flags))


# --- questions
def uname() -> Call:
    """uname(2): six fields of 65 bytes each come back as a buffer."""
    return Call("uname", (bytes(390),))


def clock_gettime(clock: int) -> Call:
    """clock_gettime(2): seconds and nanoseconds come back as a buffer of two words."""
    return Call("clock_gettime", (check_number(clock, "a clock"), bytes(16)))


def getpid() -> Call:
    """getpid(2)."""
    return Call("getpid")


def getuid() -> Call:
    """getuid(2)."""
    return Call("getuid")


def getgid() -> Call:
    """getgid(2)."""
    return Call("getgid")
