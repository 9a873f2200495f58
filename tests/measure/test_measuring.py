"""Experiments on real engines, in small; what is asked wrongly; and sudden death."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from traces import mounts

from pyctr_lab.errors import BadInput, Gone, LabError
from pyctr_lab.kernel import proc
from pyctr_lab.measure import live, measure, measuring
from pyctr_lab.measure.experiment import DENSE, EXPERIMENTS
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import PaidOnce
from pyctr_lab.measure.samples import UNITS, Results

FEW = ["exec", "ours"] + (["bubblewrap"] if shutil.which("bwrap") else [])


class Dying:
    """A sandbox that ends before its work does, in the experiment `dies_in`."""

    dies_in = ""

    def __init__(self, _: str, name: str, **__: Any) -> None:
        self.name = name

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self.name == self.dies_in:
            raise Gone("the engines' sandbox ended before its work was done: Killed")
        unit = UNITS[self.name]
        yield {"kind": "Sample", "experiment": self.name, "engine": "exec", "value": 1.0, "unit": unit}

    def __enter__(self) -> Dying:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_room_that_dies_takes_nothing_with_it_that_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "Sandbox", Dying)
    monkeypatch.setattr(Dying, "dies_in", "memory")
    results = measure(["startup", "memory", "cpu"], engines=["exec"])
    assert [each.experiment for each in results.samples] == ["startup", "cpu"]
    assert results.ended == "cut short"
    assert results.notes == ["cut short: memory: the engines' sandbox ended before its work was done: Killed"]
    with pytest.raises(Gone):
        measure("memory", engines=["exec"])


def test_what_daemons_take_is_kept_and_noted() -> None:
    results = Results()
    measuring.add_row(results, PaidOnce("docker", 128.6))
    assert results.paid_once == {"docker": 128.6}
    assert results.notes == ["memory: docker takes 129 MiB once, for a process that is there in any case"]


def test_an_error_of_the_callback_is_not_taken_for_one_of_the_room() -> None:
    def stop(progress: Any) -> None:
        if progress.done == 2:
            raise LabError("stop")

    with pytest.raises(LabError, match="stop"):
        measure("startup", engines=["exec"], repetitions=1000, progress=stop)


def test_a_crowd_is_made_of_some_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(measuring, "with_kernel", lambda _: None)
    monkeypatch.setattr(measuring, "sandbox_rows", lambda name, names, *_: asked.append(names) or (row for row in ()))
    measure("density")
    measure("density", engines=["exec", "podman"])
    assert sorted(asked[0]) == sorted(DENSE) and asked[1] == ["exec", "podman"]


# --- for real
def test_a_race_of_real_engines() -> None:
    seen = []
    results = measure("startup", engines=FEW, repetitions=3, progress=seen.append)
    assert sorted(results.engines("startup")) == sorted(FEW) and not results.missing
    assert all(len(results.values("startup", name)) == 3 for name in FEW)
    assert [each.repetition for each in results.samples if each.engine == "exec"] == [0, 1, 2, 3], (
        "the first is a warm-up"
    )
    assert seen[-1].done == seen[-1].total == 4 * len(FEW) and seen[-1].left == 0
    assert results.machine["kernel"]


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in ("startup", "density")])
def test_each_experiment_tells_values_in_its_unit(name: str) -> None:
    results = measure(name, engines=["exec", "ours"], repetitions=1, count=2)
    assert {each.engine for each in results.samples} == {"exec", "ours"}
    assert all(each.unit == UNITS[each.experiment] and each.value >= 0 for each in results.samples if each.warm)


def test_a_crowd_is_alive_at_once_and_gone_afterwards() -> None:
    results = measure("density", engines=["ours"], count=50)
    starts = list(results.of("density"))
    assert [each.instances for each in starts] == list(range(1, 51))
    (each,) = results.of("each")
    assert each.instances == 50 and 0 < each.value < 5


def test_an_engine_that_is_missing_is_named_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("chroot", "unshare", "mount", "ip", "newuidmap", "newgidmap"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    results = measure("startup", engines=["exec", "bubblewrap"], repetitions=1)
    assert "bwrap is not installed" in results.missing["bubblewrap"] and results.engines("startup") == ["exec"]


def test_the_results_grow_and_what_is_closed_early_is_kept() -> None:
    moving = live("startup", MeasureOptions(repetitions=1000), engines=["exec"])
    counts = [len(next(moving).samples) for _ in range(5)]
    moving.close()
    assert counts == [1, 2, 3, 4, 5]


def test_an_interrupt_keeps_what_was_measured() -> None:
    def interrupt(progress: object) -> None:
        if progress.done == 4:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGINT)

    results = measure("startup", engines=["exec"], repetitions=1000, progress=interrupt)
    assert 4 <= len(results.samples) < 1000 and results.ended == "interrupted"
    assert results.notes == ["interrupted: what had been measured by then"]


@pytest.mark.parametrize(
    "words, match",
    [
        ({"experiments": "nope"}, "no experiment 'nope'"),
        ({"experiments": []}, "no experiment was named"),
        ({"engines": ["nope"]}, "no engine 'nope'"),
        ({"engines": []}, "no engine was named"),
        ({"repetitions": 0}, "repetitions cannot be 0"),
        ({"repetitions": 10**9}, "repetitions cannot be"),
        ({"repetitions": True}, "repetitions cannot be True"),
        ({"count": -1}, "count cannot be -1"),
        ({"budget": 0}, "budget cannot be 0"),
        ({"budget": float("nan")}, "budget cannot be nan"),
    ],
)
def test_what_cannot_be_asked(words: dict[str, object], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        measure(**{"experiments": "startup", "engines": ["exec"], **words})  # type: ignore[arg-type]


# --- sudden death
def marked(mark: str) -> set[int]:
    """The processes, in whatever namespaces, that have this in their environment, the dead ones left out."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{name}/environ").read_bytes() and proc.state(int(name)) != "Z":
                found.add(int(name))
        except OSError:  # gone meanwhile
            continue
    return found


@pytest.mark.repeat(few=3, many=50)
def test_killed_at_any_moment_nothing_is_left(repeats: int) -> None:
    before, chance, mark = mounts(), random.Random(7), f"PYCTR_LAB_TEST={uuid4()}"
    script = f"from pyctr_lab.measure import measure\nmeasure(['startup', 'memory', 'cpu'], engines={FEW!r}, budget=60)"
    words, sandboxes = ["env", mark, sys.executable, "-P", "-c", script], set()
    for number in range(repeats):
        with subprocess.Popen(words) as victim:
            while number == 0 and not proc.children(victim.pid) and victim.poll() is None:
                time.sleep(0.01)  # once, a sandbox is there for certain
            time.sleep(chance.uniform(0.2, 2.0))  # any moment is the point here
            sandboxes |= set(proc.children(victim.pid))
            victim.kill()
    until = time.monotonic() + 30

    def left() -> list[object]:
        return [*marked(mark), *(glob(f"/sys/fs/cgroup/**/pyctr-lab-{pid}", recursive=True) for pid in sandboxes)]

    while any(left()) and time.monotonic() < until:
        time.sleep(0.02)  # guards are at work; of their end nothing is told
    assert sandboxes and not any(left())
    assert mounts() - before == set()
