"""KVM counts only after a guest has spoken under it. The guests are stand-ins: not every machine has a KVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import Gone, LabError, TimeExpired, Unsupported
from pyctr_lab.machines import accelerator
from pyctr_lab.machines.boot import SILENCE, SPOKEN, boot_guest
from pyctr_lab.machines.emulator import Ended, Panicked, Silent


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(accelerator, "KVM", tmp_path)


class Starts:
    """Guests that come to speak under TCG, and under KVM unless it is `broken`."""

    def __init__(self, broken: LabError | None = None) -> None:
        self.broken = broken
        self.tried: list[str] = []
        self.patience: list[float] = []

    def __call__(self, name: str, silence: float) -> tuple[Any, float]:
        self.tried.append(name)
        self.patience.append(silence)
        if name == "kvm" and self.broken:
            raise self.broken
        return name, 1.0


def test_a_guest_that_speaks_is_the_proof() -> None:
    starts = Starts()
    assert boot_guest(starts, None).emulator == "kvm" and boot_guest(starts, None).emulator == "kvm"  # type: ignore[comparison-overlap]
    assert starts.tried == ["kvm", "kvm"] and starts.patience == [SPOKEN, SILENCE]


@pytest.mark.parametrize("why", [Silent("silent"), Ended("by SIGABRT")])
def test_one_that_stays_silent_is_tried_once_a_boot(why: LabError) -> None:
    starts = Starts(why)
    for _ in range(2):
        booted = boot_guest(starts, None)
        assert booted.emulator == "tcg" and booted.kvm.reason == why.message  # type: ignore[comparison-overlap]
    assert starts.tried == ["kvm", "tcg", "tcg"]


@pytest.mark.parametrize("why", [Unsupported("Permission denied"), TimeExpired("after 0.3 s"), Gone("lab is closed")])
def test_what_may_be_over_in_a_moment_is_tried_again(why: LabError) -> None:
    """A right may be given, memory may be free again, and a caller's limit says nothing about KVM."""
    starts = Starts(why)
    assert boot_guest(starts, None).kvm.reason == why.message and accelerator.known_kvm() is None
    starts.broken = None
    assert boot_guest(starts, None).emulator == "kvm"  # type: ignore[comparison-overlap]


def test_where_kvm_works_and_is_taken_software_steps_in() -> None:
    boot_guest(Starts(), None)
    starts = Starts(Unsupported("KVM_CREATE_VM: Device or resource busy"))
    booted = boot_guest(starts, None)
    assert booted.emulator == "tcg" and "busy" in booted.kvm.reason  # type: ignore[comparison-overlap]
    with pytest.raises(Unsupported, match="under KVM here: KVM_CREATE_VM"):
        boot_guest(starts, "kvm")
    assert accelerator.known_kvm() == accelerator.KvmFinding(True)


def test_a_guest_that_panics_has_spoken() -> None:
    with pytest.raises(Panicked):
        boot_guest(Starts(Panicked("kernel panic")), None)
    assert accelerator.known_kvm() == accelerator.KvmFinding(True)


def test_who_insists_on_kvm_is_told_why_not() -> None:
    with pytest.raises(Unsupported, match="no guest runs under KVM here: silent"):
        boot_guest(Starts(TimeExpired("silent")), "kvm")


def test_who_wants_tcg_gets_it_untried() -> None:
    starts = Starts(TimeExpired("silent"))
    boot_guest(starts, "tcg")
    assert starts.tried == ["tcg"] and accelerator.known_kvm() is None


class Hanging(Starts):
    """Guests of which the first `silent` say nothing."""

    def __init__(self, silent: int) -> None:
        super().__init__()
        self.silent = silent

    def __call__(self, name: str, silence: float) -> tuple[Any, float]:
        started = super().__call__(name, silence)
        if len(self.tried) <= self.silent:
            raise Silent(f"guest {len(self.tried)}")
        return started


def test_one_that_hangs_is_begun_again() -> None:
    starts = Hanging(1)
    assert boot_guest(starts, "tcg").emulator == "tcg"  # type: ignore[comparison-overlap]
    assert starts.tried == ["tcg", "tcg"]


def test_but_only_once() -> None:
    starts = Hanging(2)
    with pytest.raises(Silent, match="guest 2"):
        boot_guest(starts, "tcg")
    assert starts.tried == ["tcg", "tcg"]
