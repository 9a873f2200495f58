"""Work for a room, for the tests: what these generators yield comes out of it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from pyctr_lab.engines import ALL, rootfs
from pyctr_lab.engines.engine import alive, processes
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
    """Each engine: a program's output and status, and an instance that runs and is stopped."""
    tree = rootfs.make(Path(WORK) / "rootfs")
    for name in engines:
        with ExitStack() as stack:
            engine = ALL[name](Path(WORK) / name, tree)
            found = engine.available()
            if not found:
                yield {"engine": name, "why": found.why}
                continue
            stack.enter_context(engine)
            run = engine.run(["/bin/sh", "-c", "ls /data | wc -l; echo oops >&2; exit 7"])
            row = {"engine": name, "status": run.returncode, "out": run.stdout, "err": run.stderr}
            instance = engine.start()
            row |= {"pids": len(instance.pids), "payload": instance.pid, "seconds": instance.seconds}
            instance.stop()
            row["left"] = [pid for pid in instance.pids if alive(pid)]
            yield row


def sleepers(count: int) -> Iterator[object]:
    """Processes that nobody ends."""
    for _ in range(count):
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield {"alive": sum(each.read_text() == "sleep\n" for each in Path("/proc").glob("[0-9]*/comm"))}
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


def hangs(engine: str) -> Iterator[object]:
    """An engine whose program never ends."""
    tree = rootfs.make(Path(WORK) / "rootfs", files=1)
    with ALL[engine](Path(WORK) / engine, tree) as made:
        before = processes()
        try:
            made.run(["/bin/sleep", "1000"], timeout=1.5)
            yield "it ended"
        except TimeExpired as why:
            yield str(why)
        yield sorted(pid for pid in processes() - before if alive(pid))


def unknown(engine: str) -> Iterator[object]:
    """A program that is not there."""
    tree = rootfs.make(Path(WORK) / "rootfs", files=1)
    with ALL[engine](Path(WORK) / engine, tree) as made:
        try:
            yield made.run(["/bin/no-such-program"]).returncode
        except LabError as why:
            yield str(why)


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
