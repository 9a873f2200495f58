"""What experiments return: samples, each with its unit, engine and repetition, and the machine they were taken on."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..kernel.checks import check_file_name, check_kind, check_list

UNITS = {
    "startup": "ms",  # from the call to the reaped program, /bin/true
    "first_output": "ms",  # from the call to the program's first line
    "memory": "MiB",  # proportional set size of all processes of `instances` instances, and kernel memory
    "disk": "MiB",  # what an instance adds on disk
    "cpu": "s",  # a fixed computation
    "syscalls": "1/s",  # read(2) and write(2) of one byte
    "files": "s",  # a thousand small files, warm
    "density": "ms",  # the start of number `instances`, with all before it alive
    "each": "MiB",  # what each of a crowd of `instances` takes, the kernel's part too
    "empty": "ms",  # an experiment that does nothing: what measuring itself costs
    "unpack": "s",  # an image of a Debian tree to a tree on disk, digests verified but by tar
    "synced": "s",  # the same, until all of it is on the disk
    "image_start": "ms",  # from the call to the reaped program, in the files of an image or of the host
    "layer_memory": "MiB",  # at most, of all processes, while an image with one large layer is imported and unpacked
    "bomb_memory": "MiB",  # the same, for a small blob with a large content
    "push": "s",  # that image to a registry on loopback
    "pull": "s",  # and from it
    "sent": "KiB",  # on the wire, to push an image that shares three layers of four with one that is there
    "fetched": "KiB",  # the same, to pull it
    "stored": "KiB",  # what it adds to a layout
    "net_start": "ms",  # from the call to the reaped program, at a network or without one
    "net_bytes": "Gbit/s",  # from one container or namespace to another, over a bridge
    "net_port": "Gbit/s",  # from this machine to a published port, or a server on loopback
    "net_connect": "ms",  # a connection to it, from connect to close
    "net_crowd": "s",  # `instances` starts at one network, all alive
    "net_last": "x",  # the last of them to the first, medians of fifty
    "net_close": "s",  # the end of their lab
    "net_names": "1/s",  # answers of a network's name server
    "wall_start": "ms",  # from the call to the reaped program, with all walls
    "whole_start": "ms",  # the same, without and with an image and a network
    "filter_compile": "ms",  # Docker's policy to a program
    "filter_install": "ms",  # of that program
    "filter_call": "ns",  # what it adds to a call that is always allowed
    "matrix": "s",  # all probes with each step left out
    "unexpected": "outcomes",  # of the matrix, that are not as the table of probes has them
    "out": "probes",  # that got out, with these steps left out
    "rebuild": "s",  # a build whose steps are all cached
}


Ending = Literal["", "interrupted", "cut short"]
"""How a run ended: as it should, by Ctrl-C, or because a sandbox ended before its work was done."""


@dataclass(frozen=True)
class Sample:
    """One measured value. `repetition` counts from 1; 0 is the warm-up, which figures leave out.

    `instances` is how many were alive with it, itself counted. `seconds` is when it was taken, from the experiment's
    begin. `emulated`: its processor was software.
    """

    experiment: str
    engine: str
    value: float
    unit: str
    repetition: int = 1
    instances: int = 1
    seconds: float = 0.0
    emulated: bool = False

    @property
    def warm(self) -> bool:
        """Whether it counts: the first round of an engine is a warm-up."""
        return self.repetition > 0


@dataclass
class Results:
    """All samples of one or several experiments, in the order in which they were taken.

    `missing` says why an engine is not among them, `notes` what else must be known: repetitions that the time did not
    allow. `machine` describes the computer, key by key. `ended` says whether and how the run ended early, `titles` what
    engines are called in pictures, `paid_once` the MiB that daemons take, whether a container runs or not.
    """

    samples: list[Sample] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    ended: Ending = ""
    titles: dict[str, str] = field(default_factory=dict)
    paid_once: dict[str, float] = field(default_factory=dict)

    def values(self, experiment: str, engine: str, instances: int | None = None) -> list[float]:
        """The values of one engine without the warm-up; of one number of instances, if that is given."""
        return [
            each.value
            for each in self.of(experiment)
            if each.engine == engine and each.warm and instances in (None, each.instances)
        ]

    def of(self, experiment: str) -> Iterator[Sample]:
        """The samples of one experiment."""
        return (each for each in self.samples if each.experiment == experiment)

    def median(self, experiment: str, engine: str, instances: int | None = None) -> float:
        """The median. Raises KeyError where there is none."""
        return self.spread(experiment, engine, instances)[1]

    def spread(self, experiment: str, engine: str, instances: int | None = None) -> tuple[float, float, float]:
        """The least value, the median, the greatest; nothing is thrown away. Raises KeyError where there is none."""
        values = self.values(experiment, engine, instances)
        if not values:
            raise KeyError(f"{experiment} of {engine} was not measured")
        return least_median_greatest(values)

    def engines(self, experiment: str) -> list[str]:
        """The engines that were measured, by their median, the least first."""
        names = {each.engine for each in self.of(experiment) if each.warm}
        return sorted(names, key=lambda name: (self.median(experiment, name), name))

    def crowd(self, engine: str) -> list[Sample]:
        """The starts of one crowd, in their order; where one was made several times, of the greatest."""
        crowds: dict[int, list[Sample]] = {}
        for each in self.of("density"):
            if each.engine == engine and each.warm:
                crowds.setdefault(each.repetition, []).append(each)
        return max(crowds.values(), key=len, default=[])

    def name_of(self, engine: str) -> str:
        """What an engine is called in pictures."""
        return self.titles.get(engine, engine)

    def emulated(self, engine: str) -> bool:
        """Whether an engine's processor was software: no fair race then."""
        return any(each.emulated for each in self.samples if each.engine == engine)

    def ratio(self, experiment: str, engine: str, to: str) -> float:
        """How many times another engine's median: ratios travel between machines, milliseconds do not."""
        return self.median(experiment, engine) / self.median(experiment, to)

    # --- kept
    def save(self, path: Path | str) -> Path:
        """As CSV, one sample a line; all else stands above, in lines that begin with #."""
        path = check_file_name(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            for kind in ("machine", "missing", "titles", "paid_once"):
                file.writelines(f"# {kind}: {key}: {one_line(str(value))}\n" for key, value in vars(self)[kind].items())
            file.writelines(f"# note: {one_line(note)}\n" for note in self.notes)
            file.writelines(f"# ended: {self.ended}\n" for _ in self.ended[:1])
            writer = csv.DictWriter(file, [each.name for each in fields(Sample)])
            writer.writeheader()
            writer.writerows(asdict(each) for each in self.samples)
        return path

    @classmethod
    def load(cls, path: Path | str) -> Results:
        """Read what `save` has written."""
        found = cls()
        lines = check_file_name(path).read_text(encoding="utf-8").splitlines()
        for line in (each for each in lines if each.startswith("# ")):
            kind, _, rest = line.removeprefix("# ").partition(": ")
            key, _, value = rest.partition(": ")
            if kind == "note":
                found.notes.append(rest)
            elif kind == "ended":
                found.ended = "interrupted" if rest == "interrupted" else "cut short"
            else:
                vars(found)[kind][key] = float(value) if kind == "paid_once" else value
        rows = csv.DictReader(line for line in lines if not line.startswith("# "))
        found.samples = [sample_from_words(row) for row in rows]
        return found


def least_median_greatest(values: Sequence[float]) -> tuple[float, float, float]:
    """The least value, the median, the greatest."""
    return min(values), statistics.median(values), max(values)


FROM_WORDS: dict[str, Callable[[str], Any]] = {
    "value": float, "repetition": int, "instances": int, "seconds": float, "emulated": "True".__eq__
}  # fmt: skip


def sample_from_words(row: dict[str, str]) -> Sample:
    """A sample from a row of CSV."""
    return Sample(**{name: FROM_WORDS.get(name, str)(word) for name, word in row.items()})


def joined(several: Iterable[Results]) -> Results:
    """Several as one, with the first one's machine."""
    all_ = [check_kind(each, Results, "each of several") for each in check_list(several, "what is joined")]
    return Results(
        [each for results in all_ for each in results.samples],
        {name: why for results in all_ for name, why in results.missing.items()},
        [note for results in all_ for note in results.notes],
        all_[0].machine if all_ else {},
        next((results.ended for results in all_ if results.ended), ""),
        {name: title for results in all_ for name, title in results.titles.items()},
        {name: mib for results in all_ for name, mib in results.paid_once.items()},
    )


def one_line(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())
