"""What lesson 04 uses beside the lab: names of files, limits around a process, and whether samples can tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.cgroups import V1_NAMES, Tree, delegation
from pyctr_lab.course import control_groups as kit
from pyctr_lab.measure import Act, Round

GIVEN = pytest.mark.skipif(not delegation().place("memory"), reason="no memory controller")


@GIVEN
def test_a_file_is_named_as_it_is_called_here(lab: Lab) -> None:
    with lab.cgroup("names") as group:
        assert kit.name_here("memory.max") in os.listdir(group.folder("memory"))
        assert kit.name_here("memory.max") in ("memory.max", V1_NAMES["memory.max"])
        assert kit.name_here("cgroup.procs") == "cgroup.procs"


@GIVEN
def test_limits_of_a_process_are_those_of_its_group_and_of_all_around(lab: Lab) -> None:
    box = lab.container("around")
    with lab.cgroup("outer", memory="64M") as outer:
        inner = outer.child("inner", memory="32M")
        inner.add(box)
        assert kit.memory_limits(box.machine_pid)[:2] == (32 << 20, 64 << 20)
        assert set(kit.memory_limits(box.machine_pid)[2:]) == {None}
        box.kill()


def test_the_root_of_version_2_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/memory.max").write_text("4096\n")
    monkeypatch.setattr(kit, "trees", lambda pid: (Tree(2, ("memory",), str(tmp_path), "/a"),))
    assert kit.memory_limits(1) == (4096, None)


@GIVEN
def test_a_group_by_hand_kills_at_its_limit_and_does_not_swap(lab: Lab) -> None:
    group = kit.new_folder(lab, "byhand")
    group.mkdir()
    (group / kit.name_here("memory.max")).write_text("64M")
    kit.forbid_swap(group)
    said = {file: (group / file).read_text().strip() for file in ("memory.swap.max", "memory.memsw.limit_in_bytes")
            if (group / file).exists()}  # fmt: skip
    group.rmdir()
    assert set(said.values()) <= {"0", str(64 << 20)}


def test_a_busy_machine_has_a_reason_and_a_quiet_one_none() -> None:
    assert kit.not_throttled(0) and not kit.not_throttled(20)
    assert "78%" in kit.crowded(0.78) and not kit.crowded(0.02)
    assert kit.uneven([3, 30, 90], "ms") == "spread 3 to 90 ms" and not kit.uneven([74, 75, 78], "ms")
    assert "1.8 s" in kit.unexplained(1.8, 0.3) and not kit.unexplained(1.5, 1.5)


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        ([5.0] * 98 + [5.2, 5.3], "nothing"),
        ([12.0] * 100, "all are slower"),
        ([5.1] * 90 + [60.0] * 10, "most are as before, a few very much slower"),
    ],
)
def test_what_a_limit_did_to_requests_is_computed_from_their_times(held: list[float], answer: str) -> None:
    assert kit.change_of(held, [5.0] * 98 + [5.5, 8.0]) == answer


def act(name: str, *p99s: float, answered: int = 500) -> Act:
    return Act(name, 500.0, tuple(Round((each,) * 100, answered, 1.0) for each in p99s))


ALONE, LOOSE = act("alone", 4, 5, 7), act("loose", 196, 220, 356)


def test_a_limit_has_helped_where_its_slowest_round_is_faster_than_the_fastest_without() -> None:
    assert kit.said_of_limit(ALONE, LOOSE, act("limited", 7, 11, 16)).endswith("the limit has helped")
    assert kit.said_of_limit(ALONE, LOOSE, act("limited", 360, 400, 500)).endswith("the limit has done harm")
    assert "cannot tell" in kit.said_of_limit(ALONE, LOOSE, act("limited", 7, 11, 230))


def test_rounds_that_say_little_certify_nothing() -> None:
    late = act("alone", 387, 520, 654, answered=300)
    assert "300 answers a second of 500" in kit.unsteady(LOOSE, late)
    assert "one round" in kit.unsteady(act("limited", 9), ALONE)
    assert kit.unsteady(act("limited", 9, 90), ALONE) == "spread 9 to 90 ms"
    assert not kit.unsteady(LOOSE, ALONE)
    assert "too busy to tell" in kit.said_of_limit(late, LOOSE, act("limited", 7, 11, 16))
    assert "too busy to tell" in kit.said_of_limit(ALONE, LOOSE, act("limited", 7))


def test_what_is_missing_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    where = delegation()
    monkeypatch.setattr(kit, "CONTROLLERS", ("memory", "nothing"))
    assert kit.said_of_limits().endswith(where.grant)
