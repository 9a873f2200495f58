"""Where images are measured: a folder on disk that is removed at the end, with a store and a lab of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import MappingProxyType

from ...errors import LabError
from ...images import Images
from ...images.copying import copy_layer, single_layer
from ...images.descriptors import CONFIG, Descriptor, encode_json, platform_here
from ...images.layout import NAME, Layout
from ...images.store import ImageStore
from ...images.world import TREE_JOBS
from ...lab import Lab
from ...runtime.job import run_as_root
from .servers import find_tool
from .sizes import ImageSizes

PREFIX = "pyctr-lab-bench-"
NAMED = "1"  # the tag of an image in a layout
EMPTY: Mapping[str, str] = MappingProxyType({})


class BenchGround:
    """A folder, a store in it, and a lab. Nothing in the folder is removed before the end.

    ext4 passes over inodes that were deleted a moment ago: unpacking soon after `rm -r` costs seconds, not half of one.
    """

    tree: Path  # a layout with the image of the tree

    def __init__(self, place: Path, lab: Lab, sizes: ImageSizes) -> None:
        self.place, self.lab, self.sizes = place, lab, sizes
        self._numbers = count()
        lab.images = self.images = Images(lab, ImageStore(place / "store"))

    def fresh(self) -> Path:
        """A new folder."""
        folder = self.place / f"{next(self._numbers):04}"
        folder.mkdir()
        return folder

    def layout_of(self, archive: Path) -> Path:
        """A layout with one image, whose only layer is this archive."""
        folder = self.fresh()
        layout = Layout(folder, create=True)
        with archive.open("rb") as file:
            layer, diff_id = copy_layer(layout, file, archive.stat().st_size, None, "")
        found = single_layer(layout, layer, diff_id, {"Cmd": ["true"]}, "bench")
        with layout.changing() as listed:
            listed.append(replace(found, annotations={NAME: NAMED}))
        return folder

    def exported(self, name: str) -> Path:
        """A layout with an image of the store."""
        folder = self.place / f"exported-{name}"
        self.images.export(name, f"oci:{folder}:{NAMED}")
        return folder

    def need_tree(self, name: str) -> None:
        """Have the image of the tree in the store."""
        self.images.import_(f"oci:{self.tree}:{NAMED}", name)

    def configuration(self, diff_ids: list[str]) -> Descriptor:
        """The configuration of an image that runs nothing, in the store."""
        content = {**platform_here(), "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        return self.images.store.layout.write(encode_json(content), CONFIG)

    def remove_trees(self) -> None:
        """Remove what is unpacked: an ordinary user cannot, but in a lab."""
        for folder in self.place.glob("*/unpacked/*"):
            list(run_as_root(self.lab.world, f"{TREE_JOBS}:remove_trees", folder=folder, names=os.listdir(folder)))


@contextmanager
def bench_ground(sizes: ImageSizes) -> Iterator[BenchGround]:
    """Open one below TMPDIR, or /var/tmp. Raises LabError where it has not enough room."""
    above = os.environ.get("TMPDIR") or "/var/tmp"
    free = shutil.disk_usage(above).free
    if free < sizes.disk:
        said = f"{above} has {free >> 30} GiB of room, and {sizes.disk >> 30} are needed"
        raise LabError(said, hint="TMPDIR names another folder; --quick needs less")
    with tempfile.TemporaryDirectory(dir=above, prefix=PREFIX) as name, Lab(private=True) as lab:
        ground = BenchGround(Path(name), lab, sizes)
        try:
            yield ground
        finally:
            ground.remove_trees()


def settle() -> None:
    """Write all that is in memory to the disk, so that no turn pays for the one before it. See sync(2)."""
    os.sync()


def run_tool(name: str, words: Iterable[object], environment: Mapping[str, str] = EMPTY) -> None:
    """Run another tool, with more in its environment. Raises LabError with its last words."""
    command = [find_tool(name), *map(str, words)]
    env = {**os.environ, **environment}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or "it said nothing"
        raise LabError(f"{name} failed: {said[-300:]}")
