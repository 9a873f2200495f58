"""What a learner cannot know is chosen anew for each ground; no verdict speaks of a path that was not named."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import KernelView, State, Verdict, whole
from pyctr_lab.course.grading.requirements import judge
from pyctr_lab.course.lessons.lesson_09.one_kernel import (
    OTHER,
    SETTINGS,
    OneKernel,
    alike,
    otherwise,
    path_meant,
    reading_words,
    telling,
)


def readings(seed: int) -> KernelView:
    """A ground as its set-up makes it, without a machine."""
    values = OneKernel().variant(seed)
    facts: dict[str, dict[str, str]] = {"host": {}, "container": {}, "machine": {}}
    for path in values["paths"]:
        other = path in OTHER or path == values["covered"]
        facts["host"][path], facts["container"][path] = "1", "2" if other else "1"
        facts["machine"][path] = "1" if path in SETTINGS and path not in values["turned"] else "3"
    return KernelView("9.3", values, {}, 0, facts)


def verdict_of(view: KernelView, names: object) -> tuple[list[str], str, str]:
    """What does not hold, all that was observed, and the misconception that is recognised."""
    exercise = OneKernel()
    answer = exercise.wants.read(names)
    requirements = exercise.check(view, answer)
    known = exercise.recognise(view, answer, requirements)
    assert known is None or not [number for number in known.explains if requirements[number - 1].met], names
    missed = [each for each in requirements if not each.met]
    return [each.name for each in missed], "; ".join(each.observed for each in missed), known.code if known else ""


def test_the_same_files_do_not_always_give_the_same_answer() -> None:
    """Whether a setting is turned and which file is covered: the paths alone do not tell."""
    seen: dict[str, set[bool]] = {}
    for seed in range(40):
        values = OneKernel().variant(seed)
        for path in set(values["paths"]) & set(SETTINGS):
            seen.setdefault(path, set()).add(path in values["turned"] and path != values["covered"])
        assert values["covered"] in values["paths"]
    assert all(both == {True, False} for both in seen.values()) and set(seen) == set(SETTINGS)


@pytest.mark.parametrize("seed", range(12))
def test_every_subset_of_the_six_is_told_only_of_what_it_names(seed: int) -> None:
    view = readings(seed)
    for number in range(8):
        for names in itertools.combinations([*view.values["paths"], "passed"], number):
            missed, observed, known = verdict_of(view, names)
            said = set(names)
            assert (missed == []) == (said == telling(view))
            assert not [path for path in view.values["paths"] if path in observed and path not in said]
            true = {
                "M1": bool(said & alike(view) - otherwise(view)),
                "M2": bool(said & otherwise(view) - alike(view)),
                "M3": bool(said) and not said & alike(view) and "passed" not in said,
                "M4": bool(telling(view) & set(SETTINGS)) and not said & set(SETTINGS) and said != {"passed"},
                "": True,
            }
            assert true[known], (names, known)


def test_none_named_is_told_without_any_reading() -> None:
    missed, observed, known = verdict_of(readings(1), [])
    assert missed == ["each that you named gives it away", "none is missing"]
    assert observed.startswith("you named 0; /proc has some that do; you named 0 that give it away") and known == ""


def test_who_names_all_six_is_not_nearly_right() -> None:
    view, exercise = readings(3), OneKernel()
    for names, state in ((view.values["paths"], State.NOT_YET), ([*telling(view), "x"], State.ALMOST),
                         (sorted(telling(view))[1:], State.ALMOST)):  # fmt: skip
        assert judge(tuple(exercise.check(view, exercise.wants.read(names)))) is state


def test_a_misspelt_path_is_said_to_be_none_of_the_six() -> None:
    view = readings(2)
    wrong = "/proc/sys/kernel/random/bootid"
    missed, observed, _ = verdict_of(view, [*telling(view), wrong])
    assert missed == ["each that you named gives it away"]
    assert observed == reading_words(view, wrong) == f"{wrong} is none of the six; they are below /proc"


def test_the_end_of_a_path_stands_for_it() -> None:
    boot_id, swap = "/proc/sys/kernel/random/boot_id", "/proc/sys/vm/swappiness"
    paths = [boot_id, swap, "/proc/cmdline", "/proc/sys/kernel/random/uuid"]
    for name in ("boot_id", "random/boot_id", "/boot_id", boot_id, "kernel.random.boot_id"):
        assert path_meant(name, paths) == boot_id
    assert path_meant("vm.swappiness", paths) == path_meant("swappiness", paths) == swap
    for name in ("id", "random", "", "cmdlin"):
        assert path_meant(name, paths) == name
    assert path_meant("x", ["/a/x", "/b/x"]) == "x", "which of the two?"


def passes(answer: object) -> bool:
    verdict: Verdict = exercises.check("9.3", answer)
    return verdict.state is State.PASSED


def test_what_is_covered_does_not_count_although_it_is_the_kernels_own(lab: Lab) -> None:
    ground = exercises.start("9.3", lab, seed=1)
    covered = whole(ground).values["covered"]
    assert (ground.box.run(["cat", covered]).stdout, ground.lab.host.run(["cat", covered]).stdout != "") == ("", True)
    right = exercises.named("9.3").solution(ground)
    assert right and covered not in right
    assert exercises.check("9.3", [*right, covered]).state.failed
    from_text = [path for path in ground.values["paths"] if path not in SETTINGS]
    assert exercises.check("9.3", from_text).state.failed
    for given in (right, set(right), ", ".join(right), map(Path, right), [path.rpartition("/")[2] for path in right]):
        assert passes(given)
