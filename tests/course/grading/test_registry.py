from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from pyctr_lab import Lab
from pyctr_lab.course.exercises import ALL
from pyctr_lab.course.grading import Ground
from pyctr_lab.course.grading.registry import entry, find, keep, moved


def ground(lab: Lab) -> Ground:
    made = Ground(ALL["3.2"], lab, 1, ALL["3.2"].variant(1))
    ALL["3.2"].setup(made)
    return made


def test_what_one_process_keeps_another_finds(lab: Lab) -> None:
    made = replace(entry(ground(lab)), answer=("amber", "birch"))
    keep({"3.2": made})
    assert find(ALL["3.2"]) == made
    assert find(ALL["3.1"]) is None
    keep({})
    assert find(ALL["3.2"]) is None


def test_a_number_used_again_is_not_taken_for_the_ground(lab: Lab) -> None:
    made = entry(ground(lab))
    (name,) = made.boxes
    assert (made.alive, made.lost()) == (True, [])
    assert replace(made, born={**made.born, name: "1"}).lost() == [name]
    assert not replace(made, born={**made.born, "host": "1"}).alive
    assert moved(made, {name: os.getpid()}).lost() == []


def test_what_a_dead_notebook_left_is_removed(lab: Lab, own_state: Path) -> None:
    keep({"3.2": entry(ground(lab))})
    (mine,) = (own_state / "run/pyctr_lab-ground").glob("*.json")
    left = mine.rename(mine.with_name(f"{os.getpid()}-1.json"))
    assert find(ALL["3.2"]) is None
    assert not left.exists()


def test_an_edited_file_is_found_out_and_has_no_answer(lab: Lab, own_state: Path) -> None:
    keep({"3.2": entry(ground(lab))})
    (mine,) = (own_state / "run/pyctr_lab-ground").glob("*.json")
    data = json.loads(mine.read_text())
    assert "values" not in data["entries"]["3.2"]
    data["entries"]["3.2"]["facts"] = {"hostname": "anything"}
    mine.write_text(json.dumps(data))
    found = find(ALL["3.2"])
    assert found and not found.intact


def test_a_file_of_another_version_is_no_error(lab: Lab, own_state: Path) -> None:
    keep({"3.2": entry(ground(lab))})
    (mine,) = (own_state / "run/pyctr_lab-ground").glob("*.json")
    data = json.loads(mine.read_text())
    data["entries"]["3.2"]["unheard_of"] = 1
    mine.write_text(json.dumps(data))
    assert find(ALL["3.2"])
    for other in ("[]", "null", '{"3.2": 5}', '{"entries": {"3.2": {}}}', '{"entries": null, "seal": 1}'):
        mine.write_text(other)
        assert find(ALL["3.2"]) is None
