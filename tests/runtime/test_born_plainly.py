"""Where clone3 is refused, the same container is made by fork and unshare."""

from __future__ import annotations

import re

import pytest

from pyctr_lab import Lab

pytestmark = pytest.mark.machine

SCRIPT = """hostname; id -u; ps ax -o pid= | wc -l; grep -E '^(Cap|NoNew)' /proc/self/status
cut -d' ' -f5,6 /proc/self/mountinfo"""


def without_numbers(text: str) -> str:
    return re.sub(r"\[\d+\]", "[]", text)


def test_both_births_give_the_same_container() -> None:
    with Lab() as lab:
        born = lab.run(["sh", "-c", SCRIPT])
        assert lab.starter.clone3
        lab.starter.clone3 = False
        plain = lab.run(["sh", "-c", SCRIPT])
        assert (plain.returncode, without_numbers(plain.stdout)) == (0, without_numbers(born.stdout))
        assert plain.stdout.splitlines()[:2] == ["demo", "0"]


def test_nothing_of_it_stays_behind() -> None:
    with Lab() as lab:
        lab.starter.clone3 = False
        before = lab.host.view().processes
        for status in range(3):
            assert lab.run(["sh", "-c", f"exit {status}"]).returncode == status
        assert lab.host.view().processes == before
