"""`pyctr-lab bench`: measure installed engines side by side; print a table or data, or write a report."""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..engines.survey import known_engines
from ..errors import BadInput, LabError
from ..measure.figures import CrowdRow, MemoryRow, as_json, crowd_rows, experiments_made, memory_rows, missing_lines
from ..measure.goal import Goal
from ..measure.images import IMAGE_SUITE
from ..measure.measuring import Watcher, measure
from ..measure.network import NETWORK_SUITE
from ..measure.options import MeasureOptions
from ..measure.rows import Progress
from ..measure.samples import Results, Sample
from ..measure.suite import Suite
from ..measure.walls import WALL_SUITE

WHAT = {
    "startup": ("startup",),
    "memory": ("memory", "disk"),
    "density": ("density",),
    "overhead": ("cpu", "syscalls", "files"),
    "images": (),  # a suite, see measure/images
    "network": (),
    "walls": (),
    "all": ("empty", "startup", "first_output", "memory", "disk", "cpu", "syscalls", "files", "density"),
}
SUITES: dict[str, Suite[Any]] = {each.name: each for each in (IMAGE_SUITE, NETWORK_SUITE, WALL_SUITE)}
FILES = ("results.csv", "index.html")  # of a report
STATUS = {"interrupted": 130, "cut short": 125}  # exit status: 128+SIGINT, and an error of the lab


def run_bench(arguments: argparse.Namespace) -> int:
    """Measure and print. If measuring ends early, print the results so far; the exit status shows it."""
    engines = None if arguments.engines is None else arguments.engines.split(",")
    options = MeasureOptions(arguments.runs, arguments.budget, arguments.count, arguments.seed).checked()
    suite = SUITES.get(arguments.what)
    chosen = suite.known_peers(engines) if suite else known_engines(engines)
    folder = report_folder(arguments.report) if arguments.report else None
    with Bar() as bar:
        results = measured(arguments.what, None if engines is None else chosen, options, bar.show)
    with undisturbed():
        print_results(results, arguments, folder)
    return STATUS.get(results.ended, 0)


def measured(what: str, engines: list[str] | None, options: MeasureOptions, progress: Watcher) -> Results:
    """The samples of what was asked for."""
    if what in SUITES:
        return SUITES[what].measure(engines=engines, options=options, progress=progress)
    return measure(WHAT[what], engines=engines, progress=progress, **asdict(options))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C while printing, so that the report is whole."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def print_results(results: Results, arguments: argparse.Namespace, folder: Path | None) -> None:
    """Print results in the chosen form, and notes to standard error."""
    figures = SUITES[arguments.what].goals(results) if arguments.what in SUITES else []
    if folder:
        print_report(results, folder)
    elif arguments.csv:
        as_csv(results)
    elif arguments.json:
        rows = [asdict(each) for each in figures]
        print(json.dumps(as_json(results, arguments.what) + rows, indent=1))
    else:
        print(as_text(results))
        if figures:
            print(f"\n{goals_table(figures)}")
    for note in results.notes:
        print(f"note: {note}", file=sys.stderr)


def report_folder(name: str) -> Path:
    """The folder of the report. Raises BadInput, before measuring, if its files cannot be written."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in (folder / each for each in FILES):
            new = not file.exists()
            file.open("a").close()
            if new:
                file.unlink()
    except OSError as why:
        raise BadInput(f"the report cannot be written to {name}: {why.strerror}", hint="name another folder") from why
    return folder


def print_report(results: Results, folder: Path) -> None:
    """Write the report and print its path. If that fails, print the table and raise LabError."""
    from ..draw.comparison.report import write_report

    try:
        print(write_report(results, folder))
    except OSError as why:
        print(as_text(results))
        hint = "all results are in the table above"
        raise LabError(f"the report could not be written to {folder}: {why.strerror}", hint=hint) from why


class Bar:
    """A progress bar on one line of a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._open = False  # whether the cursor is in the line of the bar

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            print(file=sys.stderr)

    def show(self, progress: Progress) -> None:
        """Redraw the bar."""
        if not self.live:
            return
        if not progress.total:
            line = f"{progress.experiment}: preparing {progress.engine}"
        else:
            full = 24 * progress.done // progress.total
            left = "" if progress.left is None else f"  about {progress.left:.0f} s to go"
            line = (
                f"{progress.experiment:13}[{'#' * full}{'.' * (24 - full)}] {progress.done} of {progress.total}{left}"
            )
        self._open = not progress.done >= progress.total > 0
        print(f"\r\033[K{line}", end="" if self._open else "\n", file=sys.stderr, flush=True)


