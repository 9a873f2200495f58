"""Import an image into a new store, and unpack it."""

from __future__ import annotations

import sys
from pathlib import Path

from ...errors import LabError
from ...images import Images
from ...images.store import ImageStore
from ...lab import Lab


def bring_image(source: str, folder: Path) -> None:
    """Import and unpack. Raises LabError."""
    with Lab(private=True) as lab:
        images = Images(lab, ImageStore(folder))
        images.trees.stack(images.import_(source, "measured"))


def main() -> None:
    """Bring the image that the words name. An error is one line of standard error."""
    try:
        bring_image(sys.argv[1], Path(sys.argv[2]))
    except LabError as why:
        sys.exit(str(why))
