from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.kernel import netlink


def test_an_end_that_is_renamed_makes_no_wrong_answer_right(lab: Lab) -> None:
    ground = exercises.start("5.1", lab)
    values = whole(ground).values
    wrong = exercises.ALL["5.1"].misconceptions[0].act(ground)
    for before in ("x", "v"):  # by way of names that no end has
        for container, end in values["ends"].items():
            rename = netlink.set_link(values["indexes"][end], up=False, name=f"{before}{container}")
            lab.host.carry(netlink.request(rename))
    verdict = exercises.check("5.1", wrong)
    assert [each.met for each in verdict.requirements] == [True, False] and not verdict.passed
