"""The command line as its users meet it: a process of its own, its status, its streams, its one clear line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from pyctr_lab.kernel import proc
from pyctr_lab.runtime.carrier import readable

Here: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]  # the fixture of conftest.py
TOP = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "pyctr_lab.cli"]
SCRIPT = [str(TOP / "lab")] if Path(sys.prefix) == TOP / ".venv" else COMMAND  # ./lab, where these tests are its own
# A run of the tests in the background may ignore what these tests send.
DEFAULTS = ["env", "--default-signal=INT,QUIT,HUP,TERM"]


def lab(*words: str, stdin: str | None = None, **how: Any) -> subprocess.CompletedProcess[str]:
    given = {"input": stdin} if stdin is not None or "stdin" not in how else {}
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False, **given, **how)


def shell(script: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """A line as it is typed: `lab` in it is the command. One that hangs is killed with all that it has started."""
    words = ["bash", "-c", f'lab() {{ "{sys.executable}" -m pyctr_lab.cli "$@"; }}\n{script}']
    return subprocess.run(["timeout", "-s", "KILL", "60", *words], capture_output=True, text=True, check=False, **how)


def is_one_line(done: subprocess.CompletedProcess[str], said: str) -> bool:
    return done.stderr.count("\n") == 1 and done.stderr.startswith("pyctr-lab: ") and said in done.stderr


@contextmanager
def on_terminal(*words: str) -> Iterator[tuple[int, int, int]]:
    """The command on a terminal of its own: our end, the user's end, and the process."""
    ours, theirs = pty.openpty()
    command = [*DEFAULTS, *COMMAND, *words]
    process = subprocess.Popen(["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        yield ours, theirs, process.pid
    finally:
        process.kill()
        process.wait()
        for fd in (ours, theirs):
            os.close(fd)


def until(fd: int, wanted: bytes, seconds: float = 30) -> bytes:
    said, end = b"", time.monotonic() + seconds
    while wanted not in said:
        assert readable(fd, max(0, end - time.monotonic())), f"no {wanted!r} in {said!r}"
        said += os.read(fd, 4096)
    return said


@contextmanager
def started(*words: str, by: Sequence[str] = SCRIPT) -> Iterator[subprocess.Popen[str]]:
    """The command with all signals as a shell has them, its output in pipes."""
    command = [*DEFAULTS, *by, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


SLEEP = ["--", "sleep", "1000"]


def until_asleep(pid: int, seconds: float = 30) -> None:
    """Waits until the container's program is sleep: a shell before it would handle SIGINT."""
    end = time.monotonic() + seconds
    while "sleep" not in map(name_of, proc.descendants(pid)):
        assert time.monotonic() < end
        time.sleep(0.01)


def name_of(pid: int) -> str:
    try:
        return proc.text_of(pid, "comm").strip()
    except ProcessLookupError:
        return ""
