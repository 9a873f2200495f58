"""The small interface of all engines. They are used inside a sandbox (`sandbox/`), never outside."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from errno import EINVAL, ENOENT, EPERM
from pathlib import Path

from ..errors import LabError, TimeExpired, Unsupported
from ..kernel import proc
from ..kernel.calls import umount2
from ..kernel.constants import MNT_DETACH
from ..runtime import Run
from ..runtime.program import check_command
from .sandbox import make_calls

PATIENCE = 60.0  # seconds that a command may take by default
TIDYING = 2.0  # seconds that a daemon's helpers have to clean up, when all else is killed
SECONDS = 86400  # of the sleep in an instance: no experiment lasts that long
READY = "ready"
SLEEP = ("/bin/sh", "-c", f"echo {READY}; exec sleep {SECONDS}")
"""The program of an instance: it prints that it runs, and then waits."""
STAMPS = re.compile(r"(\d+\.\d+) (\d+\.\d+)\s", re.ASCII)
"""Two times as a shell's $EPOCHREALTIME has them, in seconds."""


@dataclass(frozen=True)
class Available:
    """Whether an engine can be used here; if not, why, and what would help.

    `fetched`: the missing file is downloaded before the sandbox is opened, so the engine can be chosen all the same.
    """

    yes: bool
    why: str = ""
    hint: str = ""
    fetched: bool = False

    def __bool__(self) -> bool:
        return self.yes


