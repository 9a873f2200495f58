"""The ground of an exercise."""

from __future__ import annotations

from typing import Any

import pytest

from pyctr_lab import BadInput
from pyctr_lab.course.exercises import ALL
from pyctr_lab.course.grading import Ground


def test_a_container_that_is_not_there_is_told_apart_from_a_group() -> None:
    some: Any = object()
    ground = Ground(ALL["4.2"], some, 1, {}, {"smith": some}, {"bellows": some}, {"forge": some}, held={"ore": some})
    assert ground["smith"] is some
    with pytest.raises(BadInput, match=r"ground\.groups\['forge'\] is a control group"):
        ground["forge"]
    with pytest.raises(BadInput, match=r"ground\.programs\['bellows'\] is a program"):
        ground["bellows"]
    with pytest.raises(BadInput, match=r"ground\.held\['ore'\] is what you look for"):
        ground["ore"]
    with pytest.raises(BadInput, match="there is smith"):
        ground["anvil"]
