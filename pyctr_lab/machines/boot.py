"""Boot a guest: under KVM if a guest has answered there, else under TCG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..errors import LabError, Unsupported
from ..runtime import Lab
from . import accelerator
from .accelerator import KvmFinding
from .emulator import Emulator, Ended, Panicked, Silent
from .hardware import Hardware

SPOKEN = 10.0  # seconds within which a guest writes to its console if KVM works, even on an emulated processor
SILENCE = 30.0  # the same where guests are known to boot


@dataclass(frozen=True)
class Booted:
    """A guest that has answered, after `seconds`, and what was found out about KVM."""

    emulator: Emulator
    seconds: float
    kvm: KvmFinding


Start: TypeAlias = Callable[[str, float], tuple[Emulator, float]]


def boot_guest(start: Start, wanted: str | None) -> Booted:
    """Boot a guest by `start(accelerator, silence)`: `silence` is the longest time without new output, in seconds.

    `wanted` is "kvm", "tcg", or None for the better one. If it is not known yet whether KVM works, this guest tries it.

    A guest that hangs where guests are known to boot is started once more: before QEMU 8.1 an emulated processor may
    translate an instruction while another overwrites it, and keep the old one. Linux patches its own code during boot.
    """
    finding = KvmFinding(False, "TCG was chosen") if wanted == "tcg" else accelerator.known_kvm()
    if finding is None:
        first = first_try(start)
        if isinstance(first, Booted):
            return first
        finding = first
    elif finding.works:
        try:
            return Booted(*patiently(start, "kvm"), finding)
        except Unsupported as why:  # it works, but not now: another hypervisor may use the processor
            finding = KvmFinding(False, str(why).splitlines()[0])
    if wanted == "kvm":
        raise Unsupported(f"no guest runs under KVM here: {finding.reason}", hint='accelerator="tcg" needs no KVM')
    return Booted(*patiently(start, "tcg"), finding)


def first_try(start: Start) -> Booted | KvmFinding:
    """A guest under KVM, or the reason why there is none.

    The reason is kept until the host's next boot only if a guest ran and gave no answer. Others may soon be over: a
    missing permission, a lack of memory, a limit of the caller.
    """
    try:
        emulator, seconds = start("kvm", SPOKEN)
    except Panicked:
        accelerator.remember_kvm(KvmFinding(True))
        raise
    except LabError as why:
        finding = KvmFinding(False, str(why).splitlines()[0])
        if isinstance(why, Silent | Ended):
            accelerator.remember_kvm(finding)
        return finding
    accelerator.remember_kvm(KvmFinding(True))
    return Booted(emulator, seconds, KvmFinding(True))


def patiently(start: Start, name: str) -> tuple[Emulator, float]:
    """Boot a guest where guests are known to boot; one that hangs is started once more."""
    try:
        return start(name, SILENCE)
    except Silent:
        return start(name, SILENCE)


def start_guest(
    lab: Lab,
    hardware: Hardware,
    contents: Mapping[str, bytes],
    files: Mapping[str, int],
    limit: float,
    name: str,
    silence: float,
) -> tuple[Emulator, float]:
    """A guest that has answered under the accelerator `name`. If it gives no answer, its process is killed."""
    emulator = Emulator(lab, replace(hardware, accelerator=name), contents, files)
    try:
        return emulator, emulator.await_answer(limit, silence)
    except BaseException:
        emulator.kill()
        raise
