"""Clients of a registry, side by side: each sends an image, and fetches one into a folder that is a layout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

from ...images import Images
from ...images.store import ImageStore
from .bench_ground import NAMED, BenchGround, run_tool


class Client(Protocol):
    """What is measured of a registry's client. `target` and `source` are names with the registry's address."""

    def push(self, image: str, target: str) -> None:
        """Send an image of the ground's store."""

    def pull(self, source: str, folder: Path) -> None:
        """Fetch an image."""


class OurClient:
    """Our own."""

    def __init__(self, ground: BenchGround) -> None:
        self.ground = ground

    def push(self, image: str, target: str) -> None:
        """Send it from the store."""
        self.ground.images.tag(image, target)
        self.ground.images.push(target)

    def pull(self, source: str, folder: Path) -> None:
        """Fetch it into a store."""
        Images(self.ground.lab, ImageStore(folder)).pull(source)


class SkopeoClient:
    """skopeo, which is given layouts. It remembers what a registry has, so that each turn has a registry of its own."""

    def __init__(self, ground: BenchGround) -> None:
        self.layout = cache(ground.exported)
        self.data = ground.fresh()

    def push(self, image: str, target: str) -> None:
        """Send it from a layout."""
        self.copy("--dest-tls-verify=false", f"oci:{self.layout(image)}:{NAMED}", f"docker://{target}")

    def pull(self, source: str, folder: Path) -> None:
        """Fetch it into a layout."""
        tag = source.rpartition("/")[2].replace(":", "-")
        self.copy("--src-tls-verify=false", f"docker://{source}", f"oci:{folder}:{tag}")

    def copy(self, *words: str) -> None:
        """Copy an image."""
        memory = {"XDG_DATA_HOME": str(self.data), "_CONTAINERS_ROOTLESS_UID": "1"}  # else root's is in /var/lib
        run_tool("skopeo", ["--insecure-policy", "copy", "--quiet", *words], memory)


def clients(ground: BenchGround) -> dict[str, Client]:
    """All clients."""
    return {"ours": OurClient(ground), "skopeo": SkopeoClient(ground)}
