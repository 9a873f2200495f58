"""Images from what is on this machine: always the same, and a clear line where something is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.errors import LabError, Unsupported
from pyctr_lab.images.images import Images
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.upkeep import verify_store


def test_busybox_is_the_same_wherever_it_is_made(tmp_path: Path) -> None:
    one, two = (import_image(ImageStore(tmp_path / name), "busybox", name) for name in ("one", "two"))
    assert one.digest == two.digest and one.size < 3_000_000


def test_busybox_runs(images: Images) -> None:
    said = images.lab.run(["sh", "-c", "id -un; ls -ld /tmp; echo $PATH; ls -l /bin/ls"], image="busybox").stdout
    assert said.startswith("root\ndrwxrwxrwt") and "/usr/sbin" in said and "busybox" in said


def test_without_a_command_it_is_a_shell(images: Images) -> None:
    assert images.lab.run(image="busybox", stdin="echo $((6 * 7))").stdout == "42\n"


@pytest.mark.parametrize("base", ["busybox", "debian:12", "debian:13"])
def test_what_is_missing_is_said(store: ImageStore, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Unsupported, match="is not installed"):
        import_image(store, base, "x")


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("echo I: fetching >&2; echo E: no network >&2; exit 1", "mmdebstrap failed: E: no network"),
        ("exit 7", "it said nothing"),
        ("echo half an archive", "the archive is cut"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str
) -> None:
    (tmp_path / "mmdebstrap").write_text(f"#!/bin/sh\n{does}\n")
    (tmp_path / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LabError, match=why) as raised:
        import_image(store, "debian:12", "x")
    assert "\n" not in str(raised.value)
    assert (
        not list(store.folder.rglob(".new-*")) and not list(store.layout.blobs.iterdir()) and verify_store(store) == []
    )


@pytest.mark.complete
@pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed")
@pytest.mark.parametrize(("base", "version"), [("debian:12", "12."), ("debian:13", "13.")])
def test_a_real_distribution_of_debians_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, version: str
) -> None:
    monkeypatch.setenv("PYCTR_LAB_IMAGES", str(tmp_path / "store"))
    said: list[int] = []
    with Lab(private=True) as lab:
        lab.images.import_(base, base, report=lambda what, done, total: said.append(done))
        done = lab.run(["bash", "-c", "cat /etc/debian_version; head -1 /etc/passwd; ps -e"], image=base)
    assert done.stdout.startswith(version) and "root:" in done.stdout and done.returncode == 0, done.stderr
    assert len(said) > 10
