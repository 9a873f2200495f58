"""Read a frame field by field, and take note of each field: where it stands, its name and its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol


@dataclass(frozen=True)
class Field:
    """A header's field: its bytes in the frame, the layer it belongs to ("IPv4"), its name and its value as text."""

    offset: int
    length: int
    layer: str
    name: str
    value: str


class Layer(Protocol):
    """A decoded header."""

    @property
    def kind(self) -> str:
        """What the packet is, if this is its last header."""

    def words(self) -> str:
        """What it says, as one line."""


class Damage(Exception):
    """A frame cannot be decoded any further. Never leaves `decode`."""


class Reader:
    """A place in a frame, and the end of the layer that is read there; `end` is never behind the frame's."""

    def __init__(self, frame: bytes, at: int = 0) -> None:
        self.frame = frame
        self.at = at
        self.end = len(frame)
        self.layer = ""
        self.fields: list[Field] = []
        self.layers: list[Layer] = []
        self.said: int | None = None  # the end that a header has said; the frame may have been cut before
        self.cut = ""  # what the frame lacks, in words

    def need(self, end: int) -> None:
        """Raise Damage unless the layer reaches as far as `end`."""
        if self.said is not None and end > self.said:
            raise Damage(f"damaged: {self.layer} ends at byte {self.said}, and needs {end}")
        if end > self.end:
            raise Damage(self.cut or f"cut after {self.end} of {end} bytes")

    def limit(self, end: int) -> None:
        """Set the end that a header says. It must not be behind the one said before; the frame may end earlier."""
        if self.said is not None and end > self.said:
            self.cut = self.cut or f"damaged: {self.layer} ends at byte {end}, what it is in at {self.said}"
        elif end > self.end:
            self.cut = self.cut or f"cut after {self.end} of {end} bytes"
        self.said = end if self.said is None else min(end, self.said)
        self.end = max(self.at, min(self.said, self.end))

    def raw(self, length: int, name: str, shown: Callable[[bytes], str]) -> bytes:
        """The next bytes, as a field."""
        self.need(self.at + length)
        data = self.frame[self.at : self.at + length]
        if length:
            self.fields.append(Field(self.at, length, self.layer, name, shown(data)))
        self.at += length
        return data

    def number(self, length: int, name: str, shown: Callable[[int], str] = str) -> int:
        """The next bytes as a number in network byte order."""
        data = self.raw(length, name, lambda data: shown(int.from_bytes(data, "big")))
        return int.from_bytes(data, "big")

    def mac(self, name: str) -> str:
        """A hardware address."""
        return in_colons(self.raw(6, name, in_colons))

    def ipv4(self, name: str) -> str:
        """An IPv4 address."""
        return dotted(self.raw(4, name, dotted))

    def ipv6(self, name: str) -> str:
        """An IPv6 address."""
        return colons(self.raw(16, name, colons))

    def rest(self, name: str) -> int:
        """All that is left of the layer, as one field; its length."""
        if self.at < self.end:
            return len(self.raw(self.end - self.at, name, lambda data: f"{len(data)} bytes"))
        return 0


def in_colons(data: bytes) -> str:
    """A hardware address as text."""
    return data.hex(":")


def dotted(data: bytes) -> str:
    """An IPv4 address as text."""
    return str(IPv4Address(data))


def colons(data: bytes) -> str:
    """An IPv6 address as text."""
    return str(IPv6Address(data))


def hexadecimal(value: int) -> str:
    """A number as protocols' own documents write it."""
    return f"{value:#06x}"
