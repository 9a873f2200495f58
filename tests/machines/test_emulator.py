"""Guests that do not come to speak: the reason is told, and nothing is left."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab, Machine, TimeExpired, Unsupported
from pyctr_lab.errors import Busy
from pyctr_lab.machines import boot, hardware, initramfs, machine_options
from pyctr_lab.machines.emulator import Panicked, Silent


@pytest.fixture(autouse=True)
def nothing_left(lab: Lab) -> Iterator[None]:
    before = lab.host.view().processes
    yield
    assert lab.host.view().processes == before


def test_a_guest_that_panics_tells_its_last_words(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "init").write_text("#!/bin/sh\necho I give up\nexit 3\n")
    monkeypatch.setattr(initramfs, "INIT", tmp_path / "init")
    with pytest.raises(Panicked) as why:
        Machine(lab=lab)
    first, *console = str(why.value).splitlines()
    assert first.startswith(
        "the guest ended before it answered: kernel panic: Attempted to kill init! exitcode=0x0000030"
    )
    assert any(line.strip() == "I give up" for line in console) and "Kernel panic" in console[-1]


def test_a_guest_that_does_not_answer_in_time_is_ended(lab: Lab) -> None:
    with pytest.raises(TimeExpired, match="the guest had not answered after "):
        Machine(lab=lab, timeout=0.3)


@pytest.mark.complete
def test_one_that_has_nothing_more_to_say_is_ended(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "init").write_text("#!/bin/sh\necho I wait\nread never </dev/console\n")
    monkeypatch.setattr(initramfs, "INIT", tmp_path / "init")
    monkeypatch.setattr(boot, "SILENCE", 3.0)
    with pytest.raises(Silent, match=r"the guest has been silent for 3 s, after these last words:"):
        Machine(lab=lab, accelerator="tcg")


def test_what_qemu_complains_of_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hardware.BOARD, machine_options.os.uname().machine, "no-such-board")
    with pytest.raises(Unsupported, match="QEMU gave up before it answered: unsupported machine type"):
        Machine(lab=lab, accelerator="tcg")


def test_a_disk_that_another_machine_has_is_named_with_the_way_out(lab: Lab, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    with disk.open("r+b") as other:
        byte = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 201, 1, 0)  # QEMU's: nobody else may write
        fcntl.fcntl(other, fcntl.F_OFD_SETLK, byte)
        with pytest.raises(Busy, match=r"another machine has this disk open \(`.kill\(\)` of that machine"):
            Machine(lab=lab, disk=disk, accelerator="tcg")
