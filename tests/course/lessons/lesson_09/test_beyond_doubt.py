"""What the jobs were made to do is the truth: no load of the machine changes a verdict."""

from __future__ import annotations

import itertools

import pytest

from pyctr_lab import Gone, Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Exercise, KernelView, State, whole
from pyctr_lab.course.lessons.kit.choices import chosen_for
from pyctr_lab.course.lessons.lesson_09.beyond_doubt import BLOCK, KINDS, BeyondDoubt, rounds_of


@pytest.fixture
def exercise() -> Exercise:
    return exercises.named("9.1")


def verdict_of(seed: int, answer: object) -> tuple[list[str], str]:
    """What does not hold, and the misconception that is recognised: without a lab, by what the jobs were made to do."""
    exercise = BeyondDoubt()
    view = KernelView("9.1", exercise.variant(seed), {}, 0)
    read = exercise.wants.read(answer)
    requirements = exercise.check(view, read)
    known = exercise.recognise(view, read, requirements)
    assert known is None or not [number for number in known.explains if requirements[number - 1].met], answer
    return [each.name for each in requirements if not each.met], known.code if known else ""


def test_no_clock_is_asked_when_it_is_graded() -> None:
    for seed in range(50):
        made = BeyondDoubt().variant(seed)["made"]
        base = BeyondDoubt().variant(seed)["base"]
        assert verdict_of(seed, made) == verdict_of(seed, {**made, base: "as quick"}) == ([], "")
        assert set(made.values()) == set(KINDS) and list(made.values()).count("now and then") == 2


def test_all_answers_there_are() -> None:
    """Only the right one of 243 passes, and no message contradicts a mark."""
    made = BeyondDoubt().variant(3)["made"]
    for kinds in itertools.product(KINDS, repeat=5):
        answer = dict(zip(made, kinds, strict=True))
        missed, known = verdict_of(3, answer)
        assert (missed == []) == (answer == made)
        called = {kind: {answer[name] for name in made if made[name] == kind} for kind in KINDS}
        said = {
            "M1": called["now and then"] == {"as quick"},
            "M2": called["now and then"] == {"slower"},
            "M3": called["now and then"] == {"as quick", "slower"},
            "M4": "slower" in called["as quick"],
            "M5": called["slower"] == {"now and then"},
            "": True,
        }
        assert said[known], (answer, known)


def test_a_median_and_a_single_run_do_not_tell() -> None:
    """Of the two jobs that take long now and then, one begins with a long run and the other does not."""
    for seed in range(50):
        values = BeyondDoubt().variant(seed)
        runs = [rounds_of(values, name) for name, kind in values["made"].items() if kind == "now and then"]
        assert sorted(each[0] > 1 for each in runs) == [False, True]
        for each in runs:
            assert sorted(each)[len(each) // 2] == 1 and len(each) > 40
            assert all(max(each[at : at + BLOCK]) >= 20 for at in range(0, len(each), BLOCK))


def test_a_missing_and_a_misspelt_name_are_said() -> None:
    made = dict(BeyondDoubt().variant(1)["made"])
    left_out = min(made)
    exercise = BeyondDoubt()
    view = KernelView("9.1", exercise.variant(1), {}, 0)
    kind = made.pop(left_out)
    answer = exercise.wants.read({**made, "sotr": kind})
    first, *others = exercise.check(view, answer)
    assert first.observed == f"'sotr' is none of them; there is no choice for {left_out}"
    assert not first.met and not all(each.met for each in others)
    assert verdict_of(1, {})[0] == verdict_of(1, None)[0] != []


def test_no_answer_key_is_in_reach(lab: Lab, exercise: Exercise) -> None:
    ground = exercises.start("9.1", lab, seed=4)
    made = whole(ground).values["made"]
    assert "made" not in ground.values and ground.facts == {}
    assert list(ground.held) == sorted([*made, ground.values["base"]])
    job = ground.held[min(made)]
    assert {*vars(job)} == {"name", "_wire"}
    assert {*vars(job._wire)} == {"_again", "_ours", "_theirs", "_answers", "_lock", "_asked"}
    worker = ground.programs["jobs"]
    with open(f"/proc/{worker.machine_pid}/cmdline") as file:
        assert not [name for name in made if name in file.read()]
    assert job.run() > 0 and repr(job).startswith(f"job '{job.name}'")
    assert exercises.check("9.1", exercise.solution(ground)).state is State.PASSED
    exercises.reset("9.1")
    with pytest.raises(Gone, match=r'exercises.start\("9.1", lab\)'):
        job.run()


def test_an_interrupted_run_does_not_shift_the_answers(lab: Lab) -> None:
    exercises.start("9.1", lab, seed=4)
    ground = exercises.SESSION.grounds["9.1"]
    quick, slower = (next(job for job, kind in ground.values["made"].items() if kind == wanted)
                     for wanted in ("as quick", "slower"))  # fmt: skip
    wire = ground.held[quick]._wire
    wire._asked += 1
    wire._ours.sendall(f"{wire._asked} {slower}\n".encode())  # asked, and interrupted before the answer
    assert [ground.held[quick].run() < ground.held[slower].run() for _ in range(3)] == [True] * 3


def test_the_kinds_differ_from_variant_to_variant() -> None:
    answers = {tuple(sorted(BeyondDoubt().variant(seed)["made"].items())) for seed in range(50)}
    assert len(answers) > 40
    assert chosen_for(None) == {}


def test_the_answer_is_read_as_people_give_it() -> None:
    numpy = pytest.importorskip("numpy")
    wants = BeyondDoubt().wants
    expected = ("a=slower", "b=now and then")
    pairs = {"b": "now and then", "a": "slower"}
    for given in (pairs, {"a": "Slower", "b": "now_and_then"}, list(pairs.items()), (pair for pair in pairs.items()),
                  "a=slower, b=now and then", ["a=slower", "b=now and then"], {"a=slower", "b=now and then"},
                  numpy.array(["a=slower", "b=now and then"]), {numpy.str_("a"): "slower", "b": " now and then "},
                  ):  # fmt: skip
        assert wants.read(given) == expected, given
