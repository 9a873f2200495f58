"""A ground's control groups as a check sees them: files of the kernel, found by a process's number.

A terminal that grades has no Cgroup object and may be in another group than the notebook. So nothing is moved and
nothing written here: limits and counters are read where /proc/PID/cgroup says, and programs of the ground are asked by
a signal to try something; what becomes of it is in their names (/proc/PID/comm) and in the group's counters.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .... import Unsupported
from ....cgroups import trees
from ....cgroups.files import MAX, PERIOD, parse_flat, parse_number, read_file
from ....cgroups.places import delegation
from ....kernel import proc
from ...grading import (
    Exercise,
    Ground,
    KernelView,
    Misconception,
    Requirement,
    Submission,
    Unreadable,
    again,
)

if TYPE_CHECKING:
    from ....runtime import Cgroup, Program

PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")  # readable for a lab that has let root go, wherever our own lives
ANSWER_PATIENCE = 60.0  # seconds for a program to answer, on a machine that is emulated, or has a load of fifty
IN_ITS_GROUP = "each program is in the group of its name"
PARTS = {"io": "blkio"}  # controllers that version 1 calls otherwise


class OfGroups(Exercise):
    """An exercise that needs controllers of control groups."""

    needs: tuple[str, ...] = ()

    def unavailable_reason(self) -> str:
        """Why a controller may not be used, and the command that delegates it."""
        where = delegation()
        missing = [name for name in self.needs if name not in where.controllers]
        if where.places and not missing:
            return ""
        why = where.why(missing[0]) if missing else "no cgroup is delegated to this user"
        what = f"a control group with {' and '.join(self.needs)}" if self.needs else "a control group"
        return str(Unsupported(f"it needs {what}: {why}", hint=where.grant))

    def recognise(
        self, view: KernelView, answer: Submission, requirements: Sequence[Requirement]
    ) -> Misconception | None:
        """None while a program is in another group than its own: the messages are about groups with their programs."""
        if any(each.name == IN_ITS_GROUP and not each.met for each in requirements):
            return None
        return super().recognise(view, answer, requirements)


# --- made for a ground
def nested(ground: Ground, parent: str, *names: str) -> tuple[Cgroup, ...]:
    """A group, and groups in it: by their names in the ground. Returns those in it."""
    outer = ground.groups[parent] = ground.lab.cgroup(parent)
    outer.pass_on()
    for name in names:
        ground.groups[name] = outer.child(name)
    ground.facts["groups"] = {name: list(ground.groups[name].folders) for name in (parent, *names)}
    return tuple(ground.groups[name] for name in names)


def begin(ground: Ground, name: str, script: str, *words: object) -> Program:
    """Start a program, written in Python, in the group of the same name, and wait until it says that it is ready.

    It allocates memory only once it is in the group: earlier pages stay charged to the group before.
    """
    program = ground.programs[name] = ground.box.start([*PYTHON, script, *map(str, words)])
    await_word(program.machine_pid, "ready")
    ground.groups[name].add(program)
    os.kill(program.machine_pid, signal.SIGCONT)
    await_word(program.machine_pid, "waits 0")
    return program


#: How each of these programs begins: it is asked by signals, and says how it stands in its name and a running number.
PREAMBLE = """
import os, signal, sys, time
ASKED = {signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, ASKED | {signal.SIGCONT})
answered = -1
def say(word):
    with open("/proc/self/comm", "w") as name:
        name.write(word)
def answer(word):
    global answered
    answered += 1
    say(f"{word} {answered}")
