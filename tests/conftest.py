"""At the end of a run: what every exercise said to every kind of answer that was tried on it."""

from __future__ import annotations

from typing import Any

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
