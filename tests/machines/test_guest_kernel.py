"""Which kernel a guest gets, and the modules it needs."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest

from pyctr_lab import BadInput, Unsupported
from pyctr_lab.machines import guest_kernel
from pyctr_lab.machines.guest_kernel import GuestKernel


def module(*depends: str) -> bytes:
    """What matters here of a module."""
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The modules of a kernel that has all four drivers: one packed, one built in, one in need of others."""
    for name, content in {
        "a/virtio-mmio.ko": module("virtio_ring"),
        "a/virtio_ring.ko": module("virtio"),
        "b/virtio.ko": module(),
        "b/virtio_blk.ko.xz": lzma.compress(module("virtio_ring")),
        "b/virtio_net.ko": module("virtio_ring", "no_such"),
        "b/unrelated.ko": module(),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "modules.builtin").write_text("kernel/drivers/char/virtio_console.ko\n")
    return tmp_path


def test_a_module_stands_behind_what_it_needs(tree: Path) -> None:
    modules = GuestKernel(tree / "vmlinuz", tree).modules()
    assert list(modules) == ["virtio", "virtio_ring", "virtio_mmio", "virtio_blk", "virtio_net"]
    assert modules["virtio_blk"] == module("virtio_ring")


def test_a_signature_is_left_out_unless_the_kernel_insists(tree: Path) -> None:
    signature = b"signature"
    about = bytes(8) + len(signature).to_bytes(4, "big")
    signed = module("virtio") + signature + about + guest_kernel.SIGNED
    (tree / "a/virtio_ring.ko").write_bytes(signed)
    kernel = GuestKernel(tree / "vmlinuz-6.1", tree)
    assert kernel.modules()["virtio_ring"] == module("virtio")
    (tree / "config-6.1").write_text("# CONFIG_MODULE_SIG_FORCE is not set\n")
    assert kernel.modules()["virtio_ring"] == module("virtio")
    (tree / "config-6.1").write_text("CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n")
    assert kernel.modules()["virtio_ring"] == signed


def test_a_driver_may_be_built_in_but_not_missing(tree: Path) -> None:
    kernel = GuestKernel(tree / "vmlinuz", tree)
    assert kernel.has_drivers()
    (tree / "modules.builtin").write_text("")
    assert not kernel.has_drivers()
    assert not GuestKernel(tree, tree / "none").has_drivers()


def test_a_module_that_python_cannot_unpack_is_said(tree: Path) -> None:
    (tree / "virtio_console.ko.zst").write_bytes(b"(\xb5/\xfd")
    kernel = GuestKernel(tree / "vmlinuz", tree)
    assert not kernel.has_drivers()
    with pytest.raises(Unsupported, match=r"virtio_console\.ko\.zst has a compression"):
        kernel.modules()


def test_the_hosts_newest_kernel_that_will_do_is_taken(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tree / "boot"
    boot.mkdir()
    monkeypatch.setattr(guest_kernel, "BOOT", boot)
    monkeypatch.setattr(guest_kernel, "MODULES", tree.parent)
    assert guest_kernel.of_host() is None
    for time, name in enumerate([tree.name, "without-modules"]):
        (boot / f"vmlinuz-{name}").touch()
        os.utime(boot / f"vmlinuz-{name}", (time, time))
    found = guest_kernel.of_host()
    assert found and found.image == boot / f"vmlinuz-{tree.name}"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="an image of another kind")
def test_an_image_says_its_release_and_its_length(tmp_path: Path) -> None:
    content = bytearray(4096)
    content[0x1F1] = 3  # sectors behind the first: 2,048 bytes in all
    content[0x1F4:0x1F8] = (128).to_bytes(4, "little")  # and as many more, in paragraphs of 16
    content[0x202:0x206] = b"HdrS"
    content[0x20E:0x210] = (0x700 - 0x200).to_bytes(2, "little")
    content[0x700:0x714] = b"6.1.0-9-cloud (me) #"
    (tmp_path / "whole").write_bytes(content)
    (tmp_path / "cut").write_bytes(content[:-1])
    assert guest_kernel.release(tmp_path / "whole") == "6.1.0-9-cloud"
    with pytest.raises(BadInput, match="is truncated"):
        guest_kernel.release(tmp_path / "cut")


def test_where_no_kernel_can_be_had_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="no kernel for a guest: none in /boot can be used"):
        guest_kernel.download()


class Apt:
    """A stand-in for Debian's tools: the packages of a test must not come from outside."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.folder = "lib/modules"
        self.asked: list[str] = []

    def __call__(self, *command: str, cwd: str | None = None) -> str:
        self.asked.append(command[0])
        if command[0] == "apt-cache":
            return "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-9-cloud\n"
        if command[0] == "apt-get":
            (Path(cwd or "") / "linux.deb").touch()
        else:
            root = Path(command[-1])
            (root / "boot").mkdir(parents=True)
            (root / "boot/vmlinuz-6.1.0-9-cloud").touch()
            (root / self.folder).mkdir(parents=True)
            (root / self.folder / "6.1.0-9-cloud").symlink_to(self.tree)
        return ""


@pytest.fixture
def apt(tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Apt:
    made = Apt(tree)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(guest_kernel, "apt", made)
    monkeypatch.setattr(guest_kernel.shutil, "which", lambda name: f"/usr/bin/{name}")
    return made


@pytest.mark.parametrize("folder", ["lib/modules", "usr/lib/modules"])  # Debian 12's packages, and 13's
def test_a_download_is_made_once_and_clears_what_a_killed_one_left(apt: Apt, folder: str) -> None:
    apt.folder = folder
    left = guest_kernel.kernel_folder() / ".new-left"
    left.mkdir(parents=True)
    found = guest_kernel.download()
    assert found == guest_kernel.download() == guest_kernel.in_cache()
    assert apt.asked == ["apt-cache", "apt-get", "dpkg-deb"]
    assert sorted(path.name for path in guest_kernel.kernel_folder().iterdir()) == ["linux-image-6.1.0-9-cloud", "lock"]


def test_a_download_that_fails_leaves_nothing(apt: Apt, tree: Path) -> None:
    (tree / "modules.builtin").write_text("")
    for _ in range(2):
        with pytest.raises(Unsupported, match="lacks a driver"):
            guest_kernel.download()
    assert guest_kernel.in_cache() is None


def test_a_cache_that_cannot_be_written_is_said(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    with pytest.raises(Unsupported, match=r"cannot keep a kernel for guests in /dev/null/.* \(set XDG_CACHE_HOME"):
        guest_kernel.download()


def test_what_debians_tools_complain_of_is_told() -> None:
    with pytest.raises(Unsupported, match="no kernel for a guest: sh says: no such package"):
        guest_kernel.apt("sh", "-c", "echo noise >&2; echo no such package >&2; exit 100")


def test_they_are_asked_in_the_language_that_programs_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    assert "LC_ALL=C\n" in guest_kernel.apt("env")
