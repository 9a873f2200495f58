from __future__ import annotations

from dataclasses import replace

import pytest

from pyctr_lab.draw.meter.words import alt_text, limit_periods, moment_words, moments, title
from pyctr_lab.steps import Limits

from ..meters import BARE, BOMB, CHANGED, KILLED, MIB, QUIET, THROTTLED, happens, row


@pytest.mark.parametrize(
    ("samples", "finding"),
    [
        (KILLED, "At 6.2 s the memory limit killed a process; pressure had warned for 2.0 s"),
        (happens(QUIET, 4, oom_kill=3), "At 1.0 s the memory limit killed 3 processes"),
        (happens(BARE, 4, oom_kill=1), "At 1.0 s want of memory killed a process"),
        (BOMB, "pids.max 16 refused 11 new processes, the first at 2.6 s"),
        (THROTTLED, "cpu.max held it at 50 % of a core: throttled for 3.6 s"),
        (CHANGED, "cpu.max from 50 % to 20 % of a core at 5.0 s: used 50 %, then 20 %"),
        (happens(QUIET, 9, memory_max=5), "Memory reached its limit of 64M at 2.0 s; no process was killed"),
        (QUIET, "Within its limits: at most 10 % of a core, 8.0 MiB and 3 processes"),
        (BARE, "No limit: at most 10 % of a core"),
        ([], "No sample yet"),
    ],
)
def test_the_title_is_the_gravest_finding(samples, finding):
    assert title({"web": samples}) == finding


def test_a_group_that_others_kept_from_its_quota_was_not_held_at_it():
    shared = [replace(each, cpu=each.cpu / 2) for each in THROTTLED]
    assert title({"web": shared}) == "It used 23 % of a core, of 50 % that cpu.max allows: throttled for 3.6 s"


def test_the_headline_knows_the_value_before_and_every_kind_of_limit():
    def held(**kinds):
        return {"limits": Limits(**kinds)}

    moved = row(5, **held(cpus=0.25)) + row(5, start=5, **held(cpus=0.05)) + row(5, start=10, cpu=0.3, **held(cpus=0.3))
    assert title({"web": moved}) == "cpu.max from 5 % to 30 % of a core at 2.0 s: used 10 %, then 30 %"
    freed = moved + row(5, start=15, cpu=1.0, **held())
    assert title({"web": freed}) == "cpu.max from 30 % to no limit at 3.0 s: used 30 %, then 100 %"
    less = row(5, **held(memory="64M")) + row(5, start=5, **held(memory="32M", pids=8))
    assert title({"web": less}) == "memory.max from 64M to 32M at 1.0 s: used 8.0 MiB, then 8.0 MiB"
    fewer = less + row(5, start=10, pids=4, **held(memory="32M", pids=4))
    assert title({"web": fewer}) == "pids.max from 8 to 4 at 2.0 s: used 3, then 4"
    assert title({"web": happens(fewer, 14, oom_kill=1)}).startswith("At 3.0 s the memory limit"), "that is newer"
    assert title({"web": happens(fewer, 2, oom_kill=1)}).startswith("pids.max from"), "that is older"


def test_of_several_groups_the_one_to_which_it_happened_is_named():
    assert title({"a": QUIET, "log": BOMB}) == "“log”: pids.max 16 refused 11 new processes, the first at 2.6 s"
    assert title({"a": QUIET, "x" * 63: KILLED}) == f"“{'x' * 23}…”: at 6.2 s the memory limit killed a process"


def test_what_follows_within_a_second_is_one_moment():
    assert [moment_words(each) for each in moments({"web": BOMB})] == ["11 forks refused"]
    apart = happens(happens(QUIET, 3, pids_max=1), 20, pids_max=1)
    assert [(each.t, moment_words(each)) for each in moments({"web": apart})] == [
        (0.8, "1 fork refused"),
        (4.2, "1 fork refused"),
    ]


def test_limits_have_the_time_in_which_they_held():
    assert limit_periods(CHANGED, "cpus") == [(0.0, 5.0, 0.5), (5.0, 10.0, 0.2)]
    assert limit_periods(CHANGED, "memory") == [(0.0, 5.0, 64 * MIB), (5.0, 10.0, None)]


def test_the_alt_text_has_all_figures_in_reading_order():
    said = alt_text({"web": KILLED})
    assert said.startswith("Meter: At 6.2 s the memory limit killed a process")
    assert "Memory: 64 MiB at most, 8.0 MiB at the end; limit 64M; 1 killed at 6.2 s. Processes: 3 at most" in said
    assert said.endswith("Pressure at most: cpu 50 %, memory 60 %, io 10 %.")
    assert "limit 50 %, then 20 % from 5.0 s; throttled for 4.5 s, first at 0.2 s." in alt_text({"web": CHANGED})


def test_what_is_not_counted_is_said():
    said = alt_text({"web": BARE})
    assert "Memory: not counted here. Processes: not counted here. Pressure is not counted here." in said


def test_the_share_of_the_time_is_weighted():
    uneven = [*row(1, cpu=0.0), *row(1, start=1, cpu=1.0)]
    assert "CPU: 50 % of a core on average, 100 % at most" in alt_text({"": uneven})
