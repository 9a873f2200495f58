"""Work for a room, for the tests: what these generators yield comes out of it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyctr_lab.engines import ALL, Engine, rootfs
from pyctr_lab.engines.engine import alive, end_all, processes, wait_until_gone
from pyctr_lab.engines.inside import WORK
from pyctr_lab.errors import LabError, TimeExpired, Unsupported


def seen() -> Iterator[object]:
    """What a room's worker sees."""
    yield {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "uid": os.getuid(),
        "host": os.uname().nodename,
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "cgroup": Path("/proc/self/cgroup").read_text(),
    }


def tried(engines: Sequence[str]) -> Iterator[object]:
    """Each engine: what a program does in it, an instance, one that hangs, and what is left after all that."""
    tree = rootfs.make(Path(WORK) / "rootfs")
    for name in engines:
        engine = ALL[name](Path(WORK) / name, tree)
        found = engine.available()
        if not found:
            yield {"engine": name, "why": found.why, "hint": found.hint}
            continue
        try:
            yield {"engine": name, **everything(engine)}
        except (LabError, OSError) as why:  # the others' tests go on
            yield {"engine": name, "failed": repr(why)}


def everything(engine: Engine) -> dict[str, object]:
    """All that is tried with an engine."""
    with engine:
        row = {**program(engine), **instance(engine)}
        if engine.kind != "machine":  # which is booted for each
            row |= {"unknown": unknown(engine), "hung": hung(engine)}
    if engine.kind != "machine" and engine.name != "docker":
        with engine:  # the same folder, once more
            row["again"] = engine.run(["/bin/true"]).returncode
    mounts = Path("/proc/self/mountinfo").read_text()
    return row | {"place": engine.place.exists() or f" {engine.place}/" in mounts}


def program(engine: Engine) -> dict[str, object]:
    """A program's output and status."""
    run = engine.run(["/bin/sh", "-c", "ls /data | wc -l; echo oops >&2; exit 7"])
    return {"status": run.returncode, "out": run.stdout, "err": run.stderr}


def instance(engine: Engine) -> dict[str, object]:
    """One that is started and stopped."""
    before = processes()
    made = engine.start()
    row = {"pids": len(made.pids), "payload": made.pid, "seconds": made.seconds}
    made.stop()
    wait_until_gone(processes() - before)  # a daemon has somebody tidy up
    return row | {"left": [pid for pid in processes() - before if alive(pid)]}


def unknown(engine: Engine) -> object:
    """What comes of a program that is not there: a status, or what the engine says."""
    try:
        return engine.run(["/bin/no-such-program"]).returncode
    except LabError as why:
        return str(why)


def hung(engine: Engine) -> list[object]:
    """One whose program never ends: what is said, and who is left."""
    before = processes()
    try:
        engine.run(["/bin/sleep", "1000"], timeout=0.5)
        said = "it ended"
    except TimeExpired as why:
        said = str(why)
    return [said, [pid for pid in processes() - before if alive(pid)]]


def sleepers(count: int) -> Iterator[object]:
    """Processes that nobody ends."""
    started = [subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(count)]
    yield {"alive": sum(each.poll() is None for each in started)}
    signal.pause()


def fails() -> Iterator[object]:
    """An error of the lab's own."""
    yield 1
    raise LabError("no luck", hint="try again")


def dies() -> Iterator[object]:
    """The end of the worker."""
    yield 1
    os.write(2, b"farewell\n")
    os.kill(os.getpid(), signal.SIGKILL)


def tidied(words: str) -> Iterator[object]:
    """What a daemon's child says while all that is new is killed: the daemon was there before, its child was not."""
    script = f"read word; sh -c 'echo begun; {words}'; echo $?"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        before = processes()
        assert daemon.stdin and daemon.stdout
        daemon.stdin.write("go\n")
        daemon.stdin.flush()
        yield daemon.stdout.readline().strip()
        end_all(before)
        yield daemon.stdout.readline().strip()


def broken_docker() -> Iterator[object]:
    """A daemon that cannot come up."""
    tree = rootfs.make(Path(WORK) / "rootfs", files=1)
    before = processes()
    engine = ALL["docker"](Path(WORK) / "docker", tree)
    engine.driver = "no-such-driver"  # type: ignore[attr-defined]
    try:
        engine.__enter__()
        yield "it came up"
    except Unsupported as why:
        yield str(why)
    yield sorted(pid for pid in processes() - before if alive(pid))
