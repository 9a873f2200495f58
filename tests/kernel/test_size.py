"""Sizes are read and written in one place."""

from __future__ import annotations

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel import size


@pytest.mark.parametrize(
    "text, value",
    [
        *(("256M", 256 << 20), ("1g", 1 << 30), (" 64K ", 65536), ("4096", 4096), (4096, 4096), ("2T", 2 << 40)),
        *(("64k", 65536), ("64kb", 65536), ("64Ki", 65536), ("64KiB", 65536), ("64MB", 64 << 20), ("64Mi", 64 << 20)),
        *(("64MiB", 64 << 20), ("2Gi", 2 << 30), ("1.5G", 3 << 29), ("0.5Mi", 1 << 19), ("100b", 100), ("1.1K", 1126)),
        *(("8388607T", 8388607 << 40), ("0.000000001G", 1)),
    ],
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
        *("1.5.5G", ".5G", "1.G", "64iB", "64i", "64BM", "-1.5G", "1e3M", "1,5G", "0.5", "0.0000000001G"),
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
    assert size.spell_size(size.parse(text)) == text


def test_a_size_may_begin_at_zero_where_that_means_something() -> None:
    assert size.parse("0", what="swap", least=0) == 0 and size.spell_size(0) == "0"


@pytest.mark.parametrize(
    ("text", "value"),
    [(0.5, 0.5), ("0.5", 0.5), ("50%", 0.5), ("150%", 1.5), (2, 2.0), (" 1 ", 1.0), ("1%", 0.01), (65536, 65536.0)],
)
def test_a_share_of_the_processors_is_read(text: float | str, value: float) -> None:
    assert size.parse_cores(text) == value


@pytest.mark.parametrize(
    "text",
    [
        0,
        -1,
        -0.5,
        "-1",
        "0%",
        0.001,
        1000000000.0,
        float("nan"),
        float("inf"),
        "half",
        "",
        "%",
        "5 %%",
        "1e3",
        "٥",
        True,
        None,
        b"1",
        [],
        "9" * 400,
        65537,
    ],
)
def test_what_is_no_share_is_refused_in_one_line(text: object) -> None:
    with pytest.raises(BadInput) as refused:
        size.parse_cores(text)  # type: ignore[arg-type]
    said = str(refused.value)
    assert said.startswith("cpus cannot be ") and "\n" not in said and len(said) < 160


@pytest.mark.parametrize(
    ("text", "said"),
    [("99999999T", "it is less than"), (1 << 63, "it is less than"), ("0", "4096 at least"), (-1, "4096 at least")],
)
def test_the_bound_that_was_passed_is_named(text: int | str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        size.parse(text, least=4096)
    with pytest.raises(BadInput, match="65536 cores at most"):
        size.parse_cores("65537")
