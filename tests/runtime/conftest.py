"""Control groups of the real kernel; where nobody has given us any, what needs them is skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyctr_lab import Cgroup, Lab
from pyctr_lab.runtime.newborn import Refused


@pytest.fixture
def group(lab: Lab, delegated: None) -> Iterator[Cgroup]:
    """A fresh group, without limits yet."""
    with lab.cgroup("tested") as made:
        yield made


@pytest.fixture(params=["by the loop", "by a Python child"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts by the loop of machine code, and the slower way: all labs, the same tests."""

    def refuse(lab: Lab) -> None:
        raise Refused("a test wants it so")

    if request.param == "by a Python child":
        monkeypatch.setattr("pyctr_lab.runtime.starting.have_loop", refuse)
