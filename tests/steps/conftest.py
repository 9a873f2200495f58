"""One lab for a worker's tests of steps, and a fresh live process for each that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyctr_lab import Lab
from pyctr_lab.runtime.container import Container


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def box(lab: Lab) -> Iterator[Container]:
    with lab.container("box") as made:
        yield made
