"""The process of a job, root of a lab: `python -I -S job_worker.py PID KINDS FOLDER MODULE:FUNCTION PATHS LABEL`.

It enters namespaces of the lab's PID 1 (KINDS, `user,mnt,pid`), with the folder as its working directory: looked up
before it lets go of its user's own rights, for a folder of root's may be closed to a lab.
Reads the generator's words, a line of JSON, from standard input; the rest of it is the generator's. Prints what that
yields, a JSON line each: a kind ("row", "error", "end") and its content. See setns(2), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from contextlib import suppress

TYPE_CHECKING = False  # without the module: a job that serves a lab stays in memory
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
FLAGS = {"user": 0x10000000, "mnt": 0x00020000, "pid": 0x20000000, "net": 0x40000000}  # CLONE_NEWUSER, ... for setns
PR_SET_PDEATHSIG = 1
PACKAGE = "pyctr_lab"


def find_job(target: str, paths: list[str]) -> Callable[..., Iterator[Any]]:
    """The generator, without what its packages import in their __init__: the lab, the notebook, a tenth of a second."""
    sys.path[:] = [*sys.path, *paths]
    module, _, function = target.partition(":")
    for name in {PACKAGE, f"{PACKAGE}.kernel", *parents(module)}:
        sys.modules[name] = package = type(sys)(name)
        package.__path__ = [os.path.join(__file__.removesuffix("pyctr_lab/runtime/job_worker.py"), *name.split("."))]
    found: Callable[..., Iterator[Any]] = getattr(importlib.import_module(module), function)
    return found


def parents(module: str) -> list[str]:
    """The packages of ours above a module."""
    words = module.split(".")
    return [".".join(words[:end]) for end in range(1, len(words)) if words[0] == PACKAGE]


def enter_lab(pid: int, kinds: list[str], folder: str) -> None:
    """Enter a lab's namespaces, and the folder. Children are in its PID namespace, and end with the lab."""
    opened = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), FLAGS[kind]) for kind in kinds]
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
        send("error", [type(why).__module__, type(why).__name__, why.message, why.hint])
    except OSError as why:
        send("error", ["", "", in_one_line(why), ""])


def hand_on_its_end(child: int) -> int | str:
    """Wait for the child's end, and kill it on SIGTERM. A lab's end waits until the child is reaped."""
    pidfd = os.pidfd_open(child)
    signal.signal(signal.SIGTERM, lambda *_: signal.pidfd_send_signal(pidfd, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"killed by {signal.Signals(-status).name}" if status < 0 else status


def main(pid: int, kinds: list[str], folder: str, target: str, paths: list[str]) -> int | str:
    """Enter, fork, and have the child work as the lab's root."""
    words = json.loads(sys.stdin.readline())
    job = find_job(target, paths)  # before: modules may lie where the lab may not read
    enter_lab(pid, kinds, folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until it can be handed on
    if child := os.fork():
        return hand_on_its_end(child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    become_root()
    send_rows(job, words)
    return 0


if __name__ == "__main__":
    pid, kinds, folder, target, paths, _ = sys.argv[1:]
    sys.exit(main(int(pid), kinds.split(","), folder, target, json.loads(paths)))
