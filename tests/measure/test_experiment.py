"""Experiments on real engines, in small; the fairness of turns; what is asked wrongly; and sudden death."""

from __future__ import annotations

import errno
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
from fakes import Absent, Fake, Hanging, Moody
from traces import mounts

from pyctr_lab.errors import BadInput, Gone, LabError
from pyctr_lab.kernel import proc
from pyctr_lab.measure import experiment, live, measure
from pyctr_lab.measure.experiment import DENSE, EXPERIMENTS, LEAST, Turns
from pyctr_lab.measure.samples import UNITS

FEW = ["exec", "ours"] + (["bubblewrap"] if shutil.which("bwrap") else [])


# --- turns
def played(turns: Turns, cost: dict[str, float]) -> list[str]:
    seen = []
    while engine := turns.next():
        turns.took(engine, cost[engine])
        seen.append(engine)
    return seen


def test_each_round_asks_everybody_once_in_a_new_order() -> None:
    seen = played(Turns(dict.fromkeys("abc", 0), 10, 1e9, random.Random(1)), dict.fromkeys("abc", 1.0))
    rounds = [seen[at : at + 3] for at in range(0, 33, 3)]
    assert len(seen) == 33 and all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert seen == played(Turns(dict.fromkeys("abc", 0), 10, 1e9, random.Random(1)), dict.fromkeys("abc", 1.0))


def test_one_that_is_dear_has_fewer_turns_and_it_is_said() -> None:
    turns = Turns({"cheap": 0, "dear": 1}, 50, 20.0, random.Random(1))
    seen = played(turns, {"cheap": 0.01, "dear": 4.0})
    assert seen.count("cheap") == 51, "and the others lose nothing by it"
    assert LEAST <= seen.count("dear") <= 5
    (note,) = turns.notes("startup")
    assert note == f"startup: 20 s are not enough for all turns: dear had {seen.count('dear')} of 50"
    assert turns.left() <= 20.0 and turns.done == len(seen)


def test_a_spread_needs_more_than_one_however_little_time_there_is() -> None:
    assert played(Turns({"dear": 1}, 50, 10.0, random.Random(1)), {"dear": 100.0}) == ["dear"] * LEAST
    assert played(Turns({"dear": 1}, 50, 1.0, random.Random(1)), {"dear": 100.0}) == ["dear"]
    assert played(Turns({"dear": 0}, 2, 10.0, random.Random(1)), {"dear": 100.0}) == ["dear"] * 3


def test_one_that_fails_gets_no_more() -> None:
    turns = Turns({"a": 1, "b": 1}, 5, 100.0, random.Random(1))
    turns.drop("a")
    assert played(turns, {"b": 1.0}) == ["b"] * 5 and turns.total == 5


# --- in the room, without one
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *kinds: type[Fake], **words: Any) -> list[dict[str, Any]]:
    """The rows of an experiment on engines that only pretend."""
    monkeypatch.setattr(experiment, "WORK", str(tmp_path))
    monkeypatch.setattr(experiment, "make_rootfs", lambda: tmp_path)
    monkeypatch.setattr(experiment, "ALL", {each.name: each for each in kinds})
    order = {"name": "startup", "repetitions": 4, "budget": 60.0, "count": None, "seed": 1, **words}
    return list(experiment.work(engines=[each.name for each in kinds], **order))


def test_each_ones_trouble_is_its_own_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = told(monkeypatch, tmp_path, Absent, Hanging, Moody, Fake)
    assert {row["engine"]: row["why"] for row in rows if "why" in row} == {
        "absent": "no such command (apt-get install absent)",
        "hanging": "startup: had not ended after 60 s, and was killed",
        "moody": "startup: did not start: it said nothing",
    }
    seen = [row["sample"]["engine"] for row in rows if "sample" in row]
    assert seen.count("fake") == 5 and seen.count("hanging") == seen.count("moody") == 1
    last = rows[-1]["progress"]
    assert last["done"] == last["total"] == 5 + 2 + 2


