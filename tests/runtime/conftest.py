"""Control groups of the real kernel; where nobody has given us any, what needs them is skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyctr_lab import Cgroup, Lab


@pytest.fixture
def group(lab: Lab, delegated: None) -> Iterator[Cgroup]:
    """A fresh group, without limits yet."""
    with lab.cgroup("tested") as made:
        yield made
