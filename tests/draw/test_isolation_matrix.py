from __future__ import annotations

import re
from importlib import import_module

import pytest

from draw.powers import MATRIX, ODD, ROWS, WHOLE, matrix_of, probe
from pyctr_lab import BadInput
from pyctr_lab.draw import isolation_matrix
from pyctr_lab.measure.isolation import PROBES

MODULE = import_module("pyctr_lab.draw.isolation_matrix")  # its name is also the function's


def test_the_title_counts_what_one_wall_stops_and_what_takes_more() -> None:
    assert isolation_matrix(MATRIX).title == "2 of 7 probes get out when one wall is missing; 3 take more; 1 always"
    assert isolation_matrix(matrix_of(*ROWS[:1])).title == "1 of 1 probe gets out when one wall is missing"


def test_sets_of_walls_are_said_in_words() -> None:
    said = {row.probe.name: row.said for row in MODULE.probe_rows(MATRIX)}
    assert said == {
        "read_file": "mnt", "read_private": "mnt + (user or ids)", "write_terminal": "(mnt or dev) + (user or ids)",
        "kill": "seccomp", "odd": "mnt + user; pid + net + caps", "lock": "nothing needed", "never": "never out",
    }  # fmt: skip


def test_marks_say_alone_together_and_one_of_several() -> None:
    for picture in (isolation_matrix(matrix_of(*ROWS[:2])),):
        for svg in (picture.svg, picture.small):
            assert svg.count('width="10" height="10" rx="1" fill="var(--new)"') == 1
            assert svg.count("<circle") == 1 and svg.count('stroke-dasharray="2 1.5"') == 2


def test_what_was_not_tried_has_no_dot() -> None:
    dots = [isolation_matrix(matrix).svg.count('width="1.5" height="1.5"')
            for matrix in (matrix_of(probe("a", "b")), matrix_of(probe("a", "b"), walls=("mnt", "pid")))]  # fmt: skip
    assert dots == [21, 2]


def test_totals_count_each_walls_probes() -> None:
    svg = isolation_matrix(MATRIX).svg
    below = svg[svg.index(">out without it alone") :]
    alone, behind = below.split(">stands behind another")
    assert re.findall(r">(\d+)</text>", alone) == ["1", "1"]
    assert re.findall(r">(\d+)</text>", behind)[:3] == ["3", "1", "1"], "mnt, pid, net: in the order of the columns"


def test_the_narrow_picture_leaves_the_words_to_the_alternative_text() -> None:
    picture = isolation_matrix(MATRIX)
    assert ">mnt + (user or ids)</text>" in picture.svg and ">mnt + (user or ids)</text>" not in picture.small
    assert "read_private: EPERM, out without mnt + (user or ids);" in picture.alt_text
    assert "Out with all walls up: lock. Never out where walls were left out: never." in picture.alt_text
    assert picture.svg.count(">out with all walls up</text>") == 1


def test_no_word_of_the_whole_matrix_is_cut() -> None:
    picture = isolation_matrix(WHOLE)
    assert "…" not in picture.svg + picture.small and len(MODULE.probe_rows(WHOLE)) == len(PROBES)


def test_without_probes_one_line_is_said() -> None:
    picture = isolation_matrix(matrix_of())
    assert picture.title == "No probe of isolation was tried" and ">The matrix has no probes.</text>" in picture.svg


def test_words_are_harmless() -> None:
    picture = isolation_matrix(ODD)
    assert "<script" not in picture.svg + picture.small and "\u202e" not in picture.alt_text
    assert ">others</text>" not in picture.svg, "no room above one column"


@pytest.mark.parametrize("wrong", [5, None, [], "x", {}])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        isolation_matrix(wrong)  # type: ignore[arg-type]
