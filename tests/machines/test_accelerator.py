"""What is known of KVM is kept until the host boots again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab.machines import accelerator
from pyctr_lab.machines.accelerator import KvmFinding


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accelerator, "KVM", tmp_path)  # something that is there


def test_nothing_is_known_before_somebody_has_tried() -> None:
    assert accelerator.known_kvm() is None


def test_without_the_device_there_is_nothing_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "none")
    found = accelerator.known_kvm()
    assert found and not found.works and "there is no " in found.reason


@pytest.mark.parametrize("finding", [KvmFinding(True), KvmFinding(False, "no guest spoke")])
def test_a_finding_is_kept(finding: KvmFinding, tmp_path: Path) -> None:
    accelerator.remember_kvm(finding)
    assert accelerator.known_kvm() == finding
    assert [file.name.startswith("kvm-") for file in (tmp_path / "cache/pyctr-lab").iterdir()] == [True]


def test_a_finding_of_another_boot_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator.remember_kvm(KvmFinding(True))
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(accelerator, "BOOT_ID", tmp_path / "boot_id")
    assert accelerator.known_kvm() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"boot": 1, "kvm": {"odd": 1}}'])
def test_a_broken_note_is_none(text: str) -> None:
    accelerator.remember_kvm(KvmFinding(True))
    accelerator._file().write_text(text)
    assert accelerator.known_kvm() is None


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    accelerator.remember_kvm(KvmFinding(True))
    assert accelerator.known_kvm() is None
