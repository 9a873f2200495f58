"""Booting: under KVM where a guest speaks there, else under TCG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..errors import LabError, Unsupported
from ..runtime import Lab
from . import accelerator
from .accelerator import Finding
from .emulator import Emulator, Ended, Panicked, Silent
from .hardware import Hardware

SPOKEN = 10.0  # seconds in which a guest says something new where KVM works, be that processor emulated itself
SILENCE = 30.0  # the same where nobody doubts that it will


@dataclass(frozen=True)
class Booted:
    """A guest that has answered, after so many `seconds`, and what is known of `kvm` here."""

    emulator: Emulator
    seconds: float
    kvm: Finding


Start: TypeAlias = Callable[[str, float], tuple[Emulator, float]]


def boot(start: Start, wanted: str | None) -> Booted:
    """Starts a guest by `start`, which is told the accelerator, and within which seconds it must say something new.

    `wanted` is "kvm", "tcg", or None for the better one.

    Where nobody knows yet whether KVM works, this guest tries it. One that falls silent where guests are known to
    come to speak is begun again, once: before QEMU 8.1 one emulated processor may translate an instruction that another
    is just writing over, and keep the old one for ever. The kernel writes over its own as it boots.
    """
    finding = Finding(False, "it was not wanted") if wanted == "tcg" else accelerator.known()
    if finding is None:
        first = first_try(start)
        if isinstance(first, Booted):
            return first
        finding = first
    elif finding.works:
        try:
            return Booted(*patiently(start, "kvm"), finding)
        except Unsupported as why:  # it works, and is not to be had now: another hypervisor has the processor, say
            finding = Finding(False, str(why).splitlines()[0])
    if wanted == "kvm":
        raise Unsupported(f"no guest runs under KVM here: {finding.reason}", hint='accelerator="tcg" needs no KVM')
    return Booted(*patiently(start, "tcg"), finding)


def first_try(start: Start) -> Booted | Finding:
    """A guest under KVM, or why there is none.

    That is kept until the host boots again, but only of a guest that ran and did not speak. What else may hinder it can
    be over in a moment: a right that is not given yet, a lack of memory, a limit of the caller's.
    """
    try:
        emulator, seconds = start("kvm", SPOKEN)
    except Panicked:
        accelerator.remember(Finding(True))
        raise
    except LabError as why:
        finding = Finding(False, str(why).splitlines()[0])
        if isinstance(why, Silent | Ended):
            accelerator.remember(finding)
        return finding
    accelerator.remember(Finding(True))
    return Booted(emulator, seconds, Finding(True))


def patiently(start: Start, name: str) -> tuple[Emulator, float]:
    """A guest where guests are known to speak; one that falls silent is begun again, once."""
    try:
        return start(name, SILENCE)
    except Silent:
        return start(name, SILENCE)


def started(
    lab: Lab,
    hardware: Hardware,
    contents: Mapping[str, bytes],
    files: Mapping[str, int],
    limit: float,
    name: str,
    silence: float,
) -> tuple[Emulator, float]:
    """A guest that has answered under the accelerator of this name; one that does not leaves nothing behind."""
    emulator = Emulator(lab, replace(hardware, accelerator=name), contents, files)
    try:
        return emulator, emulator.await_answer(limit, silence)
    except BaseException:
        emulator.kill()
        raise
