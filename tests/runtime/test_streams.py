"""The streams of a program, with a plain child of ours in the program's place: no lab is needed for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pyctr_lab import BadInput
from pyctr_lab.runtime.output import HALF, Output, drain
from pyctr_lab.runtime.streams import Streams


def child(streams: Streams, code: str) -> subprocess.Popen[bytes]:
    given = {name: streams.theirs[name] for name in ("stdin", "stdout", "stderr")}
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], **given)
    streams.hand_over()
    return process


def pumped(streams: Streams, code: str, timeout: float | None = None) -> bool:
    process = child(streams, code)
    pidfd = os.pidfd_open(process.pid)
    try:
        return streams.pump(pidfd, timeout)
    finally:
        process.kill()
        process.wait()
        os.close(pidfd)


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    drain()  # which stays
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


def test_input_goes_in_and_both_outputs_come_out() -> None:
    streams = Streams("äh\n")
    assert pumped(streams, "import sys; print(input()); print('oh', file=sys.stderr)")
    assert (streams.text("stdout"), streams.text("stderr")) == ("äh\n", "oh\n")
    streams.close()


def test_more_than_a_pipe_holds_in_both_directions() -> None:
    streams = Streams(b"x" * (1 << 21))
    assert pumped(streams, "import sys; sys.stdout.write(sys.stdin.read())")
    assert len(streams.text("stdout")) == 1 << 21
    streams.close()


def test_the_time_runs_out() -> None:
    streams = Streams()
    assert not pumped(streams, "print('so far', flush=True); import time; time.sleep(60)", timeout=0.5)
    streams.close()


def test_what_nobody_drains_is_kept_and_does_not_block() -> None:
    streams = Streams(collect=False)
    process = child(streams, "print('x' * (1 << 20))")
    assert process.wait() == 0
    assert len(streams.text("stdout")) == (1 << 20) + 1
    streams.close()
    assert len(streams.text("stdout")) == (1 << 20) + 1, "and stays when all is closed"


def test_of_much_output_the_beginning_and_the_end_are_kept() -> None:
    output = Output()
    for piece in (b"first", b"x" * HALF, b"y" * HALF, b"z" * HALF, b"last"):
        output.add(piece)
        assert len(output._head) + len(output._tail) <= 3 * HALF, "no more than that is ever held"
    assert len(output.text) < 2 * HALF + 100
    beginning, said, end = output.text.split("\n")
    assert beginning.startswith("first") and end.endswith("zlast") and len(beginning) == len(end) == HALF
    assert said == f"[{3 * HALF + 9 - 2 * HALF} bytes cut here: 64 MiB of an output are kept]"


def test_output_within_the_bound_is_whole() -> None:
    output = Output()
    output.add(b"x" * HALF)
    output.add(b"y" * HALF)
    assert output.text == "x" * HALF + "y" * HALF


def test_a_program_in_the_background_that_writes_on_does_not_hold_us_up() -> None:
    streams = Streams()
    try:
        assert pumped(streams, "import subprocess; subprocess.Popen(['timeout', '20', 'yes'])", timeout=10)
    finally:
        streams.close()  # which ends it: nobody reads any more


def test_a_terminal_is_not_given_away() -> None:
    """A program that had it could read what the user types."""
    ours, theirs = os.openpty()
    streams = Streams(stdout=theirs, stderr=theirs)
    assert pumped(streams, "import sys, os; print(os.isatty(1), os.isatty(2)); print('oh', file=sys.stderr)")
    said = b""
    while len(said.split()) < 3:  # a terminal hands over what has come, line by line
        said += os.read(ours, 100)
    assert sorted(said.split()) == [b"False", b"False", b"oh"]
    streams.close()
    os.close(ours)
    os.close(theirs)


def test_a_descriptor_is_used_as_it_is() -> None:
    ours, theirs = os.pipe()
    streams = Streams(stdout=theirs)
    os.close(theirs)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(os.read(ours, 100)))
    reader.start()
    assert pumped(streams, "print('hello')")
    reader.join()
    assert heard == [b"hello\n"] and streams.text("stdout") == ""
    streams.close()
    os.close(ours)


def test_what_is_no_input_is_refused_and_leaves_nothing_open() -> None:
    with pytest.raises(BadInput, match="stdin is text, bytes or a descriptor, not list"):
        Streams(["a"])  # type: ignore[arg-type]


def test_the_calls_make_them_0_1_and_2() -> None:
    streams = Streams()
    assert [str(call) for call in streams.calls()] == ["dup3(stdin, 0, 0)", "dup3(stdout, 1, 0)", "dup3(stderr, 2, 0)"]
    streams.close()
