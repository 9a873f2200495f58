"""SIGKILL at any moment, a disk that is full at any moment: the store is whole, a retry succeeds, nothing is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from doing import DOING, begin, do_in, found_whole, made_context, made_layout

HERE = Path(__file__).parent
Words = Callable[[str, str], str]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image to import."""
    return made_layout(tmp_path_factory.mktemp("source") / "layout")


@pytest.fixture
def word(source: str, plain: str, repository: str, tmp_path: Path) -> Words:
    """The word that an action takes: what is imported, the context of a build, a name of the registry."""

    def found(what: str, version: str) -> str:
        if what == "build":
            return str(made_context(tmp_path / f"context{version}"))
        return {"import": source, "prune": ""}.get(what, f"{plain}/{repository}:{version}")

    return found


def in_child(work: Callable[[], None], seconds: float = 600.0) -> float:
    """Do it in a child, which is killed after so many seconds; how long it lived. Its error is one here."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 the parent reports it
            traceback.print_exc()
        finally:
            os._exit(1)
    pidfd = os.pidfd_open(pid)
    select.select([pidfd], [], [], seconds)  # readable when it has ended
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)  # a zombie does not mind
    os.close(pidfd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, -signal.SIGKILL)
    return time.monotonic() - begun


@pytest.mark.repeat(few=2, many=50)
@pytest.mark.parametrize("what", DOING)
def test_sudden_death_at_any_moment(what: str, repeats: int, word: Words, source: str, tmp_path: Path) -> None:
    named = word(what, "0")
    if what == "pull":
        begin(tmp_path / "sender", "push", named, source)
        do_in(tmp_path / "sender", "push", named)
    begin(tmp_path / "whole", what, named, source)
    whole = in_child(lambda: do_in(tmp_path / "whole", what, named))
    expected = found_whole(tmp_path / "whole", what, named)
    for number in range(1, repeats + 1):
        folder = tmp_path / str(number)
        named = word(what, str(number)) if what == "push" else named
        begin(folder, what, named, source)
        in_child(lambda: do_in(folder, what, named), whole * (number - 0.5) / repeats)  # noqa: B023
        assert found_whole(folder, what, named) == expected, number
        if what == "push":
            pulled = tmp_path / f"{number}-pulled"
            do_in(pulled, "pull", named)
            assert found_whole(pulled, "pull", named) == expected


FULL = """
import os, subprocess, sys
from pathlib import Path
place, what, word, source, part, parts = sys.argv[1:7]
sys.path[:0] = sys.argv[7:]
from doing import begin, do_in, found_whole
from pyctr_lab.errors import LabError

def used():
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize

def sized(size, *words):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([*words, f"size={size}"]), "none", place], check=True)

sized("128m")
begin(Path(place, "whole"), what, word, source)
before = used()
do_in(Path(place, "whole"), what, word)
needed = used() - before
begin(Path(place, "store"), what, word, source)
sized(used() + needed * int(part) // int(parts), "remount")
try:
    do_in(Path(place, "store"), what, word)
    print("done")
except LabError as why:
    print(str(why))
sized("256m", "remount")
print(found_whole(Path(place, "store"), what, word) == found_whole(Path(place, "whole"), what, word))
"""


@pytest.mark.repeat(few=2, many=20)
@pytest.mark.parametrize("what", ["import", "build", "pull"])
def test_a_full_disk_while_it_is_done(what: str, repeats: int, word: Words, source: str, tmp_path: Path) -> None:
    named = word(what, "0")
    if what == "pull":
        begin(tmp_path / "sender", "push", named, source)
        do_in(tmp_path / "sender", "push", named)
    place = tmp_path / "small"
    place.mkdir()
    said = []
    for part in range(repeats):
        words = [str(place), what, named, source, str(part), str(repeats), str(HERE), str(HERE.parent)]
        argv = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-P", "-c", FULL, *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        *lines, whole = done.stdout.splitlines()
        assert whole == "True" and len(lines) == 1, (part, done.stdout)
        said += lines
    assert all("No space left on device" in line for line in said if line != "done"), said
    assert said[0] != "done", "there was room enough"