def test_disk_tells_what_all_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(os.urandom(3 << 20))
    rows = told(monkeypatch, tmp_path, Fake, name="disk")
    assert "the root file system takes 3 MiB, once" in next(row["note"] for row in rows if "note" in row)


@pytest.mark.parametrize("name", ["memory", "density"])
def test_it_is_said_where_nobody_tells_the_kernels_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    for there in (0, 4096):
        monkeypatch.setattr(experiment.memory, "kernel_memory", lambda there=there: there)
        rows = told(monkeypatch, tmp_path, Fake, name=name, count=2, repetitions=1)
        assert any("without what the kernel itself keeps" in row.get("note", "") for row in rows) == (not there)


def test_no_room_for_the_files_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(experiment.rootfs, "make", full)
    with pytest.raises(LabError, match=r"cannot be made: No space left on device \(there must be"):
        next(experiment.work("startup", ["exec"], 1, 1.0, None, 1))


class Dying:
    """A room that ends before its work does, in the experiment `dies_in`."""

    dies_in = ""

    def __init__(self, _: str, name: str, **__: Any) -> None:
        self.name = name

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self.name == self.dies_in:
            raise Gone("the engines' room ended before its work was done: Killed")
        unit = UNITS[self.name]
        yield {"sample": {"experiment": self.name, "engine": "exec", "value": 1, "unit": unit, "repetition": 1,
                          "instances": 1, "seconds": 0, "emulated": False}}  # fmt: skip

    def __enter__(self) -> Dying:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_room_that_dies_takes_nothing_with_it_that_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "Room", Dying)
    monkeypatch.setattr(Dying, "dies_in", "memory")
    results = measure(["startup", "memory", "cpu"], engines=["exec"])
    assert [each.experiment for each in results.samples] == ["startup", "cpu"]
    assert results.notes == ["cut short: memory: the engines' room ended before its work was done: Killed"]
    with pytest.raises(Gone):
        measure("memory", engines=["exec"])


def test_an_error_in_who_looks_on_is_not_taken_for_one_of_the_room() -> None:
    def stop(progress: Any) -> None:
        if progress.done == 2:
            raise LabError("stop")

    with pytest.raises(LabError, match="stop"):
        measure("startup", engines=["exec"], repetitions=1000, progress=stop)


def test_a_crowd_is_made_of_some_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(experiment, "with_kernel", lambda _: None)
    monkeypatch.setattr(experiment, "told", lambda name, names, *_: asked.append(names) or (row for row in ()))
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
    moving = live("startup", engines=["exec"], repetitions=1000)
    counts = [len(next(moving).samples) for _ in range(5)]
    moving.close()
    assert counts == [1, 2, 3, 4, 5]


def test_an_interrupt_keeps_what_was_measured() -> None:
    def interrupt(progress: object) -> None:
        if progress.done == 4:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGINT)

    results = measure("startup", engines=["exec"], repetitions=1000, progress=interrupt)
    assert 4 <= len(results.samples) < 1000 and results.notes[-1].startswith("interrupted")


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
    words, rooms = ["env", mark, sys.executable, "-P", "-c", script], set()
    for number in range(repeats):
        with subprocess.Popen(words) as victim:
            while number == 0 and not proc.children(victim.pid) and victim.poll() is None:
                time.sleep(0.01)  # once, a room is there for certain
            time.sleep(chance.uniform(0.2, 2.0))  # any moment is the point here
            rooms |= set(proc.children(victim.pid))
            victim.kill()
    until = time.monotonic() + 30

    def left() -> list[object]:
        return [*marked(mark), *(glob(f"/sys/fs/cgroup/**/pyctr-lab-{pid}", recursive=True) for pid in rooms)]

    while any(left()) and time.monotonic() < until:
        time.sleep(0.02)  # guards are at work; of their end nothing is told
    assert rooms and not any(left())
    assert mounts() - before == set()
