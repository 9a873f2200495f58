"""What the worker does for `export`: all layers of an image as one archive, made as root of a lab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .diff import tree_changes, write_layer
from .tree_jobs import mount_layers


def write_flat(layers: Sequence[str], owners: Mapping[str, list[int]], out: int) -> Iterator[int]:
    """Write what a container of these layers sees, the topmost first, to a descriptor; yield how many bytes so far."""
    root = mount_layers(layers)
    size = 0
    with open(out, "wb", closefd=False) as file:
        for chunk in write_layer(tree_changes(None, root), root, owners=owners):
            size += file.write(chunk)
            yield size
