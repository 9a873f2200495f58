from __future__ import annotations

import pytest

from pyctr_lab.draw.hypervisors import Case, hypervisors

CASES = [Case("tcg", "6.18", "6.1", host_is_guest=True), Case("kvm", "6.18", "6.1")]


@pytest.mark.parametrize("case", CASES)
def test_each_kernel_is_named_where_it_is(case):
    picture = hypervisors(case)
    assert len(picture.title) <= 80
    assert picture.svg.count(">6.18</text>") == 2, "in the host of machines and in that of containers"
    assert picture.svg.count(">6.1</text>") == 1
    assert "kernel 6.18 here" in picture.alt_text and "kernel 6.1 here" in picture.alt_text


def test_who_does_the_work_is_said_as_it_was_found():
    emulated, helped = map(hypervisors, CASES)
    assert "emulated in software" in emulated.title and "plays processor and devices" in emulated.svg
    assert "with KVM in its kernel" in helped.title and "hypervisor (KVM)" in helped.svg
    assert "KVM" not in emulated.svg


def test_a_host_that_is_a_guest_says_so():
    assert "itself a guest" in hypervisors(CASES[0]).alt_text and "itself make-believe" in hypervisors(CASES[0]).svg
    assert (
        "itself a guest" not in hypervisors(CASES[1]).alt_text
        and "itself make-believe" not in hypervisors(CASES[1]).svg
    )


def test_one_case_is_marked_with_a_word_and_a_frame():
    picture = hypervisors(CASES[0])
    assert picture.svg.count("this machine</text>") == 1
    assert picture.svg.count('stroke="var(--new)"') == 1
