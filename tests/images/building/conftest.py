"""A lab, and a store of its own with the image busybox in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.images import Images
from pyctr_lab.images.bases import busybox_image
from pyctr_lab.images.store import ImageStore


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    store = ImageStore(tmp_path_factory.mktemp("images"))
    store.tag("busybox", busybox_image(store.layout))
    with Lab(private=True) as lab:
        images = Images(lab, store)
        yield images
        if images.trees.folder.exists():  # files of the lab's ids: only its root can remove them
            images.trees.run("remove_trees", names=os.listdir(images.trees.folder))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder to copy from."""
    made = tmp_path / "context"
    made.mkdir()
    return made
