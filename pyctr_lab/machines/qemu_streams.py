"""Descriptors that QEMU inherits: files that it may not open by name, and the guest's channels."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from ..kernel.arguments import Ref
from ..kernel.calls import Call, dup3
from ..runtime.streams import Streams
from .hardware import CHANNELS

FIRST = 100  # far above the descriptors that a new process receives


class QemuStreams(Streams):
    """The streams of the QEMU process: the console is its standard output; further descriptors follow.

    `contents` becomes files in memory, `files` are passed as they are, `ours` are the host's ends of the channels.
    """

    def __init__(self, contents: Mapping[str, bytes], files: Mapping[str, int]) -> None:
        super().__init__(collect=False)
        self.ours: dict[str, socket.socket] = {}
        try:
            for name, content in contents.items():
                self.theirs[name] = memory_file(name, content)
            self.theirs |= {name: os.dup(fd) for name, fd in files.items()}
            for name in CHANNELS:
                self.ours[name], theirs = socket.socketpair()
                self.theirs[name] = theirs.detach()
        except BaseException:
            self.close()
            raise
        self.numbers = {name: FIRST + place for place, name in enumerate([*contents, *files, *CHANNELS])}

    def calls(self) -> list[Call]:
        """The calls of `Streams`, and one dup3 for each further descriptor."""
        more = [dup3(Ref(name), number) for name, number in self.numbers.items()]
        return [*super().calls(), *more]

    def hang_up(self) -> None:
        """Close the host's ends of the channels: the machine has ended."""
        for port in self.ours.values():
            port.close()


def memory_file(name: str, content: bytes) -> int:
    """An anonymous file in memory, freed with its last descriptor (memfd_create(2))."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    return fd
