"""What is exported, and that it comes back as it went."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from making import Made, archive

from pyctr_lab.errors import BadInput
from pyctr_lab.images.images import Images
from pyctr_lab.images.upkeep import changed_files, verify_store

LOWER = archive({"etc/": None, "etc/gone": b"1", "etc/kept": b"1", "bin/": None, "bin/sh": b"#!", "link": "etc/kept"})
UPPER = archive({"etc/.wh.gone": b"", "new": b"2"})


@pytest.fixture
def layered(images: Images, tmp_path: Path) -> Images:
    made = Made(tmp_path / "layered")
    made.tag(made.image(LOWER, UPPER))
    images.import_(f"oci:{made.folder}", "layered:1")
    return images


def test_a_flat_archive_of_what_a_container_sees(layered: Images, tmp_path: Path) -> None:
    layered.export("layered:1", str(tmp_path / "flat.tar"))
    with tarfile.open(tmp_path / "flat.tar") as tar:
        assert tar.getnames() == [".", "bin", "bin/sh", "etc", "etc/kept", "link", "new"]
        assert {member.uid for member in tar} == {0}
    again = layered.import_(str(tmp_path / "flat.tar"), "flat")
    assert changed_files(layered.store, layered.store.image("layered:1"), again) == []


def test_a_folder(layered: Images, tmp_path: Path) -> None:
    layered.export("layered:1", str(tmp_path / "folder"))
    found = sorted(str(path.relative_to(tmp_path / "folder")) for path in (tmp_path / "folder").rglob("*"))
    assert found == ["bin", "bin/sh", "etc", "etc/kept", "link", "new"]
    assert os.readlink(tmp_path / "folder/link") == "etc/kept"
    assert os.stat(tmp_path / "folder/bin/sh").st_uid == os.getuid()
    with pytest.raises(BadInput, match="is not empty"):
        layered.export("layered:1", str(tmp_path / "folder"))


def test_all_of_an_image_comes_back_with_the_same_digests(layered: Images, tmp_path: Path) -> None:
    image = layered.store.image("layered:1")
    layered.export("layered:1", f"oci:{tmp_path}/oci:a")
    layered.export("busybox", f"oci:{tmp_path}/oci:b")
    layered.export("layered:1", f"docker-archive:{tmp_path}/docker:x/y:2")
    assert layered.import_(f"oci:{tmp_path}/oci:a", "one").digest == image.digest
    assert layered.import_(f"oci:{tmp_path}/oci:b", "two").digest == layered.store.image("busybox").digest
    back = layered.import_(f"docker-archive:{tmp_path}/docker:x/y:2", "three")
    assert back.id == image.id and back.config.diff_ids == image.config.diff_ids
    assert verify_store(layered.store) == []
    for path in (tmp_path / "oci/blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_the_same_bytes_again(layered: Images, tmp_path: Path) -> None:
    for number in (1, 2):
        layered.export("layered:1", f"docker-archive:{tmp_path}/docker{number}:x")
        layered.export("layered:1", f"tar:{tmp_path}/flat{number}")
    for name in ("docker", "flat"):
        assert (tmp_path / f"{name}1").read_bytes() == (tmp_path / f"{name}2").read_bytes()


def test_a_tag_in_a_layout_moves(layered: Images, tmp_path: Path) -> None:
    layered.export("busybox", f"oci:{tmp_path}/oci:a")
    layered.export("layered:1", f"oci:{tmp_path}/oci:a")
    (entry,) = json.loads((tmp_path / "oci/index.json").read_text())["manifests"]
    assert entry["digest"] == layered.store.image("layered:1").digest


def test_what_is_there_is_not_written_over(layered: Images, tmp_path: Path) -> None:
    (tmp_path / "there.tar").write_text("precious")
    for target in (f"{tmp_path}/there.tar", f"tar:{tmp_path}/there.tar", f"docker-archive:{tmp_path}/there.tar"):
        with pytest.raises(BadInput, match="is there already"):
            layered.export("busybox", target)
    for target in ("oci:", "tar:", "docker-archive:", f"{tmp_path}/no/folder.tar"):
        with pytest.raises(BadInput):
            layered.export("busybox", target)
    assert (tmp_path / "there.tar").read_text() == "precious"
    assert not list(tmp_path.glob(".new-*"))


AS_USER = """
import os
from pyctr_lab import Lab
with Lab() as lab:
    lab.images.import_("busybox", "busybox")
    lab.images.export("busybox", "folder")
    lab.images.export("busybox", "flat.tar")
    print({os.lstat(os.path.join(place, name)).st_uid for place, _, names in os.walk("folder") for name in names})
    print(sorted(os.listdir("folder")) == sorted(name for name in os.listdir("folder")), os.listdir("folder/bin")[:0])
    print(lab.images.import_("flat.tar", "flat").name, lab.images.import_("folder", "folder").name)
    print(lab.run(["id", "-u"], image="folder").stdout)
"""


def test_a_users_folder_is_the_users(as_user: Callable[[str], str]) -> None:
    assert as_user(AS_USER).split() == ["{61238}", "True", "[]", "flat:latest", "folder:latest", "0"]


def test_setuid_and_modes_are_kept(images: Images, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "su").touch()
    (folder / "su").chmod(0o4755)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    images.import_(str(folder), "modes")
    images.export("modes", str(tmp_path / "out"))
    assert stat.S_IMODE(os.stat(tmp_path / "out/su").st_mode) == 0o4755
    assert stat.S_IMODE(os.stat(tmp_path / "out/tmp").st_mode) == 0o1777
