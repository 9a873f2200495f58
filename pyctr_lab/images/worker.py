"""A process that works on layers as root of a lab: `python -m pyctr_lab.images.worker PID FOLDER MODULE:FUNCTION WORDS`.

It enters the user, mount and PID namespaces of the lab's PID 1, with the folder of the unpacked layers as its working
directory: looked up before it lets go of its user's own rights, for a folder of root's may be closed to a lab.
Prints what the generator yields, a JSON line each: a kind ("row", "error", "end") and its content.
See setns(2), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from ..errors import LabError
from ..kernel.constants import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, PR_SET_PDEATHSIG

libc = ctypes.CDLL(None, use_errno=True)
KINDS = {"user": CLONE_NEWUSER, "mnt": CLONE_NEWNS, "pid": CLONE_NEWPID}


def enter(pid: int, folder: str) -> None:
    """Enter a lab's namespaces, and the folder. Children are in its PID namespace, and end with the lab."""
    opened = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), flag) for kind, flag in KINDS.items()]
    for fd, flag in opened:
        check(libc.setns(fd, flag))
        os.close(fd)
    os.chdir(folder)


def become_root() -> None:
    """Take the ids of the lab's root. Without a range of ids there are no groups to let go of (EPERM)."""
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    with suppress(PermissionError):
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))  # a change of ids clears it
    os.umask(0)


def check(result: int) -> None:
    """Raise OSError where a call of libc has failed."""
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def work(target: str, words: dict[str, Any]) -> None:
    """Send all rows of the generator, and an error with its hint."""
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)

    def send(kind: str, content: Any) -> None:
        print(json.dumps([kind, content]), flush=True)

    try:
        for row in function(**words):
            send("row", row)
        send("end", None)
    except LabError as why:
        send("error", [type(why).__name__, why.message, why.hint])
    except OSError as why:
        send("error", ["OSError", f"{why.filename or 'the store'}: {why.strerror}", ""])


def main(pid: int, folder: str, target: str, words: dict[str, Any]) -> None:
    """Enter, fork, and have the child work as the lab's root."""
    importlib.import_module(target.partition(":")[0])  # the lab may be closed to where modules lie
    enter(pid, folder)
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
    become_root()
    work(target, words)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
