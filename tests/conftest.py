"""The fixture `lab`; and at the end of a run, a table of exercises, kinds of answers and verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyctr_lab import Cgroup, Container, Lab
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.runtime.faststart import Refused


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One lab for all tests of a worker that do not need one of their own."""
    with Lab() as made:
        yield made


@pytest.fixture
def box(lab: Lab) -> Iterator[Container]:
    """A fresh live process, without walls yet."""
    with lab.container("box") as made:
        yield made


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


@pytest.fixture(params=["by the loop", "by a Python child"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts by the loop of machine code, and the slower way: all labs, the same tests."""

    def refuse(starter: object) -> None:
        raise Refused("a test wants it so")

    if request.param == "by a Python child":
        monkeypatch.setattr("pyctr_lab.runtime.starting.Starter._require_loop", refuse)


def number_of(node: Any, config: pytest.Config) -> int:
    """`few` of a test's mark `repeat(few=..., many=...)`; with --all, `many`."""
    numbers = node.get_closest_marker("repeat").kwargs
    return int(numbers["many" if config.getoption("complete", default=False) else "few"])


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> int:
    """How often a test repeats what it does."""
    return number_of(request.node, request.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `repetition` is as many tests as its mark says."""
    if "repetition" in metafunc.fixturenames:
        metafunc.parametrize("repetition", range(number_of(metafunc.definition, metafunc.config)))


PASSED = ("passed", "failed")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of exercises. Tests record its rows as a property, which workers of a parallel run hand over too."""
    reports = [report for outcome in PASSED for report in terminalreporter.stats.get(outcome, [])]
    rows = sorted({tuple(value) for report in reports if getattr(report, "when", "") == "call"
                   for name, value in report.user_properties if name == "exercise"})  # fmt: skip
    if rows:
        terminalreporter.section("exercises: what was tried, and what the check said")
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            terminalreporter.write_line(line.rstrip())
