"""Which ground is live, and where: what lets a terminal grade what a notebook has built.

Each notebook writes one file of its own: for each exercise started there the variant, the process numbers with their
start times, and the answer last given. `pyctr-lab check` reads it and asks the kernel about those very processes. A
file whose notebook has ended is removed by the next reader.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ...errors import Unsupported
from ...kernel import proc
from ..learner.places import live_dir, trouble
from ..learner.store import write_atomically
from .ground import Ground
from .question import Question
from .submissions import Submission
from .view import KernelView


@dataclass(frozen=True)
class Entry:
    """One exercise's live ground. `born` holds the start time of each process, `host` included."""

    exercise: str
    seed: int
    values: dict[str, Any]
    boxes: dict[str, int]
    host: int
    born: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    answer: Submission = None
    started: float = 0.0
    programs: tuple[str, ...] = ()
    walls: dict[str, int] = field(default_factory=dict)
    intact: bool = True

    @property
    def alive(self) -> bool:
        """Whether the course's host of this ground still runs. The start time tells a pid that was used again."""
        there = bool(self.born["host"]) and proc.start_time(self.host) == self.born["host"]
        return there and proc.state(self.host) != "Z"

    def changed(self) -> str:
        """The kind of namespace in which the lab's host is no longer where it was at the start; empty for none."""
        return next((kind for kind, inode in walls_of(self.host).items() if self.walls.get(kind, inode) != inode), "")

    def lost(self) -> list[str]:
        """The containers that have ended, zombies included."""
        return [name for name, pid in self.boxes.items()
                if not pid or proc.start_time(pid) != self.born[name] or proc.state(pid) == "Z"]  # fmt: skip

    def stopped(self) -> list[str]:
        """The containers and programs that a signal has stopped (state T): alive, and not running."""
        return [name for name, pid in self.boxes.items() if pid and proc.state(pid) == "T"]

    def view(self) -> KernelView:
        """The ground as a check sees it."""
        return KernelView(self.exercise, self.values, self.boxes, self.host, self.facts)


def entry(ground: Ground) -> Entry:
    """A fresh entry for ground that has just been made."""
    pids, host = ground.pids(), ground.lab.host.machine_pid
    born = {name: proc.start_time(pid) for name, pid in {**pids, "host": host}.items()}
    return Entry(ground.exercise.id, ground.seed, ground.values, pids, host, born, ground.facts,
                 started=time.time(), programs=tuple(ground.programs), walls=walls_of(host))  # fmt: skip


def walls_of(host: int) -> dict[str, int]:
    """The host's namespaces. Not cgroup: the lab's first control group gives the host another one."""
    try:
        return {kind: inode for kind, inode in proc.namespaces(host).items() if kind != "cgroup"}
    except (ProcessLookupError, PermissionError):
        return {}


def moved(old: Entry, pids: dict[str, int]) -> Entry:
    """The same ground after a step that made a container go on as another process."""
    if pids == old.boxes:
        return old
    born = {name: proc.start_time(pid) for name, pid in pids.items()}
    return replace(old, boxes=pids, born={**old.born, **born})


def keep(entries: dict[str, Entry]) -> None:
    """Write this notebook's live ground to its file; remove the file when there is none."""
    own = live_dir() / f"{own_name()}.json"
    try:
        if not entries:
            own.unlink(missing_ok=True)
            return
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = {name: _as_data(each) for name, each in entries.items()}
        write_atomically(own, {"entries": kept, "seal": _seal(kept)})
    except OSError as why:  # a full disk, say: the notebook itself does without
        said = trouble(why, own)
        print(f"{own.name} could not be written, so no terminal can check this: {said}", file=sys.stderr)


def find(exercise: Question) -> Entry | None:
    """The newest live ground of an exercise, whichever notebook has it. Raises Unsupported where none can be read."""
    try:
        loaded = (_load(path, exercise) for path in _living())
        found = [each for each in loaded if each]
    except OSError as why:  # root ran a notebook with this home, say
        raise Unsupported(f"no live exercise can be found: {trouble(why, live_dir())}") from None
    return max((each for each in found if each.alive), key=lambda each: each.started, default=None)


def _living() -> list[Path]:
    """The files of notebooks that run; those of the others are removed."""
    living = []
    for path in live_dir().glob("*.json") if live_dir().is_dir() else ():
        if runs(path.stem):
            living.append(path)
        else:
            path.unlink(missing_ok=True)
    return living


def _load(path: Path, exercise: Question) -> Entry | None:
    """The entry of an exercise in a file; None where it has none that this version of the course can read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        there = data["entries"][exercise.id]
        known = {name: there[name] for name in _KEPT if name in there}
        answer = known.pop("answer")
        known.update(answer=tuple(answer) if isinstance(answer, list) else answer, programs=tuple(known["programs"]))
        intact = hmac.compare_digest(str(data["seal"]), _seal(data["entries"]))
        return Entry(**known, values=exercise.variant(known["seed"]), intact=intact)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


#: What a file has of an entry. The values follow from the seed: the answer is not in the file.
_KEPT = tuple(each.name for each in fields(Entry) if each.name not in ("values", "intact"))


def _as_data(each: Entry) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(each).items() if name in _KEPT}
    as_read: dict[str, Any] = json.loads(json.dumps(kept))
    return as_read


def _seal(kept: object) -> str:
    """A digest that only the course's own processes of this user make: an edited file has another."""
    place = live_dir() / "key"
    with suppress(FileExistsError), open(place, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(secrets.token_bytes(32))
    text = json.dumps(kept, sort_keys=True)
    return hmac.new(place.read_bytes(), text.encode(), "sha256").hexdigest()


def own_name() -> str:
    """This process: its number, and when it began."""
    return f"{os.getpid()}-{proc.start_time(os.getpid())}"


def runs(name: str) -> bool:
    """Whether a process with such a name runs still."""
    pid, _, born = name.partition("-")
    return pid.isdigit() and proc.start_time(int(pid)) == born
