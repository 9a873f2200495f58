from __future__ import annotations

import re
from itertools import pairwise

import pytest

from pyctr_lab import BadInput
from pyctr_lab.draw import worlds

NUMBERS = (41234, 17, 2)


def test_each_world_is_named_with_the_number_that_the_process_has_there():
    picture = worlds("sleep 4242", NUMBERS)
    for name, number in zip(("your machine", "the lab's host", "the container"), NUMBERS, strict=True):
        assert re.search(rf"{name}[^;]* number {number}\b", picture.alt_text)
        assert f">number {number}</text>" in picture.svg and f">{name.replace(chr(39), '&#39;')}</text>" in picture.svg
    assert "3 numbers" in picture.title


def test_frames_lie_one_inside_the_other():
    frames = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"',
                        worlds("sleep 1", NUMBERS).svg)[1:]  # fmt: skip
    boxes = [tuple(map(float, each)) for each in frames]
    assert len(boxes) == 4
    for (x, y, w, h), (x2, y2, w2, h2) in pairwise(boxes):
        assert x < x2 and y < y2 and x + w > x2 + w2 and y + h > y2 + h2


def test_a_wall_is_told_by_more_than_its_colour():
    assert worlds("sleep 1", NUMBERS).svg.count('stroke="var(--wall)" stroke-width="4"') == 2


def test_a_number_too_few_is_refused_and_a_long_command_is_cut():
    with pytest.raises(BadInput, match="a number for each of 3 worlds, not 2"):
        worlds("sleep 1", (1, 2))
    assert len(worlds("sleep " + "9" * 200, NUMBERS).title) <= 80
