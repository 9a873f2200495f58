"""7.1, 7.3 and 7.4: answers of several forms, deeds of several kinds, and words that are true of what was handed in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State, whole
from pyctr_lab.course.lessons.lesson_07.one_piece import DEEDS
from pyctr_lab.course.lessons.lesson_07.what_is_missing import WALLS, steps_without


def seed_of(exercise: str, name: str, value: object) -> int:
    """A variant in which a value is this one."""
    return next(seed for seed in range(1, 500) if exercises.named(exercise).variant(seed)[name] == value)


# --- 7.1
@pytest.mark.parametrize("needs", sorted(DEEDS))
def test_each_deed_needs_exactly_its_capability(lab: Lab, needs: str) -> None:
    exercises.start("7.1", lab, seed=seed_of("7.1", "needs", needs))
    for form in (needs, f"CAP_{needs}", needs.lower(), f" cap_{needs.lower()}\n", [needs], {needs}):
        assert exercises.check("7.1", form).passed, form


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("SYS_ADMIN", "SYS_ADMIN opens more"), ("SETUID", "uid 0 already"), ("SETGID", "uid 0 already"),
        ("NET_ADMIN", "near the right one by its name"), ("MKNOD", "ended with 1"), ("AUDIT_WRITE", "it may not"),
        ("ROOT", "wanted is one of"), (["NET_RAW", "NET_ADMIN"], "wanted is one of"), (13, "wanted are names"),
        ("", "wanted is one of"),
    ],
)  # fmt: skip
def test_another_capability_is_refused_with_what_was_seen(lab: Lab, answer: Any, said: str) -> None:
    exercises.start("7.1", lab, seed=seed_of("7.1", "needs", "NET_RAW"))
    verdict = exercises.check("7.1", answer)
    assert verdict.state.failed and said in " ".join(str(verdict).split()), verdict


def test_a_program_that_was_changed_is_said(lab: Lab) -> None:
    ground = exercises.start("7.1", lab, seed=seed_of("7.1", "needs", "NET_RAW"))
    ground.box.run(["sh", "-c", f"echo 'print(1)' > {ground.facts['program'][-1]}"])
    verdict = exercises.check("7.1", "MKNOD")
    assert verdict.state.failed and "the container's files are as you found them" in verdict.headline


# --- 7.3
def change(file: str, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(Path(file).read_text(encoding="utf-8"))
    edit(content)
    Path(file).write_text(json.dumps(content), encoding="utf-8")


def add(*names: str, **words: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["syscalls"].append({"names": [*names], "action": "SCMP_ACT_ALLOW", **words})


def all_at_once(content: dict[str, Any]) -> None:
    content["syscalls"][0]["names"] += ["mount", "unshare", "keyctl", "io_uring_setup"]


def shut_read(content: dict[str, Any]) -> None:
    content["syscalls"][0]["names"].remove("sync")


def test_names_in_a_rule_of_their_own_are_as_good(lab: Lab) -> None:
    ground = exercises.start("7.3", lab)
    one, other = whole(ground).values["missing"]
    change(ground.facts["policy"], add(one))
    assert exercises.check("7.3").misconception == "M3"
    change(ground.facts["policy"], add(other, one))
    assert exercises.check("7.3").passed


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda content: content.update(defaultAction="SCMP_ACT_ALLOW"), "has no errno"),
        (lambda content: content.update(defaultAction="SCMP_ACT_LOG", defaultErrnoRet=None), "no refusal any more"),
        (all_at_once, "calls that the program does not make"), (shut_read, "1 others are answered otherwise"),
        (lambda content: content.pop("defaultAction"), "no policy that holds"),
        (lambda content: content.update(syscalls=[]), "killed by signal 11 (SIGSEGV)"),
        (lambda content: content.update(architectures=["SCMP_ARCH_ARM"]), "not started: the file has no policy"),
    ],
)  # fmt: skip
def test_a_policy_mended_wrongly_is_told_why(lab: Lab, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    ground = exercises.start("7.3", lab)
    change(ground.facts["policy"], add(*whole(ground).values["missing"]))
    change(ground.facts["policy"], edit)
    verdict = exercises.check("7.3")
    assert verdict.state.failed and said in " ".join(str(verdict).split()), verdict


def test_a_file_that_is_no_json_or_gone_is_told(lab: Lab) -> None:
    ground = exercises.start("7.3", lab)
    Path(ground.facts["policy"]).write_text("{", encoding="utf-8")
    assert "no policy that holds" in " ".join(str(exercises.check("7.3")).split())
    Path(ground.facts["policy"]).unlink()
    assert "No such file" in " ".join(str(exercises.check("7.3")).split())


# --- 7.4
@pytest.mark.parametrize("missing", [wall for wall in WALLS if wall != "root"])
def test_each_wall_can_be_the_missing_one_and_no_other_answer_passes(lab: Lab, missing: str) -> None:
    ground = exercises.start("7.4", lab, seed=seed_of("7.4", "missing", missing))
    assert exercises.named("7.4").solution(ground) == missing
    assert [wall for wall in WALLS if exercises.check("7.4", wall).passed] == [missing]
    assert exercises.check("7.4", missing.upper()).passed
    assert not ground.box.history, "it would say which step was not taken"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("capabilities", "/proc/PID/status does"), ("filter", "Seccomp is 2"), ("root", "its mount says ro"),
        ("sysctls", "each shows as a mount"), ("no_new_privs", "NoNewPrivs is 1"), ("seccomp", "wanted is one of"),
        (("masks", "filter"), "wanted is one of"),
    ],
)  # fmt: skip
def test_a_wall_that_is_up_is_told_from_the_kernel(lab: Lab, answer: Any, said: str) -> None:
    exercises.start("7.4", lab, seed=seed_of("7.4", "missing", "masks"))
    verdict = exercises.check("7.4", answer)
    assert verdict.state.failed and said in " ".join(str(verdict).split()), verdict


def test_a_wall_put_up_afterwards_is_no_answer(lab: Lab) -> None:
    ground = exercises.start("7.4", lab, seed=seed_of("7.4", "missing", "no_new_privs"))
    ground.box.apply(steps.NoNewPrivileges())
    verdict = exercises.check("7.4", "no_new_privs")
    assert verdict.state is State.NOT_YET and "the containers are as you found them" in verdict.headline


def test_the_walls_are_up_as_the_solution_reads_them(lab: Lab) -> None:
    assert len(steps_without("")) == len(steps_without("masks")) + 1
