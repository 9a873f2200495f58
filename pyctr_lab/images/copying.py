"""Copy an image's blobs into a layout, each verified by its digest, and each layer by that of its archive, too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import IO, Any, cast

from .archive import read_archive
from .compression import Blob, sniff
from .descriptors import (
    CONFIG,
    DOCKER_MANIFEST,
    LAYER,
    MANIFEST,
    BadImage,
    Descriptor,
    ImageConfig,
    ImageManifest,
    parse_json,
    platform_here,
)
from .layout import Incoming, Layout, read_blob

Report = Callable[[str, int, int], object]  # what comes, how many bytes of it have come, and of how many
LONG_AGO = "1970-01-01T00:00:00Z"  # so that the same content gives the same image
KEPT = {"": LAYER, "gzip": f"{LAYER}+gzip", "zstd": f"{LAYER}+zstd"}  # by how it is compressed; OCI knows no others


class Tee:
    """A file that is written to a blob while it is read."""

    def __init__(self, file: IO[bytes], blob: Incoming, size: int, report: Report | None, what: str) -> None:
        self._file, self._blob, self._size = file, blob, size
        self._report, self._what = report, what

    def read(self, size: int) -> bytes:
        """The next bytes. Raises BadImage where there are more than the size that was said."""
        data = self._file.read(size)
        self._blob.write(data)
        if self._blob.size > self._size:
            raise BadImage(f"{self._what} has more than the {self._size} bytes that it should have")
        if self._report and data:
            self._report(self._what, self._blob.size, self._size)
        return data


def copy_layer(
    layout: Layout, file: IO[bytes], size: int, expected: Descriptor | None, diff_id: str, report: Report | None = None
) -> tuple[Descriptor, str]:
    """Keep a layer's bytes as they come; return its descriptor, and its diff_id.

    `size` is how many there are at most; `expected` and `diff_id` are what others say of it, if they do.
    Raises BadImage where it is not so, and where it is no archive.
    """
    what = (expected.digest if expected else diff_id or "the archive")[:19]
    with layout.incoming(expected) as blob:
        content = Blob(cast(IO[bytes], Tee(file, blob, size, report, what)), None, diff_id)
        try:
            for _ in read_archive(content):
                pass
        except BadImage:
            if expected and blob.size == expected.size:
                blob.verify(expected)  # if all follows from a damaged blob, that is what is wrong
            raise
    described = Descriptor(KEPT.get(content.compression, LAYER), blob.digest, blob.size)
    return expected or described, diff_id or content.diff_id


def compression_of(file: IO[bytes]) -> str:
    """How a file is compressed, empty for not at all; it is read from its start on still."""
    peek: Callable[[int], bytes] = file.peek  # type: ignore[attr-defined]
    codec = sniff(peek(64))
    return codec.name if codec else ""


def copy_unpacked(layout: Layout, file: IO[bytes], diff_id: str = "") -> tuple[Descriptor, str]:
    """Keep a layer, but not compressed: what OCI has no media type for."""
    with layout.incoming() as blob:
        for piece in Blob(file, None, diff_id):
            blob.write(piece)
    return Descriptor(LAYER, blob.digest, blob.size), blob.digest


def copy_image(
    layout: Layout,
    open_blob: Callable[[Descriptor], IO[bytes]],
    manifest_raw: bytes,
    known: Collection[tuple[str, str]] = (),
    report: Report | None = None,
) -> Descriptor:
    """Copy all that a manifest names, and the manifest at last; return its descriptor.

    Layers in `known`, pairs of digest and diff_id, were verified before: where the layout has them, they are not read.
    """
    manifest = ImageManifest.read(manifest_raw)
    config_raw = read_blob(open_blob, manifest.config)
    diff_ids = ImageConfig.read(config_raw).diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise BadImage(f"{len(manifest.layers)} layers, and {len(diff_ids)} diff_ids in the configuration")
    for layer, diff_id in zip(manifest.layers, diff_ids, strict=True):
        if (layer.digest, diff_id) not in known or not layout.has(layer):
            with open_blob(layer) as file:
                copy_layer(layout, file, layer.size, layer, diff_id, report)
    layout.write(config_raw, manifest.config.media_type)
    return layout.write(manifest_raw, manifest_type(manifest_raw))


def manifest_type(manifest_raw: bytes) -> str:
    """A manifest's media type: it may leave it out."""
    return DOCKER_MANIFEST if parse_json(manifest_raw, "a manifest").get("mediaType") == DOCKER_MANIFEST else MANIFEST


def single_layer(layout: Layout, layer: Descriptor, diff_id: str, settings: dict[str, Any], made: str) -> Descriptor:
    """An image of one layer that is in the layout; return its manifest's descriptor."""
    rootfs = {"type": "layers", "diff_ids": [diff_id]}
    history = [{"created": LONG_AGO, "created_by": made}]
    config = ImageConfig(
        {"created": LONG_AGO, **platform_here(), "config": settings, "rootfs": rootfs, "history": history}
    )
    described = layout.write(config.encode(), CONFIG)
    return layout.write(ImageManifest(described, (layer,)).encode(), MANIFEST)
