"""Run a function as the root that a test wants: the machine's, one of a user namespace with one id, or with many."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLONE_NEWUSER = 0x10000000
RANGE = 300_000
WORLDS = ("root", "one id", "range")
libc = ctypes.CDLL(None, use_errno=True)


def run_in(world: str, function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a child process; what it raises is raised here. Skips where the world is closed."""
    need_ids_of(world)
    come, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(come[0])
            os.close(go[1])
            answer = in_child(world, come[1], go[0], function, args)
            with open(come[1], "wb") as file:
                file.write(answer)
        finally:
            os._exit(0)
    os.close(come[1])
    os.close(go[0])
    try:
        with open(come[0], "rb") as file:
            if file.peek(1)[:1] == b"+":
                file.read(1)
                map_ids(world, pid)
                os.write(go[1], b"+")
            raw = file.read()
    finally:  # it has ended, or the test was interrupted
        os.close(go[1])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    kind, value = pickle.loads(raw)
    if kind == "skip":
        pytest.skip(value)
    if kind == "raise":
        value[0].add_note(value[1])
        raise value[0]
    return value


def in_child(world: str, come: int, go: int, function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """Enter the world, when its maps are written, and call the function."""
    if world != "root" and libc.unshare(CLONE_NEWUSER):
        return pickle.dumps(("skip", "no user namespaces for this user"))
    os.write(come, b"+")
    os.read(go, 1)
    if world == "range":
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    try:
        return pickle.dumps(("return", function(*args)))
    except Exception as why:  # noqa: BLE001 the parent raises it
        return pickle.dumps(("raise", (AssertionError(f"{type(why).__name__}: {why}"), traceback.format_exc())))


def map_ids(world: str, pid: int) -> None:
    if world == "root":
        return
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        if kind == "gid" and world == "one id":
            Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/{kind}_map").write_text(f"0 {own} 1" if world == "one id" else f"0 {RANGE} 65536")


def need_ids_of(world: str) -> None:
    if world != "one id" and os.geteuid() != 0:
        pytest.skip("only root has other ids")


def given_to(world: str, *folders: Path) -> None:
    """Give folders to the world's root."""
    need_ids_of(world)
    if world == "range":
        for folder in folders:
            os.chown(folder, RANGE, RANGE)
