"""Every exercise on the real kernel: who does what is asked passes, and everyone else is told what is wrong."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest

from pyctr_lab import BadInput, Gone, Lab, Unsupported, steps
from pyctr_lab.course import exercises, syllabus
from pyctr_lab.course.grading import (
    Exercise,
    Ground,
    Misconception,
    Names,
    State,
    Verdict,
    session,
    until,
    whole,
)
from pyctr_lab.course.learner import records, state_dir
from pyctr_lab.course.learner.page import VOLATILE
from pyctr_lab.course.syllabus import NUMBERS
from pyctr_lab.kernel import proc
from pyctr_lab.machines import machine_options
from pyctr_lab.runtime.carrier import ended

EACH = [pytest.param(each, id=name) for name, each in exercises.ALL.items()]
KNOWN = [pytest.param(each, wrong, id=f"{name}-{wrong.code}") for name, each in exercises.ALL.items()
         for wrong in each.misconceptions]  # fmt: skip
Record = Callable[[str, object], None]


class Claims(str):
    """Text that claims to be whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def printed(ground: Ground) -> object:
    """The right text, printed by a program in the container."""
    text = " ".join(f"{value}" for value in ground.values.values())
    return ground.box.run(["echo", text]).stdout


def everything(ground: Ground) -> object:
    """All that could be the answer, in one list."""
    return [*ground.boxes, "1", "uts"]


FORGERS: dict[str, Callable[[Ground], object]] = {
    "prints the right text": printed,
    "names everything": everything,
    "claims to be equal": lambda ground: (Claims("right"), Claims("right too")),
    "claims a verdict": lambda ground: Verdict(ground.exercise.id, "", State.PASSED, "passed"),
    "writes that it passed": lambda ground: "passed",
}


def told(record: Record, exercise: Exercise, what: str, verdict: Verdict) -> None:
    words = f"{verdict.state.value}{f' ({verdict.misconception})' if verdict.misconception else ''}"
    record("exercise", [exercise.id, what, words])


CHECK = "import sys; from pyctr_lab.course import cli_check; sys.exit(cli_check(sys.argv[1], sys.argv[2:]))"
TERMINAL = [sys.executable, "-c", CHECK]


def assert_said_in_a_terminal(verdict: Verdict) -> None:
    """A terminal beside the notebook gives the same verdict: in its words, and as its status."""
    said = subprocess.run([*TERMINAL, verdict.exercise], capture_output=True, text=True)
    assert (said.stdout.strip(), said.returncode) == (str(verdict), int(verdict.state.failed)), said.stderr


@pytest.mark.repeat(few=1, many=4)
@pytest.mark.parametrize("exercise", EACH)
def test_the_revealed_lines_pass(exercise: Exercise, lab: Lab, record_property: Record, repeats: int) -> None:
    for seed in range(1, repeats + 1):
        ground = exercises.start(exercise.id, lab, seed=seed)
        check_before_a_deed(exercise)
        cell = {"ground": ground, "exercises": exercises, "steps": steps}
        exec(exercise.source(), cell)
        verdict = exercises.check(exercise.id)  # without an answer, the one before counts
        assert verdict.state is State.PASSED, verdict
        assert records.record(exercise.id)["state"] == "passed"
    told(record_property, exercise, "its solution", verdict)
    assert exercise.source().splitlines()[-1] in repr(exercises.reveal(exercise.id))
    assert_said_in_a_terminal(verdict)
    if exercise.wants.example:
        assert len({exercise.wants.read(form) for form in forms_of(cell["answer"])}) == 1
    assert_the_ground_is_verified_again(ground)


def forms_of(answer: Any) -> Iterator[object]:
    """An answer in every form in which people give it."""
    numpy = pytest.importorskip("numpy")
    yield answer
    if isinstance(answer, dict):
        pairs = [f"{name}={choice}" for name, choice in answer.items()]
        yield from (MappingProxyType(answer), [*answer.items()], pairs, ", ".join(pairs), numpy.array(pairs))
    elif isinstance(answer, list | tuple):
        yield from ([*answer], (*answer,), dict.fromkeys(answer), (name for name in answer), numpy.array(answer))
        yield from (", ".join(answer), "\n".join(answer), [f" {name}\n" for name in answer])
    elif isinstance(answer, int):
        yield from (numpy.int64(answer), float(answer), str(answer), f" {answer}.0 ", [answer], {answer})
        yield numpy.array(answer)
    else:
        yield from ([answer], {answer: 1}.keys(), numpy.str_(answer), numpy.array(answer), f" {answer}\n")


