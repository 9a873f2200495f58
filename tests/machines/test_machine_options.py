"""What cannot be is refused before anything happens, in one clear line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import BadInput, Machine, Unsupported
from pyctr_lab.machines import machine_options


def refused(**options: Any) -> str:
    with pytest.raises(BadInput) as why:
        Machine(**options)
    said = str(why.value)
    assert "\n" not in said and len(said) < 240
    return said


@pytest.mark.parametrize("memory", ["-1", "0", "12X", 0, -3, None, 1.5])
def test_what_is_no_size_is_no_memory(memory: Any) -> None:
    assert "memory cannot be" in refused(memory=memory)


def test_too_little_and_too_much_memory_are_named() -> None:
    assert 'write "96M" or more' in refused(memory="8M")
    assert "memory=100 bytes is too little" in refused(memory=100)
    assert "more than this machine has (it has " in refused(memory="900T")


@pytest.mark.parametrize("cpus", [0, -1, 1.5, 10000, "2", True, None])
def test_cpus_are_a_whole_number_within_reason(cpus: Any) -> None:
    assert "cpus cannot be" in refused(cpus=cpus)


def test_more_cpus_than_the_host_has_are_fine() -> None:
    wanted = (os.cpu_count() or 1) + 1
    assert machine_options.check_options("96M", wanted, None, None, None, None, 1.0).cpus == wanted


@pytest.mark.parametrize(
    "options", [{"accelerator": "xen"}, {"timeout": "1"}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}]
)
def test_other_odd_wishes(options: dict[str, Any]) -> None:
    assert repr(next(iter(options.values()))) in refused(**options)


def test_a_lab_must_be_one() -> None:
    assert refused(lab="lab") == "a machine lives in a Lab, not in str"


def test_a_kernel_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("I am no kernel")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty"):
        assert "is no Linux kernel" in refused(kernel=tmp_path / name)
    assert "cannot be read: No such file" in refused(kernel=tmp_path / "none")
    with (tmp_path / "vast").open("wb") as vast:
        vast.truncate(1 << 42)  # 4 TiB, of holes: it is never read whole
    assert "is no Linux kernel" in refused(kernel=tmp_path / "vast") and "NUL" in refused(kernel="a\0b")
    assert "is no Linux kernel" in refused(kernel=tmp_path) and "is no Linux kernel" in refused(kernel="/dev/zero")


def test_a_disk_is_a_file_of_whole_sectors(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"x" * 513)
    (tmp_path / "disk").write_bytes(bytes(1024))
    assert "is a directory" in refused(disk=tmp_path)
    assert "there is no disk" in refused(disk=tmp_path / "none")
    assert "not a regular file" in refused(disk="/dev/null")
    assert "whole number of sectors" in refused(disk=tmp_path / "odd")
    assert "there already, with 1K" in refused(disk=tmp_path / "disk", disk_size="64M")
    assert "whole number of sectors" in refused(disk=tmp_path / "new", disk_size="513")
    assert "cannot be made" in refused(disk=tmp_path / "no/such/folder", disk_size="64M")
    assert "needs a file" in refused(disk_size="64M")
    (tmp_path / "astray").symlink_to("nowhere")
    assert "cannot be made, of 64M: File exists" in refused(disk=tmp_path / "astray", disk_size="64M")
    (tmp_path / "astray").unlink()
    assert "cannot be made, of 5000000T: File too large" in refused(disk=tmp_path / "vast", disk_size="5000000T")
    assert "NUL" in refused(disk="a\0b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "odd"]


def test_a_refused_machine_makes_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(memory="8M", disk=tmp_path / "new", disk_size="64M")
    refused(files="/no/such/folder", disk=tmp_path / "new", disk_size="64M")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match=r"needs QEMU \(apt-get install qemu-system-\w+ busybox-static\)"):
        Machine(disk=tmp_path / "new", disk_size="64M")
    assert list(tmp_path.iterdir()) == []
