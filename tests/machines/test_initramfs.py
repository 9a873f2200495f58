"""The guest's first file system is whole."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from pyctr_lab import Unsupported
from pyctr_lab.machines import initramfs
from pyctr_lab.machines.guest_kernel import GuestKernel


def test_each_entry_stands_behind_its_directory(tmp_path: Path) -> None:
    (tmp_path / "virtio_blk.ko").write_bytes(b"\0depends=\0")
    program = tmp_path / "busybox"
    program.write_text("#!/bin/sh\necho busybox; echo sh; echo ls\n")
    program.chmod(0o755)
    entries = list(initramfs.entries(GuestKernel(tmp_path, tmp_path), program))
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    seen = {"."}
    for entry in entries:
        assert str(Path(entry.name).parent) in seen
        if stat.S_ISDIR(entry.mode):
            seen.add(entry.name)
    content = {entry.name: entry.content for entry in entries}
    assert content["bin/ls"] == b"busybox" and content["bin/busybox"] == program.read_bytes()
    assert content["etc/modules"] == b"virtio_blk\n" and content["etc/dev/stdout"] == b"fd/1"
    assert content["etc/fstab"].startswith(b"devtmpfs /dev devtmpfs\n")


def test_modprobe_is_told_what_each_driver_needs_but_for_what_is_built_in() -> None:
    modules = {"failover": b"\0depends=\0", "virtio_net": b"\0depends=virtio-ring,failover\0"}
    content = {entry.name: entry.content for entry in initramfs.drivers("6.1.0", modules)}
    assert content["lib/modules/6.1.0/modules.dep"] == b"failover.ko: \nvirtio_net.ko: failover.ko\n"
    assert content["lib/modules/6.1.0/failover.ko"] == modules["failover"]
    assert content["etc/modules"] == b"failover\nvirtio_net\n"


def test_a_tree_of_files_comes_with_it_each_behind_its_folder(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/deep/file").write_bytes(b"seven")
    (tmp_path / "data/link").symlink_to("deep/file")
    (tmp_path / "data/tool").write_bytes(b"#!")
    (tmp_path / "data/tool").chmod(0o700)
    found = {entry.name: entry for entry in initramfs.below(tmp_path)}
    assert list(found) == ["data", "data/deep", "data/deep/file", "data/link", "data/tool"]
    assert found["data/deep/file"].content == b"seven" and found["data/link"].content == b"deep/file"
    assert stat.S_ISLNK(found["data/link"].mode) and found["data/tool"].mode & 0o111 == 0o111


def test_a_busybox_with_libraries_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "busybox").write_bytes(b"\x7fELF /lib64/ld-linux-x86-64.so.2")
    (tmp_path / "busybox").chmod(0o755)
    monkeypatch.setattr(initramfs, "PLACES", str(tmp_path))
    with pytest.raises(Unsupported, match="apt-get install busybox-static"):
        initramfs.busybox()


def test_init_is_a_shell_script_without_a_fault() -> None:
    subprocess.run(["sh", "-n", initramfs.INIT], check=True)
