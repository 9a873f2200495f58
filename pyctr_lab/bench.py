"""`pyctr-lab bench`: measured side by side with the engines that are here, told as a table, as data, or as a page."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .errors import BadInput
from .measure.experiment import Progress, measure
from .measure.figures import as_json, crowds, there
from .measure.samples import Results, Sample

WHAT = {
    "startup": ("startup",),
    "memory": ("memory", "disk"),
    "density": ("density",),
    "overhead": ("cpu", "syscalls", "files"),
    "all": ("empty", "startup", "first_output", "memory", "disk", "cpu", "syscalls", "files", "density"),
}
DENSE = ("ours", "bubblewrap", "runc", "qemu")  # of these a crowd is made, unless others are named
INTERRUPTED = 130  # as a shell counts it


def run(arguments: argparse.Namespace) -> int:
    """Measures, and tells. 130 when it was interrupted; what had been measured is told all the same."""
    folder = writable(arguments.report) if arguments.report else None
    results = measured(arguments, Bar().show)
    if folder:
        from .draw.report import write

        print(write(results, folder))
    elif arguments.csv:
        as_csv(results)
    elif arguments.json:
        print(json.dumps(as_json(results, arguments.what), indent=1))
    else:
        print("\n\n".join(table(results, name) for name in there(results)))
        for name, why in results.missing.items():
            print(f"not here: {name}: {why}")
    for note in results.notes:
        print(f"note: {note}", file=sys.stderr)
    return INTERRUPTED if any(note.startswith("interrupted") for note in results.notes) else 0


def measured(arguments: argparse.Namespace, progress: Callable[[Progress], object]) -> Results:
    """All experiments of what was asked; an interrupt ends the row of them."""
    results = Results()
    engines = arguments.engines.split(",") if arguments.engines is not None else None
    for name in WHAT[arguments.what]:
        found = measure(
            name,
            engines=DENSE if engines is None and name == "density" else engines,
            repetitions=arguments.runs,
            budget=arguments.budget,
            count=arguments.count,
            seed=arguments.seed,
            progress=progress,
        )
        results.samples += found.samples
        results.missing.update(found.missing)
        results.notes += found.notes
        results.machine = found.machine or results.machine
        if any(note.startswith("interrupted") for note in found.notes):
            break
    return results


def writable(name: str) -> Path:
    """A folder that is there and may be written to. Raises BadInput before anything is measured."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".pyctr-lab"
        probe.touch()
        probe.unlink()
    except OSError as why:
        raise BadInput(f"the report cannot be written to {name}: {why.strerror}", hint="name another folder") from why
    return folder


class Bar:
    """How far it is, on one line of a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()

    def show(self, progress: Progress) -> None:
        """Writes the line anew."""
        if not self.live:
            return
        if not progress.total:
            said = f"{progress.experiment}: preparing {progress.engine}"
        else:
            full = 24 * progress.done // progress.total
            left = "" if progress.left is None else f"  about {progress.left:.0f} s to go"
            said = (
                f"{progress.experiment:13}[{'#' * full}{'.' * (24 - full)}] {progress.done} of {progress.total}{left}"
            )
        over = progress.done >= progress.total > 0
        print(f"\r\033[K{said}", end="\n" if over else "", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------------- told
def table(results: Results, experiment: str) -> str:
    """Medians and spread; ratios of ours to each, for those travel between machines."""
    if experiment == "density":
        return as_lines(
            [["engine", "alive", "seconds", "first ms", "last ms", "MiB each"], *map(crowd_words, crowds(results))]
        )
    unit = next(each.unit for each in results.of(experiment))
    rows = [[experiment, "runs", f"least {unit}", f"median {unit}", f"most {unit}", "ours is"]]
    names = results.engines(experiment)
    for name in names:
        ratio = results.ratio(experiment, "ours", name) if "ours" in names and results.median(experiment, name) else 0
        how = " emulated" if results.emulated(name) else ""
        values = results.values(experiment, name)
        rows.append(
            [
                name + how,
                str(len(values)),
                *map(short, results.spread(experiment, name)),
                f"{ratio:.2f} of it" if ratio else "-",
            ]
        )
    return as_lines(rows)


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


def crowd_words(row: dict[str, Any]) -> list[str]:
    """A row of `crowds` in words."""
    return [row["engine"], f"{row['count']:,}", *(short(row[k]) for k in ("seconds", "first_ms", "last_ms")),
            "-" if row["mib_each"] is None else short(row["mib_each"])]  # fmt: skip


def as_csv(results: Results) -> None:
    """Every sample, with a heading."""
    writer = csv.DictWriter(sys.stdout, [each.name for each in fields(Sample)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(each) for each in results.samples)
