"""Images: OCI layouts, layers, safe unpacking, a store, a builder and a registry client."""

from __future__ import annotations

from .descriptors import BadImage
from .images import Images
from .process import ImageWords
from .store import Image

__all__ = ["BadImage", "Image", "ImageWords", "Images"]
