"""What is asked of a named group is not met by another group, by a frozen neighbour, or by two checks at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Ground, State, Verdict

CHECK = "import sys; from pyctr_lab.course import cli_check; sys.exit(cli_check(sys.argv[1], sys.argv[2:]))"


def missed(verdict: Verdict) -> list[str]:
    return [each.name for each in verdict.requirements if not each.met]


def limits_asked_for(ground: Ground) -> dict[str, object]:
    values = ground.values
    most = values.get("most")
    return {"4.2": {"memory": f"{most}M"}, "4.4": {"cpus": values.get("share")}, "4.5": {"pids": most}}[
        ground.exercise.id
    ]


@pytest.mark.parametrize("name", ["4.2", "4.4", "4.5"])
def test_a_program_in_another_group_leaves_the_named_one_as_it_was(name: str, lab: Lab) -> None:
    ground = exercises.start(name, lab)
    whom = ground.values.get("program") or ground.values["one"]
    with lab.cgroup("forged", **limits_asked_for(ground)) as forged:
        forged.add(ground.programs[whom])
        verdict = exercises.check(name)
    assert verdict.state is State.NOT_YET
    assert "each program is in the group of its name" in missed(verdict)
    assert "forged" in str(verdict)


@pytest.mark.parametrize("name", ["4.2", "4.4", "4.5"])
def test_where_a_program_was_moved_no_message_speaks_of_limits(name: str, lab: Lab) -> None:
    """Their numbers of requirements count without the one that comes first then."""
    for wrong in exercises.ALL[name].misconceptions:
        ground = exercises.start(name, lab)
        wrong.act(ground)
        with lab.cgroup("forged") as forged:
            forged.add(ground.programs[ground.values.get("program") or ground.values["one"]])
            verdict = exercises.check(name)
        assert verdict.requirements[0].name == "each program is in the group of its name"
        assert verdict.state.failed and verdict.misconception == ""


FROZEN = [("4.2", "program"), ("4.4", "program"), ("4.5", "two"), ("4.5", "parent")]


@pytest.mark.parametrize(("name", "frozen"), FROZEN)
def test_a_frozen_group_is_said_at_once_with_the_way_out(name: str, frozen: str, lab: Lab) -> None:
    ground = exercises.start(name, lab)
    ground.exercise.solution(ground)
    ground.groups[ground.values[frozen]].freeze()
    verdict = exercises.check(name)
    assert verdict.state is State.CANNOT
    assert "is frozen" in verdict.headline and "thaw()" in verdict.next
    ground.groups[ground.values[frozen]].thaw()
    assert exercises.check(name).passed


def test_42_several_checks_at_once_all_pass(lab: Lab) -> None:
    ground = exercises.start("4.2", lab)
    ground.exercise.solution(ground)
    assert exercises.check("4.2").passed
    checks = [subprocess.Popen([sys.executable, "-c", CHECK, "4.2"], stdout=subprocess.PIPE, text=True)
              for _ in range(3)]  # fmt: skip
    said = [check.communicate()[0] for check in checks]
    assert [check.returncode for check in checks] == [0, 0, 0], said


def test_42_no_limit_is_not_said_in_a_word_that_the_file_does_not_have(lab: Lab) -> None:
    exercises.start("4.2", lab)
    said = " ".join(str(exercises.check("4.2")).split())
    assert "sets no limit" in said and "says max" not in said


@pytest.mark.parametrize(("name", "overrun"), [("4.2", "went up"), ("4.4", "still it got more")])
def test_a_limit_that_holds_is_not_said_to_be_overrun(name: str, overrun: str, lab: Lab) -> None:
    ground = exercises.start(name, lab)
    ground.exercise.solution(ground)
    verdict = exercises.check(name)
    assert verdict.passed and not [each for each in verdict.requirements if overrun in each.observed]


def test_42_room_for_a_job_is_not_called_too_little(lab: Lab) -> None:
    ground = exercises.start("4.2", lab)
    values = ground.values
    ground.groups[values["program"]].memory_max = f"{values['keep'] + values['job'] + 14}M"
    ground.groups[values["neighbour"]].memory_max = "64M"
    verdict = exercises.check("4.2")
    assert missed(verdict) == [f"{values['neighbour']} and {values['parent']} are not limited"]
    assert "no room for a job" not in str(verdict)


def test_43_a_frozen_neighbour_is_not_undisturbed(lab: Lab) -> None:
    ground = exercises.start("4.3", lab)
    neighbour = ground.groups[ground.values["neighbour"]]
    ground.groups[ground.values["parent"]].freeze()
    ground.groups[ground.values["tree"]].kill()
    verdict = exercises.check("4.3")
    assert missed(verdict) == [f"the program of {ground.values['neighbour']} goes on"]
    assert "frozen" in str(verdict)
    ground.groups[ground.values["parent"]].thaw()
    assert neighbour.pids and exercises.check("4.3").passed


def test_43_a_neighbour_in_another_group_is_not_undisturbed(lab: Lab) -> None:
    ground = exercises.start("4.3", lab)
    ground.groups[ground.values["parent"]].add(*ground.groups[ground.values["neighbour"]].pids)
    ground.exercise.solution(ground)
    assert "is not in" in str(exercises.check("4.3"))


def test_43_the_wrong_group_killed_is_not_called_the_end_of_the_tree(lab: Lab) -> None:
    ground = exercises.start("4.3", lab)
    ground.groups[ground.values["neighbour"]].kill()
    said = str(exercises.check("4.3"))
    assert "The tree has ended" not in said and "wrong group" in said


def test_45_the_counts_of_both_groups_are_told_apart(lab: Lab) -> None:
    ground = exercises.start("4.5", lab)
    half = ground.values["most"] // 2
    ground.groups[ground.values["one"]].pids_max = half
    ground.groups[ground.values["two"]].pids_max = half
    assert f"listed {half} and 1 processes" in " ".join(str(exercises.check("4.5")).split())


def test_that_one_may_have_what_the_other_leaves_is_not_said_as_if_it_were_all(lab: Lab) -> None:
    """With the whole number for one alone, as the requirement once said, the limit would have to be one higher."""
    ground = exercises.start("4.5", lab)
    most = ground.values["most"]
    ground.groups["hive"].pids_max = most + 1
    said = " ".join(str(exercises.check("4.5")).split())
    assert f"listed {most} and 1 processes" in said
    assert f"expected {most} processes at most, the two counts added" in said
    assert f"✗ either has all that the other leaves of {most}" in said
