"""What is said of a wrong pair is true of that very pair."""

from __future__ import annotations

import os
from itertools import combinations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.course.lessons.lesson_01.shared_memory import borrow, map_at

PLACES = range(5)
OWNER, PARTNER, PRIVATE, NAMESAKE, HOLDER = PLACES


def expected(pair: tuple[int, int]) -> str:
    if HOLDER in pair:
        return "M3"
    return "M2" if NAMESAKE in pair else "M1"


def test_each_wrong_pair_gets_the_word_that_is_true_of_it(lab: Lab) -> None:
    ground = exercises.start("1.1", lab)
    names = whole(ground).values["names"]
    for pair in combinations(PLACES, 2):
        verdict = exercises.check("1.1", tuple(names[place] for place in pair))
        if pair == (OWNER, PARTNER):
            assert verdict.passed
        else:
            assert verdict.misconception == expected(pair), (pair, verdict)


def test_privately_is_only_said_of_one_and_the_same_memory(lab: Lab) -> None:
    ground = exercises.start("1.1", lab)
    names = whole(ground).values["names"]
    verdict = exercises.check("1.1", (names[PRIVATE], names[NAMESAKE]))
    assert "privately" not in verdict.message and "the inodes differ" in " ".join(verdict.message.split())


def test_a_mapping_that_the_learner_adds_makes_no_wrong_pair_right(lab: Lab) -> None:
    ground = exercises.start("1.1", lab)
    names = whole(ground).values["names"]
    owner, private = ground[names[OWNER]], ground[names[PRIVATE]]
    folder = f"/proc/{owner.machine_pid}/fd"
    fd = next(int(fd) for fd in os.listdir(folder) if "memfd:" in os.readlink(f"{folder}/{fd}"))
    map_at(private, 0x20000000, borrow(private, owner, fd), shared=True)
    verdict = exercises.check("1.1", (names[OWNER], names[PRIVATE]))
    assert [each.name for each in verdict.requirements if not each.met] == ["the containers are as you found them"]
