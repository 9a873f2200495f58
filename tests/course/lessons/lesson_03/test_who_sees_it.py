from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises


def test_34_a_name_that_is_none_is_told_as_such(lab: Lab) -> None:
    exercises.start("3.4", lab)
    assert exercises.check("3.4", ["sparrow"]).requirements[0].observed == "sparrow is none of the others"
