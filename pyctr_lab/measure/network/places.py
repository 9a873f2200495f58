"""Where programs are run that send and receive: in containers, in network namespaces made by hand, or beside us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ...errors import LabError, TimeExpired
from ...lab import Lab
from ...networks import Network
from ...runtime import Container
from ...runtime.carrier import readable
from ...runtime.streams import Streams
from ...steps import Veth

PATIENCE = 60.0  # seconds for a word of a program
BY_HAND = """set -e
mount -t tmpfs tmpfs /run
ip link add by-hand type bridge
ip link set by-hand up
for each in 2 3; do
    ip netns add hand$each
    ip link add hand$each type veth peer name eth0 netns hand$each
    ip link set hand$each master by-hand up
    ip -n hand$each address add 192.168.253.$each/24 dev eth0
    ip -n hand$each link set eth0 up
done
"""


class Running:
    """A program whose output is read from a pipe."""

    def __init__(self, output: int, end: Callable[[], object]) -> None:
        self._output, self.end, self.said = output, end, ""

    def read(self, until: str = "") -> str:
        """Its output up to a text, or to its end. Raises LabError where it ends before, TimeExpired."""
        while not until or until not in self.said:
            if not readable(self._output, PATIENCE):
                raise TimeExpired(f"no {until or 'end'} within {PATIENCE:g} s: {self.said[-200:]!r}")
            more = os.read(self._output, 1 << 16).decode(errors="replace")
            if not more and until:
                raise LabError(f"a program has ended early: {' '.join(self.said.split())[-200:]}")
            self.said += more
            if not more:
                break
        return self.said


@dataclass(frozen=True)
class ProgramPlace:
    """A place for programs, by a function that starts one with a descriptor for its output, and returns its end.

    `address` is where others reach it.
    """

    start: Callable[[Sequence[str], int], Callable[[], object]]
    address: str = "127.0.0.1"

    @contextmanager
    def running(self, argv: Sequence[str]) -> Iterator[Running]:
        """Run a program, which is killed at the end of the block."""
        here, there = os.pipe()
        try:
            try:
                end = self.start(argv, there)
            finally:
                os.close(there)
            try:
                yield Running(here, end)
            finally:
                end()
        finally:
            os.close(here)

    def output(self, argv: Sequence[str]) -> str:
        """The output of a program that ends."""
        with self.running(argv) as running:
            return running.read()


def beside_us(argv: Sequence[str], output: int) -> Callable[[], object]:
    """Start a program in our own network namespace."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def end() -> None:
        process.kill()
        process.wait()

    return end


def starting_in(box: Container, *before: str) -> Callable[[Sequence[str], int], Callable[[], object]]:
    """A function that starts programs in a container or the lab's host, behind some words."""
    return lambda argv, output: box.launch([*before, *argv], Streams(None, output, output)).end


def at_network(lab: Lab, name: str, network: Network, publish: dict[int | str, int] | None = None) -> ProgramPlace:
    """A container at a network."""
    box = lab.container(name, network=network, publish=publish)
    steps = [*(box.recipe or [])]
    for step in steps:
        box.apply(step)
    (end,) = (step.end for step in steps if isinstance(step, Veth))
    return ProgramPlace(starting_in(box), end.addresses[0].partition("/")[0])


def by_hand(lab: Lab) -> tuple[ProgramPlace, ProgramPlace]:
    """Two network namespaces at a bridge, made by ip(8) alone, in the lab's own world. Raises LabError without it."""
    done = lab.host.run(["sh", "-c", BY_HAND], timeout=PATIENCE)
    if done.returncode:
        raise LabError(f"ip netns failed: {' '.join(done.stderr.split())[-200:]}")
    one, other = (
        ProgramPlace(starting_in(lab.host, "nsenter", f"--net=/run/netns/hand{each}"), f"192.168.253.{each}")
        for each in (2, 3)
    )
    return one, other
