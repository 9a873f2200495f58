"""What is in the store, what it takes, what is wrong in it, and what differs between two images."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from making import Made, archive, digest_of, run_python

from pyctr_lab import Lab
from pyctr_lab.images import upkeep
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.images import Images
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import Image, ImageStore

SHARED = [archive({f"shared{number}": b"x"}) for number in range(3)]


def image_of(store: ImageStore, folder: Path, name: str, *archives: bytes, **config: object) -> Image:
    made = Made(folder / name)
    made.tag(made.image(*archives, config=made.config([*archives], **config)))
    return import_image(store, f"oci:{made.folder}", name)


def test_what_images_share_is_counted_as_shared(images: Images, tmp_path: Path) -> None:
    store = images.store
    one = image_of(store, tmp_path, "one", *SHARED, archive({"a": b"1"}))
    two = image_of(store, tmp_path, "two", *SHARED, archive({"b": b"2"}))
    store.tag("again", two.descriptor)
    found = {usage.name: usage for usage in upkeep.disk_usages(store, images.trees)}
    layers = sum(layer.size for layer in one.manifest.layers[:3])
    assert (found["one:latest"].shared, found["one:latest"].own) == (layers, one.size - layers)
    assert (found["two:latest"].shared, found["two:latest"].own) == (two.size, 0)
    assert found["one:latest"].unpacked == 0
    images.trees.stack(one)
    assert {u.name: u.unpacked for u in upkeep.disk_usages(store, images.trees)}["one:latest"] > 0


def test_a_byte_flipped_in_each_blob_is_found_and_mended(store: ImageStore, tmp_path: Path) -> None:
    image = image_of(store, tmp_path, "x", *SHARED)
    assert upkeep.verify_store(store) == []
    for blob in image.blobs:
        path = store.layout.path(blob.digest)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0x40
        path.write_bytes(raw)
        found = upkeep.verify_store(store)
        assert any(blob.digest in line and "damaged" in line for line in found), found
        assert all("\n" not in line for line in found)
        assert upkeep.verify_store(store, repair=True)
        assert not path.exists()
        assert any("is not there" in line for line in upkeep.verify_store(store))
        import_image(store, f"oci:{tmp_path}/x", "x")
        assert upkeep.verify_store(store) == []


def test_a_damaged_image_is_named_and_can_be_removed(images: Images, tmp_path: Path) -> None:
    image = image_of(images.store, tmp_path, "x", *SHARED)
    for blob, content in ((image.manifest.config, b"{}"), (image.descriptor, b"[")):
        images.store.layout.path(blob.digest).write_bytes(content)
        for act in (images.ls, images.du, images.prune):
            with pytest.raises(BadImage, match=r"^x:latest: the blob .* \(pyctr-lab image rm x:latest"):
                act()
    images.verify(repair=True)
    images.rm("x")
    assert images.prune().blobs == 3 and images.verify() == []
    (images.store.folder / "index.json").write_text("[")
    (line,) = images.verify()
    assert line.startswith("index.json that is no JSON")


def test_a_file_that_is_no_blob_is_found(store: ImageStore) -> None:
    store.layout.blobs.mkdir(exist_ok=True, parents=True)
    (store.layout.blobs / "stranger").touch()
    assert "stranger" in upkeep.verify_store(store)[0]


def test_a_lost_tree_is_found(images: Images) -> None:
    image = images.store.image("busybox")
    images.trees.stack(image)
    assert upkeep.verify_store(images.store, images.trees) == []
    images.trees.run("remove_trees", names=[images.trees.stack(image)[1]])
    (line,) = upkeep.verify_store(images.store, images.trees)
    assert image.chain_ids[0] in line and "no longer where it was unpacked" in line


# --- prune
def test_prune_removes_what_no_name_reaches(images: Images, tmp_path: Path) -> None:
    image = image_of(images.store, tmp_path, "x", *SHARED)
    with Lab(private=True) as other:  # has unpacked it, and is closed: nobody uses it
        other.images.trees.stack(image)
    images.trees.stack(images.store.image("busybox"))
    assert upkeep.prune_store(images.store, images.trees) == (0, 0, 0)
    images.store.untag("x")
    found = upkeep.prune_store(images.store, images.trees)
    assert (found.blobs, found.bytes, found.trees) == (5, image.size, 3)
    assert images.lab.run(["true"], image="busybox").returncode == 0
    assert upkeep.verify_store(images.store, images.trees) == []
    assert len([name for name in os.listdir(images.trees.folder) if len(name) == 3]) == 1


def test_prune_never_removes_what_a_lab_uses(images: Images, tmp_path: Path) -> None:
    image = image_of(images.store, tmp_path, "x", *SHARED)
    with Lab(private=True) as other:
        used = other.images.trees.stack(image)
        images.store.untag("x")
        assert upkeep.prune_store(images.store, images.trees).trees == 0
        assert set(used[1:]) <= set(os.listdir(images.trees.folder))
    assert upkeep.prune_store(images.store, images.trees).trees == 3


def test_a_tree_without_a_record_goes_when_a_lab_opens_the_store(images: Images, tmp_path: Path) -> None:
    image = image_of(images.store, tmp_path, "x", *SHARED)
    names = images.trees.stack(image)[1:]
    for record in images.trees.records.glob("[0-9a-f]*"):
        record.unlink()  # so far came one that died while it removed them
    (images.trees.records / ".new-dead").touch()
    os.mkdir(images.trees.folder / ".new-00z")  # and one that died while it unpacked
    with Lab(private=True) as other:
        again = other.images.trees.stack(image)[1:]
        assert len(again) == len(names) == 3
        left = [name for name in os.listdir(images.trees.folder) if name not in ("init", "scratch", "uppers", *again)]
        assert left == [] and not (images.trees.records / ".new-dead").exists()
        assert upkeep.verify_store(images.store, other.images.trees) == []


DYING = """
import itertools, os, signal, sys
from pathlib import Path
from pyctr_lab import Lab
from pyctr_lab.images import layout, trees
count = itertools.count(1)
def watched(original):
    def call(*words, **more):
        if next(count) == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*words, **more)
    return call
