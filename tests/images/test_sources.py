"""What can be imported, by whom it was written, and what is refused in one line."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making import CONFIG, INDEX, LAYER, MANIFEST, Made, archive, digest_of, packed_folder

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.images import compression
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.upkeep import verify_store

ONE, TWO = archive({"a": b"1", "b/": None}), archive({"c": b"2"})
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, "gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress}  # fmt: skip


def nothing_left(store: ImageStore) -> bool:
    left = [path for path in store.folder.rglob("*") if path.is_file() and path.name not in STAYS]
    return not left and verify_store(store) == []


STAYS = ("oci-layout", "index.json", "pyctr-lab.json", ".adding", ".lock")


# --- root file systems
@pytest.mark.parametrize("packer", PACKERS)
def test_an_archive_of_a_root_file_system(store: ImageStore, tmp_path: Path, packer: str) -> None:
    file = tmp_path / "root.tar"
    file.write_bytes(PACKERS[packer](ONE))
    image = import_image(store, str(file), "root")
    assert image.config.diff_ids == (digest_of(ONE),)
    (layer,) = image.manifest.layers
    kept = file.read_bytes() if packer in ("", "gzip") else ONE  # OCI has no media type for the others
    assert store.layout.path(layer.digest).read_bytes() == kept
    assert layer.media_type == (f"{LAYER}+gzip" if packer == "gzip" else LAYER)
    assert verify_store(store) == []


@pytest.mark.skipif(compression.zstd is None, reason="no module for zstd")
def test_a_layer_of_zstd_whose_last_zeros_are_missing(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    cut = compression.zstd.compress(ONE.rstrip(b"\0") + bytes(-len(ONE.rstrip(b"\0")) % 512))
    layer = made.blob(cut, f"{LAYER}+zstd")
    made.tag(made.image(config=made.config([ONE]), layers=[layer]))
    assert import_image(store, f"oci:{made.folder}", "x").config.diff_ids == (digest_of(ONE),)


def test_a_folder_gives_the_same_image_again(store: ImageStore, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "file").write_bytes(b"1")
    (folder / "link").symlink_to("/nowhere")
    os.link(folder / "file", folder / "hard")
    first = import_image(store, str(folder), "one")
    assert import_image(store, str(folder), "two").digest == first.digest
    (folder / "file").write_bytes(b"2")
    assert import_image(store, str(folder), "three").digest != first.digest


def test_a_users_own_files_are_roots_in_an_image(as_user: Callable[[str], str]) -> None:
    said = as_user(
        "import os\nfrom pyctr_lab.images.store import ImageStore\nfrom pyctr_lab.images.sources import import_image\n"
        "from pyctr_lab.images.archive import read_archive\nfrom pyctr_lab.images.compression import Blob\n"
        "os.mkdir('r'); open('r/f', 'w').close(); store = ImageStore(); image = import_image(store, 'r', 'r')\n"
        "with store.layout.open(image.manifest.layers[0]) as file:\n"
        "    print([(entry.name, entry.uid, entry.gid) for entry in read_archive(Blob(file))])"
    )
    assert said.strip() == "[(b'', 0, 0), (b'f', 0, 0)]"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no archive at all\n", "cannot be read"),
        (b"", "cannot be read"),
        (gzip.compress(b"no archive", mtime=0), "is cut"),
        (gzip.compress(ONE, mtime=0)[:-9], "is cut"),
        (gzip.compress(ONE, mtime=0) + b"garbage", "garbage behind"),
        (ONE[:300], "cannot be read"),
        (ONE[:520], "cannot be read"),
    ],
    ids=["text", "empty", "text, packed", "cut", "more behind", "300 bytes", "520 bytes"],
)
def test_what_is_no_archive(store: ImageStore, tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadImage, match=why) as raised:
        import_image(store, str(tmp_path / "file"), "x")
    assert "\n" not in str(raised.value)
    assert nothing_left(store)


def test_a_header_that_would_fill_the_memory(store: ImageStore, tmp_path: Path) -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 40
    (tmp_path / "file").write_bytes(entry.tobuf(tarfile.GNU_FORMAT))
    os.truncate(tmp_path / "file", 1 << 41)
    with pytest.raises(BadImage, match="header of more than a MiB"):
        import_image(store, str(tmp_path / "file"), "x")


@pytest.mark.parametrize(
    ("source", "why"), [("/no/such", "no '/no/such'"), ("oci:/no/such:x", "no '/no/such'"), ("/dev/null", "no regular")]
)
def test_what_is_not_there(store: ImageStore, source: str, why: str) -> None:
    with pytest.raises((BadInput, BadImage), match=why):
        import_image(store, source, "x")


def test_a_wrong_name_is_refused_before_anything_is_read(store: ImageStore) -> None:
    with pytest.raises(BadInput, match="is no repository's name"):
        import_image(store, "/no/such", "UPPER")


def test_progress_is_reported(store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(ONE)
    said: list[tuple[str, int, int]] = []
    import_image(store, str(tmp_path / "file"), "x", lambda *words: said.append(words))
    assert said[-1][1:] == (len(ONE), len(ONE))


# --- OCI layouts
def test_a_layout_is_taken_as_it_is(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    entry = made.image(ONE, TWO, annotations={"more": "fields"}, unknown=["kept"])
    made.tag(entry)
    for source in (f"oci:{made.folder}:one", f"oci:{made.folder}", str(made.folder)):
        assert import_image(store, source, "x").digest == entry["digest"]
    assert {path.name for path in store.layout.blobs.iterdir()} == {path.name for path in made.blobs.iterdir()}


def odd(made: Made, what: str) -> dict[str, Any]:
    """The descriptor of an image that is odd, but as it should be."""
    plain = made.blob(ONE, LAYER)
    match what:
        case "docker's types":
            docker = "application/vnd.docker.distribution.manifest.v2+json"
            layer = made.blob(gzip.compress(ONE), "application/vnd.docker.image.rootfs.diff.tar.gzip")
            return made.image(config=made.config([ONE]), layers=[layer], manifest_type=docker)
        case "no media type in the manifest":
            return made.image(ONE, mediaType=None)
        case "no media type in the index":
            return {key: value for key, value in made.image(ONE).items() if key != "mediaType"}
        case "plain, called gzip":
            return made.image(config=made.config([ONE]), layers=[{**plain, "mediaType": f"{LAYER}+gzip"}])
        case "nondistributable":
            kind = "application/vnd.oci.image.layer.nondistributable.v1.tar"
            return made.image(config=made.config([ONE]), layers=[{**plain, "mediaType": kind}])
        case "two gzip members":
            layer = made.blob(gzip.compress(ONE[:512]) + gzip.compress(ONE[512:]), f"{LAYER}+gzip")
            return made.image(config=made.config([ONE]), layers=[layer])
        case "xz":
            return made.image(config=made.config([ONE]), layers=[made.blob(lzma.compress(ONE), LAYER)])
        case "a long history":
            return made.image(config=made.config([ONE], history=[{"created_by": "x"}] * 500), layers=[plain])
        case "no layer":
            return made.image()
        case "a layer twice":
            return made.image(ONE, ONE)
        case "nested, with an attestation":
            image = made.image(ONE, TWO)
            other = {**made.image(TWO), "platform": {"os": "linux", "architecture": "s390x"}}
            attested = {**made.image(ONE), "platform": {"os": "unknown", "architecture": "unknown"}}
            here = {**image, "platform": {"os": "linux", "architecture": machine()}}
            return made.index(made.index(attested, here), other)
    raise AssertionError(what)


def machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


@pytest.mark.parametrize(
    "what",
    ["docker's types", "no media type in the manifest", "no media type in the index", "plain, called gzip",
     "nondistributable", "two gzip members", "xz", "a long history", "no layer", "a layer twice",
     "nested, with an attestation"],
)  # fmt: skip
def test_odd_but_legal(store: ImageStore, tmp_path: Path, what: str) -> None:
    made = Made(tmp_path / "layout")
    made.tag(odd(made, what))
    import_image(store, f"oci:{made.folder}:one", "x")
    assert verify_store(store) == []


def lying(made: Made, what: str) -> object:
    """What index.json says, or the descriptor that it lists."""
    packed = gzip.compress(ONE)
    layer, config = made.blob(packed, f"{LAYER}+gzip"), made.config([ONE])
    image = made.image(config=config, layers=[layer])
    match what:
        case "index is no JSON":
            return "{"
        case "index is a list":
            return []
        case "no manifests":
            return {"schemaVersion": 2}
        case "entry is no object":
            return {"manifests": ["x"]}
        case "digest is none":
            return {"manifests": [{**image, "digest": "sha256:../../etc/passwd"}]}
        case "digest of another kind":
            return {"manifests": [{**image, "digest": "sha512:" + "0" * 128}]}
        case "size below zero":
            return {"manifests": [{**image, "size": -1}]}
        case "manifest's size lies":
            return {**image, "size": image["size"] + 1}
        case "manifest too large":
            return {**image, "size": 1 << 40}
        case "manifest is not there":
            return {**image, "digest": digest_of(b"nothing")}
        case "manifest is damaged":
            flip(made, image)
            return image
        case "manifest is no JSON":
            return made.blob(b"\xff\xfe", MANIFEST)
        case "manifest nested too deep":
            return made.blob(b"[" * 100_000, MANIFEST)
        case "schema 1":
            return made.json({"schemaVersion": 1, "fsLayers": []}, MANIFEST)
        case "an index, called manifest":
            return {**made.index(image), "mediaType": MANIFEST}
        case "a manifest, called index":
            return {**image, "mediaType": INDEX}
        case "unknown media type":
            return {**image, "mediaType": "application/vnd.example"}
        case "no platform of ours":
            return made.index({**image, "platform": {"os": "plan9", "architecture": "mips"}})
        case "two of one platform":
            here = {"os": "linux", "architecture": machine()}
            return made.index({**image, "platform": here}, {**made.image(TWO), "platform": here})
        case "an index too deep":
            entry = image
            for _ in range(10):
                entry = made.index(entry)
            return entry
        case "too many indexes":
            return made.index(*(made.json({"manifests": [], "n": n}, INDEX) for n in range(100)))
        case "a cyclic index":  # no sha256 can hold itself: the digest lies
            inner = made.index(image)
            (made.blobs / inner["digest"][7:]).write_text(json.dumps({"manifests": [inner]}))
            return inner
        case "config is not there":
            return made.image(config={**config, "digest": digest_of(b"nothing")}, layers=[layer])
        case "config is damaged":
            flip(made, config)
            return image
        case "only the second layer lies":
            second = made.blob(gzip.compress(TWO), f"{LAYER}+gzip")
            return made.image(config=made.config([ONE, ONE]), layers=[layer, second])
        case "config is no JSON":
            return made.image(config=made.blob(b"nothing", CONFIG), layers=[layer])
        case "diff_ids missing":
            return made.image(config=made.config([ONE], rootfs={"type": "layers"}), layers=[layer])
        case "a diff_id too many":
            return made.image(config=made.config([ONE, TWO]), layers=[layer])
        case "diff_id lies":
            return made.image(config=made.config([TWO]), layers=[layer])
        case "Env is no list":
            return made.image(config=made.config([ONE], config={"Env": {"a": "b"}}), layers=[layer])
        case "layers is no list":
            return made.image(ONE, layers={"a": 1})  # type: ignore[arg-type]
        case "layer's size too small":
            return made.image(config=config, layers=[{**layer, "size": 10}])
        case "layer's size too large":
            return made.image(config=config, layers=[{**layer, "size": 1 << 50}])
        case "layer is not there":
            return made.image(config=config, layers=[{**layer, "digest": digest_of(b"nothing")}])
        case "layer is damaged":
            flip(made, layer)
            return image
        case "layer is cut":
            path = made.blobs / layer["digest"][7:]
            path.write_bytes(packed[:-10])
            return image
        case "layer is no archive":
            return made.image(config=made.config([b"nothing" * 99]), layers=[made.blob(b"nothing" * 99, LAYER)])
        case "unknown compression":
            lz4 = b"\x04\x22\x4d\x18" + ONE
            return made.image(config=config, layers=[made.blob(lz4, f"{LAYER}+lz4")])
    raise AssertionError(what)


def flip(made: Made, descriptor: dict[str, Any]) -> None:
    path = made.blobs / descriptor["digest"][7:]
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


LIES = {
    "index is no JSON": "no JSON", "index is a list": "no object", "no manifests": "without a list",
    "entry is no object": "no object", "digest is none": "is no digest", "digest of another kind": "is no digest",
    "size below zero": "size is -1", "manifest's size lies": "bytes, not", "manifest too large": "too much",
    "manifest is not there": "no file", "manifest is damaged": "damaged", "manifest is no JSON": "no JSON",
    "manifest nested too deep": "no JSON", "schema 1": "schema 1", "an index, called manifest": "schema|index",
    "a manifest, called index": "without a list", "unknown media type": "nothing for",
    "no platform of ours": "nothing for linux", "two of one platform": "ambiguous", "an index too deep": "deep",
    "too many indexes": "deep", "a cyclic index": "bytes, not|damaged", "config is not there": "no file",
    "config is damaged": "damaged", "only the second layer lies": "diff_id",
    "config is no JSON": "no JSON", "diff_ids missing": "without diff_ids", "a diff_id too many": "1 layers, and 2",
    "diff_id lies": "diff_id", "Env is no list": "Env", "layers is no list": "list of layers",
    "layer's size too small": "more than the 10 bytes", "layer's size too large": "bytes, not",
    "layer is not there": "no file", "layer is damaged": "damaged", "layer is cut": "is cut|bytes, not",
    "layer is no archive": "cut|header|archive", "unknown compression": "header|archive",
}  # fmt: skip


@pytest.mark.parametrize("what", LIES)
def test_a_lie_is_refused_in_one_line_and_nothing_is_left(store: ImageStore, tmp_path: Path, what: str) -> None:
    made = Made(tmp_path / "layout")
    said = lying(made, what)
    if isinstance(said, dict) and "digest" in said:
        made.tag(said)
    else:
        made.save(said)
    with pytest.raises(BadImage, match=LIES[what]) as raised:
        import_image(store, f"oci:{made.folder}", "x")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300
    assert nothing_left(store)


def test_a_tag_twice_is_refused(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    made.tag(made.image(ONE)).tag(made.image(TWO))
    for source in (f"oci:{made.folder}:one", f"oci:{made.folder}"):
        with pytest.raises(BadImage, match="'one' is there 2 times"):
            import_image(store, source, "x")
    made.listed.pop()
    made.tag(made.image(ONE))  # the same image twice is one image
    import_image(store, f"oci:{made.folder}:one", "x")


def test_several_images_want_a_tag(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    one, two = made.image(ONE), made.image(TWO)
    made.tag(one, "one").tag(two, "two")
    with pytest.raises(BadImage, match=r"several images .*add :TAG; there are one, two"):
        import_image(store, f"oci:{made.folder}", "x")
    assert import_image(store, f"oci:{made.folder}:two", "x").digest == two["digest"]
    with pytest.raises(BadImage, match=r"no image 'three' .*there are one, two"):
        import_image(store, f"oci:{made.folder}:three", "x")


def test_a_layout_of_another_version(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout", "2.0.0")
    made.tag(made.image(ONE))
    with pytest.raises(BadImage, match=r"is a layout of version '2.0.0'"):
        import_image(store, f"oci:{made.folder}", "x")


# --- archives of images, by the tools that write them
CONFIGURATION = {"architecture": machine(), "os": "linux", "rootfs": {"diff_ids": [digest_of(ONE), digest_of(TWO)]}}


def docker(how: str, tags: list[str] | None, **changed: Any) -> bytes:
    """An archive as docker save and others write it."""
    raw = json.dumps(CONFIGURATION).encode()
    config = f"{digest_of(raw)[7:]}.json"
    files: dict[str, bytes | str | None]
    ids = ["1" * 64, "2" * 64]
    if how == "plain":  # Docker 1.10 until 24
        layers = [f"{each}/layer.tar" for each in ids]
        files = {f"{ids[0]}/": None, f"{ids[0]}/VERSION": b"1.0", layers[0]: ONE, layers[1]: TWO}
    elif how == "links":  # podman and skopeo
        diffs = [digest_of(each)[7:] + ".tar" for each in (ONE, TWO)]
        files = {diffs[0]: ONE, diffs[1]: TWO}
        files |= {f"{each}/layer.tar": f"../{diff}" for each, diff in zip(ids, diffs, strict=True)}
        layers = [f"{each}/layer.tar" for each in ids] if changed.pop("by_link", False) else diffs
    else:  # compressed layers
        layers = ["a.tar", "b.tar"]
        files = {"a.tar": gzip.compress(ONE), "b.tar": lzma.compress(TWO)}
    entry = {"Config": config, "RepoTags": tags, "Layers": layers, **changed}
    return archive({config: raw, **files, "manifest.json": json.dumps([entry]).encode()})


@pytest.mark.parametrize("packer", ["", "gzip"])
@pytest.mark.parametrize(("how", "by_link"), [("plain", False), ("links", False), ("links", True), ("packed", False)])
def test_docker_save_of_each_age(store: ImageStore, tmp_path: Path, how: str, by_link: bool, packer: str) -> None:
    file = tmp_path / "saved"
    file.write_bytes(PACKERS[packer](docker(how, ["a/b:1"], **({"by_link": True} if by_link else {}))))
    image = import_image(store, str(file), "x")
    assert image.config.content == CONFIGURATION and image.config.diff_ids == (digest_of(ONE), digest_of(TWO))
    assert image.id == digest_of(json.dumps(CONFIGURATION).encode())
    assert import_image(store, f"docker-archive:{file}:a/b:1", "y").digest == image.digest
    with pytest.raises(BadImage, match=r"no image 'a/b:2' .*there are a/b:1"):
        import_image(store, f"docker-archive:{file}:a/b:2", "z")
    assert verify_store(store) == []


def test_an_archive_with_a_layout_inside_is_read_as_one(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    entry = made.image(ONE, TWO)
    made.tag(entry, "1")
    (made.folder / "manifest.json").write_text("[]")  # Docker 25 writes both
    (tmp_path / "saved").write_bytes(packed_folder(made.folder))
    for source in (str(tmp_path / "saved"), f"oci-archive:{tmp_path}/saved:1", f"docker-archive:{tmp_path}/saved"):
        assert import_image(store, source, "x").digest == entry["digest"]


def test_skopeos_folder_of_bare_blobs(store: ImageStore, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    entry = made.image(ONE, TWO)
    folder = tmp_path / "dir"
    shutil.copytree(made.blobs, folder)
    (folder / entry["digest"][7:]).rename(folder / "manifest.json")
    (folder / "version").write_text("Directory Transport Version: 1.1\n")
    for source in (f"dir:{folder}", str(folder)):
        assert import_image(store, source, "x").digest == entry["digest"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Layers": ["1" * 64 + "/layer.tar"]}, "1 layers, and 2 diff_ids"),
        ({"Layers": ["../../etc/passwd", "x"]}, "no file"),
        ({"Layers": [1, 2]}, "no list of images"),
        ({"Config": "/etc/passwd"}, "no file"),
        ({"Config": None}, "no list of images"),
        ({"RepoTags": 7}, "no list of images"),
    ],
)
def test_docker_archives_that_lie(store: ImageStore, tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    (tmp_path / "saved").write_bytes(docker("plain", ["a:1"], **changed))
    with pytest.raises(BadImage, match=why):
        import_image(store, str(tmp_path / "saved"), "x")
    assert nothing_left(store)


def test_a_circle_of_links_in_an_archive(store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(archive({"manifest.json": "x", "x": "manifest.json"}))
    with pytest.raises(LabError, match=r"no file|no archive"):
        import_image(store, f"docker-archive:{tmp_path}/saved", "x")