def check_before_a_deed(exercise: Exercise) -> None:
    """So that each mark which the deed changes is seen with both of its texts: conftest.py compares them."""
    if not exercise.wants.example:
        exercises.check(exercise.id)


def assert_the_ground_is_verified_again(ground: Ground) -> None:
    """A solved exercise does not pass while its host is elsewhere, or what it has made is moved, stopped or ended."""
    name, lab = ground.exercise.id, ground.lab
    with lab.container("stays") as stays:
        lab.host.apply(steps.NewNamespace("uts"))
        assert exercises.check(name).state is State.CANNOT
        lab.host.apply(steps.JoinNamespace("uts", stays.pid))
    for each, pid in whole(ground).pids().items():
        os.kill(pid, signal.SIGSTOP)
        until(lambda pid=pid: proc.state(pid) == "T")
        verdict = exercises.check(name)
        kind = "The program" if each in whole(ground).programs else "The container"
        named = "A program" if each in ground.exercise.hides else f"{kind} {each!r}"
        assert verdict.state is State.CANNOT, verdict
        assert verdict.headline == f"{named} of its ground is stopped (state T)."
        os.kill(pid, signal.SIGCONT)
        until(lambda pid=pid: proc.state(pid) != "T")
    for group, program in ((ground.groups.get(name), each) for name, each in ground.programs.items()):
        if group:
            with lab.cgroup("elsewhere") as other:
                other.add(program)
                assert not exercises.check(name).passed
                group.add(program)
    assert exercises.check(name).passed
    os.kill(ground.box.machine_pid, signal.SIGKILL)
    assert ended(ground.box.carrier.machine_pid, 60)
    verdict = exercises.check(name)
    assert verdict.state is State.CANNOT, verdict
    assert "has ended" in verdict.headline and f'ground = exercises.start("{name}", lab)' in verdict.next


@pytest.mark.parametrize("exercise", EACH)
def test_nothing_done_does_not_pass_and_reads_alike_on_every_run(
    exercise: Exercise, lab: Lab, record_property: Record
) -> None:
    texts = []
    for _ in range(2):
        ground = exercises.start(exercise.id, lab)
        verdict = exercises.check(exercise.id)
        pages = (str(ground), ground._repr_html_(), str(verdict), verdict._repr_html_())
        texts.append([VOLATILE.sub("N", page) for page in pages])
    assert texts[0] == texts[1]
    told(record_property, exercise, "nothing", verdict)
    expected = State.NOT_STARTED if exercise.wants.example else State.NOT_YET
    assert (verdict.state, verdict.misconception) == (expected, "")
    assert exercises.check(exercise.id, (..., ...)).state is expected
    none = exercises.check(exercise.id, ()).state
    none_is_an_answer = isinstance(exercise.wants, Names) and not exercise.wants.count
    assert none.failed if none_is_an_answer else none is expected
    if none_is_an_answer:
        exercises.check(exercise.id, exercise.solution(ground))  # conftest.py compares what is observed


@pytest.mark.parametrize("exercise", EACH)
def test_no_forger_passes(exercise: Exercise, lab: Lab, record_property: Record) -> None:
    ground = ground_of(exercise, lab, 1)
    for forger, act in FORGERS.items():
        verdict = exercises.check(exercise.id, act(ground))
        told(record_property, exercise, f"who {forger}", verdict)
        assert verdict.state.failed, verdict


#: Ground that costs seconds, and that no misconception changes.
ASKED = ("2.1", "2.3", "6.1", "6.3", "7.5", "9.1", "9.2", "9.3", "9.4")


