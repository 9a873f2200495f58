"""The names of a network: a name server of its own, bound to the bridge's address alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ..errors import BadInput, Gone
from ..kernel.checks import check_list, check_text, short_repr
from ..runtime.outer_world import OuterWorld
from ..runtime.service import LabService

PROGRAM = "pyctr_lab.networks.programs.name_server:serve"
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
MOST = 253  # letters of a name, see RFC 1035


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names by which others find a container. Raises BadInput."""
    found = check_list(names, "names")
    for name in found:
        text = check_text(name, "a name")
        if len(text) > MOST or not all(LABEL.fullmatch(label) for label in text.split(".")):
            raise BadInput(f"{short_repr(name)} is no name for a name server",
                           hint="letters, digits, - and _, up to 63 between two dots")  # fmt: skip
    return found


class NameServer:
    """The name server of one network. It answers for the network's containers alone, unknown names are refused."""

    def __init__(self, world: OuterWorld, addresses: Sequence[str]) -> None:
        self._world, self._addresses = world, tuple(addresses)
        self.service: LabService | None = None
        self._known: list[tuple[tuple[str, ...], list[str]]] = []  # said again to one that takes its place

    def start(self) -> None:
        """Start it: it listens when this returns."""
        address, address6, *_ = (*self._addresses, "")
        self.service = LabService(self._world, PROGRAM, address=address, address6=address6)

    def add(self, names: tuple[str, ...], addresses: list[str]) -> None:
        """Have names answered with these addresses, beside others that they have. Known when this returns."""
        self._known.append((names, addresses))
        self._tell("add", names, addresses)

    def remove(self, names: tuple[str, ...], addresses: list[str]) -> None:
        """Take addresses away from names; a name without one is unknown."""
        with suppress(ValueError):
            self._known.remove((names, addresses))
        with suppress(Gone):  # then nothing is answered any more
            self._tell("remove", names, addresses)

    def _tell(self, what: str, names: tuple[str, ...], addresses: list[str]) -> None:
        try:
            self._ask(what, names, addresses)
        except Gone:  # it was killed: start another, with all that is known now
            self._start_again()

    def _start_again(self) -> None:
        self._world.require_open()
        self.end()
        self.start()
        for names, addresses in self._known:
            self._ask("add", names, addresses)

    def _ask(self, what: str, names: tuple[str, ...], addresses: list[str]) -> None:
        assert self.service is not None
        for name in names:
            self.service.ask({what: name, "addresses": addresses})

    def end(self) -> None:
        """End it. Twice is fine."""
        if self.service is not None:
            self.service.end()
