"""Work for a room, for the tests: what these generators yield comes out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from pyctr_lab.engines import ALL, rootfs
from pyctr_lab.engines.engine import alive
from pyctr_lab.engines.inside import WORK


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
