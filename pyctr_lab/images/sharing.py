"""Which images of a store hold which layers: each is stored once, and stays as long as one image holds it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..kernel.checks import check_count, check_each, check_text
from .store import Image, ImageStore
from .upkeep import image_history

MOST_BYTES = 1 << 60  # of a blob


@dataclass(frozen=True)
class StoredLayer:
    """A layer of an image, and the names of all images of the store that hold it.

    `digest` names its blob, of `size` bytes, compressed as it came; `diff_id` its content; `chain_id` its content and
    that of all layers below it: layers are unpacked by this, and `unpacked` is what that takes, 0 if it is not
    unpacked. `made_by` is the line of the image's history.
    """

    digest: str
    diff_id: str
    chain_id: str
    size: int
    holders: tuple[str, ...]
    made_by: str = ""
    unpacked: int = 0

    def __post_init__(self) -> None:
        for name in ("digest", "diff_id", "chain_id", "made_by"):
            check_text(getattr(self, name), f"a layer's {name}")
        check_count(self.size, "a layer's size", least=0, most=MOST_BYTES)
        check_count(self.unpacked, "a layer's unpacked size", least=0, most=MOST_BYTES)
        check_each(self.holders, str, "a layer's holders", least=1)


@dataclass(frozen=True)
class ImageLayers:
    """The layers of an image, the lowest first, and the digests of its manifest and its configuration.

    `documents` is the size of those two, in bytes.
    """

    name: str
    layers: tuple[StoredLayer, ...]
    manifest: str = ""
    config: str = ""
    documents: int = 0

    def __post_init__(self) -> None:
        for name in ("name", "manifest", "config"):
            check_text(getattr(self, name), f"an image's {name}")
        check_each(self.layers, StoredLayer, "an image's layers", hint="lab.images.layers() returns them")
        check_count(self.documents, "the size of an image's documents", least=0, most=MOST_BYTES)


def layers_by_image(store: ImageStore, unpacked: Mapping[str, int], names: Collection[str] = ()) -> list[ImageLayers]:
    """The layers of images, of all where no `names` are given. `unpacked` has sizes by chain id. Raises BadInput."""
    images = list(store.images())
    holders: dict[str, list[str]] = {}
    for image in images:
        for digest in {layer.digest for layer in image.manifest.layers}:
            holders.setdefault(digest, []).append(image.name)
    wanted = [store.image(name) for name in names] if names else images
    return [_layers_of(image, holders, unpacked) for image in wanted]


def _layers_of(image: Image, holders: Mapping[str, list[str]], unpacked: Mapping[str, int]) -> ImageLayers:
    lines = [line.created_by for line in image_history(image) if line.diff_id]
    layers = tuple(
        StoredLayer(blob.digest, diff_id, chain_id, blob.size, tuple(holders[blob.digest]), printable(made_by),
                    unpacked.get(chain_id, 0))
        for blob, diff_id, chain_id, made_by in
        zip(image.manifest.layers, image.config.diff_ids, image.chain_ids, lines, strict=True)
    )  # fmt: skip
    documents = image.descriptor.size + image.manifest.config.size
    return ImageLayers(image.name, layers, image.digest, image.id, documents)


def printable(line: str) -> str:
    """A line of a history, which may hold anything that JSON can say."""
    return line[:400].replace("\0", " ").encode("utf-8", "replace").decode()
