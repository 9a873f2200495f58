"""Volumes with a name, and that no link of an image leads a mount out of the container's root."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from making import archive

from pyctr_lab import steps
from pyctr_lab.errors import BadInput, Busy
from pyctr_lab.images.images import Images
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.runtime import Run

pytestmark = pytest.mark.machine


def run(images: Images, script: str, image: str = "busybox", **wanted: str) -> Run:
    recipe = images.volumes.recipe(images.lab.recipe(image=image), wanted)
    return images.lab.run(["sh", "-c", script], recipe=recipe)


def test_a_volume_is_made_at_first_use_and_outlives_its_containers(images: Images) -> None:
    assert images.volumes.names() == []
    assert run(images, "echo kept > /data/file && pwd", data="/data").stdout == "/\n"
    assert images.volumes.names() == ["data"]
    assert run(images, "cat /a/b/file", data="/a/b").stdout == "kept\n"
    recipe = images.volumes.recipe(images.lab.recipe(), {"data": "/data"})
    without = images.lab.run(["cat", "/data/file"], recipe=recipe)
    assert without.stdout == "kept\n", without.stderr


def test_for_reading_only(images: Images) -> None:
    done = run(images, "echo x > /data/x", data="/data:ro")
    assert "Read-only file system" in done.stderr
    mounted = run(images, "grep ' /data ' /proc/self/mountinfo", data="/data").stdout
    assert {"rw", "nosuid", "nodev"} <= set(mounted.split()[5].split(","))


def test_a_folder_of_the_hosts(images: Images) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: the lab's ids may not enter pytest's folder
        os.chmod(folder, 0o755)
        Path(folder, "file").write_text("from outside")
        recipe = images.volumes.recipe(images.lab.recipe(image="busybox"), {folder: "/data:ro"})
        assert images.lab.run(["cat", "/data/file"], recipe=recipe).stdout == "from outside"


def test_a_volume_in_use_is_not_removed(images: Images) -> None:
    recipe = images.volumes.recipe(images.lab.recipe(image="busybox"), {"data": "/data"})
    program = images.lab.start(["sleep", "100"], recipe=recipe)
    with pytest.raises(Busy, match="the volume data is in use by process"):
        images.volumes.remove("data")
    assert images.volumes.names() == ["data"]
    program.kill()
    program.wait()
    run(images, "mkdir -p /data/a/b; touch /data/a/b/c; chmod 0 /data/a", data="/data")
    images.volumes.remove("data")
    assert images.volumes.names() == [] == os.listdir(images.volumes.folder)
    assert run(images, "ls /data", data="/data").stdout == ""


def test_what_is_said_of_a_volume(images: Images) -> None:
    images.volumes.make("data")
    found = images.volumes.inspect("data")
    assert found["Name"] == "data" and Path(found["Mountpoint"]).is_dir() and found["CreatedAt"][:2] == "20"
    with pytest.raises(BadInput, match=r"there is no volume other \(there are data\)"):
        images.volumes.remove("other")


def test_wrong_words(images: Images) -> None:
    for source, target, why in (
        *(("../x", "/data", "no folder"), (".x", "/data", "no name"), ("x\n", "/data", "no name")),
        *(("/no/such", "/d", "no folder"), ("x", "data", "begins with"), ("x", "/", "own")),
        *(("x", "/a/../proc/x", "container's own"), ("x", "//dev", "container's own"), ("x", "/data:rx", "no place")),
        ("x", "/data:", "no place"),
    ):
        with pytest.raises(BadInput, match=why):
            images.volumes.recipe(images.lab.recipe(), {source: target})
    assert images.volumes.names() == []


# --- planted links
def planted(images: Images, tmp_path: Path, outside: str) -> None:
    """An image whose links would lead out: to a folder of the host's, and up."""
    links: dict[str, bytes | str | None] = {"data": outside, "up": "../../../../" + outside.lstrip("/")}
    links |= {"loop": "loop", "nowhere": "/no/such", "file": b"x", "inside": "/srv", "srv": None}
    (tmp_path / "links.tar").write_bytes(archive(links))
    images.import_(str(tmp_path / "links.tar"), "planted")


def mounts(images: Images, target: str) -> list[str]:
    """Where a process has a volume mounted that has taken all steps but the change of its root."""
    recipe = list(images.volumes.recipe(images.lab.recipe(image="planted"), {"v": target}))
    with images.lab.container("victim") as box:
        for step in recipe[: [type(step) for step in recipe].index(steps.PivotRoot)]:
            box.apply(step)
        return [mount.target for mount in proc.mountinfo(box.machine_pid) if mount.root.endswith("/v")]


@pytest.mark.parametrize("target", ["/data", "/up", "/data/made"])
def test_no_planted_link_leads_out(images: Images, tmp_path: Path, target: str) -> None:
    outside = Path(f"/tmp/pyctr-lab-outside-{uuid.uuid4().hex}")
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    try:
        planted(images, tmp_path, str(outside))
        with pytest.raises(CallError, match=r"openat2\(.*ENOENT"):  # in the image the links lead nowhere
            mounts(images, target)
        assert not any(outside.iterdir()), "a folder was made outside"
    finally:
        for left in outside.iterdir():
            left.rmdir()
        outside.rmdir()


def test_a_link_within_the_image_is_followed(images: Images, tmp_path: Path) -> None:
    planted(images, tmp_path, "/tmp")
    assert mounts(images, "/inside/deep") == ["/mnt/srv/deep"]


@pytest.mark.parametrize(("target", "errno"), [("/loop", "ELOOP"), ("/nowhere", "ENOENT"), ("/file", "ENOTDIR")])
def test_a_target_that_is_no_folder(images: Images, tmp_path: Path, target: str, errno: str) -> None:
    planted(images, tmp_path, "/tmp")
    with pytest.raises(CallError, match=errno):
        mounts(images, target)


AS_USER = """
import os
from pyctr_lab import Lab, steps
from pyctr_lab.kernel.calls import CallError
os.mkdir("outside")
os.mkdir("root"); os.symlink(os.path.abspath("outside"), "root/data")
with Lab() as lab:
    lab.images.import_("root", "planted")
    recipe = lab.images.volumes.recipe(lab.recipe(image="planted"), {"v": "/data/made"})
    try:
        lab.run(["/x"], recipe=recipe)
    except CallError as why:
        print(why.errno, os.listdir("outside"))
    lab.images.import_("busybox", "busybox")
    for script in ("echo kept > /data/x", "cat /data/x"):
        recipe = lab.images.volumes.recipe(lab.recipe(image="busybox"), {"v": "/data"})
        done = lab.run(["sh", "-c", script], recipe=recipe)
    print(done.stdout, done.stderr)
    lab.images.volumes.remove("v")
    print(lab.images.volumes.names())
"""


def test_the_same_as_a_user(as_user: Callable[[str], str]) -> None:
    assert as_user(AS_USER).split() == ["2", "[]", "kept", "[]"]


def test_a_step_leaves_no_descriptor_and_the_folder_it_was_in(images: Images) -> None:
    with images.lab.container("box") as box:
        for step in list(images.lab.recipe().with_shared_ids())[:2]:
            box.apply(step)
        box.apply(steps.NewNamespace("mnt"))
        box.apply(steps.PrivatePropagation())
        before = set(os.listdir(f"/proc/{box.machine_pid}/fd"))
        box.apply(steps.Volume("/usr", "/srv/x" if Path("/srv/x").is_dir() else "/media", readonly=True))
        assert set(os.listdir(f"/proc/{box.machine_pid}/fd")) == before
        assert os.readlink(f"/proc/{box.machine_pid}/cwd") == "/"
