"""What an ordinary user must be able to read."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def readable() -> Iterator[Path]:
    """The package and the generators, where every user may read them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HERE.parents[1] / "pyctr_lab", folder / "pyctr_lab", ignore=without)
        shutil.copy(HERE / "generators.py", folder)
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield folder
