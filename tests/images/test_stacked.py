"""What a layer takes from those below it: opaque roots, owners that the lab has not, names that are not UTF-8."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from making import Made, digest_of
from tar_parts import END, file, folder, header

from pyctr_lab.errors import Busy
from pyctr_lab.images import tree_jobs, upkeep
from pyctr_lab.images.building.builder import BuildFailed
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.images import Images
from pyctr_lab.images.store import Image, ImageStore

pytestmark = pytest.mark.machine
ODD = {"uid": 3_000_000, "gid": 3_000_001}  # beyond the ids of every lab


def stacked(images: Images, top: Path, *layers: bytes) -> Image:
    made = Made(top / "layout")
    made.tag(made.image(*(layer + END for layer in layers)))
    return images.import_(f"oci:{made.folder}:one", "stacked")


def files_of(images: Images, top: Path, name: str = "stacked") -> dict[str, tuple[int, int]]:
    """The files of an image as a container sees them, and their owners."""
    images.export(name, str(top / "all.tar"))
    with tarfile.open(top / "all.tar") as tar:
        return {entry.name: (entry.uid, entry.gid) for entry in tar if entry.name != "."}


def test_an_opaque_root_hides_all_layers_below(images: Images, tmp_path: Path) -> None:
    opaque = header(b".wh..wh..opq") + folder(b"etc") + file(b"etc/new")
    image = stacked(images, tmp_path, folder(b"etc") + file(b"etc/old") + file(b"x"), opaque, file(b"y"))
    assert set(files_of(images, tmp_path)) == {"etc", "etc/new", "y"}
    assert len(images.trees.stack(image)) == 3


def test_owners_are_taken_over_and_given_up(images: Images, tmp_path: Path) -> None:
    many = b"".join(file(b"many/%090d" % number, **ODD) for number in range(1500))  # more than an argument may have
    lower = folder(b"home/u", **ODD) + file(b"home/u/f", **ODD) + file(b"odd", **ODD) + folder(b"many") + many
    stacked(images, tmp_path, lower, file(b"home/u/g") + file(b"odd", b"again"))
    found = files_of(images, tmp_path)
    assert found["home/u"] == found["home/u/f"] == found[f"many/{1499:090}"] == (3_000_000, 3_000_001)
    assert found["home/u/g"] == found["odd"] == found["home"] == (0, 0)


def test_a_build_keeps_owners_that_the_lab_has_not(images: Images, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    names = (b"home/u/f", b"home/u/gone", b"home/u/still")
    base = folder(b"home") + folder(b"home/u", **ODD) + b"".join(file(name, b"x", **ODD) for name in names)
    (context / "base.tar").write_bytes(base + END)
    (context / "copied").write_text("new")
    script = "cd /home/u; echo y >> f; rm gone; echo z > gone; echo > made"
    images.build(f"FROM busybox\nADD base.tar /\nRUN {script}\nCOPY copied /home/u/\n", name="made", context=context)
    found = files_of(images, tmp_path, "made")
    assert {found[name] for name in ("home/u", "home/u/f", "home/u/still")} == {(3_000_000, 3_000_001)}
    assert {found[name] for name in ("home/u/gone", "home/u/made", "home/u/copied", "home")} == {(0, 0)}


def test_names_that_are_not_utf_8(images: Images, tmp_path: Path) -> None:
    lower = file(b"\xff", **ODD) + header(b"\xfe", b"3", major=1, minor=3) + folder(b"d\xfd", **ODD)
    stacked(images, tmp_path, lower, file(b"d\xfd/x"))
    found = files_of(images, tmp_path)
    assert found["\udcff"] == found["d\udcfd"] == (3_000_000, 3_000_001) and "\udcfe" not in found
    context = tmp_path / "context"
    context.mkdir()
    (context / "\udcff").write_text("x")
    text = "FROM scratch\nARG X\nENV Y=$X\nCOPY . /\nLABEL z=$X\n"
    made = images.build(text, name="made", context=context, args={"X": "\udcff"})
    again = images.store.image("made")
    assert again.config.environment == {"Y": "\udcff"} and again.digest == made.digest
    assert set(files_of(images, tmp_path / "context", "made")) == {"\udcff"}


def test_a_prune_removes_nothing_of_a_build(images: Images, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    other, text = ImageStore(images.store.folder), "FROM scratch\nCOPY f /\nCMD x\n"

    def prune(said: str) -> None:
        with pytest.raises(Busy, match="another process is adding an image"):
            upkeep.prune_store(other, images.trees)

    made = images.build(text, name="made", context=tmp_path, progress=prune)
    cache = images.store.folder / "cache"
    assert images.prune().blobs == 0 and len(list(cache.iterdir())) == 1
    images.rm("made")
    assert images.prune().blobs == len(made.blobs) and not list(cache.iterdir())


def test_a_build_that_fails_keeps_its_layers_for_the_next(images: Images, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    said: list[str] = []
    for line in ("false", "true"):
        text = f"FROM busybox\nCOPY f /\nRUN {line}\n"
        try:
            images.build(text, name="made", context=tmp_path, progress=said.append)
        except BuildFailed:
            assert "cached\n" not in said and "made:latest" not in images.store.names()
    assert said.count("cached\n") == 1


def test_a_layer_that_cannot_be_unpacked_leaves_nothing_in_the_way(images: Images, tmp_path: Path) -> None:
    images.trees.stack(images.store.image("busybox"))
    there = set(os.listdir(images.trees.folder))
    for number in range(2):
        image = stacked(images, tmp_path / str(number), file(b"door", b"") + file(b"door/note", b"x"))
        with pytest.raises(BadImage, match="'door' is no folder"):
            images.trees.stack(image)
        assert set(os.listdir(images.trees.folder)) == there
    (images.trees.folder / ".new-001").mkdir()  # one that was killed
    assert len(images.trees.stack(stacked(images, tmp_path / "good", file(b"note", b"x")))) == 2


def test_a_damaged_record_of_a_tree_counts_for_nothing(images: Images) -> None:
    images.trees.stack(images.store.image("busybox"))
    images.trees.release()
    for content in ("[", "[]", "{}", '{"name": "../x", "entries": 0, "size": 0, "owners": {}, "opaque": false}'):
        for record in images.trees.records.glob("[0-9a-f]*"):
            record.write_text(content)
        assert images.lab.run(["true"], image="busybox").returncode == 0
        assert images.verify() == []
        images.trees.release()


def test_a_tree_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = file(b"x", b"content") + END
    (tmp_path / "blob").write_bytes(content)
    digest, seen = digest_of(content), []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tree_jobs, "sync_file_system", lambda: seen.append((os.listdir(".new-000"), os.listdir("."))))
    with open("blob", "rb") as blob:
        list(tree_jobs.unpack([("000", blob.fileno(), digest, {}, False)]))
    ((inside, beside),) = seen
    assert inside == ["x"] and "000" not in beside and "000" in os.listdir(".")