say("ready")
signal.sigwait({signal.SIGCONT})
"""


def without_swap(group: Cgroup) -> None:
    """Switch swap off in a group, so that a process over the memory limit is killed and nothing is moved to a disk."""
    folder = group.folder("memory")
    for file in ("memory.swap.max", "memory.swappiness"):  # of version 2, and of version 1
        with suppress(FileNotFoundError, PermissionError), open(f"{folder}/{file}", "r+", encoding="ascii") as opened:
            opened.write("0")


# --- read by a check
def folder_of(view: KernelView, name: str, controller: str) -> str:
    """Where the group of this name is, in the tree that has this controller: as made for the ground.

    Its program may be elsewhere by now: `stays` says so.
    """
    now = current_folder(view, name, controller)
    made = view.facts.get("groups", {}).get(name)
    if made is None:
        return now
    mount = next(tree.mount for tree in trees(view.pid(name)) if now.startswith(tree.mount))
    folder: str = next(each for each in made if each.startswith(f"{mount}/"))
    if not os.path.isdir(folder):
        raise Unreadable(f"the control group {name!r} of its ground has been removed", again(view.exercise))
    return folder


def current_folder(view: KernelView, name: str, controller: str) -> str:
    """Where the program of this name is now, in the tree that has this controller."""
    own = PARTS.get(controller, controller)
    try:
        found = trees(view.pid(name))
    except (ProcessLookupError, FileNotFoundError):
        raise Unreadable(f"the process of {name!r} has ended", again(view.exercise)) from None
    having = [tree for tree in found if {own, controller} & set(tree.controllers)]
    if not having:
        raise Unreadable(f"no tree of control groups has {controller}", delegation().grant)
    return min(having, key=lambda tree: tree.version).folder


def stays(view: KernelView, controller: str, *names: str) -> Requirement:
    """The requirement that each program is still in the group of its name, or in one inside it."""
    found = {name: (folder_of(view, name, controller), current_folder(view, name, controller)) for name in names}
    moved = [name for name, (made, now) in found.items() if now != made and not now.startswith(f"{made}/")]
    name = (moved or list(names))[0]
    return Requirement(
        name=IN_ITS_GROUP,
        met=not moved,
        observed=f"/proc/{view.pid(name)}/cgroup says that the program of {name} is in {found[name][1]}",
        expected=f"the group {found[name][0]}, or one inside it",
        why="another group with the right limit leaves the one that was named as it was",
        look=f'which processes the group has, ground.groups["{name}"].pids',
        given=True,
    )


def in_its_group_first(there: Requirement, others: list[Requirement]) -> list[Requirement]:
    """The requirements in the order of a verdict: where a program has been moved, nothing else explains more."""
    return [*others, there] if there.met else [there, *others]


def above(folder: str) -> Iterator[str]:
    """A group, and those around it that the lab has made."""
    while "/pyctr-lab-" in folder:
        yield folder
        folder = os.path.dirname(folder)


def value(folder: str, file: str) -> str:
    """The text of a file of a group; empty where there is no such file."""
    try:
        return read_file(folder, file)
    except FileNotFoundError:
        return ""


def limit(folder: str, *files: str) -> int | None:
    """The number in the first of these files that there is; None for no limit."""
    said = next(filter(None, (value(folder, file) for file in files)), MAX)
    return parse_number(said)


def memory_limit(folder: str) -> int | None:
    """memory.max of a group, in bytes."""
    return limit(folder, "memory.max", "memory.limit_in_bytes")


def pids_limit(folder: str) -> int | None:
    """pids.max of a group."""
    return limit(folder, "pids.max")


def cores_limit(folder: str) -> float | None:
    """cpu.max of a group, in cores."""
    quota, _, period = value(folder, "cpu.max").partition(" ")
    if not quota:
        quota, period = value(folder, "cpu.cfs_quota_us") or "-1", value(folder, "cpu.cfs_period_us")
    return None if quota in (MAX, "-1") else int(quota) / int(period)


def period(folder: str) -> float:
    """The period of a group's quota, in seconds."""
    said = value(folder, "cpu.max").partition(" ")[2] or value(folder, "cpu.cfs_period_us")
    return int(said or PERIOD) / 1e6


def processor_time(view: KernelView, name: str) -> float:
    """CPU time of a program's group, in seconds."""
    folder = folder_of(view, name, "cpu")
    if "usage_usec" in (said := parse_flat(value(folder, "cpu.stat"))):
        return said["usage_usec"] / 1e6
    return int(value(folder_of(view, name, "cpuacct"), "cpuacct.usage") or 0) / 1e9


