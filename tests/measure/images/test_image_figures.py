"""The experiments with images, small: all that is measured, what is missing, what is to be reached."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.measure.images import IMAGE_SUITE, SMALL, ImageSizes, goals, measure_images, running, servers
from pyctr_lab.measure.images import bench_ground as ground
from pyctr_lab.measure.images.experiments import IMAGE_EXPERIMENTS, TOOLS
from pyctr_lab.measure.images.peak import peak_memory
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import Progress
from pyctr_lab.measure.samples import UNITS, Results, Sample

ONCE = MeasureOptions(repetitions=1, budget=1.0)
TINY = ImageSizes(60, 600_000, False, 4 << 20, 4 << 20, 100_000, 1 << 20)
REMOTE = ("push", "pull", "sent", "fetched", "stored")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder of a bench is made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "sync", lambda: None)  # other tests write, too
    return tmp_path


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_all_that_is_there_is_measured(place: Path) -> None:
    seen: list[Progress] = []
    results = measure_images(options=ONCE, sizes=TINY, progress=seen.append)
    there = {name for name in TOOLS if name not in results.missing}
    made = {each.experiment for each in results.samples}
    registry = not any("docker-registry" in note or "push: not installed" in note for note in results.notes)
    assert made == {*IMAGE_EXPERIMENTS, "synced", "fetched", "stored"} - ({*REMOTE} if not registry else set())
    assert {*results.engines("unpack")} == {"ours", *there} - {"skopeo"}
    assert all(each.unit == UNITS[each.experiment] and each.value > 0 for each in results.samples)
    assert not {*results.missing} - {*TOOLS}, results.missing
    assert any("synthetic, of 60 files" in note for note in results.notes)
    found = {goal.figure: goal for goal in goals(results)}
    for name, goal in found.items():
        if ("umoci" in name and "umoci" not in there) or ("loopback" in name and not {"skopeo"} & there):
            continue
        assert (goal.value is not None) == (registry or not any(word in name for word in ("loopback", "shares")))
    if registry:
        assert all(goal.reached for name, goal in found.items() if "stored" in name)
    assert seen[-1].experiment == "layer_memory" and seen[-1].done == seen[-1].total > 0
    assert list(place.iterdir()) == [], "the folder was removed"


def test_what_is_missing_is_said_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def find(name: str) -> str:
        raise LabError("not installed", hint="install it")

    local = {name: IMAGE_EXPERIMENTS[name] for name in ("push", "bomb_memory")}
    monkeypatch.setattr(running, "find_tool", find)
    monkeypatch.setattr(running, "IMAGE_EXPERIMENTS", local)
    results = measure_images(options=ONCE, sizes=TINY)
    assert {*results.missing} == {*TOOLS} and all("not installed" in why for why in results.missing.values())
    assert any(note.startswith("push: ") and "not installed" in note for note in results.notes)
    assert {each.experiment for each in results.samples} == {"bomb_memory"}


def test_an_interrupt_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(running, "IMAGE_EXPERIMENTS", {"bomb_memory": IMAGE_EXPERIMENTS["bomb_memory"]})

    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    results = measure_images(options=ONCE, sizes=TINY, progress=interrupt)
    assert results.ended == "interrupted" and len(results.samples) == 1
    assert list(place.iterdir()) == []


def test_an_error_at_the_end_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def fail(self: ground.BenchGround) -> None:
        raise LabError("not removed")

    monkeypatch.setattr(running, "IMAGE_EXPERIMENTS", {"bomb_memory": IMAGE_EXPERIMENTS["bomb_memory"]})
    monkeypatch.setattr(ground.BenchGround, "remove_trees", fail)
    results = measure_images(options=ONCE, sizes=TINY)
    assert results.ended == "cut short" and len(results.samples) == 1
    assert results.notes[-1] == "cut short: images: not removed"


def test_a_disk_without_room_is_refused(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    usage = namedtuple("usage", "free")(SMALL.disk - 1)
    monkeypatch.setattr(ground.shutil, "disk_usage", lambda where: usage)  # type: ignore[attr-defined]
    with pytest.raises(LabError, match="0 GiB of room, and 1 are needed"):
        measure_images(options=MeasureOptions(budget=4.0))
    assert list(place.iterdir()) == []


def test_tools_are_known() -> None:
    assert IMAGE_SUITE.known_peers(None) == [*TOOLS]
    assert IMAGE_SUITE.known_peers(["ours", "tar"]) == ["tar"]
    with pytest.raises(BadInput, match="no engine 'runc' for images"):
        IMAGE_SUITE.known_peers(["runc"])


def test_a_tool_is_found_in_an_administrators_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker-registry"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(servers, "SBIN", (str(tmp_path),))
    assert servers.find_tool("docker-registry") == str(program)
    with pytest.raises(LabError, match="not installed"):
        servers.find_tool("umoci")


def test_a_tool_that_fails_is_said_in_a_line() -> None:
    with pytest.raises(LabError, match=r"^tar failed: .*/nowhere.*"):
        ground.run_tool("tar", ["--extract", "--file", "/nowhere"])


def test_an_import_that_fails_has_no_figure(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the import failed: .*/nowhere"):
        peak_memory("oci:/nowhere:1", str(tmp_path))


def made(**values: Any) -> Results:
    """Results with one sample of each engine: `unpack={"ours": 1.0}`."""
    return Results([Sample(experiment, engine, value, UNITS[experiment])
                    for experiment, engines in values.items() for engine, value in engines.items()])  # fmt: skip


def test_figures_are_ours_to_theirs() -> None:
    results = made(unpack={"ours": 1.0, "umoci": 4.0, "tar": 0.5}, rebuild={"ours": 0.2},
                   image_start={"image": 3.0, "host's tree": 2.75})  # fmt: skip
    found = [(goal.value, goal.reached) for goal in goals(results) if goal.value is not None]
    assert found == [(0.25, True), (2.0, False), (0.25, True), (0.2, True)]
    assert {goal.reached for goal in goals(Results())} == {None}
