"""Import an image into a new store, and unpack it: `python -m pyctr_lab.measure.images.bring_image SOURCE FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from ...errors import LabError
from ...images import Images
from ...images.store import Store
from ...lab import Lab


def bring_image(source: str, folder: Path) -> None:
    """Import and unpack. Raises LabError."""
    with Lab(private=True) as lab:
        images = Images(lab, Store(folder))
        images.trees.stack(images.import_(source, "measured"))


if __name__ == "__main__":
    try:
        bring_image(sys.argv[1], Path(sys.argv[2]))
    except LabError as why:
        sys.exit(str(why))
