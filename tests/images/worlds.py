"""Run a function as the root that a test wants: the machine's, one of a user namespace with one id, or with many."""

from __future__ import annotations

import ctypes
import os
import pickle
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
    if world != "one id" and os.geteuid() != 0:
        pytest.skip("only root has other ids")
    come, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(come[0])
            os.close(go[1])
            if world != "root" and libc.unshare(CLONE_NEWUSER):
                answer: tuple[str, Any] = "skip", "no user namespaces for this user"
            else:
                os.write(come[1], b"+")
                os.read(go[0], 1)
                if world == "range":
                    os.setgroups([])
                    os.setresgid(0, 0, 0)
                    os.setresuid(0, 0, 0)
                answer = "return", function(*args)
        except BaseException as why:
            answer = "raise", (why, traceback.format_exc())
        try:
            raw = pickle.dumps(answer)
        except Exception:
            raw = pickle.dumps(("raise", (AssertionError(repr(answer)[:2000]), "")))
        with open(come[1], "wb") as file:
            file.write(raw)
        os._exit(0)
    os.close(come[1])
    os.close(go[0])
    with open(come[0], "rb") as file:
        if file.peek(1)[:1] == b"+":
            file.read(1)
            map_ids(world, pid)
            os.write(go[1], b"+")
        raw = file.read()
    os.close(go[1])
    os.waitpid(pid, 0)
    kind, value = pickle.loads(raw)
    if kind == "skip":
        pytest.skip(value)
    if kind == "raise":
        value[0].add_note(value[1])
        raise value[0]
    return value


def map_ids(world: str, pid: int) -> None:
    if world == "root":
        return
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        if kind == "gid" and world == "one id":
            Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/{kind}_map").write_text(f"0 {own} 1" if world == "one id" else f"0 {RANGE} 65536")


def given_to(world: str, *folders: Path) -> None:
    """Give folders to the world's root."""
    if world == "range":
        for folder in folders:
            os.chown(folder, RANGE, RANGE)
