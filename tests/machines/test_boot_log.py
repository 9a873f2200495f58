"""The kernel's own times are read from what the console said."""

from __future__ import annotations

from pyctr_lab import Machine
from pyctr_lab.machines import boot_log
from pyctr_lab.machines.boot_log import READY, USER_SPACE, Message

CONSOLE = """Probing EDD (edd=off to disable)... ok\r
[    0.000000] Linux version 6.1.0\r
[    1.165672] Run /init as init process\r
not the kernel [    9.000000] at all
[   12.500000]
[  100.000001] \tRude variant\r\r
[   13.2"""


def test_timed_lines_are_messages_and_others_are_not() -> None:
    assert boot_log.parse_log(CONSOLE) == (
        Message(0.0, "Linux version 6.1.0"),
        Message(1.165672, "Run /init as init process"),
        Message(12.5, ""),
        Message(100.000001, "\tRude variant"),
    )


def test_a_guest_tells_its_whole_way(vm: Machine) -> None:
    log = vm.boot_log
    texts = [message.text for message in log]
    assert texts[0].startswith("Linux version ") and texts.index(USER_SPACE) < texts.index(READY)
    assert 0 == log[0].seconds < log[texts.index(USER_SPACE)].seconds < log[texts.index(READY)].seconds
