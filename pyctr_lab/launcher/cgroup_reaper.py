"""Remove a lab's control groups when the lab has ended, however it ended.

Started as `python -I -S cgroup_reaper.py PIDFD PIDFD FOLDER...`: descriptors of the launcher's process and of the one
that holds the lab, and the lab's own group in each tree. All else of a lab lives in its outer world and goes with it;
only these folders are outside. While it lives it holds a lock on each: `pyctr-lab clean` and the next lab leave
locked groups alone.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

PATIENCE = 10  # seconds for killed processes to leave


def remove(folder: str) -> bool:
    """Remove a group and all below it, deepest first. False while a process is still in one of them.

    Most have none below. To list a group's hundred files would take longer than to remove it.
    """
    with suppress(OSError):  # EBUSY: not empty; FileNotFoundError: the walk finds nothing
        os.rmdir(folder)
        return True
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:  # EBUSY
            return False
    return True


def remove_all(folders: Iterable[str], patience: float = PATIENCE) -> list[str]:
    """Remove groups whose processes are about to end; return the ones still there after `patience` seconds."""
    until = time.monotonic() + patience
    left = [folder for folder in folders if not remove(folder)]
    while left and time.monotonic() < until:
        time.sleep(0.005)
        left = [folder for folder in left if not remove(folder)]
    return left


def kill_all(folders: Iterable[str]) -> None:
    """Kill processes that are still there: from outside the lab, moved to one of its groups."""
    for folder in folders:
        for path, _, _ in os.walk(folder):
            try:
                with open(f"{path}/cgroup.procs", encoding="ascii") as file:
                    for pid in map(int, file.read().split()):
                        if pid > 0:  # 0: not visible from here; for kill(2) it is our own process group
                            os.kill(pid, signal.SIGKILL)
            except OSError:  # gone meanwhile, or not ours
                continue


def thaw_all(folders: Iterable[str]) -> None:
    """Thaw all v1 groups: a frozen process does not die."""
    for folder in folders:
        for path, _, files in os.walk(folder):
            if "freezer.state" in files:
                try:
                    with open(f"{path}/freezer.state", "w", encoding="ascii") as file:
                        file.write("THAWED")
                except OSError:  # gone meanwhile
                    continue


def wait_for_end(*pidfds: int) -> None:
    """Wait until one of the processes has ended."""
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    poll.poll()


if __name__ == "__main__":
    launcher, holder, *folders = sys.argv[1:]
    wait_for_end(int(launcher), int(holder))
    thaw_all(folders)
    wait_for_end(int(launcher))  # which ends with its holder
    left, until = remove_all(folders, 1), time.monotonic() + PATIENCE
    while left and time.monotonic() < until:
        kill_all(left)
        left = remove_all(left, 0.1)
