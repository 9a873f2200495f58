"""Arguments and lists of calls as they lie in memory. The launcher imports it: it needs nothing else of the course.

An argument is as `kernel/calls.py` says, but for a reference, which is a list with one name. A list of calls is laid
out for the loop of `loop.py`, which says what an entry is.
"""

from __future__ import annotations

import ctypes
import os

ENTRY, RESULT, FINE, CLOCK = 11, 7, 8, 10  # words of an entry, and where in it they are
WORD = 8
TAIL = 64  # entries that may follow on a list that is kept
LOOKED_PAST = (2, 13, 20, 110, 116)  # execvpe(3) goes on after ENOENT, EACCES, ENOTDIR, ETIMEDOUT and ESTALE

Block = tuple[bytes, bytearray]  # what was put into memory, and the memory; both with a byte of 0 behind it
Call = tuple[int, tuple[object, ...], tuple[int, ...], str]
"""Its number, arguments, errnos that are fine, name of its result."""


def word(value: object, known: dict[str, int], memory: list[Block]) -> int:
    """An argument as a machine word. What it points to lives as long as `memory` does."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if isinstance(value, list):  # a reference to an earlier result
        return known[value[0]]
    if isinstance(value, str):
        raw = os.fsencode(value) + b"\0"
    elif isinstance(value, tuple):
        raw = b"".join([word(part, known, memory).to_bytes(WORD, "little", signed=True) for part in value]) + b"\0"
    else:
        raw = bytes(value) + b"\0"  # type: ignore[call-overload]
    block = bytearray(raw)
    memory.append((raw, block))
    return address(block)


def address(block: bytearray) -> int:
    """Where it lies. Not by an array type of its length: each length would make a class."""
    return ctypes.addressof(ctypes.c_char.from_buffer(block))


def changed(memory: list[Block]) -> list[str]:
    """What the kernel wrote to, in hexadecimal."""
    return [block[:-1].hex() for raw, block in memory if block != raw]


class Laid:
    """A list of calls, laid out. What every start has in common stays; a `tail` follows, another one each time."""

    def __init__(self, calls: list[Call], tail: int) -> None:
        self.tail = max(tail, TAIL)
        size = 1 + len(calls) + self.tail
        block, constants, self._gate = bytearray(WORD * ENTRY * size), bytearray(WORD * 6 * size), bytearray(WORD)
        self.words, self._constants = memoryview(block).cast("q"), memoryview(constants).cast("q")
        self._shared = bytearray(WORD)
        self.start, self._zero = address(block), address(constants)
        self._used = 1  # the first constant is 0
        self.memory: list[list[Block]] = [[]]  # of each entry; the first is that of clone3
        self._places: dict[str, int] = {}  # where the words are that have names
        self._name("gate", address(self._gate))
        for call in calls:
            self.append(*call)
        self._kept = len(self.memory), self._used, dict(self._places)

    def append(self, number: int, args: tuple[object, ...], fine: tuple[int, ...], result: str) -> None:
        """One more entry."""
        at = ENTRY * len(self.memory)
        memory: list[Block] = []
        self.words[at] = number
        for place in range(6):
            self.words[at + 1 + place] = self._place(args[place], memory) if place < len(args) else self._zero
        mask = sum(1 << errno for errno in fine)
        self.words[at + FINE], self.words[at + FINE + 1] = signed(mask), signed(mask >> 64)
        self.memory.append(memory)
        if result:
            self._places[result] = self.start + WORD * (at + RESULT)

    def _place(self, value: object, memory: list[Block]) -> int:
        if isinstance(value, list):
            return self._places[value[0]]
        return self._constant(word(value, {}, memory))

    def _constant(self, value: int) -> int:
        self._constants[self._used] = signed(value)
        self._used += 1
        return self._zero + WORD * (self._used - 1)

    def _name(self, name: str, value: int) -> None:
        self._places[name] = self._constant(value)

    def follow(self, tail: list[Call], known: dict[str, int]) -> None:
        """Has this tail follow, instead of the one before. `known` are names of descriptors."""
        length, self._used, places = self._kept
        del self.memory[length:]
        self._places = dict(places)
        self._gate[:] = bytes(WORD)
        for name, value in known.items():
            self._name(name, value)
        for call in tail:
            self.append(*call)

    def open_gate(self) -> int:
        """Lets whoever has not come to the gate yet pass it; returns where it is, for those who wait there."""
        self._gate[0] = 1
        return address(self._gate)

    @property
    def shared(self) -> bool:
        """Whether a process still reads and writes here."""
        return bool(self._shared[0])

    def share(self) -> int:
        """Where the kernel is to tell that this is over."""
        self._shared[0] = 1
        return address(self._shared)

    def unshare(self) -> None:
        """There is no such process after all."""
        self._shared[0] = 0

    def told(self) -> list[bytes]:
        """What became of it: the results, what the clock said, and what the kernel wrote to. See `story.py`.

        Each of the last begins with the number of its entry. All memory is then as it was.
        """
        end, written = ENTRY * len(self.memory), []
        for entry, memory in enumerate(self.memory):
            for raw, block in memory:
                if block != raw:
                    written.append(entry.to_bytes(WORD, "little") + block[:-1])
                    block[:] = raw
        return [self.words[place:end:ENTRY].tobytes() for place in (RESULT, CLOCK)] + written


def signed(value: int) -> int:
    """The lowest 64 bits as a number with a sign."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
