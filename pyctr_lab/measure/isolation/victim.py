"""The outer side of the measuring: a process with secrets, and how probes are run against it."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ...errors import LabError
from ...kernel.calls import Call, mount, umount2
from ...kernel.constants import MNT_DETACH, MS_NOEXEC, MS_NOSUID
from ...runtime import Lab
from ...runtime.carrier import readable
from ...runtime.streams import Streams
from ...steps import ENVIRONMENT
from ..network.senders import program_words
from .matrix import Outcome
from .probes import Probe
from .walls import FOLDER

PATIENCE = 60.0  # seconds for a line of a program
TERMINALS = "newinstance,ptmxmode=0666,mode=0620"
OWN_MOUNTS = (
    (mount("tmpfs", FOLDER, "tmpfs", 0, "mode=755,size=16m"), FOLDER),
    (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID, "mode=1777,size=1m"), "/dev/shm"),
    (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, TERMINALS), "/dev/pts"),
)
"""What the lab gets of its own while it is measured, and where: else probes would reach the learner's machine."""
Start = Callable[[Sequence[str], int, int, int], Callable[[], object]]
"""Starts a program with these three descriptors; what it returns ends the program."""


class JsonLines:
    """A program's input and output, a line of JSON each."""

    def __init__(self, start: Callable[[int, int, int], Callable[[], object]]) -> None:
        with ExitStack() as theirs, ExitStack() as ours:
            self._in, self._out, self._errors = (pipe_files(theirs, ours, ours_writes) for ours_writes in (1, 0, 0))
            into, out, errors = (each[0] for each in (self._in, self._out, self._errors))
            self._end = start(into, out, errors)
            self._ours = ours.pop_all()
        self._said = b""

    def ask(self, *words: object) -> Any:
        """Give an order; its answer."""
        self.send(json.dumps(words).encode() + b"\n")
        return self.line()

    def send(self, data: bytes) -> None:
        """Write to its input."""
        with suppress(BrokenPipeError):  # its next line says that it has ended
            os.write(self._in[1], data)

    def line(self) -> Any:
        """Its next line; None at the end of its output. Raises LabError where it is silent."""
        while b"\n" not in self._said:
            if not readable(self._out[1], PATIENCE):
                raise LabError(f"a program of the measuring was silent for {PATIENCE:g} s")
            more = os.read(self._out[1], 1 << 16)
            if not more:
                return None
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return json.loads(line)

    def complaint(self) -> str:
        """The last line of its standard error."""
        said = b""
        while readable(self._errors[1], 0) and (more := os.read(self._errors[1], 1 << 16)):
            said += more
        return next(reversed(said.decode(errors="replace").split("\n")[:-1]), "it said nothing")

    def close(self) -> None:
        """End it."""
        try:
            self._end()
        finally:
            self._ours.close()


def pipe_files(theirs: ExitStack, ours: ExitStack, ours_writes: int) -> tuple[int, int]:
    """A pipe: the program's end and ours, each closed by its stack."""
    here, there = os.pipe()
    given, kept = (here, there) if ours_writes else (there, here)
    theirs.callback(os.close, given)
    ours.callback(os.close, kept)
    return given, kept


@dataclass(frozen=True)
class ProbeRound:
    """One run of probes: where the victim is, its secrets, and what the probes said and did."""

    place: dict[str, Any]
    secrets: dict[str, str]
    said: dict[str, tuple[bool, str]]
    seen: dict[str, bool]
    began: float  # by the boot clock here
    ended: float

    def is_out(self, probe: Probe) -> bool:
        """Whether a probe has reached the outer side."""
        if probe.name not in self.said:
            return False
        done, answer = self.said[probe.name]
        kind, _, word = probe.success.partition(" ")
        match kind:
            case "seen":
                return self.seen.get(probe.name, False)  # without: the probe failed before the victim's part
            case "secret":
                return done and answer == self.secrets[word]
            case "lab":
                return done and answer == self.place[word]
            case "is":
                return done and answer == word
            case "not":
                return done and answer != word
            case "counts":
                return done and int(answer) > 0
            case "clock":
                return done and self.began <= float(answer) <= self.ended
        return done

    def outcomes(self, probes: Iterable[Probe], missing: Iterable[str]) -> list[Outcome]:
        """What became of each."""
        found = []
        for probe in probes:
            out = self.is_out(probe)
            answer = self.said.get(probe.name, (False, "not tried"))[1]
            said = "its secret" if out and probe.success.startswith("secret") else answer[:60]
            found.append(Outcome(probe.name, tuple(missing), out, said))
        return found


class Victim:
    """A process of the outer side, with secrets that only it and we know."""

    def __init__(self, talk: JsonLines, file: tuple[str, str]) -> None:
        self.talk, self.inner_file, self.outer_file = talk, *file

    def round(
        self, start: Start, argv: Callable[[str, str], list[str]], names: Iterable[str], inner_root: int
    ) -> ProbeRound:
        """Run probes by a program that `start` starts in a container.

        `argv` makes the words of that program, of a program's name and its argument; `inner_root` is the id here of the
        container's root. Raises LabError where it does not
        come to its end.
        """
        begun, began = self.ask("begin", inner_root), machine_seconds()
        place = {**begun["place"], "inner_file": self.inner_file}
        task = json.dumps({"probes": (wanted := list(names)), "lab": place})
        said: dict[str, tuple[bool, str]] = {}
        complaint = ""
        try:
            talk = JsonLines(lambda *streams: start(argv("probes", task), *streams))
            try:
                while (line := talk.line()) is not None:
                    if line[0] == "act":
                        self.ask(line[1], self.outer_file)
                        talk.send(b".")
                    else:
                        said[line[0]] = line[1], line[2]
                complaint = talk.complaint() if len(said) < len(wanted) else ""
            finally:
                talk.close()
        finally:
            seen = self.ask("look")
        if complaint:
            raise LabError(f"the probes ended early: {complaint}")
        return ProbeRound(place, begun["secrets"], said, seen, began, machine_seconds())

    def ask(self, *words: object) -> Any:
        """Give an order; its answer. Raises LabError where it has ended."""
        answer = self.talk.ask(*words)
        if answer is None and words[0] in ("begin", "look"):
            raise LabError(f"the victim of the measuring has ended: {self.talk.complaint()}")
        return answer


def machine_seconds() -> float:
    """Seconds since the machine has started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextmanager
def victim_in(lab: Lab, file: tuple[str, str]) -> Iterator[Victim]:
    """A victim in the lab's own world, with a folder, terminals and /dev/shm that are the lab's only.

    `file` is one that the container shares with the outer side: its name inside, and there.
    """
    with ExitStack() as stack:
        for call, target in OWN_MOUNTS:
            lab.host.call(call)
            stack.callback(let_go, lab, umount2(target, MNT_DETACH))
        environment = {**ENVIRONMENT, "SECRET": secrets.token_hex(16)}
        words = program_words("victim", FOLDER, secrets.token_hex(16))

        def start(*streams: int) -> Callable[[], object]:
            return lab.host.launch(words, Streams(*streams), env=environment).end

        talk = JsonLines(start)
        stack.callback(talk.close)
        stack.callback(talk.ask, "end")
        yield Victim(talk, file)


def let_go(lab: Lab, call: Call) -> None:
    """Undo a mount, unless the lab is gone, and the mount with it."""
    if lab.alive:
        lab.host.call(call)

