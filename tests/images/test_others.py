"""Who reads whose images: we, umoci, skopeo, podman and a real Docker. Digests are equal on both sides.

| written by | read by us | by umoci | by skopeo | by podman | by Docker |
| --- | --- | --- | --- | --- | --- |
| us: layout | yes | yes | yes | yes | - |
| us: docker-archive | yes | - | yes | yes | load |
| skopeo: oci, oci-archive, docker-archive, dir; converted | yes | | | | |
| umoci: repack | yes | | | | |
| podman: docker-archive, oci-archive, docker-dir, oci-dir | yes | | | | |
| Docker: save, also compressed, and of a commit | yes | - | yes | | |
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from making import Made, archive
from skopeo import skopeo

from pyctr_lab import Lab
from pyctr_lab.engines import Sandbox
from pyctr_lab.images.images import Images
from pyctr_lab.images.store import Image, ImageStore
from pyctr_lab.images.upkeep import changed_files, verify_store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Docker, and umoci as root")
UPPER = archive({"etc/.wh.group": b"", "new": b"2", "opq/": None})
HERE = Path(__file__).parent


def needs(*tools: str) -> pytest.MarkDecorator:
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")


def run(*words: object, **more: Any) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=200, check=False, **more)
    assert done.returncode == 0, f"{words}: {done.stderr[-1000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("others")


@pytest.fixture(scope="module")
def ours(place: Path) -> Iterator[Images]:
    """Our store, with an image of two layers, of which one is compressed; and the same as a layout and an archive."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYCTR_LAB_IMAGES", str(place / "store"))
        with Lab(private=True) as lab:
            busybox = lab.images.import_("busybox", "busybox")
            made = Made(place / "made")
            for blob in busybox.blobs:
                shutil.copy(lab.images.store.layout.path(blob.digest), made.blobs)
            lower = busybox.manifest.layers[0].as_json()
            upper = made.blob(gzip.compress(UPPER, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
            first = lab.images.store.layout.path(lower["digest"]).read_bytes()
            settings = {"config": busybox.config.settings, "created": "2024-01-01T00:00:00Z", "history": [
                {"created": "2024-01-01T00:00:00Z", "created_by": word} for word in ("busybox", "tests")]}  # fmt: skip
            made.tag(made.image(config=made.config([first, UPPER], **settings), layers=[lower, upper]))
            lab.images.import_(f"oci:{made.folder}", "two:1")
            lab.images.export("two:1", f"oci:{place}/oci:1")
            lab.images.export("two:1", f"docker-archive:{place}/docker.tar:two:1")
            yield lab.images


@pytest.fixture
def two(ours: Images) -> Image:
    return ours.store.image("two:1")


def same_files(ours: Images, other: Image) -> bool:
    """Whether two images differ in nothing but what their writers say of folders around a change."""
    return [change.path for change in changed_files(ours.store, ours.store.image("two:1"), other)] == []


# --- others read ours
@needs("skopeo")
@pytest.mark.parametrize("source", ["oci:{}/oci:1", "docker-archive:{}/docker.tar"])
def test_skopeo_reads_ours(ours: Images, two: Image, place: Path, source: str) -> None:
    config = json.loads(skopeo(place, "inspect", "--config", source.format(place)))
    assert tuple(config["rootfs"]["diff_ids"]) == two.config.diff_ids
    raw = skopeo(place, "inspect", "--raw", source.format(place)).encode()
    if source.startswith("oci"):
        assert ours.store.layout.read(two.descriptor) == raw


@needs("umoci")
def test_umoci_reads_ours(ours: Images, place: Path, tmp_path: Path) -> None:
    run("umoci", "unpack", "--image", f"{place}/oci:1", tmp_path / "bundle")
    ours.export("two:1", str(tmp_path / "ours"))
    left, right = ({str(path.relative_to(top)) for path in top.rglob("*")} for top in (
        tmp_path / "bundle/rootfs", tmp_path / "ours"))  # fmt: skip
    assert left == right and "new" in left and "etc/group" not in left


@needs("podman")
@pytest.mark.parametrize("source", ["oci:oci:1", "docker-archive:docker.tar"])
def test_podman_reads_ours(ours: Images, two: Image, place: Path, tmp_path: Path, source: str) -> None:
    podman = podman_in(tmp_path)
    name = run(*podman, "pull", "-q", source, cwd=place).strip()
    (found,) = json.loads(run(*podman, "image", "inspect", name))
    assert f"sha256:{found['Id']}" == two.id and tuple(found["RootFS"]["Layers"]) == two.config.diff_ids


def podman_in(folder: Path) -> list[str]:
    """podman with its storage in a folder, and with a /run, a /dev/shm and a /var/lib of its own."""
    own = 'for place in /run /dev/shm /var/lib; do mount -t tmpfs none $place; done; exec "$@"'
    podman = ["podman", "--root", str(folder / "root"), "--runroot", "/run/podman-tests", "--storage-driver", "vfs"]
    return ["unshare", "--mount", "sh", "-c", own, "sh", *podman]


# --- we read theirs
@needs("skopeo")
@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive", "dir"])
@pytest.mark.parametrize("packed", ["", "gzip"])
def test_we_read_skopeos(ours: Images, two: Image, place: Path, tmp_path: Path, kind: str, packed: str) -> None:
    words = ["--dest-compress-format", packed] if packed and kind != "docker-archive" else []
    words += ["--dest-compress"] if packed and kind == "dir" else []
    target = tmp_path / "out"
    named = f"{kind}:{target}" + (":1" if kind != "dir" else "")
    skopeo(tmp_path, "copy", "-q", *words, f"oci:{place}/oci:1", named)
    for source in (f"{kind}:{target}", str(target)):
        image = ours.import_(source, f"skopeo:{kind}")
        assert (image.id, image.config.diff_ids) == (two.id, two.config.diff_ids)
    if kind == "oci":
        assert image.digest == json.loads(skopeo(tmp_path, "inspect", f"oci:{target}:1"))["Digest"]
    assert ours.lab.run(["cat", "/new"], image=image.name).stdout == "2"


@needs("skopeo")
@pytest.mark.parametrize("how", ["v2s2", "oci"])
def test_we_read_what_skopeo_converts(ours: Images, two: Image, place: Path, tmp_path: Path, how: str) -> None:
    skopeo(tmp_path, "copy", "-q", "--format", how, f"oci:{place}/oci:1", f"dir:{tmp_path}/dir")
    image = ours.import_(f"dir:{tmp_path}/dir", "converted")
    assert image.config.diff_ids == two.config.diff_ids
    ours.export("converted", f"oci:{tmp_path}/oci:1")  # and others read it, as OCI
    assert json.loads(skopeo(tmp_path, "inspect", "--config", f"oci:{tmp_path}/oci:1"))["rootfs"]["diff_ids"]
    if shutil.which("umoci"):
        run("umoci", "unpack", "--image", f"{tmp_path}/oci:1", tmp_path / "bundle")


@needs("umoci")
def test_we_read_umocis(ours: Images, two: Image, place: Path, tmp_path: Path) -> None:
    layout = tmp_path / "oci"
    shutil.copytree(place / "oci", layout)
    run("umoci", "unpack", "--image", f"{layout}:1", tmp_path / "bundle")
    (tmp_path / "bundle/rootfs/by-umoci").write_text("umoci")
    (tmp_path / "bundle/rootfs/etc/passwd").unlink()
    run("umoci", "repack", "--image", f"{layout}:2", tmp_path / "bundle")
    image = ours.import_(f"oci:{layout}:2", "umoci")
    assert image.digest == json.loads((layout / "index.json").read_text())["manifests"][1]["digest"]
    assert image.config.diff_ids[:2] == two.config.diff_ids
    changed = {(change.what, change.path) for change in changed_files(ours.store, two, image)}
    assert {("added", "/by-umoci"), ("removed", "/etc/passwd")} <= changed
    assert ours.lab.run(["sh", "-c", "cat /by-umoci; ls /etc"], image="umoci").stdout.startswith("umoci")


@needs("podman")
@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "docker-dir", "oci-dir"])
def test_we_read_podmans(ours: Images, two: Image, place: Path, tmp_path: Path, form: str) -> None:
    podman = podman_in(tmp_path)
    name = run(*podman, "pull", "-q", "oci:oci:1", cwd=place).strip()
    run(*podman, "tag", name, "localhost/some/name:3")
    run(*podman, "save", "-q", "--format", form, "-o", tmp_path / "saved", "localhost/some/name:3")
    image = ours.import_(str(tmp_path / "saved"), "podman")
    assert image.config.diff_ids == two.config.diff_ids and same_files(ours, image)
    assert ours.lab.run(["cat", "/new"], image="podman").stdout == "2"


