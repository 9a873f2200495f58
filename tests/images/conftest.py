"""A store of a test's own, and a lab for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.images.images import Images
from pyctr_lab.images.store import ImageStore

ROOT = Path(__file__).parents[2]
UID = 61238


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "store")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Images]:
    """The images of a lab of its own, with busybox among them."""
    monkeypatch.setenv("PYCTR_LAB_IMAGES", str(tmp_path / "store"))
    with Lab(private=True) as lab:
        lab.images.import_("busybox", "busybox")
        yield lab.images


@pytest.fixture
def as_user() -> Iterator[Callable[[str], str]]:
    """Runs a script as an ordinary user without a range of ids; returns what it prints. Its HOME is a new folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name, "home")
        shutil.copytree(ROOT / "pyctr_lab", Path(name, "pyctr_lab"), ignore=shutil.ignore_patterns("__pycache__"))
        home.mkdir()
        os.chown(home, UID, UID)
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)

        def run(script: str) -> str:
            argv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "/usr/bin/python3", "-c", script]
            env = {"PATH": os.environ["PATH"], "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home)}
            done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=home, timeout=240, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
            return done.stdout

        yield run
