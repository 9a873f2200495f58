"""What a process that the loop carried has to tell, from the words that it left."""

from __future__ import annotations

import struct
from errno import EACCES, ENOENT, ENOEXEC

import pytest

from pyctr_lab.runtime.faststart.trace import SpawnTrace

BEGAN = 1000


def told(*results: int, times: tuple[int, ...], searched: int = 1, written: tuple[bytes, ...] = ()) -> SpawnTrace:
    """Two nanoseconds are one tick."""
    clock = struct.pack("<4q", BEGAN, 50, 100, searched)
    words = (struct.pack(f"<{len(each)}q", *each) for each in (results, times))
    return SpawnTrace(clock, *words, *written)


def test_each_call_that_came_back_has_a_line() -> None:
    story = told(7, 3, -ENOENT, 0, times=(1010, 1015, 1100, 0))
    assert (story.made, story.lines()) == (3, ["7 0 20", "3 0 10", f"-1 {ENOENT} 170"])


def test_what_an_earlier_start_left_is_not_told() -> None:
    assert told(7, 3, 0, times=(1010, 990, 995)).lines() == ["7 0 20"]


def test_what_the_kernel_wrote_stands_with_its_call() -> None:
    story = told(7, 3, 0, times=(1010, 1020, 0), written=(struct.pack("<q", 1) + b"\x05\x06",))
    assert story.lines() == ["7 0 20", "3 0 20 0506"]


@pytest.mark.parametrize(
    ("errnos", "line"),
    [
        ((), []),  # the first was it
        ((ENOENT,), []),  # the second was
        ((ENOENT, ENOENT), [f"-1 {ENOENT} 40"]),
        ((EACCES, ENOENT), [f"-1 {EACCES} 40"]),
        ((ENOENT, ENOEXEC), [f"-1 {ENOEXEC} 40"]),
        ((ENOEXEC,), [f"-1 {ENOEXEC} 20"]),
    ],
)
def test_a_search_is_one_call(errnos: tuple[int, ...], line: list[str]) -> None:
    results = [*(-errno for errno in errnos), 0, 0][:2]
    times = [1010 + 10 * number if number <= len(errnos) else 0 for number in range(3)]
    assert told(7, *results, times=tuple(times), searched=2).lines()[1:] == line
