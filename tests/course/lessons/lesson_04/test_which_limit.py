from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import until, whole
from pyctr_lab.course.lessons.lesson_04.which_limit import ROOMY, SPINS, THROTTLED


def test_41_a_limit_that_the_learner_makes_act_makes_no_wrong_answer_right(lab: Lab) -> None:
    ground = exercises.start("4.1", lab)
    names, answer = whole(ground).values["names"], ground.exercise.solution(ground)
    assert answer[2] == names[THROTTLED] and exercises.check("4.1", answer).passed
    group = ground.groups[names[ROOMY]]
    group.cpu_max = 0.05
    spins = ground.box.start(["sh", "-c", SPINS])
    group.add(spins)
    until(lambda: group.events.throttled, 60)
    spins.kill()
    verdict = exercises.check("4.1", (*answer[:2], names[ROOMY]))
    assert [each.name for each in verdict.requirements if not each.met] == ["the groups are as you found them"]
