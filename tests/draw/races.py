"""Results of experiments, made up, for the tests of their pictures: the usual, the reverse, and the least."""

from __future__ import annotations

from pyctr_lab import Limits, draw
from pyctr_lab.draw import Picture
from pyctr_lab.measure.neighbour import Act, Round
from pyctr_lab.measure.samples import UNITS, Results, Sample

STARTS = {
    "exec": 0.8, "ours": 4.4, "ours+limits": 6.1, "unshare": 2.7, "bubblewrap": 4.9, "lxc": 11.6, "crun": 21.9,
    "runc": 22.8, "nspawn": 61.7, "gvisor": 109.0, "podman": 168.0, "docker": 272.0, "qemu": 2440.0,
}  # fmt: skip
MEMORY = {
    "exec": (1.4, 0.13),
    "ours": (1.5, 0.26),
    "docker": (39.0, 8.7),
    "gvisor": (35.0, 15.0),
    "qemu": (217.0, 211.0),
}
COSTS = {
    "cpu": {"exec": 0.2, "ours": 0.21, "gvisor": 0.22, "qemu": 3.1},
    "syscalls": {"exec": 4e6, "ours": 3.9e6, "gvisor": 2e4, "qemu": 7e5},
    "files": {"exec": 0.006, "ours": 0.006, "docker": 0.012, "gvisor": 1.06, "qemu": 0.1},
}
CROWDS = {
    "ours": (1000, 4.0),
    "bubblewrap": (700, 5.0),
    "runc": (188, 26.0),
    "docker": (29, 180.0),
    "qemu": (3, 2400.0),
}


TITLES = {
    "exec": "bare process", "floor": "the least, in C", "ours": "this course", "ours+fork": "this course, forked",
    "ours+limits": "this course, limited", "lxc": "LXC", "gvisor": "gVisor", "podman": "Podman", "docker": "Docker",
    "qemu": "virtual machine",
}  # fmt: skip


def results_of(samples: list[Sample], missing: dict[str, str] | None = None) -> Results:
    """Results as `measure` returns them: with what engines are called in pictures."""
    return Results(samples, missing or {}, titles=TITLES)


def sample(experiment: str, engine: str, value: float, number: int = 1, count: int = 1) -> Sample:
    return Sample(experiment, engine, value, UNITS[experiment], number, count, 0.0, engine == "qemu")


def starts(names: tuple[str, ...] = tuple(STARTS)) -> Results:
    made = [
        sample("startup", name, STARTS[name] * factor, n) for n, factor in enumerate((9, 1, 0.8, 1.6)) for name in names
    ]
    return results_of(
        made, {"podman": "podman is not installed (apt-get install podman)"} if "podman" not in names else {}
    )


def memories() -> Results:
    made = [
        sample("memory", name, value, 1, n)
        for name, both in MEMORY.items()
        for value, n in zip(both, (1, 10), strict=True)
    ]
    results = results_of(made)
    results.paid_once["docker"] = 129.0
    return results


def costs() -> Results:
    made = [
        sample(kind, name, value * factor, n)
        for kind, all_ in COSTS.items()
        for name, value in all_.items()
        for n, factor in enumerate((3, 1, 0.9, 1.2))
    ]
    return results_of(made)


def crowds() -> Results:
    made = [sample("density", name, each, 1, n + 1) for name, (count, each) in CROWDS.items() for n in range(count)]
    return results_of(
        made + [sample("each", name, 0.25 if name == "ours" else 9.0, 1, CROWDS[name][0]) for name in CROWDS]
    )


def acts() -> list[Act]:
    def rounds(low: float, high: float) -> tuple[Round, ...]:
        return tuple(Round(tuple(low + n * (high * k - low) / 99 for n in range(100)), 100, 1.0) for k in (0.8, 1, 1.3))

    limits = Limits(cpus=0.2, memory="64M")
    return [
        Act("alone", 100.0, rounds(1, 5)),
        Act("loose", 100.0, rounds(30, 400)),
        Act("limited", 100.0, rounds(2, 12), limits=limits),
    ]


def pictures() -> dict[str, Picture]:
    """Each of them, with and without guesses."""
    guesses = {"ours": 50.0, "qemu": 20_000.0, "cpu": 2.0}
    return {
        "startup": draw.startup(starts()),
        "startup, guessed": draw.startup(starts(), predicted=guesses),
        "startup, two": draw.startup(starts(("exec", "ours"))),
        "memory": draw.memory(memories(), predicted={"ours": 20.0, "qemu": 500.0}),
        "overhead": draw.overhead(costs(), predicted=guesses),
        "fit": draw.fit(crowds(), predicted={"ours": 40}),
        "neighbour": draw.neighbour(acts(), predicted={"alone": 50.0}),
    }
