"""A process that works on layers as root of a lab: `python -I -S worker.py PID FOLDER MODULE:FUNCTION PATHS`.

It enters the user, mount and PID namespaces of the lab's PID 1, with the folder of the unpacked layers as its working
directory: looked up before it lets go of its user's own rights, for a folder of root's may be closed to a lab.
Reads the generator's words from standard input, as JSON. Prints what it yields, a JSON line each: a kind ("row",
"error", "end") and its content. See setns(2), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
KINDS = {"user": 0x10000000, "mnt": 0x00020000, "pid": 0x20000000}  # CLONE_NEWUSER and others, for setns
PR_SET_PDEATHSIG = 1
BARE = ("pyctr_lab", "pyctr_lab.kernel", "pyctr_lab.images")


def find_job(target: str, paths: list[str]) -> Callable[..., Iterator[Any]]:
    """The generator, without what its packages import in their __init__: the lab, the notebook, a tenth of a second."""
    sys.path[:] = [*sys.path, *paths]
    home = Path(__file__).parents[2]
    for name in BARE:
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = [str(home.joinpath(*name.split(".")))]
    module, _, function = target.partition(":")
    found: Callable[..., Iterator[Any]] = getattr(importlib.import_module(module), function)
    return found


def enter_lab(pid: int, folder: str) -> None:
    """Enter a lab's namespaces, and the folder. Children are in its PID namespace, and end with the lab."""
    opened = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), flag) for kind, flag in KINDS.items()]
    for fd, flag in opened:
        require(libc.setns(fd, flag))
        os.close(fd)
    os.chdir(folder)


def become_root() -> None:
    """Take the ids of the lab's root. Without a range of ids there are no groups to let go of (EPERM)."""
    with suppress(PermissionError):
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    require(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))  # after the ids: a change of them clears it
    os.umask(0)


def require(result: int) -> None:
    """Raise OSError where a call of libc has failed."""
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def send_rows(job: Callable[..., Iterator[Any]], words: dict[str, Any]) -> None:
    """Send all rows of the generator, and an error with its hint."""
    from pyctr_lab.errors import LabError, in_one_line

    def send(kind: str, content: Any) -> None:
        print(json.dumps([kind, content]), flush=True)

    try:
        for row in job(**words):
            send("row", row)
        send("end", None)
    except LabError as why:
        send("error", [type(why).__name__, why.message, why.hint])
    except OSError as why:
        send("error", ["LabError", in_one_line(why), ""])


def main(pid: int, folder: str, target: str, words: dict[str, Any], paths: list[str]) -> int | str:
    """Enter, fork, and have the child work as the lab's root. A lab's end waits until the child is reaped."""
    job = find_job(target, paths)  # before: modules may lie where the lab may not read
    enter_lab(pid, folder)
    if child := os.fork():
        pidfd = os.pidfd_open(child)
        signal.signal(signal.SIGTERM, lambda *_: signal.pidfd_send_signal(pidfd, signal.SIGKILL))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return f"killed by {signal.Signals(-status).name}" if status < 0 else status
    become_root()
    send_rows(job, words)
    return 0


if __name__ == "__main__":
    pid, folder, target, paths = sys.argv[1:]
    sys.exit(main(int(pid), folder, target, json.load(sys.stdin), json.loads(paths)))
