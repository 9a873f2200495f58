"""Engines change nothing of the machine, though as root they could: no inode of it is shown to them for writing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import machine_state
import pytest

from pyctr_lab.engines import ALL, Sandbox
from pyctr_lab.engines.survey import with_kernel
from pyctr_lab.measure.samples import Results

HERE = Path(__file__).parent
ROOT = os.getuid() == 0
BENCH = [sys.executable, "-P", "-m", "pyctr_lab.cli", "bench"]


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


@pytest.fixture
def untouched() -> Iterator[None]:
    """Compare the machine before and after. A device that is different is mended at once."""
    before = machine_state.snapshot()
    nodes = {path: os.lstat(path) for path in before["device"]}
    yield
    changed = machine_state.settled(before)
    for path, was in nodes.items():
        if (now := os.lstat(path)) and (was.st_uid, was.st_gid, was.st_mode) != (now.st_uid, now.st_gid, now.st_mode):
            os.chown(path, was.st_uid, was.st_gid)
            os.chmod(path, was.st_mode & 0o7777)
    assert changed == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.complete) if name == "qemu" else name for name in ALL]
)
@pytest.mark.usefixtures("untouched")
def test_an_engine_changes_nothing_and_its_program_has_three_descriptors(name: str) -> None:
    with_kernel([name])
    with Sandbox("generators:used", name=name) as sandbox:
        (streams,) = list(sandbox)
    if isinstance(streams, str):
        pytest.skip(streams)
    assert set(streams) in ({"0", "1", "2"}, set()), "none of a program that is no process of the host"
    if ROOT and streams:
        shown = {(dev, inode) for _, dev, inode in streams.values()}
        assert not shown & {(at.st_dev, at.st_ino) for at in map(os.stat, machine_state.devices("/dev"))}


REFUSED = ("/", "/etc", "/etc/passwd", "/opt", "/usr", "/usr/bin", "/var/lib", "/sys/kernel", str(HERE))


@pytest.mark.skipif(not ROOT, reason="nobody else could change them")
@pytest.mark.usefixtures("untouched")
def test_the_machine_is_read_only_and_devices_are_the_rooms_own() -> None:
    own = ["/run", "/dev", "/dev/shm", "/dev/null"]
    with Sandbox("generators:tried_to_change", paths=[*REFUSED, *own]) as sandbox:
        found = dict(list(sandbox))
    for path in REFUSED:
        assert found[path] == ["EROFS"] * 3 + ["EROFS" if os.path.isdir(path) else "ENOTDIR"], path
    assert {path: found[path][:3] for path in own} == {path: ["changed"] * 3 for path in own}


LOOK = """
import json, sys
from pyctr_lab.engines import Sandbox
with Sandbox("generators:own_descriptors") as sandbox:
    rows = list(sandbox)
json.dump(rows, open(sys.argv[1], "w"))
"""


@pytest.mark.parametrize("closed", ["", "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_room_has_the_descriptors_that_it_was_given(closed: str, tmp_path: Path) -> None:
    told = tmp_path / "told"
    words = shlex.join([sys.executable, "-P", "-c", LOOK, str(told)])
    done = subprocess.run(["sh", "-c", f"exec {words} {closed}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    worker, command = json.loads(told.read_text())
    assert set(worker) == {"0", "1", "2"} and command == ["0", "1", "2", "3"], "the last is that of the folder it lists"
    assert worker["0"][0] == "/dev/null" and worker["1"][0].startswith("pipe:")
    at = os.stat("/dev/null")
    assert not ROOT or worker["0"][1:] != [at.st_dev, at.st_ino], "the sandbox's own"


def test_a_bench_does_without_standard_input_and_output(tmp_path: Path) -> None:
    words = shlex.join([*BENCH, "startup", "--engines", "exec", "--runs", "2", "--report", str(tmp_path)])
    done = subprocess.run(["sh", "-c", f"exec {words} 0<&- 1>&-"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(Results.load(tmp_path / "results.csv").samples) == 3, "one to warm up"


@pytest.mark.complete
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("untouched")
def test_all_experiments_with_all_engines_change_nothing() -> None:
    done = subprocess.run([*BENCH, "all", "--quick", "--engines", ",".join(ALL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
