"""What became of a step, in lines: each call with its cost, and runs of the same call folded."""

from __future__ import annotations

from errno import EPERM

from pyctr_lab import StepResult, steps
from pyctr_lab.kernel import PR_CAPBSET_DROP, Answer, prctl, sethostname
from pyctr_lab.runtime.step_result import costed, folded

DROPS = [Answer(prctl(PR_CAPBSET_DROP, number), 0, 0, 2e-6) for number in range(3)]
NAME = Answer(sethostname("x"), 0, 0, 5e-6)


def test_runs_of_the_same_call_are_one_line() -> None:
    assert [(answer.name, count) for answer, count, _ in folded([*DROPS, NAME, NAME])] == [
        ("prctl", 3), ("sethostname", 1), ("sethostname", 1),
    ]  # fmt: skip
    lines = list(map(costed, folded(DROPS)))
    assert len(lines) == 1 and lines[0].endswith(" and 2 more · 6 µs")


def test_what_was_refused_stands_alone() -> None:
    refused = DROPS[0]._replace(result=-1, errno=EPERM)
    assert [count for _, count, _ in folded([*DROPS, refused])] == [3, 1]


def test_a_result_is_its_calls_their_cost_and_the_shell() -> None:
    result = StepResult(steps.SetHostname("x"), (NAME,))
    assert result.seconds == 5e-6 and repr(result).endswith("1 call)")
    assert str(result).splitlines() == ['sethostname("x", 1) = 0 · 5 µs', "in the shell: hostname x"]
