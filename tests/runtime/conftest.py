"""Control groups of the real kernel; where nobody has given us any, what needs them is skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyctr_lab import Cgroup, Lab
from pyctr_lab.kernel.delegation import delegation


@pytest.fixture
def delegated() -> None:
    """Skips where memory, CPU or the number of processes cannot be limited."""
    found = delegation()
    lacking = [name for name in ("memory", "cpu", "pids") if name in found.missing]
    if lacking:
        pytest.skip(found.why(lacking[0]))


@pytest.fixture
def group(lab: Lab, delegated: None) -> Iterator[Cgroup]:
    """A fresh group, without limits yet."""
    with lab.cgroup("tested") as made:
        yield made