def ground_of(exercise: Exercise, lab: Lab, seed: int) -> Ground:
    """Fresh ground, or that of the test before where an exercise only asks."""
    there = exercises.SESSION.grounds.get(exercise.id)
    if exercise.id in ASKED and there and there.seed == seed and there.lab is lab:
        return there
    return exercises.start(exercise.id, lab, seed=seed)


OF_ANY_PLACE = {("4.1", "M3")}  # one name, in whichever of three places an answer has it: the place is not met


@pytest.mark.repeat(few=1, many=4)
@pytest.mark.parametrize(("exercise", "wrong"), KNOWN)
def test_a_misconception_is_recognised(
    exercise: Exercise, wrong: Misconception, lab: Lab, record_property: Record, repeats: int
) -> None:
    for seed in range(1, repeats + 1):
        ground = ground_of(exercise, lab, seed)
        check_before_a_deed(exercise)
        verdict = exercises.check(exercise.id, wrong.act(ground))
        assert verdict.state.failed, verdict
        assert verdict.misconception == wrong.code, verdict
        missed = {number for number, each in enumerate(verdict.requirements, 1) if not each.met}
        explained = {*wrong.explains} & missed if (exercise.id, wrong.code) in OF_ANY_PLACE else {*wrong.explains}
        assert explained and explained <= missed, f"it explains {wrong.explains}, and not met are {sorted(missed)}"
    told(record_property, exercise, f"{wrong.code}: {wrong.believes}", verdict)
    assert " ".join(wrong.message.split()) in " ".join(str(verdict).split())
    assert records.record(exercise.id)["misconceptions"] == {wrong.code: repeats}
    if wrong is exercise.misconceptions[0]:
        assert_says_what_was_seen_expected_why_and_where_to_look(verdict)
    if wrong is exercise.misconceptions[-1]:
        assert_said_in_a_terminal(verdict)
    if exercise.wants.example and (exercise.id not in ASKED or wrong is exercise.misconceptions[0]):
        exercises.check(exercise.id, exercise.solution(ground))  # conftest.py compares what is observed


def assert_says_what_was_seen_expected_why_and_where_to_look(verdict: Verdict) -> None:
    rows = dict(verdict.rows())
    assert list(rows)[:4] == ["observed", "expected", "why", "look at"]
    assert all(len(rows[name].split()) > 1 or rows[name].startswith("steps.") for name in list(rows)[:4] if rows[name])
    for words in rows.values():
        assert " ".join(words.split()) in " ".join(str(verdict).split())
    assert any(source in rows["observed"] for source in ("/proc/", "/sys/fs/cgroup/", "uname", "measured", "sha256"))


@pytest.mark.parametrize("exercise", EACH)
def test_the_course_checks_itself(exercise: Exercise) -> None:
    codes = [wrong.code for wrong in exercise.misconceptions]
    assert codes == [f"M{number}" for number in range(1, len(codes) + 1)]
    assert len(codes) >= 3
    assert len(exercise.hints) >= 3
    for seed in range(20):
        values = exercise.variant(seed)
        assert values == exercise.variant(seed), "a seed gives the same variant everywhere"
        for tier in range(1, len(exercise.hints) + 1):
            left = re.findall(r"\{(?:" + "|".join(values) + r")\}", exercise.hint(tier, values))
            assert not left, "a hint speaks of this variant"
        assert "{" not in exercise.ask(values)
    assert exercise.variant(1) != exercise.variant(2) or exercise.variant(1) != exercise.variant(3)


def test_every_lesson_from_01_on_has_three_exercises() -> None:
    lessons = [each.lesson for each in exercises.ALL.values()]
    there = {lesson: lessons.count(lesson) for lesson in lessons if not syllabus.lesson(lesson).planned}
    assert tuple(there) == NUMBERS and there.pop("00") == 1
    assert min(there.values()) >= 3


def test_no_two_exercises_fight_for_a_name() -> None:
    for one, other in itertools.combinations(exercises.ALL.values(), 2):
        assert not set(one.names) & set(other.names)


def commands(lab: Lab) -> list[str]:
    return lab.host.run(["ps", "-e", "-o", "comm="]).stdout.splitlines()