# --- a real Docker: reader and writer
@pytest.fixture(scope="module")
def docker(ours: Images, place: Path) -> list[Any]:
    """What a Docker of its own has read of ours, and what it has written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        with Sandbox("docker_rows:exchange", archives=[str(place / "docker.tar")]) as sandbox:
            return list(sandbox)


@needs("dockerd", "docker")
def test_docker_reads_ours_and_we_read_dockers(ours: Images, two: Image, docker: list[Any], tmp_path: Path) -> None:
    (_, version), loaded, committed = docker
    assert loaded[1:4] == ["two:1", [two.id, list(two.config.diff_ids)], "by docker"], version
    (tmp_path / "saved").write_bytes(gzip.decompress(base64.b64decode(loaded[4])))
    (tmp_path / "saved.gz").write_bytes(base64.b64decode(loaded[4]))
    for source in (str(tmp_path / "saved"), str(tmp_path / "saved.gz"), f"docker-archive:{tmp_path}/saved:two:1"):
        image = ours.import_(source, "docker")
        assert image.id == two.id and same_files(ours, image)
    (tmp_path / "committed").write_bytes(gzip.decompress(base64.b64decode(committed[4])))
    image = ours.import_(str(tmp_path / "committed"), "committed")
    assert [image.id, list(image.config.diff_ids)] == committed[2]
    assert ("added", "/new") not in [tuple(change) for change in changed_files(ours.store, two, image)]
    assert ours.lab.run(["cat", "/new"], image="committed").stdout == "by docker\n"
    if shutil.which("skopeo"):
        assert json.loads(skopeo(tmp_path, "inspect", f"docker-archive:{tmp_path}/committed"))


def test_the_store_is_whole_after_all_of_it(ours: Images) -> None:
    assert verify_store(ours.store, ours.trees) == []
    assert ImageStore(ours.store.folder).names() == ours.store.names()
