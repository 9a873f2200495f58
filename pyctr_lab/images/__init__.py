"""Images: OCI layouts, layers, safe unpacking, a store, a builder and a registry client."""

from __future__ import annotations

from .building.builder import BuildFailed
from .building.steps import BaseImage, BuildArgument, CopyFiles, ImageSetting, RunCommand
from .descriptors import BadImage
from .images import Images
from .process import ImageWords
from .sharing import ImageLayers, StoredLayer
from .store import Image
from .watching import LayerFile, OverlayChange, OverlayMoment, OverlayWatch

__all__ = [
    "BadImage", "BaseImage", "BuildArgument", "BuildFailed", "CopyFiles", "Image", "ImageLayers", "ImageSetting",
    "ImageWords", "Images", "LayerFile", "OverlayChange", "OverlayMoment", "OverlayWatch", "RunCommand", "StoredLayer",
]  # fmt: skip
