from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pyctr_lab import Lab, Unsupported
from pyctr_lab.course import control_groups, exercises
from pyctr_lab.course.verdict import State
from pyctr_lab.kernel.delegation import delegation

OF_GROUPS = [name for name, each in exercises.ALL.items() if isinstance(each, control_groups.OfGroups)]


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user finds it to whom nobody has given a group."""
    missing = replace(delegation(), places=(), cpuset=None)
    monkeypatch.setattr(control_groups, "delegation", lambda: missing)


@pytest.mark.parametrize("name", OF_GROUPS)
def test_without_the_controllers_it_cannot_be_checked_and_the_command_is_said(
    name: str, lab: Lab, nothing_given: None
) -> None:
    exercises.reset(name)
    grant = delegation().grant.split()[0]
    with pytest.raises(Unsupported, match=f"nobody has given us.*{grant}"):
        exercises.start(name, lab)
    verdict = exercises.check(name, ("one", "two", "three"))
    assert verdict.state is State.CANNOT
    assert "nobody has given us a group" in verdict.headline and delegation().grant in verdict.headline


def group(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text + "\n")
    return str(folder)


def test_counters_are_read_by_the_names_of_both_versions(tmp_path: Path) -> None:
    two = group(tmp_path, memory_events="low 0\noom 1\noom_kill 3")
    assert control_groups.counted(two, ("memory.events", "memory.oom_control"), "oom_kill") == 3
    os.unlink(f"{two}/memory.events")
    one = group(tmp_path, memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2")
    assert control_groups.counted(one, ("memory.events", "memory.oom_control"), "oom_kill") == 2
    assert control_groups.counted(one, ("pids.events",), "max") == 0


def test_a_file_is_named_as_it_is_called_here(tmp_path: Path) -> None:
    here = group(tmp_path, memory_oom_control="")
    assert control_groups.path_of(here, "memory.events", "memory.oom_control") == f"{here}/memory.oom_control"
    assert control_groups.path_of(here, "pids.events") == f"{here}/pids.events"


@pytest.mark.skipif(bool(delegation().missing), reason="no controllers")
def test_without_swap_a_limit_of_memory_is_one(lab: Lab) -> None:
    with lab.cgroup("noswap", memory="32M") as made:
        control_groups.without_swap(made)
        folder = made.folder("memory")
        said = [control_groups.value(folder, file) for file in ("memory.swap.max", "memory.swappiness")]
        assert "0" in said


def test_removed_groups_of_a_ground_are_said_with_the_way_out(lab: Lab) -> None:
    ground = exercises.start("4.1", lab)
    answer = ground.exercise.solution(ground)
    ground.groups[answer[0]].remove()
    verdict = exercises.check("4.1", answer)
    assert (verdict.state, verdict.misconception) == (State.CANNOT, "")
    assert f"{answer[0]!r} of its ground has been removed" in verdict.headline
    assert 'exercises.start("4.1", lab)' in verdict.next
