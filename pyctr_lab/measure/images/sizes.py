"""How large the images are that are measured with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSizes:
    """A tree of so many `entries` and bytes, made of Debian's packages where `debian` is set and a mirror answers; a
    large layer and the content of a bomb, in bytes; the layers of the images that share some, each; the bytes of disk
    that all of it takes."""

    entries: int
    tree: int
    debian: bool
    layer: int
    bomb: int
    shared: int
    disk: int


FULL = ImageSizes(11_783, 258_000_000, True, 2 << 30, 250 << 20, 8 << 20, 16 << 30)
SMALL = ImageSizes(400, 6_000_000, False, 48 << 20, 48 << 20, 200_000, 1 << 30)
