"""The store: a layout whose images have names, on this user's disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from ..errors import BadInput, Unsupported
from ..kernel.checks import short_repr
from .descriptors import BadImage, Config, Descriptor, Manifest
from .layout import NAME, Layout, digest_of

PLACE = "PYCTR_LAB_IMAGES"  # names another folder than ~/.local/share/pyctr-lab/images


@dataclass(frozen=True)
class Image:
    """An image of the store, for one platform. `name` is the name it was asked for by."""

    name: str
    descriptor: Descriptor
    manifest: Manifest
    config: Config

    @property
    def digest(self) -> str:
        """The digest of its manifest: the name that no one can move."""
        return self.descriptor.digest

    @cached_property
    def chain_ids(self) -> tuple[str, ...]:
        """For each layer a digest of it and of all below it, the lowest first: what a layer means depends on these."""
        return tuple(accumulate(self.config.diff_ids, lambda below, above: digest_of(f"{below} {above}".encode())))

    @property
    def size(self) -> int:
        """The bytes of all its blobs, compressed as they came."""
        return self.descriptor.size + self.manifest.config.size + sum(layer.size for layer in self.manifest.layers)


class Store:
    """The images of this user: an OCI layout, with names in its index."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.layout = Layout(self.folder, create=True)

    def names(self) -> dict[str, Descriptor]:
        """All names, and what each stands for."""
        return {each.annotations[NAME]: each for each in self.layout.manifests if NAME in each.annotations}

    def image(self, name: str) -> Image:
        """The image of this name. Raises BadInput where there is none."""
        known = self.names()
        found = known.get(full_name(name))
        if found is None:
            some = f"there are {', '.join(sorted(known)[:5])}" if known else "the store is empty"
            raise BadInput(f"there is no image {short_repr(name)}", hint=some)
        return self.read(full_name(name), found)

    def images(self) -> Iterator[Image]:
        """All images that have a name."""
        return (self.read(name, found) for name, found in sorted(self.names().items()))

    def read(self, name: str, found: Descriptor) -> Image:
        """An image by its manifest's descriptor. Raises BadImage."""
        manifest = Manifest.read(self.layout.read(found))
        config = Config.read(self.layout.read(manifest.config))
        if len(config.diff_ids) != len(manifest.layers):
            raise BadImage(f"{name} has {len(manifest.layers)} layers, and its configuration {len(config.diff_ids)}")
        return Image(name, found, manifest, config)

    def tag(self, name: str, descriptor: Descriptor) -> Image:
        """Give a name to a manifest of the layout; an image that has it already loses it."""
        name = full_name(name)
        named = replace(descriptor, annotations={**descriptor.annotations, NAME: name})
        image = self.read(name, named)
        with self.layout.changing() as listed:
            listed[:] = [each for each in listed if each.annotations.get(NAME) != name] + [named]
        return image

    def untag(self, name: str) -> None:
        """Take a name away. What no name holds is removed by `prune`."""
        self.image(name)
        with self.layout.changing() as listed:
            listed[:] = [each for each in listed if each.annotations.get(NAME) != full_name(name)]


def full_name(name: str) -> str:
    """A name with its tag: `latest` where none is given."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def default_folder() -> Path:
    """Where images are kept. Raises Unsupported for a user without a home directory."""
    if chosen := os.environ.get(PLACE, ""):
        return Path(chosen).absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(data) if data.startswith("/") else Path.home() / ".local/share") / "pyctr-lab" / "images"
    except RuntimeError:
        why = "no place for images: HOME is not set, and this user has no passwd entry"
        raise Unsupported(why, hint=f"set HOME, or {PLACE}, to a folder of yours") from None
