"""The layer map: which layers the images of a store share, their sizes to scale, and what a removal frees.

A layer's height says what its blob takes of the disk, compressed as it came. Its manifest and configuration, about a
kilobyte each, are not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...images import ImageLayers
from ..marks import SMALL_PAGE, WIDE_PAGE
from ..picture import Picture
from .drawing import layer_map_svg
from .words import alt_text, layer_map, title

__all__ = ["alt_text", "layers", "title"]


def layers(images: Sequence[ImageLayers], removed: str | Sequence[str] = ()) -> Picture:
    """The layers of up to six images, each drawn once, beside the images that hold it; and what a removal would free.

    `images` are from `lab.images.layers()`; with names, of some images only: images that are not drawn count as
    holders all the same. `removed` names one or several of them: drawn as removed, with what that frees of the disk
    (`lab.images.rm(...)`, then `lab.images.prune()`). Raises BadInput.
    """
    plan = layer_map(images, removed)
    heading, words = title(images, removed), alt_text(images, removed)
    wide, small = (layer_map_svg(plan, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)
