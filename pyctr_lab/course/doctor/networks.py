"""Diagnoses of networks: what a lab's kernel gives, and which parts of a lesson go on without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..syllabus import lessons_with
from .diagnosis import Diagnosis, fine
from .machine import ExaminedMachine

NEED = "networks"  # of a lesson, in the syllabus


@dataclass(frozen=True)
class NetworkPart:
    """A part of networks: what fails without it. `needed`: a lesson about networks cannot be done at all."""

    name: str
    without: str
    fix: Callable[[ExaminedMachine], str]
    needed: bool = False


PARTS = {
    "veth": NetworkPart("network cables", "no container can be connected",
                        lambda machine: machine.sudo("modprobe veth"), needed=True),
    "bridge": NetworkPart("bridges", "no network can be made",
                          lambda machine: machine.sudo("modprobe bridge"), needed=True),
    "packets": NetworkPart("packet sockets", "the parts that capture packets are left out, the others go on",
                           lambda machine: machine.sudo("modprobe af_packet")),
    "nft": NetworkPart("packet rules", "the parts that lose and filter packets are left out, the others go on",
                       lambda machine: machine.install("nftables")),
}  # fmt: skip


def networks(machine: ExaminedMachine) -> list[Diagnosis]:
    """What networks are made of, each found by trying in a lab. iproute2 is among the programs."""
    if machine.system != "linux" or machine.start.refused:
        return []
    failed = machine.tried_networks()
    if not failed:
        return fine("networks", "tried: cables (veth), bridges, packet sockets (AF_PACKET), rules (nft)")
    return [_diagnosis(machine, PARTS[name], why) for name, why in failed.items()]


def _diagnosis(machine: ExaminedMachine, part: NetworkPart, why: str) -> Diagnosis:
    lessons = lessons_with(need=NEED)
    where = f"lesson {', '.join(lessons)}: " if lessons else ""
    state = "missing" if part.needed and lessons else "limited"
    blocks = lessons if part.needed else ()
    return Diagnosis(part.name, state, f"tried: {why}; {where}{part.without}", blocks, part.fix(machine))
