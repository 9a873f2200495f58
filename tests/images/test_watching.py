"""Overlays that are mounted in a lab, watched from outside."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import pytest

from pyctr_lab import BadInput, Container, Lab, LabError, steps
from pyctr_lab.images import LayerFile, OverlayWatch

MADE = """
cd /mnt && mkdir a b upper work merged a/etc a/games b/conf b/deep && echo hello > a/etc/motd && echo go > a/games/go
for n in 1 2 3; do echo $n > b/conf/$n; done; dd if=/dev/zero of=b/data bs=1k count=300 2>/dev/null
dd if=/dev/zero of=b/holes bs=1k seek=4000 count=8 2>/dev/null; ln -s etc a/link; echo x > b/deep/file
mount -t overlay -o userxattr,lowerdir=b:a,upperdir=upper,workdir=work overlay merged
"""
FOLDERS = {"upper": "/mnt/upper", "b": "/mnt/b", "a": "/mnt/a"}


@pytest.fixture
def shell(lab: Lab, box: Container) -> Callable[[str], None]:
    """Runs a script in a container with an overlay on /mnt/merged."""
    for step in (steps.NewNamespace("mnt"), steps.PrivatePropagation(), steps.Tmpfs("/mnt", size="16m")):
        box.apply(step)

    with contextlib.suppress(OSError):
        os.setxattr(f"/proc/{box.machine_pid}/root/mnt", "user.mark", b"")
    if "user.mark" not in os.listxattr(f"/proc/{box.machine_pid}/root/mnt"):
        pytest.skip("tmpfs keeps no attributes of users before Linux 6.6")

    def run(script: str) -> None:
        done = box.run(["sh", "-ec", script])
        assert done.returncode == 0, done.stderr

    run(MADE)
    return run


def test_what_lies_in_each_layer_is_seen(box: Container, shell: Callable[[str], None]) -> None:
    watch = OverlayWatch(FOLDERS, "/mnt/merged", inside=box)
    for what, path, command in (
        ("read", "/etc/motd", "cat etc/motd"), ("append", "/data", "echo >> data"),
        ("delete", "/games/go", "rm games/go"), ("replace", "/conf", "rm -r conf; mkdir conf"),
        ("new", "/etc/new", "echo x > etc/new"),
    ):  # fmt: skip
        with watch.change(what, path, command):
            shell(f"cd /mnt/merged; {command}")
    read, append, delete, replace, new = watch.changes
    motd = LayerFile("file", 6)
    assert read.before == read.after and read.after.layers == {"upper": None, "b": None, "a": motd}
    assert (append.is_copy, append.after.upper) == (True, LayerFile("file", 300 * 1024 + 1))
    assert (delete.after.upper, delete.after.merged) == (LayerFile("whiteout"), None)
    assert delete.after.lower == [None, LayerFile("file", 3)], "still there"
    assert replace.before.merged == LayerFile("folder", 0, 3)
    assert (replace.after.upper, replace.after.merged) == (LayerFile("opaque folder"), LayerFile("folder"))
    assert (new.before.merged, new.after.upper, new.is_copy) == (None, LayerFile("file", 2), False)
    assert watch.look("/conf/2").layers == {"upper": LayerFile("hidden above"), "b": LayerFile("file", 2), "a": None}
    assert watch.look("/games").merged == watch.look("/games").upper == LayerFile("folder", 0, 0)


def test_holes_are_no_bytes_and_a_link_is_seen_but_not_followed(box: Container, shell: Callable[[str], None]) -> None:
    watch = OverlayWatch(FOLDERS, "/mnt/merged", inside=box)
    seen = watch.look("/holes").merged
    assert seen and 8 << 10 <= seen.size < 64 << 10
    assert watch.look("/link").merged == LayerFile("link", 3)
    with pytest.raises(BadInput, match="leads through a symbolic link"):
        watch.look("/link/motd")


def test_changes_that_other_cells_make(box: Container, shell: Callable[[str], None]) -> None:
    watch = OverlayWatch(FOLDERS, "/mnt/merged", inside=box)
    watch.begin("delete", "/deep", "rm -r deep")
    shell("rm -r /mnt/merged/deep")
    (change,) = watch.end()
    assert change.after.upper == LayerFile("whiteout") and watch.end() == [change]
    assert watch.look("/deep/file").upper == LayerFile("hidden above")


@pytest.mark.parametrize("path", ["", "/", "/a/../b", 5, "a\0b"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(BadInput):
        OverlayWatch({"upper": "/tmp", "a": "/tmp"}, "/tmp").look(path)


def test_a_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(LabError, match=r"an overlay's folder: .*nowhere"):
        OverlayWatch({"upper": "/nowhere", "a": "/nowhere"}, "/tmp").look("/x")
    with pytest.raises(BadInput, match="an upper layer and lower ones"):
        OverlayWatch({"upper": "/tmp"}, "/tmp")
