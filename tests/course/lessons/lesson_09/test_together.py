from __future__ import annotations

from pyctr_lab.course.lessons.lesson_09.together import Together


def test_no_single_child_multiplied_comes_out_right_by_luck() -> None:
    for seed in range(200):
        values = Together().variant(seed)
        shared, own, number = values["shared"], values["own"], values["all"]
        true = shared + sum(own)
        assert all(abs(shared + each * number - true) > 0.1 * true for each in own)
        assert abs(shared - true) > 0.1 * true
