"""Hints stand only where an errno misleads."""

from __future__ import annotations

import os
from errno import EINVAL, ENOENT, EPERM, errorcode

import pytest

from pyctr_lab import kernel
from pyctr_lab.kernel.hints import HINTS, hint_for


def test_each_hint_is_about_a_call_and_an_errno_that_exist() -> None:
    for name, errno in HINTS:
        assert callable(getattr(kernel, name)), name
        assert errno in errorcode, (name, errno)


@pytest.mark.parametrize("hint", HINTS.values())
def test_a_hint_is_one_line_and_no_sentence_of_its_own(hint: str) -> None:
    assert hint and "\n" not in hint and not hint.endswith(".") and hint not in map(os.strerror, errorcode)


def test_where_the_errno_says_it_all_there_is_none() -> None:
    assert hint_for("chdir", ENOENT) == ""
    assert hint_for("execvpe", ENOENT) == hint_for("execve", ENOENT) != ""
    assert hint_for("mount", EPERM) and hint_for("pivot_root", EINVAL)
