"""The ground of an exercise."""

from __future__ import annotations

from typing import Any

import pytest

from pyctr_lab import BadInput
from pyctr_lab.course.exercises import ALL
from pyctr_lab.course.grading import Ground


def test_a_container_that_is_not_there_is_told_apart_from_a_group() -> None:
    some: Any = object()
    ground = Ground(ALL["4.2"], some, 1, {}, boxes={"smith": some}, groups={"forge": some})
    assert ground["smith"] is some
    with pytest.raises(BadInput, match=r"ground\.groups\['forge'\] is a control group"):
        ground["forge"]
    with pytest.raises(BadInput, match="there is smith"):
        ground["anvil"]
