"""The small interface of all engines. They are used inside a room (`room.py`), never outside."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError, TimeExpired, Unsupported
from ..kernel import proc
from ..kernel.constants import MNT_DETACH
from ..runtime import Run
from ..runtime.program import check_command
from .inside import call

PATIENCE = 60.0  # seconds that a command may take, unless told otherwise
TIDYING = 2.0  # seconds that a daemon's helpers have, when all else is killed
SECONDS = 86400  # of the sleep that an instance is: no payload lasts that long
READY = "ready"
SLEEP = ("/bin/sh", "-c", f"echo {READY}; exec sleep {SECONDS}")
"""What an instance is: a program that says that it runs, and then waits."""


@dataclass(frozen=True)
class Available:
    """Whether an engine can be used here; if not, why, and what would help.

    `fetched`: what is missing is fetched before the room is opened, so this is no reason not to choose it.
    """

    yes: bool
    why: str = ""
    hint: str = ""
    fetched: bool = False

    def __bool__(self) -> bool:
        return self.yes


class Engine:
    """One engine. `name` is its command line name, `title` what it is called in pictures, where that is another; `kind`
    one of "process", "container", "sandbox", "machine".

    Used as a block: `with Runc(place, rootfs) as runc: runc.run(["true"])`. What it needs once (a bundle, a daemon, an
    image) is made by `prepare`; the end of the block takes it away. `place` is a folder of its own; the root file
    system `rootfs` is shared, and must not be changed.

    An engine is another file in this folder: a subclass with `commands` (what must be installed), `package` (the Debian
    package that has it), and `command`: the words that run a program in the foreground. An engine that is no command
    line says how it runs and starts instead.
    """

    name = ""
    title = ""
    kind = "container"
    about = ""  # one line: what it is
    commands: tuple[str, ...] = ()
    package = ""
    emulated = False  # its processor is software: no fair race
    needs_range = False  # one user id is too few for it: a user must have subordinate ids

    def __init__(self, place: Path, rootfs: Path) -> None:
        self.place, self.rootfs = place, rootfs
        self.stack = ExitStack()
        self.count = 0
        self.daemons: frozenset[int] = frozenset()  # what is there whether a container runs or not
        self.crowd: list[Callable[[], object]] = []  # how each of those ends that `begin` has started

    # --- what an engine says of itself
    def available(self) -> Available:
        """Whether its commands are installed, and there are ids; an engine with other demands adds them."""
        missing = [name for name in self.commands if not shutil.which(name)]
        if missing:
            return Available(False, f"{missing[0]} is not installed", f"apt-get install {self.package}")
        if self.needs_range and not has_range():
            why = f"{self.commands[0]} needs more than one user id, and there are no subordinate ids"
            return Available(False, why, "`pyctr-lab doctor` says what would help")
        return Available(True)

    def prepare(self) -> None:
        """Makes what it needs once. What is to be undone is pushed on `self.stack`."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """The words that run `argv` in a new container, in the foreground."""
        raise NotImplementedError

    def payload(self, pids: Iterable[int]) -> int | None:
        """The process among `pids` that is the instance's sleep; None where the host has no such process."""
        known, until = list(pids), time.monotonic() + 5.0
        while time.monotonic() < until:
            for pid in known:
                with suppress(OSError):
                    if proc.text_of(pid, "cmdline") == f"sleep\0{SECONDS}\0":
                        return pid
            time.sleep(0.001)  # it has said that it is ready, and turns into the sleep now
        return None

    # --- what can be done with it
    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        """Runs a program in a container of its own, to its end. An engine that hangs is killed, with all its helpers.

        Raises TimeExpired after `timeout` seconds, with what was said until then.
        """
        before, began = processes(), time.monotonic()
        line = self.command(check_command(argv))
        with subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as program:
            try:
                out, err = program.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as why:
                end_all(before)
                said = Run(tuple(line), -signal.SIGKILL, str(why.stdout or ""), str(why.stderr or ""), timeout)
                raise TimeExpired(f"{self.name} had not ended after {timeout:g} s, and was killed", run=said) from None
        return Run(tuple(line), program.returncode, out, err, time.monotonic() - began)

    def spawn(self, argv: Sequence[str]) -> Spawned:
        """Has a program begin in a new container, and does not wait. Its output and its complaints are one."""
        program = subprocess.Popen(
            self.command(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert program.stdout
        here = os.dup(program.stdout.fileno())
        program.stdout.close()
        return Spawned(here, program.wait)

    def start(self, *, timeout: float = PATIENCE) -> Instance:
        """Starts a container that waits, and returns when its program has spoken."""
        before, began = processes(), time.monotonic()
        spawned = self.spawn(SLEEP)
        said = first_line(spawned.out, timeout)
        os.close(spawned.out)
        if said != READY:
            end_all(before)
            spawned.wait()
            raise LabError(f"{self.name} did not start: {said.strip()[:300] or 'it said nothing'}")
        return Instance(self, spawned.wait, before, time.monotonic() - began)

    def clock(self, script: str, *, timeout: float = PATIENCE) -> float:
        """Seconds that a shell script takes inside, by our clock; its container's start is not in them."""
        before = processes()
        spawned = self.spawn(("/bin/sh", "-c", f"echo {READY}; {{ {script}; }} >/dev/null; echo {READY}"))
        try:
            begun = first_line(spawned.out, timeout)
            began = time.perf_counter()
            said = first_line(spawned.out, timeout)
            took = time.perf_counter() - began
            if (begun, said) != (READY, READY):
                raise LabError(f"{self.name} did not run it to its end: {said.strip()[:300]}")
        except BaseException:
            end_all(before)
            raise
        finally:
            os.close(spawned.out)
            spawned.wait()
        return took

    def begin(self) -> None:
        """Starts one more container that waits, and keeps no books of it: for crowds. `end_crowd` ends all of them."""
        spawned = self.spawn(SLEEP)
        said = first_line(spawned.out, PATIENCE)
        os.close(spawned.out)
        self.crowd.append(spawned.wait)
        if said != READY:
            raise LabError(f"{self.name} did not start: {said.strip()[:300] or 'it said nothing'}")

    def end_crowd(self, before: Iterable[int]) -> None:
        """Ends all that were begun, and whatever else was not there before."""
        end_all(before)
        while self.crowd:
            self.crowd.pop()()

    # --- its life
    def __enter__(self) -> Engine:
        found = self.available()
        if not found:
            raise Unsupported(f"{self.name}: {found.why}", hint=found.hint)
        self.place.mkdir(parents=True, exist_ok=True)
        before = processes()
        try:
            self.prepare()
        except BaseException:
            self.close()
            raise
        self.daemons = frozenset(pid for pid in processes() - before if alive(pid))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes away what `prepare` has made, and the engine's folder, with what is mounted there. Twice is fine.

        Control groups of killed containers stay, empty, as long as the room does.
        """
        self.stack.close()
        remove(self.place)

    def fresh(self) -> str:
        """A name for a container that no other has."""
        self.count += 1
        return f"pyctr{self.count}"


@dataclass(frozen=True)
class Spawned:
    """A program that has been begun: a descriptor of what it says, and how one waits for its end."""

    out: int
    wait: Callable[[], object]


class Instance:
    """A container that runs. `seconds` is the time from the call to its program's first output.

    `pids` are all processes that belong to it, whoever made them: the engine's helpers too; `pid` is its program's,
    None where the host has none (a machine, a kernel in user space).
    """

    def __init__(self, engine: Engine, bury: Callable[[], object], before: set[int], seconds: float) -> None:
        self.engine, self.seconds, self._bury = engine, seconds, bury
        self.pids = frozenset(processes() - before)
        self.pid = engine.payload(sorted(self.pids))

    def stop(self) -> None:
        """Ends it at once, and all that belongs to it."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._bury()
        wait_until_gone(self.pids)


# ---------------------------------------------------------------------------------------------------------- processes
def processes() -> set[int]:
    """All processes of the room."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def remove(place: Path) -> None:
    """Takes a folder away, with what is mounted in it; what is mounted and will not go is left as it is."""

    def mounted() -> list[str]:
        return [each.target for each in proc.mountinfo("self") if each.target.startswith(f"{place}/")]

    for target in reversed(mounted()):
        with suppress(OSError):
            call("umount2", target, MNT_DETACH)
    if not mounted():
        shutil.rmtree(place, ignore_errors=True)


def has_range() -> bool:
    """Whether the room has more than one user id: not for a user without subordinate ids. See subuid(5)."""
    return sum(each.count for each in proc.uid_map("self")) > 1


def end_all(before: Iterable[int], patience: float = 10.0) -> None:
    """Kills all processes of the room that were not there before, and whoever they make meanwhile.

    A daemon that was there before may have somebody tidy up for `TIDYING` seconds: else it waits for that at its end.
    """
    known, began = {*before, os.getpid()}, time.monotonic()
    daemons = known - {1, os.getpid()}
    while (new := {pid for pid in processes() - known if alive(pid)}) and time.monotonic() - began < patience:
        spared = set(daemons) if time.monotonic() - began < TIDYING else set()
        for pid in sorted(new):  # a helper before its own helpers
            with suppress(ProcessLookupError):
                if int(proc.status(pid)["PPid"]) in spared:
                    spared.add(pid)
                else:
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def wait_until_gone(pids: Iterable[int], patience: float = 10.0) -> None:
    """Waits until none of them is alive; PID 1 of the room buries them."""
    until = time.monotonic() + patience
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.001)


def alive(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has buried yet has."""
    try:
        return proc.state(pid) not in "Z-"
    except OSError:
        return False


def first_line(fd: int, timeout: float) -> str:
    """What is said until a line that is "ready" (then only that), the end, or the timeout; no byte more is read."""
    poll, said, until = select.poll(), b"", time.monotonic() + timeout
    poll.register(fd, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            more = os.read(fd, 1)  # what comes behind the line is the next one's
            said += more
            if more == b"\n" and said.splitlines()[-1].strip() == READY.encode():
                return READY
            if not more:
                break
    return said.decode(errors="replace")
