"""An experiment inside the sandbox, without one: engines that only pretend, and what becomes of their troubles."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from fakes import Absent, Fake, Hanging, Moody

from pyctr_lab.errors import LabError
from pyctr_lab.measure import memory, work
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import ExperimentRow, MissingEngine, Note, Progress, row_from_json
from pyctr_lab.measure.samples import Sample


def rows_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *kinds: type[Fake], name: str = "startup", **options: Any
) -> list[ExperimentRow]:
    """The rows of an experiment on engines that only pretend; each has passed through JSON."""
    monkeypatch.setattr(work, "WORK", str(tmp_path))
    monkeypatch.setattr(work, "rootfs_of_all", lambda: tmp_path)
    monkeypatch.setattr(work, "ALL", {each.name: each for each in kinds})
    asked = {"repetitions": 4, "budget": 60.0, "count": None, "seed": 1, **options}
    return [
        row_from_json(json.loads(json.dumps(row))) for row in work.json_rows(name, [each.name for each in kinds], asked)
    ]


def test_each_ones_trouble_is_its_own_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = rows_of(monkeypatch, tmp_path, Absent, Hanging, Moody, Fake)
    assert {row.engine: row.why for row in rows if isinstance(row, MissingEngine)} == {
        "absent": "no such command (apt-get install absent)",
        "hanging": "startup: had not ended after 60 s, and was killed",
        "moody": "startup: did not start: it said nothing",
    }
    seen = [row.engine for row in rows if isinstance(row, Sample)]
    assert seen.count("fake") == 5 and seen.count("hanging") == seen.count("moody") == 1
    last = rows[-1]
    assert isinstance(last, Progress) and last.done == last.total == 5 + 2 + 2


def test_disk_notes_what_all_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(os.urandom(3 << 20))
    rows = rows_of(monkeypatch, tmp_path, Fake, name="disk")
    assert "the root file system takes 3 MiB, once" in next(row.text for row in rows if isinstance(row, Note))


@pytest.mark.parametrize("name", ["memory", "density"])
def test_it_is_said_where_no_cgroup_counts_the_kernels_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    for there in (0, 4096):
        monkeypatch.setattr(memory, "kernel_memory", lambda there=there: there)
        rows = rows_of(monkeypatch, tmp_path, Fake, name=name, count=2, repetitions=1)
        assert any("without what the kernel itself keeps" in row.text for row in rows if isinstance(row, Note)) == (
            not there
        )


def test_no_room_for_the_files_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(work.rootfs, "make_rootfs", full)
    with pytest.raises(LabError, match=r"cannot be made: No space left on device \(there must be"):
        next(work.experiment_rows("startup", ["exec"], MeasureOptions(1, 1.0)))
