"""What holds for every exercise of the course, whichever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Exercise, Ground, Misconception, Requirement, State, whole
from pyctr_lab.course.learner import records

EACH = [pytest.param(each, id=name) for name, each in exercises.ALL.items()]
HELD = ("boxes", "programs", "groups", "held", "facts", "values")


def ground_of(exercise: Exercise, lab: Lab) -> Ground:
    """The ground of the test before: nothing here changes it."""
    there = exercises.SESSION.shown.get(exercise.id)
    return there if there and there.lab is lab else exercises.start(exercise.id, lab)


def within(data: object) -> Iterator[object]:
    """Everything in a collection, and in those within it."""
    yield data
    if isinstance(data, dict):
        for part in (*data.keys(), *data.values()):
            yield from within(part)
    elif isinstance(data, list | tuple | set):
        for part in data:
            yield from within(part)


@pytest.mark.parametrize("exercise", EACH)
def test_what_a_learner_holds_has_no_value_of_which_the_question_is_silent(exercise: Exercise, lab: Lab) -> None:
    ground = ground_of(exercise, lab)
    secret = {name: value for name, value in whole(ground).values.items() if name not in ground.values}
    reachable = [part for each in (vars(ground), *(getattr(ground, name) for name in HELD)) for part in within(each)]
    lists = [value for value in secret.values() if isinstance(value, list | dict | tuple)]
    assert not [value for value in lists if value in reachable]
    assert not [name for name in exercise.hides if name in ground.programs]
    for told in ground.values:
        assert f"{{{told}}}" in exercise.question or told in exercise.shows


@pytest.mark.parametrize("exercise", EACH)
def test_what_the_page_offers_is_there_and_is_what_the_question_names(exercise: Exercise, lab: Lab) -> None:
    ground = ground_of(exercise, lab)
    row = re.search(r' (?:ground|groups) +([\w, ]+): (ground[\w.]*\["\w+"\])', " ".join(repr(ground).split()))
    assert row and eval(row[2], {"ground": ground})
    unnamed = [name for name in row[1].split(", ") if name not in exercise.ask(ground.values)]
    assert not unnamed or exercise.asks_about == "programs"  # then the row is where the learner meets the name


@pytest.mark.parametrize("exercise", EACH)
def test_the_order_of_what_is_there_tells_nothing(exercise: Exercise, lab: Lab) -> None:
    """Two of five that share must not be the first two."""
    ground = ground_of(exercise, lab)
    if exercise.wants.example:
        for there in (ground.boxes, ground.groups, ground.programs, *ground.facts.values()):
            if isinstance(there, dict) and len(there) > 1 and {*there} <= {*exercise.names}:
                assert list(there) == sorted(there)


@pytest.mark.parametrize("exercise", EACH)
def test_what_is_done_to_names_and_figures_changes_nothing_for_the_check(exercise: Exercise, lab: Lab) -> None:
    ground = whole(ground_of(exercise, lab)).shown()
    seen = whole(ground).view()
    for name in ("values", "facts", "boxes", "programs", "groups"):
        getattr(ground, name).clear()
    assert whole(ground).view() == seen


@pytest.mark.parametrize("exercise", EACH)
def test_variants_differ_from_learner_to_learner(
    exercise: Exercise, own_state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYCTR_LAB_VARIANT")
    seeds = []
    for number in range(20):
        monkeypatch.setenv("XDG_STATE_HOME", str(own_state / f"learner-{number}"))
        seeds.append(records.seed(exercise.id))
        assert records.seed(exercise.id) == seeds[-1], "a learner's own stays"
    variants = [repr(exercise.variant(seed)) for seed in seeds]
    assert len(set(seeds)) == 20 and len(set(variants)) > 2
    now, then = (exercise.variant(each) for each in (seeds[0], exercise.next_seed(seeds[0])))
    assert now != then
    if exercise.shown(now).keys() - {"all"}:
        assert exercise.shown(now) != exercise.shown(then)


def requirement(met: bool) -> Requirement:
    return Requirement(name="a name", met=met, observed="seen", expected="wanted", why="reason", look="place")


@pytest.mark.parametrize("exercise", EACH)
def test_a_sign_never_contradicts_a_mark(exercise: Exercise, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sign is made to fire, whatever the kernel says."""
    view: Any = None
    most = max(max(each.explains) for each in exercise.misconceptions)
    assert min(min(each.explains) for each in exercise.misconceptions) > 0
    for wrong in exercise.misconceptions:
        loud = Misconception(**{**vars(wrong), "sign": lambda view, answer: True})
        monkeypatch.setattr(type(exercise), "misconceptions", (loud,))
        for number in range(1, most + 1):
            requirements = [requirement(place != number) for place in range(1, most + 1)]
            found = exercise.recognise(view, None, requirements)
            assert (found is not None) == (number in wrong.explains)
        assert exercise.recognise(view, None, [requirement(True)] * most) is None


def test_the_deed_of_a_misconception_has_the_whole_ground(lab: Lab) -> None:
    ground: Ground = exercises.start("1.1", lab)
    assert "names" not in ground.values
    first = exercises.ALL["1.1"].misconceptions[0]
    assert exercises.check("1.1", first.act(ground)).misconception == "M1"


@pytest.mark.parametrize("kind", ["net", "uts", "ipc"])
def test_a_host_that_has_moved_is_a_set_up_that_has_changed(kind: str) -> None:
    with Lab() as own:
        exercises.start("3.7", own)
        own.host.apply(steps.NewNamespace(kind))
        verdict = exercises.check("3.7", "net")
        assert verdict.state is State.CANNOT
        assert "set-up has changed" in verdict.headline and 'exercises.reset("3.7")' in verdict.next


ASKING = [pytest.param(each, id=name) for name, each in exercises.ALL.items() if each.wants.example]


@pytest.mark.parametrize("exercise", ASKING)
def test_containers_that_are_moved_make_no_wrong_answer_right(exercise: Exercise, lab: Lab) -> None:
    """The containers that a wrong answer names enter the namespaces of the first of them."""
    ground = ground_of(exercise, lab)
    moved = False
    for wrong in exercise.misconceptions:
        answer = wrong.act(ground)
        named = [ground[name] for name in answer if name in ground.boxes] if isinstance(answer, tuple) else []
        for box in named[1:]:
            for kind in ("uts", "net", "ipc", "mnt"):
                box.apply(steps.JoinNamespace(kind, named[0].pid))
        assert not exercises.check(exercise.id, answer).passed
        if len(named) > 1:
            moved = True
            ground = exercises.start(exercise.id, lab)
    assert moved or exercise.id not in ("1.1", "3.1", "3.4"), "an answer to these names containers"
