"""What images are measured with: archives that others can read, a server, a relay."""

from __future__ import annotations

import socket
import tarfile
from pathlib import Path

import pytest

from pyctr_lab.errors import LabError
from pyctr_lab.images.bases import debian_command
from pyctr_lab.measure.images import SMALL, ImageSizes, material
from pyctr_lab.measure.images.servers import CountingRelay


def test_a_synthetic_tree_has_the_number_and_the_sizes(tmp_path: Path) -> None:
    path = tmp_path / "tree.tar.gz"
    said = material.tree_archive(SMALL, path)
    assert "400 files and 6 MB" in said and "synthetic" in said
    with tarfile.open(path) as archive:
        entries = archive.getmembers()
        assert len(entries) == SMALL.entries
        assert {entry.isdir() or entry.issym() or entry.isreg() for entry in entries} == {True}
        names = {entry.name for entry in entries if entry.isdir()} | {"usr"}
        assert all(entry.name.rpartition("/")[0] in names for entry in entries)
        assert 0.8 < sum(entry.size for entry in entries) / SMALL.tree < 1.1
    assert 0.2 < path.stat().st_size / SMALL.tree < 0.6, "as compressible as Debian"
    again = tmp_path / "again.tar.gz"
    material.tree_archive(SMALL, again)
    assert again.read_bytes() == path.read_bytes()


def test_without_a_mirror_the_tree_is_synthetic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        raise LabError("E: no mirror")

    monkeypatch.setattr(material, "debian_archive", fail)
    sizes = ImageSizes(20, 200_000, True, 0, 0, 0, 0)
    assert material.tree_archive(sizes, tmp_path / "tree.tar.gz").endswith(": E: no mirror")


def test_debian_has_more_packages_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    (include,) = [word for word in debian_command("bookworm", ["git"]) if word.startswith("--include=")]
    assert include.endswith(",util-linux,git")


@pytest.mark.parametrize("size", [1 << 20, 130 << 20])
def test_a_bomb_is_small_and_a_large_layer_has_its_size(tmp_path: Path, size: int) -> None:
    assert material.pack(material.bomb(size), tmp_path / "bomb") == size + 1536
    assert (tmp_path / "bomb").stat().st_size < size / 200
    with tarfile.open(tmp_path / "bomb") as archive:
        assert [entry.size for entry in archive.getmembers()] == [size]
    number = max(1, size >> 26)
    assert material.pack(material.large_layer(size), tmp_path / "large") == number * (min(size, 64 << 20) + 512) + 1024


def test_a_relay_counts_both_ways() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, CountingRelay(f"127.0.0.1:{server.getsockname()[1]}") as relay:
        host, _, port = relay.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as client:
            other = server.accept()[0]
            client.sendall(b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: other.recv(1 << 16), b""))
            other.sendall(b"answer")
            other.close()
            assert b"".join(iter(lambda: client.recv(100), b"")) == b"answer"
        assert (len(received), relay.sent, relay.received) == (100_000, 100_000, 6)
    with pytest.raises(OSError):
        socket.create_connection((host, int(port)), timeout=5)
