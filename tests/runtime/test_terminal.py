"""The relay between two pseudo-terminals: the user's, and the one that a program in the lab has."""

from __future__ import annotations

import os
import pty
import termios
import threading

import pytest

from pyctr_lab import Lab
from pyctr_lab.runtime.carrier import readable
from pyctr_lab.runtime.streams import Streams
from pyctr_lab.runtime.terminal import raw, relay

pytestmark = pytest.mark.usefixtures("each_way")


def until_said(fd: int, words: bytes) -> bytes:
    """What comes from `fd`, up to and with these words."""
    said = b""
    while words not in said:
        assert readable(fd, 20), f"never said {words!r}: {said!r}"
        said += os.read(fd, 1000)
    return said


def test_keys_go_there_and_what_is_said_comes_back(lab: Lab) -> None:
    user, users_end = pty.openpty()
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    termios.tcsetwinsize(users_end, (33, 99))
    before = termios.tcgetattr(users_end)
    program = lab.launch(["sh", "-c", "stty size; read word; echo got $word; exit 7"], Streams(terminal=theirs))
    os.close(theirs)
    results = []
    thread = threading.Thread(target=lambda: results.append(relay_in_thread(program, ours, users_end)))
    thread.start()
    until_said(user, b"\r\n")
    os.write(user, b"hello\r")
    assert b"got hello" in until_said(user, b"got hello\r\n")
    thread.join(20)
    assert results[0].returncode == 7
    assert termios.tcgetattr(users_end) == before, "the user's terminal is as it was"
    for fd in (user, users_end, ours):
        os.close(fd)


def relay_in_thread(program, ours: int, users_end: int):
    """A thread may not handle signals, so that the window's changes are left out: a pipe stands for no terminal."""
    from contextlib import nullcontext
    from unittest import mock

    with mock.patch("pyctr_lab.runtime.terminal.resized", lambda *_: nullcontext()):
        return relay(program, ours, stdin=users_end, stdout=users_end)


def test_what_is_no_terminal_stays_as_it_is() -> None:
    ours, theirs = os.pipe()
    with raw(ours):
        pass
    os.close(ours)
    os.close(theirs)


def test_a_terminal_is_put_back_whatever_happens() -> None:
    user, users_end = pty.openpty()
    before = termios.tcgetattr(users_end)
    try:
        with raw(users_end):
            assert not termios.tcgetattr(users_end)[3] & termios.ECHO
            raise KeyError
    except KeyError:
        pass
    assert termios.tcgetattr(users_end) == before
    os.close(user)
    os.close(users_end)
