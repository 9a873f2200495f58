from __future__ import annotations

import os

from pyctr_lab.kernel.proc import children
from pyctr_lab.measure import Race, race, traced_calls


def made(*shares: float) -> Race:
    """A race in which B had these parts of one tenth of a second each."""
    seen = [(0.0, 0.0, 0.0)]
    for number, share in enumerate(shares, 1):
        _, a, b = seen[-1]
        seen.append((number * 0.1, a + 0.1 * (1 - share), b + 0.1 * share))
    return Race(tuple(seen), 0)


def test_a_share_is_what_b_had_of_what_both_had():
    assert round(made(0.1, 0.1, 0.1, 0.1, 0.1, 0.1).share, 6) == 0.1


def test_even_parts_can_tell_and_uneven_ones_cannot():
    assert made(*[0.5] * 6).busy == ""
    assert "spreads" in made(0.01, 0.9, 0.02, 0.9, 0.01, 0.9).busy


def test_both_run_on_one_core_are_preempted_and_end_with_the_race():
    before = os.sched_getaffinity(0), children(os.getpid())
    ran = race(nice=10)
    _, a, b = ran.seen[-1]
    assert a > 0 and b > 0 and ran.preempted > 0 and repr(ran).startswith("Race(A ")
    assert (os.sched_getaffinity(0), children(os.getpid())) == before


def test_nice_counts_from_where_this_process_is_and_ends_at_19(monkeypatch):
    asked = []
    monkeypatch.setattr("os.setpriority", lambda kind, pid, nice: asked.append(nice))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for now in (0, 19):
        monkeypatch.setattr("os.nice", lambda step, now=now: now)
        race(nice=10)
    assert asked == [0, 10, 9, 19]


def test_calls_are_lines_from_the_first_to_the_last():
    calls = traced_calls("true")
    assert not calls or (calls[0].startswith("execve(") and calls[-1].startswith("exit_group("))


def test_without_strace_there_are_none_and_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert traced_calls("true") == [] and "no strace" in capsys.readouterr().out
