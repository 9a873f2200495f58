"""What the jobs ask for leaves no doubt on any machine, and what a learner cannot know is chosen anew."""

from __future__ import annotations

import itertools

import pytest

from pyctr_lab.course.grading import KernelView
from pyctr_lab.course.lessons.lesson_09.which_fits import WhichFits, fitting, jobs

MACHINES = {  # what a container and a machine take: (MiB, ms) of each
    "small and quick, with KVM": ((0.1, 3.0), (60.0, 200.0)),
    "emulated": ((1.3, 5.0), (210.0, 2300.0)),
    "emulated in an emulated one": ((3.0, 150.0), (180.0, 61000.0)),
    "not far apart": ((8.0, 30.0), (90.0, 300.0)),
}


def view(takes: tuple[tuple[float, float], ...], seed: int) -> KernelView:
    """A ground as it would be on a machine with these figures."""
    keys = ("mib", "ms", "own_kernel")
    container, machine = (
        dict(zip(keys, (*pair, own), strict=True)) for pair, own in zip(takes, (False, True), strict=True)
    )
    values = WhichFits().variant(seed)
    facts = {"container": container, "machine": machine, "jobs": jobs(values, container, machine)}
    return KernelView("9.4", values, {}, 0, facts)


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_each_wrong_idea_leads_to_other_choices_than_the_right_one_and_each_other(takes) -> None:
    for seed in range(50):
        ground = view(takes, seed)
        names = ground.values["names"]
        ideas = [dict.fromkeys(names, "container"), dict.fromkeys(names, "machine"), fitting(ground)]
        ideas += [fitting(ground, memory=False), fitting(ground, together=False), fitting(ground, kernel=False)]
        assert all(one != other for one, other in itertools.combinations(ideas, 2))
        assert set(fitting(ground).values()) == {"container", "machine", "neither"}


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_no_demand_is_close_to_what_is_taken(takes) -> None:
    for seed in range(50):
        facts = view(takes, seed).facts
        for job, what in itertools.product(facts["jobs"].values(), (facts["container"], facts["machine"])):
            for share in (job["count"] * what["mib"] / job["mib"], what["ms"] / job["ms"]):
                assert not 1 / 1.5 < share < 1.5


def test_nearly_right_choices_are_called_almost_right_and_the_job_is_named() -> None:
    ground = view(MACHINES["emulated"], 1)
    right = fitting(ground)
    name = next(name for name, choice in right.items() if choice == "machine")
    said = tuple(f"{job}={'neither' if job == name else choice}" for job, choice in right.items())
    (missed,) = WhichFits().check(ground, said)
    assert (missed.met, missed.near) == (False, True)
    assert f"{name} asks for" in missed.observed and "you chose neither" in missed.observed
    assert WhichFits().check(ground, tuple(f"{job}={choice}" for job, choice in right.items()))[0].met
    (missed,) = WhichFits().check(ground, ("nonsense=machine",))
    assert not missed.met
