"""Sizes are read and written in one place."""

from __future__ import annotations

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel import size


@pytest.mark.parametrize(
    "text, value",
    [("256M", 256 << 20), ("1g", 1 << 30), (" 64K ", 65536), ("4096", 4096), (4096, 4096), ("2T", 2 << 40)],
)
def test_a_size_is_read(text: int | str, value: int) -> None:
    assert size.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "0",
        0,
        -5,
        "12X",
        "",
        "M",
        "1.5G",
        "256 M B",
        "٤M",
        "9" * 40,
        "9999999T",
        1.5,
        True,
        None,
        b"1M",
        "x" * 2000,
    ],
)
def test_what_is_no_size_is_refused_in_one_line(text: object) -> None:
    with pytest.raises(BadInput) as refused:
        size.parse(text, what="memory")  # type: ignore[arg-type]
    said = str(refused.value)
    assert said.startswith("memory cannot be ") and "\n" not in said and len(said) < 160


@pytest.mark.parametrize("text", ["256M", "1G", "3K", "513", "1025K"])
def test_what_is_written_is_read_back(text: str) -> None:
    assert size.shown(size.parse(text)) == text