with Lab() as lab:
    images = lab.images
    image = images.store.image("x")
    unpack = sys.argv[2] == "unpack"
    if not unpack:
        images.trees.stack(image)
        images.trees.release()
        images.rm("x")
    for owner, name in ((os, "rename"), (os, "fsync"), (Path, "unlink"), (trees.Trees, "run"), (trees, "sync_folder")):
        setattr(owner, name, watched(getattr(owner, name)))
    images.trees.stack(image) if unpack else images.trees.prune(())
print(next(count))
"""


@pytest.mark.repeat(few=4, many=12)
@pytest.mark.parametrize("what", ["unpack", "prune"])
def test_sudden_death_with_trees(images: Images, tmp_path: Path, what: str, repeats: int) -> None:
    image = image_of(images.store, tmp_path, "x", *SHARED)
    for moment in range(1, repeats + 1):
        images.store.tag("x", image.descriptor)
        done = run_python(DYING, str(moment), what, PYCTR_LAB_IMAGES=str(images.store.folder))
        assert done.stdout or done.returncode == -signal.SIGKILL, done.stderr
        with Lab(private=True) as other:
            other.images.trees.show()
            known = {tree.name for tree in other.images.trees.records_by_chain().values()}
            assert set(os.listdir(other.images.trees.folder)) == {*known, "init", "scratch", "uppers"}
            assert other.images.verify() == []
            other.images.trees.stack(image)
            if what == "unpack":
                other.images.trees.release()
                other.images.trees.prune(())


# --- what an image is
def test_history_takes_layers_as_they_come(store: ImageStore, tmp_path: Path) -> None:
    history = [
        {"created": "2024-01-01T00:00:00Z", "created_by": "ADD"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "RUN"},
        {"created_by": "one too many"},
        "no object",
    ]
    layers = [digest_of(each) for each in SHARED]
    image = image_of(store, tmp_path, "x", *SHARED[:2], history=history)
    assert [(line.created_by, line.diff_id) for line in upkeep.image_history(image)] == [
        ("ADD", layers[0]), ("ENV", ""), ("RUN", layers[1]), ("one too many", ""), ("", "")]  # fmt: skip
    image = image_of(store, tmp_path, "y", *SHARED)
    assert [line.diff_id for line in upkeep.image_history(image)] == layers


def test_inspect_speaks_dockers_words(store: ImageStore, tmp_path: Path) -> None:
    image = image_of(store, tmp_path, "x", *SHARED)
    found = upkeep.image_facts(image)
    assert found["Name"] == "x:latest" and found["Id"] == image.id and found["Digest"] == image.digest
    assert found["RootFS"]["Layers"] == [digest_of(each) for each in SHARED] and found["Config"] == {"Cmd": ["sh"]}


# --- diff
LOWER = archive({"etc/": None, "etc/same": b"1", "etc/changed": b"1", "etc/gone": b"1", "dir/": None, "dir/a": b"1",
                 "dir/deep/b": b"1", "opq/": None, "opq/x": b"1", "becomes": b"1"})  # fmt: skip
UPPER = archive({"etc/": None, "etc/same": b"1", "etc/changed": b"2", "etc/.wh.gone": b"", ".wh.dir": b"", "new": "etc",
                 "opq/": None, "opq/.wh..wh..opq": b"", "opq/y": b"1", "becomes/": None, "becomes/z": b"1",
                 "etc/.wh.never": b""})  # fmt: skip


def test_diff_looks_through_layers(store: ImageStore, tmp_path: Path) -> None:
    one, two = image_of(store, tmp_path, "one", LOWER), image_of(store, tmp_path, "two", LOWER, UPPER)
    assert [(change.what, change.path) for change in upkeep.changed_files(store, one, two)] == [
        ("changed", "/becomes"), ("added", "/becomes/z"), ("removed", "/dir"), ("removed", "/dir/a"),
        ("removed", "/dir/deep/b"), ("changed", "/etc/changed"), ("removed", "/etc/gone"), ("added", "/new"),
        ("removed", "/opq/x"), ("added", "/opq/y")]  # fmt: skip
    assert upkeep.changed_files(store, one, one) == []
    assert {change.what for change in upkeep.changed_files(store, two, one)} == {"added", "changed", "removed"}


@pytest.mark.parametrize("order", ["first", "last"])
def test_a_whiteout_hides_nothing_of_its_own_layer(store: ImageStore, tmp_path: Path, order: str) -> None:
    own = {"d/": None, "d/new": b"1"}
    hiding = {"d/.wh..wh..opq": b"", ".wh.e": b""}
    files = {**hiding, **own} if order == "first" else {**own, **hiding}
    one = image_of(store, tmp_path, "one", archive({"d/": None, "d/old": b"1", "e": b"1"}))
    two = image_of(store, tmp_path, "two", archive({"d/": None, "d/old": b"1", "e": b"1"}), archive(files))
    assert [tuple(change) for change in upkeep.changed_files(store, one, two)] == [
        ("added", "/d/new"), ("removed", "/d/old"), ("removed", "/e")]  # fmt: skip
