from __future__ import annotations

import re
from errno import EPERM

import pytest

from draw.powers import ASKED, BY_HAND, CALLS, COSTS, DOCKER, LONG
from draw.stores import HOSTILE
from pyctr_lab import BadInput
from pyctr_lab.draw import filter_decisions
from pyctr_lab.draw.filter_decisions.decisions import decisions
from pyctr_lab.kernel.filters import ALLOW, FilterPolicy, FilterRule, compile_policy, decide, docker_policy, refuse
from pyctr_lab.kernel.syscall_table import SYSCALLS

X86 = {"processor": "x86_64"}


def test_the_title_counts_calls_of_the_table() -> None:
    assert re.fullmatch(r"\d+ of 383 system calls refused, 3 by argument; 7 comparisons at most",
                        filter_decisions(DOCKER, **X86).title)  # fmt: skip
    two = FilterPolicy(ALLOW, (FilterRule(("mount", "ptrace"), refuse()),))
    assert filter_decisions(two, **X86).title == "2 of 383 system calls refused; 3 comparisons at most"
    assert filter_decisions(ASKED, **X86).title.startswith("1 of 383 system calls killed, 1 asked live, 1 by argument")
    assert filter_decisions(FilterPolicy(ALLOW), **X86).title == "This filter allows all 383 system calls"


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_each_call_of_the_table_is_decided_as_by_the_policy(processor: str) -> None:
    policy = docker_policy(processor=processor)
    for fall in decisions(policy, processor=processor).table:
        if fall.action is not None:
            assert fall.action == decide(policy, fall.call, processor=processor), fall.call
            assert not fall.arguments and fall.numbers
        else:
            assert fall.call in ("clone", "personality", "socket")


def test_ranges_are_whole_and_change_where_the_decision_does() -> None:
    found = decisions(FilterPolicy(ALLOW, (FilterRule(("mount",), refuse()),)), **X86)
    mount = SYSCALLS["x86_64"]["mount"]
    assert found.ranges == ((0, mount - 1, "allowed"), (mount, mount, "refused"), (mount + 1, found.last, "allowed"))


def test_a_call_falls_until_one_range_is_left() -> None:
    falls = decisions(DOCKER, ["mount", "clone", ("personality", 8), ("personality", 7), 1 << 30], **X86).falls
    mount, clone, *persons, x32 = falls
    assert mount.action == refuse(EPERM) and mount.compared[-1].least <= 165 <= mount.compared[-1].most
    widths = [each.most - each.least for each in mount.compared]
    assert widths == sorted(widths, reverse=True) and mount.numbers == len(mount.compared)
    assert clone.action is None and not clone.arguments, "without arguments it ends where one decides"
    assert [each.action for each in persons] == [ALLOW, refuse(EPERM)] and persons[0].arguments > 0
    assert persons[0].call == "personality(8)" and persons[0].compared[-1].said == "argument 0 = 8"
    assert str(x32.action) == "ENOSYS"


def test_the_alternative_text_has_each_comparison_and_verdict() -> None:
    words = filter_decisions(BY_HAND, [("mount", 1), ("read", 1 << 63)], COSTS, **X86).alt_text
    assert "mount(1), call 165: 165 = 165; refused, EPERM · 1 comparison." in words
    assert "0 ≠ 165, argument 0, high half & 0x80000000 ≠ 0; killed, the whole process" in words
    assert "Numbers 0 to 469: 0 to 164 by argument, 165 refused, 166 to 469 by argument." in words
    assert "Cost: getppid, no filter 198 ns; this filter, 206 instructions 226 ns" in words


def test_costs_are_bars_from_zero_with_the_difference_to_the_first() -> None:
    svg = filter_decisions(DOCKER, CALLS, COSTS, **X86).svg
    bars = [float(wide) for wide in re.findall(r'width="([\d.]+)" height="13"', svg)]
    assert [round(each / bars[0], 2) for each in bars] == [1, 1.14, 1.2]
    assert ">226 ns, +28</text>" in svg and ">198 ns</text>" in svg
    assert "what a call costs" not in filter_decisions(DOCKER, CALLS, **X86).svg


def test_of_a_long_list_the_middle_is_counted() -> None:
    svg = filter_decisions(LONG, ["read"], **X86).svg
    assert ">… 189 more</text>" in svg and ">0 ≠ 300</text>" in svg and ">0 ≠ 101</text>" in svg


def test_without_calls_one_line_says_how_to_give_some() -> None:
    assert "No call falls through it here" in filter_decisions(DOCKER, **X86).svg
    assert "No call falls" not in filter_decisions(DOCKER, ["read"], **X86).svg


def test_words_are_harmless() -> None:
    picture = filter_decisions(DOCKER, (), {HOSTILE: 1}, **X86)
    assert "<script" not in picture.svg + picture.small and "\u202e" not in picture.alt_text


@pytest.mark.parametrize(
    "wrong",
    [{"policy_or_program": 5}, {"policy_or_program": ()}, {"policy_or_program": compile_policy(DOCKER, **X86)[:-1]},
     {"calls": "write"}, {"calls": ["no_such_call"]}, {"calls": [None]}, {"calls": [True]}, {"calls": [()]},
     {"calls": [("read", "x")]}, {"calls": [("read", *range(7))]}, {"calls": [-1]}, {"calls": range(13)},
     {"ns": [1]}, {"ns": {"x": -1}}, {"ns": {"x": float("nan")}}, {"ns": {5: 1}}, {"ns": {"x": True}},
     {"ns": {str(n): 1 for n in range(9)}}, {"processor": "vax"}, {"processor": "aarch64"}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput) as refused:
        filter_decisions(**{"policy_or_program": DOCKER, **X86, **wrong})
    assert "\n" not in str(refused.value)
