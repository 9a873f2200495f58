"""Limits read back: two spellings, one meaning; and what was written, as a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab import Cgroup
from pyctr_lab.cgroups.v1 import READERS_V1
from pyctr_lab.cgroups.v2 import READERS
from pyctr_lab.runtime import Written

pytestmark = pytest.mark.machine


@pytest.mark.parametrize(
    ("kind", "file", "two", "one", "value"),
    [
        ("number", "memory.max", {"memory.max": "max"}, {"memory.limit_in_bytes": "9223372036854771712"}, None),
        ("number", "memory.max", {"memory.max": "4096"}, {"memory.limit_in_bytes": "4096"}, 4096),
        ("number", "memory.swap.max", {"memory.swap.max": "0"},
         {"memory.memsw.limit_in_bytes": "4096", "memory.limit_in_bytes": "4096"}, 0),
        ("number", "pids.max", {"pids.max": "5"}, {"pids.max": "5"}, 5),
        ("cores", "cpu.max", {"cpu.max": "max 100000"},
         {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, None),
        ("cores", "cpu.max", {"cpu.max": "50000 100000"},
         {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}, 0.5),
        ("weight", "cpu.weight", {"cpu.weight": "1"}, {"cpu.shares": "10"}, 1),
        ("weight", "cpu.weight", {"cpu.weight": "333"}, {"cpu.shares": "3409"}, 333),
        ("text", "cpuset.cpus", {"cpuset.cpus": "0-1\n"}, {"cpuset.cpus": "0-1\n"}, "0-1"),
        ("text", "cpuset.cpus", {"cpuset.cpus": "\n"}, {"cpuset.cpus": "\n"}, None),
    ],
)  # fmt: skip
def test_both_versions_say_the_same(
    kind: str, file: str, two: dict[str, str], one: dict[str, str], value: object, tmp_path: Path
) -> None:
    for readers, files in ((READERS, two), (READERS_V1, one)):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        assert readers[kind](str(folder), file) == value


def test_what_was_written_is_told_as_a_command() -> None:
    one = Written("/cg/web/cpu.max", "50000 100000", 25e-6)
    assert one.shell == "echo '50000 100000' > /cg/web/cpu.max"
    assert str(one) == f"cpu.max <- 50000 100000 · 25 µs · in the shell: {one.shell}"
    assert repr(one) == "Written('cpu.max', '50000 100000')"


def test_an_attribute_says_which_file_it_is() -> None:
    assert Cgroup.memory_max.__doc__ == "memory.max; None where there is no limit."
