from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.errors import BadInput, Busy
from pyctr_lab.images import Images
from pyctr_lab.images.bases import busybox_image
from pyctr_lab.images.process import ImageWords
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.trees import Trees
from pyctr_lab.images.uppers import UPPERS
from pyctr_lab.runtime import Program
from pyctr_lab.steps import Overlay, Recipe, UpperFolder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    store = ImageStore(tmp_path_factory.mktemp("images"))
    store.tag("busybox", busybox_image(store.layout))
    with Lab(private=True) as lab:
        images = Images(lab, store)
        images.trees.show()
        yield images
        images.trees.run("remove_trees", names=os.listdir(images.trees.folder))


def recipe(images: Images, upper: str) -> Recipe:
    """That of an image, writing to a folder on disk."""
    steps = images.recipe("busybox", images.lab.recipe(), ImageWords())
    stack = images.trees.stack(images.store.image("busybox"))
    return Recipe(Overlay(stack, upper=upper) if isinstance(step, Overlay) else step for step in steps)


def start(images: Images, upper: str, *words: str) -> Program:
    return images.lab.start(words, recipe=recipe(images, upper))


def uppers(images: Images) -> set[str]:
    return set(os.listdir(images.trees.folder / "uppers")) - {".lock"}


def test_the_calls_are_data() -> None:
    overlay = Overlay(("a", "b"), upper="u", store="/s")
    assert [str(call) for call in overlay.calls()][1] == (
        'mount("overlay", "/mnt", "overlay", 0, '
        '"userxattr,lowerdir=a:b,upperdir=uppers/u/upper,workdir=uppers/u/work") = 0'
    ).removesuffix(" = 0")
    (folder,) = overlay.resources()
    assert folder == UpperFolder("u", "/s") and all(call.outside for call in folder.calls())
    assert not Overlay(("a",)).resources() and "uppers/u/work" in overlay.shell()
    for wrong in ("a/b", "..", "a:b", "x" * 33):
        with pytest.raises(BadInput):
            Overlay(("a",), upper=wrong)


def test_what_is_written_is_on_disk_and_goes_with_the_container(images: Images) -> None:
    program = start(images, "disk", "sh", "-c", "echo hello > /made; rm /etc/passwd; echo ready; exec sleep 1000")
    while "ready" not in program.stdout:
        assert program.alive
    upper = images.trees.folder / "uppers/disk/upper"
    assert (upper / "made").read_text() == "hello\n" and (upper / "etc/passwd").is_char_device()
    program.end()
    assert not uppers(images)


def test_one_upper_is_never_mounted_twice(images: Images) -> None:
    program = start(images, "once", "sleep", "1000")
    with pytest.raises(Busy, match="once"):
        start(images, "once", "true")
    assert program.alive and "once" in uppers(images)
    with Lab(private=True) as other:
        trees = Trees(other, images.store)
        trees.show()  # sweeps, but not this one
        assert "once" in uppers(images)
        with pytest.raises(Busy, match="another lab"):
            UPPERS.open(other.world, UpperFolder("once"))
    program.end()
    assert start(images, "once", "true").wait().returncode == 0 and not uppers(images)


def test_a_start_that_fails_leaves_none(images: Images) -> None:
    with pytest.raises(OSError, match="nothing"):
        start(images, "fails", "nothing")
    assert not uppers(images)


def test_one_that_is_kept_outlives_its_container(images: Images) -> None:
    with UPPERS.kept(images.lab.world) as folder:
        assert start(images, folder.name, "touch", "/made").wait().returncode == 0
        assert (images.trees.folder / folder.path / "upper/made").exists()
        assert start(images, folder.name, "test", "-e", "/made").wait().returncode == 0
    assert not uppers(images)


def test_a_container_made_step_by_step_gives_it_back(images: Images) -> None:
    with images.lab.container("steps") as box:
        for step in recipe(images, "steps"):
            box.apply(step)
        assert "steps" in uppers(images)
    assert not uppers(images)


DIES = """
import os, sys
from pathlib import Path
from pyctr_lab import Lab
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.trees import Trees
from pyctr_lab.images.uppers import UPPERS
from pyctr_lab.steps import UpperFolder
lab = Lab()
Trees(lab, ImageStore(Path(sys.argv[1]))).show()
folder = UpperFolder("left")
UPPERS.open(lab.world, folder)
lab.outside(folder.calls())
os._exit(0)
"""


def test_what_a_dead_process_has_left_is_removed_by_the_next_lab(images: Images) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(images.store.folder)], check=True, timeout=60)
    assert uppers(images) == {"left", "left.lock"}
    with Lab(private=True) as lab:
        Trees(lab, images.store).show()
        assert not uppers(images)


def test_what_a_closed_lab_has_left_is_removed_too(images: Images) -> None:
    """Its process lives on, and must let go of the lock."""
    with Lab(private=True) as lab:
        Trees(lab, images.store).show()
        folder = UpperFolder("closed")
        UPPERS.open(lab.world, folder)
        lab.outside(folder.calls())
    assert "closed" in uppers(images)
    with Lab(private=True) as lab:
        Trees(lab, images.store).show()
        assert not uppers(images)


def test_the_store_may_be_reached_by_a_link(images: Images, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(images.store.folder)
    with Lab(private=True) as lab:
        other = Images(lab, ImageStore(tmp_path / "link"))
        assert lab.run(["true"], recipe=recipe(other, "linked")).returncode == 0
    assert not uppers(images)
