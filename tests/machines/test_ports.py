"""What goes over a guest's ports; the guest is played by the test."""

from __future__ import annotations

import base64
import shlex
import socket
import time
from collections.abc import Iterator

import pytest

from pyctr_lab import BadInput
from pyctr_lab.machines.hardware import PORTS
from pyctr_lab.machines.ports import LONGEST, Asked, Ports, encoded


@pytest.fixture
def ends() -> Iterator[tuple[Ports, dict[str, socket.socket]]]:
    pairs = {name: socket.socketpair() for name in PORTS}
    yield Ports({name: pair[0] for name, pair in pairs.items()}), {name: pair[1] for name, pair in pairs.items()}
    for pair in pairs.values():
        for end in pair:
            end.close()


@pytest.mark.parametrize("argv", [["echo", "a b", "", "'", "ä\udcff"], ["printf", "a\nb\n"]])
def test_a_command_goes_over_as_it_is(argv: list[str]) -> None:
    line = base64.b64decode(encoded(argv)).decode(errors="surrogateescape")
    assert shlex.split(line) == argv and "\n" not in encoded(argv)


@pytest.mark.parametrize("argv", [["a\0b"], ["x" * (LONGEST + 1)]])
def test_a_command_that_no_guest_takes_is_refused(argv: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        encoded(argv)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_token_ends_what_is_said_wherever_it_is_cut(size: int) -> None:
    asked = Asked(1, "0123456789abcdef", "")
    data = b"\0\xffsaid 0123456789 more\n" + asked.token.encode() + b"from the background"
    for start in range(0, len(data), size):
        asked.hear("out", data[start : start + size])
    assert asked.said["out"] == b"\0\xffsaid 0123456789 more\n" and asked.ended["out"]


def test_a_command_has_ended_when_all_three_say_so(ends: tuple[Ports, dict[str, socket.socket]]) -> None:
    ports, guest = ends
    guest["out"].send(b"left over")
    asked = ports.ask(["false"])
    ports.begin(asked)
    verb, number, token, _ = guest["ask"].recv(1000).decode().split()
    assert (verb, number, token) == ("run", str(asked.number), asked.token)
    guest["out"].send(b"out" + token.encode())
    guest["ask"].send(f"{number} 1 0\n".encode())
    assert not ports.wait(asked, time.monotonic() + 0.01)
    guest["err"].send(b"err" + token.encode())
    assert ports.wait(asked, None)
    assert (asked.returncode, asked.said) == (1, {"out": b"out", "err": b"err"})


def test_a_signal_is_told_from_a_status() -> None:
    assert Asked(1, "", "", status=137).returncode == 137
    assert Asked(1, "", "", status=9, signal=9).returncode == -9


def test_a_machine_that_ends_is_noticed(ends: tuple[Ports, dict[str, socket.socket]]) -> None:
    ports, guest = ends
    asked = ports.ask(["true"])
    guest["ask"].close()
    with pytest.raises(ConnectionError):
        ports.wait(asked, None)
    with pytest.raises(ConnectionError):
        ports.power_off()


def test_one_that_does_not_end_is_asked_again_until_patience_ends(ends: tuple[Ports, dict[str, socket.socket]]) -> None:
    ports, guest = ends
    asked = ports.ask(["sleep", "1000"])
    ports.begin(asked)
    assert not ports.end(asked, 0.05)
    assert f"kill {asked.number}\n" in guest["ask"].recv(1000).decode()
