"""An error of any kind as one line."""

from __future__ import annotations

from errno import EACCES

from pyctr_lab.errors import BadInput, in_one_line


def test_an_error_of_ours_has_its_hint() -> None:
    assert in_one_line(BadInput("no", hint="yes")) == "no (yes)"


def test_an_error_of_the_kernels_has_its_file() -> None:
    assert in_one_line(OSError(EACCES, "Permission denied", "x")) == "x: Permission denied"
    assert in_one_line(OSError(EACCES, "Permission denied")) == "Permission denied"
    assert in_one_line(OSError("said by a library")) == "said by a library"


def test_what_cannot_be_printed_is_spelled_and_what_has_no_end_is_cut() -> None:
    assert in_one_line(BadInput("a\nb\udcff\x1b")) == "a\\nb\\udcff\\x1b"
    assert len(in_one_line(BadInput(f"short {'x' * 5000} short"))) < 300