# ----------------------------------------------------------------------------------------------------------- as text
def as_text(results: Results) -> str:
    """A table for each experiment, and a list of missing engines."""
    return "\n\n".join(
        [*(table(results, name) for name in experiments_made(results)), "\n".join(missing_lines(results))]
    ).rstrip()


def table(results: Results, experiment: str) -> str:
    """Medians and spread, and how many times ours each is: ratios travel between machines."""
    if experiment == "density":
        return as_lines(
            [
                ["engine", "alive", "seconds", "first ms", "last ms", "MiB each"],
                *(crowd_words(results, row) for row in crowd_rows(results)),
            ]
        )
    if experiment == "memory":
        head = ["memory", "first MiB", "the last adds", "instances", "x ours"]
        return as_lines([head, *(memory_words(results, row) for row in memory_rows(results))])
    unit = next(each.unit for each in results.of(experiment))
    rows = [[experiment, "runs", f"least {unit}", f"median {unit}", f"most {unit}", "x ours"]]
    for name in results.engines(experiment):
        values = results.values(experiment, name)
        spread = map(short, results.spread(experiment, name))
        rows.append([marked(results, name), str(len(values)), *spread, times_ours(results, experiment, name)])
    return as_lines(rows)


def goals_table(figures: list[Goal]) -> str:
    """What the figures are to reach, and whether they do."""
    verdicts = {True: "reached", False: "missed", None: "not measured"}
    rows = [["figure", "measured", "at most", ""]]
    for each in figures:
        value = "-" if each.value is None else f"{short(each.value)} {each.unit}"
        rows.append([each.figure, value, f"{each.bound} {each.unit}", verdicts[each.reached]])
    return as_lines(rows)


def marked(results: Results, name: str) -> str:
    """An engine's name; with a word more where its processor was software."""
    return f"{name} emulated" if results.emulated(name) else name


def times_ours(results: Results, experiment: str, name: str, instances: int | None = None) -> str:
    """How many times our median; "-" where ours was not measured."""
    ours = results.values(experiment, "ours", instances)
    if not ours or not results.median(experiment, "ours", instances):
        return "-"
    return short(results.median(experiment, name, instances) / results.median(experiment, "ours", instances))


def memory_words(results: Results, row: MemoryRow) -> list[str]:
    """A `MemoryRow` in words."""
    last = "-" if row.tenth_mib is None else short(row.tenth_mib)
    return [marked(results, row.engine), short(row.first_mib), last, str(row.instances),
            times_ours(results, "memory", row.engine, 1)]  # fmt: skip


def as_lines(rows: list[list[str]]) -> str:
    """Columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def short(value: float) -> str:
    """Three digits that say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def crowd_words(results: Results, row: CrowdRow) -> list[str]:
    """A `CrowdRow` in words."""
    took = map(short, (row.seconds, row.first_ms, row.last_ms))
    each = "-" if row.mib_each is None else short(row.mib_each)
    return [marked(results, row.engine), f"{row.count:,}", *took, each]


def as_csv(results: Results) -> None:
    """Every sample, with a heading."""
    writer = csv.DictWriter(sys.stdout, [each.name for each in fields(Sample)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(each) for each in results.samples)
