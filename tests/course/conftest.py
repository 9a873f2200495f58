from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import Lab


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes what the learner at this machine has done."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def own_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor are the learner's images touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYCTR_LAB_IMAGES", str(tmp_path_factory.mktemp("images")))
        yield


@pytest.fixture(scope="module")
def lab(own_images: None) -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def shell() -> Iterator[Any]:
    """An IPython shell of its own, with the course's magics."""
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell()
    made.run_line_magic("load_ext", "pyctr_lab")
    yield made
    InteractiveShell.clear_instance()