def counted(folder: str, files: tuple[str, ...], word: str) -> int:
    """A counter in the first of these files that there is."""
    said = next(filter(None, (value(folder, file) for file in files)), "")
    return parse_flat(said).get(word, 0)


def oom_kills(folder: str) -> int:
    """How many processes the OOM killer has killed in a group."""
    return counted(folder, ("memory.events", "memory.oom_control"), "oom_kill")


def members(folder: str) -> list[int]:
    """The processes of a group and of the groups in it, without zombies."""
    found: list[str] = []
    for path, _, _ in os.walk(folder):
        found += value(path, "cgroup.procs").split()
    return [pid for pid in map(int, found) if not proc.has_ended(pid)]


def frozen(folder: str) -> bool:
    """Whether the processes of a group stand still, as far as this tree has to say."""
    return value(folder, "freezer.state") == "FROZEN" or counted(folder, ("cgroup.events",), "frozen") == 1


def path_of(folder: str, *files: str) -> str:
    """The path of the first of these files that there is."""
    file = next((file for file in files if os.path.exists(f"{folder}/{file}")), files[0])
    return f"{folder}/{file}"


# --- asked to try something
@contextmanager
def one_check_at_a_time(view: KernelView, parent: str) -> Iterator[None]:
    """Hold the lock of a ground: a signal that two checks send at once arrives as one. Raises Unreadable.

    The lock is on the folder of the outer group, so that it is one for all notebooks and terminals: see flock(2).
    """
    end = time.monotonic() + 2 * ANSWER_PATIENCE
    try:
        fd = os.open(view.facts["groups"][parent][0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unreadable(f"the control group {parent!r} of its ground has been removed", again(view.exercise)) from None
    try:
        while not _locked(fd):
            if time.monotonic() > end:
                raise Unreadable("another check of it is under way", f'exercises.check("{view.exercise}")')
            time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def refuse_frozen(view: KernelView, name: str) -> None:
    """Raise Unreadable for a program that cannot answer, for its group is frozen."""
    if any(map(frozen, all_folders(view.pid(name)))):
        way = f'ground.groups["{name}"].thaw(), or thaw the group in which it was frozen'
        raise Unreadable(f"the group of {name} is frozen, so that its program cannot answer", way)


def all_folders(pid: int) -> list[str]:
    """The groups of a process, one in each tree; none for one that has ended."""
    try:
        return [tree.folder for tree in trees(pid)]
    except (ProcessLookupError, FileNotFoundError):
        return []


def said_by(pid: int) -> str:
    """The word that a program of the ground says now; empty for one that has ended."""
    try:
        return proc.text_of(pid, "comm").strip()
    except ProcessLookupError:
        return ""


def ask(view: KernelView, name: str, asked: signal.Signals) -> str:
    """Signal a program to try something, and return the word that it answers. Raises Unreadable without an answer."""
    refuse_frozen(view, name)
    pid, before = view.pid(name), said_by(view.pid(name))
    try:
        os.kill(pid, asked)
        return changed_word(pid, before)
    except (ProcessLookupError, PermissionError, TimeoutError):
        raise Unreadable(f"the process of {name!r} does not answer", again(view.exercise)) from None


def changed_word(pid: int, before: str) -> str:
    """The word after the next answer; its number is higher then."""
    end = time.monotonic() + ANSWER_PATIENCE
    while (now := said_by(pid)) and (now == before or not now[-1].isdigit()):
        if time.monotonic() > end:
            raise TimeoutError(f"{pid} has not answered within {ANSWER_PATIENCE} s")
        time.sleep(0.002)
    if not now:
        raise ProcessLookupError(pid)
    return now.rpartition(" ")[0]


def await_word(pid: int, wanted: str) -> None:
    """Wait until a program of a new ground says this word. Raises TimeoutError."""
    end = time.monotonic() + ANSWER_PATIENCE
    while (now := said_by(pid)) != wanted:
        if not now or time.monotonic() > end:
            raise TimeoutError(f"{pid} is at {now!r}, not at {wanted!r}")
        time.sleep(0.002)
