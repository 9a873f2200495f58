"""What the jobs ask for leaves no doubt on any machine, and what a learner cannot know is chosen anew."""

from __future__ import annotations

import itertools

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading.verdicts import State
from pyctr_lab.course.grading.view import Scene
from pyctr_lab.course.lessons.lesson_09.which_fits import SETTINGS, OneKernel, WhichFits, fitting, jobs

MACHINES = {  # what a container and a machine take: (MiB, ms) of each
    "small and quick, with KVM": ((0.1, 3.0), (60.0, 200.0)),
    "emulated": ((1.3, 5.0), (210.0, 2300.0)),
    "emulated in an emulated one": ((3.0, 150.0), (180.0, 61000.0)),
    "not far apart": ((8.0, 30.0), (90.0, 300.0)),
}


def scene(takes: tuple[tuple[float, float], ...], seed: int) -> Scene:
    """A ground as it would be on a machine with these figures."""
    keys = ("mib", "ms", "own_kernel")
    container, machine = (
        dict(zip(keys, (*pair, own), strict=True)) for pair, own in zip(takes, (False, True), strict=True)
    )
    values = WhichFits().variant(seed)
    facts = {"container": container, "machine": machine, "jobs": jobs(values, container, machine)}
    return Scene("9.4", values, {}, 0, facts)


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_each_wrong_idea_leads_to_other_choices_than_the_right_one_and_each_other(takes) -> None:
    for seed in range(50):
        ground = scene(takes, seed)
        names = ground.values["names"]
        ideas = [dict.fromkeys(names, "container"), dict.fromkeys(names, "machine"), fitting(ground)]
        ideas += [fitting(ground, memory=False), fitting(ground, together=False), fitting(ground, kernel=False)]
        assert all(one != other for one, other in itertools.combinations(ideas, 2))
        assert set(fitting(ground).values()) == {"container", "machine", "neither"}


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_no_demand_is_close_to_what_is_taken(takes) -> None:
    for seed in range(50):
        facts = scene(takes, seed).facts
        for job, what in itertools.product(facts["jobs"].values(), (facts["container"], facts["machine"])):
            for share in (job["count"] * what["mib"] / job["mib"], what["ms"] / job["ms"]):
                assert not 1 / 1.5 < share < 1.5


def test_nearly_right_choices_are_called_almost_right_and_the_job_is_named() -> None:
    ground = scene(MACHINES["emulated"], 1)
    right = fitting(ground)
    name = next(name for name, choice in right.items() if choice == "machine")
    said = tuple(f"{job}={'neither' if job == name else choice}" for job, choice in right.items())
    (missed,) = WhichFits().check(ground, said)
    assert (missed.met, missed.near) == (False, True)
    assert f"{name} asks for" in missed.observed and "you chose neither" in missed.observed
    assert WhichFits().check(ground, tuple(f"{job}={choice}" for job, choice in right.items()))[0].met
    (missed,) = WhichFits().check(ground, ("nonsense=machine",))
    assert not missed.met


def test_the_same_files_do_not_always_give_the_same_answer() -> None:
    """Whether a setting is turned and which file is covered: the paths alone do not tell."""
    seen: dict[str, set[bool]] = {}
    for seed in range(40):
        values = OneKernel().variant(seed)
        for path in set(values["paths"]) & set(SETTINGS):
            seen.setdefault(path, set()).add(path in values["turned"] and path != values["covered"])
        assert values["covered"] in values["paths"]
    assert all(both == {True, False} for both in seen.values()) and set(seen) == set(SETTINGS)


def test_what_is_covered_does_not_count_although_it_is_the_kernels_own(lab: Lab) -> None:
    ground = exercises.start("9.3", lab, seed=1)
    covered = ground.values["covered"]
    assert (ground.box.run(["cat", covered]).stdout, ground.lab.host.run(["cat", covered]).stdout != "") == ("", True)
    right = exercises.named("9.3").solution(ground)
    assert right and covered not in right
    assert exercises.check("9.3", [*right, covered]).state.failed
    from_text = [path for path in ground.values["paths"] if path not in SETTINGS]
    assert exercises.check("9.3", from_text).state.failed
    assert exercises.check("9.3", right).state is State.PASSED
