"""The one root file system: whole, small, and readable by whoever is nobody here."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab.engines import rootfs
from pyctr_lab.errors import Unsupported
from pyctr_lab.machines import initramfs


def test_it_has_a_shell_accounts_and_the_files_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []
    monkeypatch.setattr(rootfs, "make_calls", lambda *calls: bound.extend(call.args[0] for call in calls))
    tree = rootfs.make_rootfs(tmp_path / "tree", files=3)
    assert (tree / "bin/sh").readlink() == Path("busybox") and (tree / "bin/busybox").stat().st_mode & 0o111
    assert [len((tree / f"data/000{number}").read_bytes()) for number in range(3)] == [rootfs.FILE] * 3
    assert (tree / "etc/passwd").read_text().startswith("root:x:0:0")
    assert all(each.stat().st_mode & 0o005 for each in tree.rglob("*") if each.is_dir())
    assert bound == ["/dev/null", "/dev/zero"]


def test_without_busybox_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initramfs, "PLACES", str(tmp_path))
    with pytest.raises(Unsupported, match="busybox-static"):
        rootfs.make_rootfs(tmp_path / "tree")