@pytest.mark.repeat(few=1, many=6)
def test_all_at_once_in_any_order_and_a_reset_leaves_nothing_behind(repetition: int, lab: Lab) -> None:
    for name in exercises.ALL:
        exercises.reset(name)
    before = commands(lab)
    chance = random.Random(repetition)
    order = list(exercises.ALL)
    chance.shuffle(order)
    grounds = {name: exercises.start(name, lab) for name in order}
    chance.shuffle(order)
    answers = {name: grounds[name].exercise.solution(grounds[name]) for name in order}
    chance.shuffle(order)
    assert [name for name in order if not exercises.check(name, answers[name]).passed] == []
    for name in order:
        exercises.reset(name)
    ending = time.monotonic() + 60  # a program that lost its terminal or its parent may still be on its way out
    while (left := commands(lab)) != before and time.monotonic() < ending:
        time.sleep(0.05)
    assert left == before


def test_the_host_gets_its_name_back(lab: Lab) -> None:
    name = lab.host.view().hostname
    ground = exercises.start("3.2", lab)
    exercises.ALL["3.2"].misconceptions[0].act(ground)
    assert lab.host.view().hostname == ground.values["hostname"]
    exercises.reset("3.2")
    assert lab.host.view().hostname == name


def test_the_first_try_of_the_warm_up_meets_a_diagnosis(lab: Lab) -> None:
    ground = exercises.start("0.1", lab)
    inside = ground.box.run(["ps", "ax", "-o", "pid=,args="]).stdout.splitlines()
    (number,) = (int(line.split()[0]) for line in inside if "sleep" in line)
    verdict = exercises.check("0.1", number)
    assert (number, verdict.misconception) == (2, "M1")


