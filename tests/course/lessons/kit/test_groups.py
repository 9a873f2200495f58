from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from pyctr_lab import Lab, Unsupported
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State, Unreadable, until, whole
from pyctr_lab.course.lessons.kit import groups

OF_GROUPS = [name for name, each in exercises.ALL.items() if isinstance(each, groups.OfGroups)]


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user without a delegated cgroup."""
    missing = replace(delegation(), places=(), cpuset=None)
    monkeypatch.setattr(groups, "delegation", lambda: missing)


@pytest.mark.parametrize("name", OF_GROUPS)
def test_without_the_controllers_it_cannot_be_checked_and_the_command_is_said(
    name: str, lab: Lab, nothing_given: None
) -> None:
    exercises.reset(name)
    grant = delegation().grant.split()[0]
    with pytest.raises(Unsupported, match=f"(nobody has given us|is delegated to this user).*{grant}"):
        exercises.start(name, lab)
    verdict = exercises.check(name, ("one", "two", "three"))
    assert verdict.state is State.CANNOT
    assert re.search("nobody has given us a group|is delegated to this user", verdict.headline)
    assert delegation().grant in verdict.headline


def group(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text + "\n")
    return str(folder)


def test_counters_are_read_by_the_names_of_both_versions(tmp_path: Path) -> None:
    two = group(tmp_path, memory_events="low 0\noom 1\noom_kill 3")
    assert groups.counted(two, ("memory.events", "memory.oom_control"), "oom_kill") == 3
    os.unlink(f"{two}/memory.events")
    one = group(tmp_path, memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2")
    assert groups.counted(one, ("memory.events", "memory.oom_control"), "oom_kill") == 2
    assert groups.counted(one, ("pids.events",), "max") == 0


def test_a_file_is_named_as_it_is_called_here(tmp_path: Path) -> None:
    here = group(tmp_path, memory_oom_control="")
    assert groups.path_of(here, "memory.events", "memory.oom_control") == f"{here}/memory.oom_control"
    assert groups.path_of(here, "pids.events") == f"{here}/pids.events"


@pytest.mark.skipif(bool(delegation().missing), reason="no controllers")
def test_without_swap_a_limit_of_memory_is_one(lab: Lab) -> None:
    with lab.cgroup("noswap", memory="32M") as made:
        groups.without_swap(made)
        folder = made.folder("memory")
        said = [groups.value(folder, file) for file in ("memory.swap.max", "memory.swappiness")]
        assert "0" in said


def test_removed_groups_of_a_ground_are_said_with_the_way_out(lab: Lab) -> None:
    ground = exercises.start("4.1", lab)
    answer = ground.exercise.solution(ground)
    ground.groups[answer[0]].remove()
    verdict = exercises.check("4.1", answer)
    assert (verdict.state, verdict.misconception) == (State.CANNOT, "")
    assert f"{answer[0]!r} of its ground has been removed" in verdict.headline
    assert 'exercises.start("4.1", lab)' in verdict.next


def test_a_wall_that_is_missing_stays_missing_when_groups_are_made() -> None:
    missing = exercises.named("3.7")
    seed = next(seed for seed in range(99) if missing.variant(seed)["missing"] == "cgroup")
    with Lab() as own:
        ground = exercises.start("3.7", own, seed=seed)
        if delegation().places:
            own.cgroup("first")
        assert exercises.check("3.7", missing.solution(ground)).passed


LIMITS = [
    (groups.memory_limit, "memory.max", "max", None),
    (groups.memory_limit, "memory.max", "67108864", 64 << 20),
    (groups.memory_limit, "memory.limit_in_bytes", "67108864", 64 << 20),
    (groups.memory_limit, "memory.limit_in_bytes", "9223372036854771712", None),
    (groups.pids_limit, "pids.max", "12", 12),
    (groups.pids_limit, "pids.max", "max", None),
    (groups.cores_limit, "cpu.max", "max 100000", None),
    (groups.cores_limit, "cpu.max", "25000 50000", 0.5),
    (groups.cores_limit, "cpu.cfs_quota_us", "-1", None),
]


@pytest.mark.parametrize(("read", "file", "text", "expected"), LIMITS)
def test_limits_are_read_by_the_names_of_both_versions(read, file: str, text: str, expected, tmp_path: Path) -> None:
    (tmp_path / file).write_text(f"{text}\n")
    assert read(str(tmp_path)) == expected


def test_a_quota_of_version_1_stands_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu.cfs_period_us").write_text("200000\n")
    assert groups.cores_limit(str(tmp_path)) == 0.25
    assert groups.period(str(tmp_path)) == 0.2


def test_where_nobody_has_limited_anything_there_is_no_limit(tmp_path: Path) -> None:
    here = str(tmp_path)
    assert [read(here) for read in (groups.memory_limit, groups.cores_limit)] == [None, None]
    assert not groups.frozen(here)


@pytest.mark.parametrize(("file", "text"), [("freezer.state", "FROZEN"), ("cgroup.events", "populated 1\nfrozen 1")])
def test_both_versions_say_that_a_group_is_frozen(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(f"{text}\n")
    assert groups.frozen(str(tmp_path))


def test_a_program_that_has_ended_cannot_be_asked(lab: Lab) -> None:
    ground = exercises.start("4.5", lab)
    ground.exercise.solution(ground)
    view = whole(ground).view()
    ground.programs[ground.values["one"]].kill()
    ground.programs[ground.values["one"]].wait()
    with pytest.raises(Unreadable, match=r"has ended|does not answer"):
        groups.ask(view, ground.values["one"], signal.SIGUSR1)
    with pytest.raises(ProcessLookupError):  # as when it ends while it is at it
        groups.changed_word(view.pid(ground.values["one"]), "waits 0")
    verdict = exercises.check("4.5")
    assert (verdict.state, verdict.next) == (State.CANNOT, 'make fresh ground: ground = exercises.start("4.5", lab)')


def test_to_go_on_after_a_stop_is_no_question(lab: Lab) -> None:
    """SIGCONT is the way out that a verdict names: the program of 4.2 must not start a job for it."""
    ground = exercises.start("4.5", lab)
    pid = ground.programs[ground.values["one"]].machine_pid
    before = groups.said_by(pid)
    for each in (signal.SIGSTOP, signal.SIGCONT):
        os.kill(pid, each)
    with pytest.raises(TimeoutError):
        until(lambda: groups.said_by(pid) != before, 0.5)


@pytest.mark.parametrize("name", OF_GROUPS)
def test_its_groups_end_with_the_ground(name: str, lab: Lab) -> None:
    ground = exercises.start(name, lab)
    folders = [folder for group in ground.groups.values() for folder in group.folders]
    assert folders and all(map(os.path.isdir, folders))
    exercises.reset(name)
    assert not any(map(os.path.exists, folders))


@pytest.mark.parametrize("name", ["4.2", "4.4", "4.5"])
def test_a_check_leaves_nothing_behind(name: str, lab: Lab) -> None:
    ground = exercises.start(name, lab)
    ground.exercise.solution(ground)
    before = {each: group.pids for each, group in ground.groups.items()}
    assert exercises.check(name).passed
    assert {each: group.pids for each, group in ground.groups.items()} == before
