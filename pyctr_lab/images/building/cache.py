"""The cache of a build: under the key of a step and of all before it, the layer that it made."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..descriptors import BadImage, Descriptor, parse_json
from ..layout import Layout, write_whole


def key_of(*parts: Any) -> str:
    """A digest of what a layer depends on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class BuildCache:
    """A folder of small files, a key each. One whose layer is not in the layout any more counts for nothing."""

    def __init__(self, layout: Layout) -> None:
        self.folder = layout.folder / "cache"
        self.layout = layout

    def find(self, key: str) -> Descriptor | None:
        """The layer under this key, if it is there."""
        try:
            found = Descriptor.read(parse_json((self.folder / key).read_bytes(), "an entry of the cache"))
        except (FileNotFoundError, BadImage):
            return None
        return found if self.layout.has(found) else None

    def prune(self) -> None:
        """Remove the keys whose layer is gone."""
        for path in self.folder.glob("[!.]*"):
            if self.find(path.name) is None:
                path.unlink(missing_ok=True)

    def keep(self, key: str, layer: Descriptor) -> None:
        """Note the layer that was made under this key."""
        self.folder.mkdir(exist_ok=True)
        write_whole(self.folder / key, json.dumps(layer.as_json()).encode())