class Engine:
    """One engine. `name` is its name on the command line, `title` its name in pictures if that differs; `kind` one of
    "process", "container", "sandbox", "machine".

    Used as a block: `with Runc(place, rootfs) as runc: runc.run(["true"])`. `prepare` makes what it needs once (a
    bundle, a daemon, an image), and the end of the block removes it. `place` is a folder of its own; the root file
    system `rootfs` is shared, and must not be changed.

    A new engine is a file in this folder with a subclass: `commands` (programs that must be installed), `package` (the
    Debian package that has them), and `command`, the words that run a program in the foreground. An engine without a
    command line overrides `run` and `spawn` instead.
    """

    name = ""
    title = ""
    kind = "container"
    about = ""  # one line for pictures
    commands: tuple[str, ...] = ()
    package = ""
    emulated = False  # its processor is software: not comparable
    needs_range = False  # one user id is too few for it: a user must have subordinate ids
    needs_root = False  # it cannot be used by a user, even as root of a user namespace

    def __init__(self, place: Path, rootfs: Path) -> None:
        self.place, self.rootfs = place, rootfs
        self.stack = ExitStack()
        self.count = 0
        self.daemons: frozenset[int] = frozenset()  # processes that run without any container, too
        self.crowd: list[Callable[[], object]] = []  # wait for the end of each container in the crowd

    # --- what a subclass defines
    def available(self) -> Available:
        """Whether its commands are installed, and it has the user ids it needs; subclasses check more."""
        if self.needs_root and not root_outside():
            hint = "it can be measured as root, or in ./lab vm"
            return Available(False, f"{self.commands[0]} wants to be root", hint)
        missing = [name for name in self.commands if not shutil.which(name)]
        if missing:
            return Available(False, f"{missing[0]} is not installed", f"apt-get install {self.package}")
        if self.needs_range and not has_range():
            why = f"{self.commands[0]} needs more than one user id, and there are no subordinate ids"
            return Available(False, why, "`pyctr-lab doctor` says what would help")
        return Available(True)

    def prepare(self) -> None:
        """Make what it needs once. Push what undoes it on `self.stack`."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """The words that run `argv` in a new container, in the foreground."""
        raise NotImplementedError

    def payload(self, pids: Iterable[int]) -> int | None:
        """The pid of the instance's sleep, among `pids`; None where the host has no such process."""
        known, until = list(pids), time.monotonic() + 5.0
        while time.monotonic() < until:
            for pid in known:
                with suppress(OSError):
                    if proc.text_of(pid, "cmdline") == f"sleep\0{SECONDS}\0":
                        return pid
            time.sleep(0.001)  # the shell has printed that it is ready, and becomes sleep now
        return None

    # --- running programs
    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        """Run a program in a container of its own, to its end. An engine that hangs is killed, with all its helpers.

        Raises TimeExpired after `timeout` seconds, with the output until then.
        """
        before, began = processes(), time.monotonic()
        line = self.command(check_command(argv))
        with subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as program:
            try:
                out, err = program.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as why:
                kill_new_processes(before)
                said = Run(tuple(line), -signal.SIGKILL, str(why.stdout or ""), str(why.stderr or ""), timeout)
                raise TimeExpired(f"{self.name} had not ended after {timeout:g} s, and was killed", run=said) from None
        return Run(tuple(line), program.returncode, out, err, time.monotonic() - began)

    def spawn(self, argv: Sequence[str]) -> Spawned:
        """Start a program in a new container, without waiting. Its output and its errors are one stream."""
        program = subprocess.Popen(
            self.command(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert program.stdout
        here = os.dup(program.stdout.fileno())
        program.stdout.close()
        return Spawned(here, program.wait)

    def start(self, *, timeout: float = PATIENCE) -> Instance:
        """Start a container that waits; return when its program has printed its line."""
        before, began = processes(), time.monotonic()
        wait, output = self._spawn_sleep(timeout)
        if output != READY:
            kill_new_processes(before)
            wait()
            raise self._not_started(output)
        return Instance(self, wait, before, time.monotonic() - began)

    def _spawn_sleep(self, timeout: float) -> tuple[Callable[[], object], str]:
        spawned = self.spawn(SLEEP)
        try:
            return spawned.wait, read_ready_line(spawned.out, timeout)
        finally:
            os.close(spawned.out)

    def _not_started(self, output: str) -> LabError:
        return LabError(f"{self.name} did not start: {output.strip()[:300] or 'it said nothing'}")

    def time_script(self, script: str, *, timeout: float = PATIENCE) -> float:
        """Seconds that a shell script takes inside, without its container's start.

        The shell inside reads the clock. Our own would begin when we are scheduled to read "ready": on a busy machine
        the script may have ended by then, and a thousand files seem to take microseconds.
        """
        before = processes()
        timed = f"a=$EPOCHREALTIME; {{ {script}; }} >/dev/null; b=$EPOCHREALTIME"
        spawned = self.spawn(("/bin/sh", "-c", f"echo {READY}; {timed}; echo {READY}; echo $a $b"))
        try:
            begun = read_ready_line(spawned.out, timeout)
            began = time.perf_counter()
            said = read_ready_line(spawned.out, timeout)
            took = time.perf_counter() - began
            if (begun, said) != (READY, READY):
                raise LabError(f"{self.name} did not run it to its end: {said.strip()[:300]}")
            return seconds_between(read_ready_line(spawned.out, timeout)) or took
        except BaseException:
            kill_new_processes(before)
            raise
        finally:
            os.close(spawned.out)
            spawned.wait()

    def add_to_crowd(self) -> None:
        """Start one more container of a crowd, without looking for its processes. `end_crowd` ends all of them."""
        wait, output = self._spawn_sleep(PATIENCE)
        self.crowd.append(wait)
        if output != READY:
            raise self._not_started(output)

    def end_crowd(self, before: Iterable[int]) -> None:
        """End all containers that `add_to_crowd` has started, and every process that is not in `before`."""
        kill_new_processes(before)
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
        self.daemons = frozenset(pid for pid in processes() - before if is_running(pid))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Undo `prepare`, and remove the engine's folder with all mounts in it. Twice is fine.

        Cgroups of killed containers stay, empty, until the sandbox ends.
        """
        self.stack.close()
        remove_with_mounts(self.place)

    def fresh(self) -> str:
        """A new name for a container."""
        self.count += 1
        return f"pyctr{self.count}"


@dataclass(frozen=True)
class Spawned:
    """A started program: a descriptor of its output, and a function that waits for its end."""

    out: int
    wait: Callable[[], object]


class Instance:
    """A running container. `seconds` is the time from the call to its program's first output.

    `pids` are all processes that came with it, the engine's helpers too; `pid` is its program's, None where the host
    has no such process (a machine, a kernel in user space).
    """

    def __init__(self, engine: Engine, wait: Callable[[], object], before: set[int], seconds: float) -> None:
        self.engine, self.seconds, self._wait = engine, seconds, wait
        self.pids = frozenset(processes() - before)
        self.pid = engine.payload(sorted(self.pids))

    def stop(self) -> None:
        """Kill all its processes, and wait for their end."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait()
        wait_until_gone(self.pids)


# ---------------------------------------------------------------------------------------------------------- processes
def processes() -> set[int]:
    """The pids of all processes of the sandbox."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def remove_with_mounts(place: Path) -> None:
    """Remove a folder with all mounts in it. Where one cannot be unmounted, the folder stays as it is."""

    def mounted() -> list[str]:
        return [each.target for each in proc.mountinfo("self") if each.target.startswith(f"{place}/")]

    if targets := mounted():
        make_calls(*(umount2(target, MNT_DETACH).accepting(EINVAL, ENOENT, EPERM) for target in reversed(targets)))
    if not mounted():
        shutil.rmtree(place, ignore_errors=True)


def has_range() -> bool:
    """Whether the sandbox has more than one user id: not for a user without subordinate ids. See subuid(5)."""
    return sum(each.count for each in proc.uid_map("self")) > 1


def root_outside() -> bool:
    """Whether we are root of the machine itself, not of a user namespace."""
    return os.getuid() == 0 and [(each.inside, each.outside) for each in proc.uid_map("self")][:1] == [(0, 0)]


def kill_new_processes(before: Iterable[int], patience: float = 10.0) -> None:
    """Kill all processes of the sandbox that are not in `before`, and their children meanwhile.

    Children of a daemon in `before` get `TIDYING` seconds to clean up: without that the daemon waits for it at its end.
    """
    known, began = {*before, os.getpid()}, time.monotonic()
    daemons = known - {1, os.getpid()}
    while (new := {pid for pid in processes() - known if is_running(pid)}) and time.monotonic() - began < patience:
        spared = set(daemons) if time.monotonic() - began < TIDYING else set()
        for pid in sorted(new):  # a helper before its own helpers
            with suppress(ProcessLookupError):
                if int(proc.status(pid)["PPid"]) in spared:
                    spared.add(pid)
                else:
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def wait_until_gone(pids: Iterable[int], patience: float = 10.0) -> None:
    """Wait until none of them is alive; PID 1 of the sandbox reaps orphans."""
    until = time.monotonic() + patience
    while any(map(is_running, pids)) and time.monotonic() < until:
        time.sleep(0.001)


def is_running(pid: int) -> bool:
    """Whether a process has not ended. A zombie has."""
    try:
        return not proc.has_ended(pid)
    except OSError:
        return False


def seconds_between(stamps: str) -> float:
    """The seconds between two times of a shell's $EPOCHREALTIME; 0 where the shell has none, or the clock was set."""
    found = STAMPS.match(stamps)
    return max(0.0, float(found[2]) - float(found[1])) if found else 0.0


def read_ready_line(fd: int, timeout: float) -> str:
    """Read up to a line "ready" (then return only that), the end, or the timeout, and no byte more."""
    poll, said, until = select.poll(), b"", time.monotonic() + timeout
    poll.register(fd, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            more = os.read(fd, 1)  # bytes behind the line are left for the next reader
            said += more
            if more == b"\n" and said.splitlines()[-1].strip() == READY.encode():
                return READY
            if not more:
                break
    return said.decode(errors="replace")
