"""Arguments and lists of calls as they lie in memory. The launcher imports it: it needs nothing else of the course.

An argument is as `main.py` says. A list of calls is laid out for the loop of `faststart/loop.py`, which says what an
entry is.
"""

from __future__ import annotations

import ctypes
import os

ENTRY, RESULT, FINE, CLOCK, OWN = 12, 7, 8, 10, 11  # words of an entry, and where in it they are
WORD = 8
ROOM = 64  # entries that may be put before a list that is kept, and behind it
LOOKED_PAST = (2, 13, 20, 110, 116)  # execvpe(3) goes on after ENOENT, EACCES, ENOTDIR, ETIMEDOUT and ESTALE

Block = tuple[bytes, bytearray]  # what was put into memory, and the memory; both with a byte of 0 behind it
Call = tuple[int, tuple[object, ...], tuple[int, ...], str, int]
"""Its number, arguments, errnos that are fine, name of its result, where its buffer has an errno of its own or -1."""


def search_path(variables: object) -> str:
    """The value of PATH among `NAME=value` texts, as execvpe(3) searches it; this process's own without one."""
    texts = variables if isinstance(variables, tuple) else ()
    own = [text[5:] for text in texts if isinstance(text, str) and text.startswith("PATH=")]
    return own[-1] if own else os.environ["PATH"]


def word(value: object, known: dict[str, int], memory: list[Block]) -> int:
    """An argument as a machine word. What it points to lives as long as `memory` does."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if isinstance(value, list):  # an earlier result, or text around one
        if len(value) == 1:
            return known[value[0]]
        before, name, after = value
        if isinstance(before, str):
            value = f"{before}{known[name]}{after}"
        else:
            value = before + known[name].to_bytes(4, "little") + after
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
    """A list of calls, laid out. What all starts have in common stays; some calls stand before it and some behind it,
    others each time."""

    def __init__(self, calls: list[Call], before: int, behind: int) -> None:
        self.before, self.behind = max(before, ROOM), max(behind, ROOM)
        size = 1 + self.before + len(calls) + self.behind
        block, constants = bytearray(WORD * ENTRY * size), bytearray(WORD * 6 * size)
        self._gate, self._shared = bytearray(WORD), bytearray(WORD)
        self.words, self._constants = memoryview(block).cast("q"), memoryview(constants).cast("q")
        self._block, self._zero = address(block), address(constants)
        self._used = 1  # the first constant is 0
        self._places: dict[str, int] = {}  # where the words are that have names
        self.memory: list[list[Block]] = [[] for _ in range(size)]  # of each entry
        self._first, self._end = 0, 1 + self.before + len(calls)
        for entry, call in enumerate(calls, 1 + self.before):
            self._put(entry, *call)
        self._kept = self._used, self._places, self._end

    def fill(self, before: tuple[Call, ...], behind: list[Call], known: dict[str, int]) -> None:
        """Has these calls stand before and behind, instead of others. `known` are names of descriptors."""
        self._used, kept, end = self._kept
        self._first = self.before - len(before)  # that of clone3, which is not read
        self._places = {name: self._constant(value) for name, value in known.items()}
        self._places["gate"] = self._constant(address(self._gate))
        self._gate[:] = bytes(WORD)
        for entry, call in enumerate(before, 1 + self._first):
            self._put(entry, *call)
        self._places.update(kept)
        for entry, call in enumerate(behind, end):
            self._put(entry, *call)
        self._end = end + len(behind)

    @property
    def start(self) -> int:
        """Where its first entry lies, that of clone3."""
        return self._block + WORD * ENTRY * self._first

    def _put(
        self, entry: int, number: int, args: tuple[object, ...], fine: tuple[int, ...], result: str, own: int
    ) -> None:
        at = ENTRY * entry
        memory: list[Block] = []
        self.words[at] = number
        for place in range(6):
            self.words[at + 1 + place] = self._place(args[place], memory) if place < len(args) else self._zero
        mask = sum(1 << errno for errno in fine)
        self.words[at + FINE], self.words[at + FINE + 1] = signed(mask), signed(mask >> 64)
        self.words[at + OWN] = self._zero if own < 0 else address(memory[0][1]) + own
        self.memory[entry] = memory
        if result:
            self._places[result] = self._block + WORD * (at + RESULT)

    def _place(self, value: object, memory: list[Block]) -> int:
        if isinstance(value, list):
            return self._places[value[0]]
        return self._constant(word(value, {}, memory))

    def _constant(self, value: int) -> int:
        self._constants[self._used] = signed(value)
        self._used += 1
        return self._zero + WORD * (self._used - 1)

    def open_gate(self) -> int:
        """Set the gate word and return its address for futex_wake."""
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

    def collect(self) -> list[bytes]:
        """What became of it: the results, what the clock said, and what the kernel wrote to. See `trace.py`.

        Each of the last begins with the number of its entry. All memory is then as it was.
        """
        written = []
        for entry in range(self._first, self._end):
            for raw, block in self.memory[entry]:
                if block != raw:
                    written.append((entry - self._first).to_bytes(WORD, "little") + block[:-1])
                    block[:] = raw
        words = self.words[ENTRY * self._first : ENTRY * self._end]
        return [words[place::ENTRY].tobytes() for place in (RESULT, CLOCK)] + written


def signed(value: int) -> int:
    """The lowest 64 bits as a number with a sign."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
