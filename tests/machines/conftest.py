"""One lab and one machine for all tests that only ask it something."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from pyctr_lab import Lab, Machine
from pyctr_lab.machines.hardware import Hardware

EMULATOR = Hardware(1, 1).program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that boots a guest says so by its fixture or its mark, and is skipped where there is no QEMU."""
    for item in items:
        if not shutil.which(EMULATOR) and {"lab", "vm"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason=f"{EMULATOR} is not installed"))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="session")
def vm(lab: Lab) -> Iterator[Machine]:
    with Machine(lab=lab, cpus=2) as made:
        yield made
