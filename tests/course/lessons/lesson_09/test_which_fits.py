"""What the jobs ask for leaves no doubt on any machine, and what a learner cannot know is chosen anew."""

from __future__ import annotations

import itertools

import pytest

from pyctr_lab.course.grading import KernelView
from pyctr_lab.course.lessons.lesson_09.which_fits import KERNEL_NEEDS, WALL_NEEDS, WhichFits, fitting, jobs

MACHINES = {  # what a container and a machine take: (MiB, ms) of each
    "small and quick, with KVM": ((0.1, 3.0), (60.0, 200.0)),
    "emulated": ((0.26, 5.0), (210.0, 2300.0)),
    "emulated in an emulated one": ((3.0, 150.0), (180.0, 61000.0)),
    "not far apart": ((8.0, 30.0), (90.0, 300.0)),
}


def view(takes: tuple[tuple[float, float], ...], seed: int) -> KernelView:
    """A ground as it would be on a machine with these figures."""
    container, machine = (dict(zip(("mib", "ms"), pair, strict=True)) for pair in takes)
    values = WhichFits().variant(seed)
    facts = {"container": container, "machine": machine, "jobs": jobs(values, container, machine)}
    return KernelView("9.4", values, {}, 0, facts)


def ideas(ground: KernelView) -> dict[str, dict[str, str]]:
    """The choices of the right idea, and of each wrong one."""
    names = ground.values["names"]
    without = ("memory", "together", "kernel", "time", "walls")
    return {
        "right": fitting(ground),
        "containers": dict.fromkeys(names, "container"),
        "machines": dict.fromkeys(names, "machine"),
        **{each: fitting(ground, **{each: False}) for each in without},
    }


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_each_wrong_idea_leads_to_other_choices_than_the_right_one_and_each_other(takes) -> None:
    for seed in range(200):
        ground = view(takes, seed)
        for one, other in itertools.combinations(ideas(ground).items(), 2):
            assert one[1] != other[1], (seed, one, other)
        assert set(fitting(ground).values()) == {"container", "machine", "neither"}


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_in_each_variant_time_memory_and_isolation_decide_a_job_each(takes) -> None:
    """To leave one of them out never passes. It passed in 112 of 200 variants where the time was left out."""
    for seed in range(200):
        ground = view(takes, seed)
        for left_out in ("time", "memory", "together", "kernel"):
            said = tuple(f"{job}={choice}" for job, choice in ideas(ground)[left_out].items())
            assert not WhichFits().check(ground, said)[0].met, (seed, left_out)


@pytest.mark.parametrize("takes", MACHINES.values(), ids=MACHINES)
def test_no_demand_is_close_to_what_is_taken(takes) -> None:
    for seed in range(50):
        facts = view(takes, seed).facts
        for job, what in itertools.product(facts["jobs"].values(), (facts["container"], facts["machine"])):
            for share in (job["count"] * what["mib"] / job["mib"], what["ms"] / job["ms"]):
                assert not 1 / 1.5 < share < 1.5


def test_needs_are_words_and_the_words_alone_do_not_tell_the_choice() -> None:
    """A need of the kernel leads to a machine here, and to neither there."""
    seen: dict[str, set[str]] = {}
    for seed in range(200):
        ground = view(MACHINES["emulated"], seed)
        for name, choice in fitting(ground).items():
            seen.setdefault(ground.facts["jobs"][name]["needs"], set()).add(choice)
    assert seen.keys() == {*KERNEL_NEEDS, *WALL_NEEDS}
    assert all(seen[need] == {"machine", "neither"} for need in KERNEL_NEEDS)
    assert all(seen[need] == {"container", "neither"} for need in WALL_NEEDS)


def test_nearly_right_choices_are_called_almost_right_and_the_job_is_named() -> None:
    ground = view(MACHINES["emulated"], 1)
    right = fitting(ground)
    name = next(name for name, choice in right.items() if choice == "machine")
    said = tuple(f"{job}={'neither' if job == name else choice}" for job, choice in right.items())
    (missed,) = WhichFits().check(ground, said)
    assert (missed.met, missed.near) == (False, True)
    assert f"{name} asks for" in missed.observed and "you chose neither" in missed.observed
    assert WhichFits().check(ground, tuple(f"{job}={choice}" for job, choice in right.items()))[0].met


def test_a_missing_or_misspelt_job_is_said_and_no_figures_of_another() -> None:
    ground = view(MACHINES["emulated"], 1)
    right = [f"{job}={choice}" for job, choice in fitting(ground).items()]
    (missed,) = WhichFits().check(ground, (*right[1:], "nonsense=machine"))
    assert not missed.met and missed.observed.startswith("'nonsense' is none of them; there is no choice for ")
    assert "asks for" not in missed.observed