def test_passed_once_but_no_longer_is_said_and_kept(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    exercises.ALL["3.2"].solution(ground)
    assert exercises.check("3.2").passed

    ground.box.apply(steps.SetHostname("renamed"))
    assert exercises.check("3.2").state is State.NO_LONGER
    assert records.record("3.2")["state"] == State.NO_LONGER.value
    exercises.start("3.2", lab)
    assert exercises.check("3.2").state is State.NOT_YET, "fresh ground is a fresh start"


def test_fresh_ground_does_not_undo_a_pass(lab: Lab) -> None:
    exercises.ALL["3.2"].solution(exercises.start("3.2", lab))
    exercises.check("3.2")
    exercises.another("3.2")
    assert exercises.SESSION.grounds["3.2"].seed != 1
    assert exercises.check("3.2").state is State.NOT_YET
    assert records.record("3.2")["state"] == "passed"


def test_dead_ground_cannot_be_checked_and_says_the_way_out(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    exercises.ALL["3.2"].solution(ground)
    assert exercises.check("3.2").passed
    ground.box.kill()
    verdict = exercises.check("3.2")
    assert verdict.state is State.CANNOT
    assert 'exercises.start("3.2", lab)' in verdict.next
    assert records.record("3.2")["state"] == "passed", "what cannot be checked was not failed"


def test_a_closed_lab_is_said() -> None:
    with Lab() as lab:
        exercises.start("3.7", lab)
    verdict = exercises.check("3.7", "uts")
    assert verdict.state is State.CANNOT
    assert "closed" in verdict.headline
    assert verdict.next == 'lab = Lab(); ground = exercises.start("3.7", lab)'


def test_fresh_ground_after_a_killed_container_is_fresh() -> None:
    with Lab() as lab:
        ground = exercises.start("1.2", lab)
        os.kill(ground.box.machine_pid, signal.SIGKILL)
        assert ended(ground.box.carrier.machine_pid, 60)
        ground = exercises.start("1.2", lab)
        assert exercises.check("1.2", exercises.ALL["1.2"].solution(ground)).passed
        lab.reaper.reap(lab.launcher)
        below = proc.descendants(lab.launcher.machine_pid)
        assert sum(proc.state(pid) == "Z" for pid in below) == 1, "one zombie is the exercise"


def test_no_answer_is_not_the_answer_given_before(lab: Lab) -> None:
    ground = exercises.start("1.1", lab)
    assert exercises.check("1.1", exercises.ALL["1.1"].solution(ground)).passed
    assert exercises.check("1.1").passed, "without any, the one before counts"
    verdict = exercises.check("1.1", None)
    assert verdict.state is State.NOT_STARTED and "recorded as passed" in verdict.headline


def test_an_answer_that_is_no_text_is_told_and_spoils_nothing(lab: Lab) -> None:
    exercises.start("3.1", lab)
    verdict = exercises.check("3.1", ("\udce4", "x"))
    assert verdict.state.failed and "cannot be read" in verdict.headline
    str(verdict).encode()
    exercises.start("1.1", lab)


def test_programs_are_named_by_themselves(lab: Lab) -> None:
    ground = exercises.start("4.2", lab)
    (name, program), *_ = ground.programs.items()
    assert Names().read([program]) == (name,)


def test_what_is_no_lab_is_said_before_anything_ends(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    for other in (5, "lab", Lab):
        with pytest.raises(BadInput, match="is no lab"):
            exercises.start("3.2", other)  # type: ignore[arg-type]
    assert ground.box.alive


def test_a_notebook_does_not_grade_the_ground_of_another(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.ALL["3.2"].solution(exercises.start("3.2", lab))
    assert exercises.check("3.2").passed
    for kept in ("entries", "grounds"):
        monkeypatch.setattr(exercises.SESSION, kept, {})  # another notebook: nothing was started in it
    assert exercises.check("3.2").passed, "as a terminal sees it"
    monkeypatch.setattr(session, "notebook_shell", object)
    assert exercises.check("3.2").state is State.CANNOT


def test_what_a_machine_lacks_is_said_with_what_to_install(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.reset("2.1")
    monkeypatch.setattr(machine_options.shutil, "which", lambda name: None)
    with pytest.raises(Unsupported, match="apt-get install qemu-system"):
        exercises.start("2.1", lab)
    verdict = exercises.check("2.1", "agate")
    assert verdict.state is State.CANNOT
    assert "apt-get install qemu-system" in verdict.headline


def test_never_started_is_said_with_the_first_move() -> None:
    exercises.SESSION.end("3.1")
    verdict = exercises.check("3.1", ("amber", "birch"))
    assert (verdict.state, verdict.next) == (State.NOT_STARTED, 'ground = exercises.start("3.1", lab)')


def test_an_unknown_exercise_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"there is no exercise '9.9' \(there are 0.1, 1.1"):
        exercises.check("9.9")


def test_hints_go_forth_and_back(lab: Lab) -> None:
    exercises.start("3.1", lab)
    titles = [repr(exercises.hint("3.1")).splitlines()[0] for _ in range(4)]
    assert [title[:11] for title in titles] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert repr(exercises.hint("3.1", back=True)).startswith("Hint 2 of 3")
    assert repr(exercises.hint("3.1", 1)).startswith("Hint 1 of 3")
    assert "reveal" in repr(exercises.hint("3.1", 3))
    assert records.record("3.1")["hints"] == 3
    with pytest.raises(BadInput, match="hints 1 to 3"):
        exercises.hint("3.1", 4)


def test_a_terminal_follows_a_process_that_goes_on_as_its_child(lab: Lab) -> None:
    ground = exercises.start("3.3", lab)
    exercises.ALL["3.3"].solution(ground)
    exercises.SESSION._after_cell()
    said = subprocess.run([*TERMINAL, "3.3"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_missing_answer_is_neither_not_started_nor_a_check_that_cannot_be_made(lab: Lab) -> None:
    ground = exercises.start("3.7", lab)
    verdict = exercises.check("3.7", ...)
    assert str(verdict).splitlines()[0] == "· Exercise 3.7 “The wall that is missing”: no answer yet"
    assert exercises.check("3.7", exercises.ALL["3.7"].solution(ground)).passed
    verdict = exercises.check("3.7", None)
    assert "no answer yet" in str(verdict) and "recorded as passed, and stays so" in str(verdict)
    assert records.record("3.7")["state"] == State.PASSED.value


def test_a_terminal_without_a_notebook_says_so() -> None:
    for name in list(exercises.ALL):
        exercises.SESSION.end(name)
    said = subprocess.run([*TERMINAL, "3.3"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (3, "")
    assert "not started" in said.stdout
    assert 'exercises.start("3.3", lab), in a cell of lesson 03 (./lab opens' in said.stdout
    records.hinted("3.3", 1)
    said = subprocess.run([*TERMINAL, "3.3"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (3, ""), "who has read a hint has not begun"
    records.started("3.3", 1, "1-0")
    said = subprocess.run([*TERMINAL, "3.3"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (4, "")
    assert "A restart of its notebook" in said.stdout
    assert "cannot be checked here" in said.stdout


def test_an_answer_can_be_given_in_the_terminal(lab: Lab) -> None:
    ground = exercises.start("3.1", lab)
    answer = exercises.ALL["3.1"].solution(ground)
    said = subprocess.run([*TERMINAL, "3.1", *answer], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_35_a_leak_that_is_covered_again_is_a_leak(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    box, folder = ground[ground.values["box"]], ground.values["folder"]
    for step in (steps.Tmpfs(folder), steps.PrivatePropagation(), steps.Tmpfs(folder)):
        box.apply(step)
    verdict = exercises.check("3.5")
    assert (verdict.state.failed, verdict.misconception) == (True, "M1"), verdict
    ground[ground.values["neighbour"]].run(["umount", folder])
    assert exercises.check("3.5").passed


def test_who_holds_the_old_ground_holds_the_new_one(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    old = ground.box
    exercises.another("3.2")
    assert ground.box.alive and ground.box is not old
    exercises.named("3.2").solution(ground)
    assert exercises.check("3.2").passed
    with pytest.raises(Gone, match=r'exercises.start\("3.2", lab\)'):
        old.run(["true"])


def test_35_its_advice_can_be_followed(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    box, folder = ground[ground.values["box"]], ground.values["folder"]
    box.apply(steps.Tmpfs(folder))
    verdict = exercises.check("3.5")
    assert verdict.misconception == "M1" and "Unmount it first" in verdict.message
    box.run(["umount", folder])
    for step in (steps.PrivatePropagation(), steps.Tmpfs(folder)):
        box.apply(step)
    assert exercises.check("3.5").passed


def test_13_a_sleep_by_its_whole_path_is_one(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    ground.box.start(["sh", "-c", f"true & exec /bin/sleep {ground.values['seconds']}"])
    assert exercises.check("1.3").passed


def test_a_second_answer_does_not_take_a_pass_back(lab: Lab) -> None:
    ground = exercises.start("3.1", lab)
    assert exercises.check("3.1", exercises.ALL["3.1"].solution(ground)).passed
    for answer in (list(ground.boxes)[:1], exercises.ALL["3.1"].misconceptions[0].act(ground)):
        assert not exercises.check("3.1", answer).passed
        assert records.record("3.1")["state"] == "passed"


def test_a_folder_of_somebody_else_is_not_used(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """su keeps the variable, and a container may have it without the folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/no/such/folder")
    ground = exercises.start("3.1", lab)
    assert exercises.check("3.1", exercises.ALL["3.1"].solution(ground)).passed
    assert list((state_dir() / "live").rglob("*.json"))


def test_a_reset_names_the_next_step_and_speaks_of_no_restart(lab: Lab) -> None:
    exercises.start("3.2", lab)
    assert 'next      ground = exercises.start("3.2", lab)' in str(exercises.reset("3.2"))
    verdict = exercises.check("3.2")
    assert verdict.state is State.NOT_STARTED and "restart" not in str(verdict)


def test_after_a_killed_launcher_all_goes_on_in_another_lab() -> None:
    lab = Lab()
    for name in ("3.2", "3.7"):
        exercises.start(name, lab)
    os.kill(lab.launcher.machine_pid, signal.SIGKILL)
    assert ended(lab.launcher.machine_pid, 60)
    verdict = exercises.check("3.2")
    assert (verdict.state, verdict.next) == (State.CANNOT, 'lab = Lab(); ground = exercises.start("3.2", lab)')
    exercises.reset("3.7")
    with Lab() as other:
        ground = exercises.start("3.2", other)
        exercises.named("3.2").solution(ground)
        assert exercises.check("3.2").passed
