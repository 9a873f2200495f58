"""Booting: under KVM where a guest speaks there, else under TCG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..errors import LabError, Unsupported
from ..runtime import Lab
from . import accelerator
from .accelerator import Finding
from .emulator import Emulator, Panicked, Silent
from .hardware import Hardware

SPOKEN = 10.0  # seconds in which a guest says something new where KVM works, be that processor emulated itself
SILENCE = 30.0  # the same where nobody doubts that it will


@dataclass(frozen=True)
class Booted:
    """A guest that has answered, after so many `seconds`, and what is known of `kvm` here."""

    emulator: Emulator
    seconds: float
    kvm: Finding


def boot(start: Callable[[str, float], tuple[Emulator, float]], wanted: str | None) -> Booted:
    """Starts a guest by `start`, which is told the accelerator, and within which seconds it must say something new.

    `wanted` is "kvm", "tcg", or None for the better one.

    Where nobody has tried KVM since the host booted, this guest does. One that falls silent where guests are known to
    come to speak is begun again, once: before QEMU 8.1 one emulated processor may translate an instruction that another
    is just writing over, and keep the old one for ever. The kernel writes over its own as it boots.
    """
    finding = Finding(False, "it was not wanted") if wanted == "tcg" else accelerator.known()
    if finding is None:
        try:
            emulator, seconds = start("kvm", SPOKEN)
        except Panicked:
            accelerator.remember(Finding(True))
            raise
        except LabError as why:
            finding = Finding(False, str(why).splitlines()[0])
        else:
            finding = Finding(True)
            accelerator.remember(finding)
            return Booted(emulator, seconds, finding)
        accelerator.remember(finding)
    if wanted == "kvm" and not finding.works:
        raise Unsupported(f"no guest runs under KVM here: {finding.reason}", hint='accelerator="tcg" needs no KVM')
    name = "kvm" if finding.works else "tcg"
    try:
        emulator, seconds = start(name, SILENCE)
    except Silent:
        emulator, seconds = start(name, SILENCE)
    return Booted(emulator, seconds, finding)


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
