"""What goes over a guest's channels; the test plays the guest."""

from __future__ import annotations

import base64
import shlex
import socket
import time
from collections.abc import Iterator

import pytest

from pyctr_lab import BadInput
from pyctr_lab.machines.channels import LONGEST, Channels, GuestCommand, encode_command
from pyctr_lab.machines.hardware import CHANNELS


@pytest.fixture
def ends() -> Iterator[tuple[Channels, dict[str, socket.socket]]]:
    pairs = {name: socket.socketpair() for name in CHANNELS}
    yield Channels({name: pair[0] for name, pair in pairs.items()}), {name: pair[1] for name, pair in pairs.items()}
    for pair in pairs.values():
        for end in pair:
            end.close()


@pytest.mark.parametrize("argv", [["echo", "a b", "", "'", "ä\udcff"], ["printf", "a\nb\n"]])
def test_a_command_goes_over_as_it_is(argv: list[str]) -> None:
    line = base64.b64decode(encode_command(argv)).decode(errors="surrogateescape")
    assert shlex.split(line) == argv and "\n" not in encode_command(argv)


@pytest.mark.parametrize("argv", [["a\0b"], ["x" * (LONGEST + 1)]])
def test_a_command_that_no_guest_takes_is_refused(argv: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        encode_command(argv)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_token_ends_what_is_said_wherever_it_is_cut(size: int) -> None:
    sent = GuestCommand(1, "0123456789abcdef", "")
    data = b"\0\xffsaid 0123456789 more\n" + sent.token.encode() + b"from the background"
    for start in range(0, len(data), size):
        sent.receive("out", data[start : start + size])
    assert sent.output["out"] == b"\0\xffsaid 0123456789 more\n" and sent.ended["out"]


def test_a_command_has_ended_when_all_three_say_so(ends: tuple[Channels, dict[str, socket.socket]]) -> None:
    channels, guest = ends
    guest["out"].send(b"left over")
    sent = channels.command(["false"])
    channels.begin(sent)
    verb, number, token, _ = guest["ask"].recv(1000).decode().split()
    assert (verb, number, token) == ("run", str(sent.number), sent.token)
    guest["out"].send(b"out" + token.encode())
    guest["ask"].send(f"{number} 1 0\n".encode())
    assert not channels.wait(sent, time.monotonic() + 0.01)
    guest["err"].send(b"err" + token.encode())
    assert channels.wait(sent, None)
    assert (sent.returncode, sent.output) == (1, {"out": b"out", "err": b"err"})


def test_a_signal_is_told_from_a_status() -> None:
    assert GuestCommand(1, "", "", status=137).returncode == 137
    assert GuestCommand(1, "", "", status=9, signal=9).returncode == -9


def test_a_machine_that_ends_is_noticed(ends: tuple[Channels, dict[str, socket.socket]]) -> None:
    channels, guest = ends
    sent = channels.command(["true"])
    guest["ask"].close()
    with pytest.raises(ConnectionError):
        channels.wait(sent, None)
    with pytest.raises(ConnectionError):
        channels.power_off()


def test_kill_is_sent_again_until_patience_ends(ends: tuple[Channels, dict[str, socket.socket]]) -> None:
    channels, guest = ends
    sent = channels.command(["sleep", "1000"])
    channels.begin(sent)
    assert not channels.end(sent, 0.05)
    assert f"kill {sent.number}\n" in guest["ask"].recv(1000).decode()
