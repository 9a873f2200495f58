"""Policies as data: which rule decides, and why a refusal by an int argument compares the low word."""

from __future__ import annotations

from errno import EAFNOSUPPORT, EPERM

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel.filters import ALLOW, Comparison, FilterPolicy, FilterRule, action_of, decide, refuse
from pyctr_lab.kernel.filters.bpf import RETURNS
from pyctr_lab.kernel.filters.policy import RETURN_VALUES, FilterAction


@pytest.mark.parametrize(
    ("op", "holds"),
    [("EQ", "-5-"), ("NE", "4-6"), ("LT", "4--"), ("LE", "45-"), ("GE", "-56"), ("GT", "--6"), ("MASKED_EQ", "-5-")],
)
def test_comparisons_hold_for_unsigned_numbers(op: str, holds: str) -> None:
    test = Comparison(0, op, 5, 5 if op == "MASKED_EQ" else 0)
    assert "".join(str(number) if test.holds(number) else "-" for number in (4, 5, 6)) == holds


def test_the_first_rule_that_matches_decides_and_else_the_default() -> None:
    first = FilterRule(("socket",), refuse(EAFNOSUPPORT), (Comparison(0, "EQ", 38),))
    second = FilterRule(("socket", "bind"), refuse(EPERM), (Comparison(0, "GT", 30), Comparison(1, "EQ", 5)))
    policy = FilterPolicy(ALLOW, (first, second))
    said = [str(decide(policy, "socket", args)) for args in ((38, 5), (39, 5), (39, 4), (1, 5))]
    assert said == ["EAFNOSUPPORT", "EPERM", "allow", "allow"]
    assert str(policy) == "2 system calls in 2 rules, all others: allow"


def test_a_refusal_by_an_int_argument_holds_only_for_the_low_word() -> None:
    wide, low = (
        FilterPolicy(ALLOW, (FilterRule(("socket",), refuse(), (Comparison(0, "EQ", 38, low_word=low),)),))
        for low in (False, True)
    )
    around = (38 | 1 << 32,)  # the kernel reads 38
    assert (decide(wide, "socket", around), decide(low, "socket", around)) == (ALLOW, refuse())


@pytest.mark.parametrize("name", RETURN_VALUES)
def test_an_action_is_read_back_from_its_value(name: str) -> None:
    action = FilterAction(name, 38 if name == "errno" else 0)
    assert action_of(action.value) == action
    assert RETURN_VALUES[name] in RETURNS  # as strace knows them; the kernel kills for an unknown one


def test_a_call_that_the_processor_lacks_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="aarch64 has no system call 'open'"):
        decide(FilterPolicy(ALLOW), "open", processor="aarch64")
