"""What QEMU is given as open descriptors: files that it may not open by name, and the guest's ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from ..kernel.arguments import Ref
from ..kernel.calls import Call, dup3
from ..runtime.streams import Streams
from .hardware import PORTS

FIRST = 100  # far from the numbers under which a newborn process receives them


class Wires(Streams):
    """The streams of QEMU's process: the console is its standard output, and there are more descriptors than three.

    `contents` becomes files in memory; `files` are descriptors as they are. `ours` are our ends of the ports.
    """

    def __init__(self, contents: Mapping[str, bytes], files: Mapping[str, int]) -> None:
        super().__init__(collect=False)
        self.ours: dict[str, socket.socket] = {}
        try:
            for name, content in contents.items():
                self.theirs[name] = memory_file(name, content)
            self.theirs |= {name: os.dup(fd) for name, fd in files.items()}
            for name in PORTS:
                self.ours[name], theirs = socket.socketpair()
                self.theirs[name] = theirs.detach()
        except BaseException:
            self.close()
            raise
        self.numbers = {name: FIRST + place for place, name in enumerate([*contents, *files, *PORTS])}

    def calls(self) -> list[Call]:
        """As for any program, and a number of its own for each of the others."""
        more = [dup3(Ref(name), number) for name, number in self.numbers.items()]
        return [*super().calls(), *more]

    def hang_up(self) -> None:
        """Closes our ends of the ports: the machine has ended."""
        for port in self.ours.values():
            port.close()


def memory_file(name: str, content: bytes) -> int:
    """A file that has no name anywhere and goes with its last descriptor."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    return fd
