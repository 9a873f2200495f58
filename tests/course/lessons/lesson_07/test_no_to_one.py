"""7.2: refused by a watcher in several ways, and what is only near to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Ground, State
from pyctr_lab.course.lessons.kit.policies import MAKE_FOLDER

if TYPE_CHECKING:
    from pyctr_lab.runtime.watched import WatchedCall


def decided(ground: Ground, decide: Callable[[WatchedCall, str], Any]) -> None:
    refused = ground.values["refused"]
    with ground.box.watch(calls=MAKE_FOLDER, decide=lambda call: decide(call, refused)):
        ground.box.run([*ground.facts["program"]])


def is_it(call: WatchedCall, refused: str) -> bool:
    return refused in call.paths


def test_an_errno_by_its_number_is_as_good(lab: Lab) -> None:
    ground = exercises.start("7.2", lab)
    decided(ground, lambda call, refused: 122 if is_it(call, refused) else None)
    assert exercises.check("7.2").passed


def test_each_call_answered_by_hand(lab: Lab) -> None:
    ground = exercises.start("7.2", lab)
    with ground.box.watch(calls=MAKE_FOLDER, decide="ask") as watch:
        program = ground.box.start([*ground.facts["program"]])
        for _ in range(5):
            call = watch.next_waiting(60)
            watch.answer(call, "EDQUOT" if is_it(call, ground.values["refused"]) else None)
        program.wait(60)
    assert exercises.check("7.2").passed


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        (lambda call, refused: "EDQUOT", "same no"), (lambda call, refused: None, "that call was not refused"),
        (lambda call, refused: "EPERM" if is_it(call, refused) else None, "with another number"),
        (lambda call, refused: "ENOSPC" if is_it(call, refused) else None, "with another number"),
        (lambda call, refused: "EDQUOT" if refused in str(call) else None, "only begins like"),
        (lambda call, refused: None if is_it(call, refused) else "EDQUOT", "that call was not refused"),
        (lambda call, refused: "EDQUOT" if f"/mnt/{refused}" in call.paths else None, "that call was not refused"),
    ],
)  # fmt: skip
def test_another_decision_is_told_from_what_is_seen(lab: Lab, decide: Callable[..., Any], said: str) -> None:
    ground = exercises.start("7.2", lab)
    decided(ground, decide)
    verdict = exercises.check("7.2")
    assert verdict.state.failed and said in " ".join(str(verdict).split()), verdict


def test_a_diary_written_by_hand_is_no_refusal(lab: Lab) -> None:
    ground = exercises.start("7.2", lab)
    refused, names = ground.values["refused"], ground.values["all"].split(", ")
    lines = " ".join(f"{name}={122 if name == refused else 0}" for name in names)
    made = " ".join(name for name in names if name != refused)
    ground.box.run(["sh", "-c", f"cd /mnt; mkdir {made}; echo {lines} > diary"])
    verdict = exercises.check("7.2")
    assert verdict.state.failed and "Seccomp is 0" in str(verdict)


def test_without_a_watcher_all_are_made(lab: Lab) -> None:
    ground = exercises.start("7.2", lab)
    ground.box.run([*ground.facts["program"]])
    verdict = exercises.check("7.2")
    assert verdict.state.failed and "Seccomp is 0" in str(verdict) and "made" in str(verdict)


def test_an_empty_folder_over_it_is_said(lab: Lab) -> None:
    ground = exercises.start("7.2", lab)
    exercises.named("7.2").solution(ground)
    assert exercises.check("7.2").passed
    ground.box.apply(steps.Tmpfs("/mnt"))
    assert exercises.check("7.2").state is State.NO_LONGER
