from __future__ import annotations

import pytest

pytest.importorskip("ipywidgets")

from pyctr_lab import BadInput, Lab, steps
from pyctr_lab.draw import builder
from pyctr_lab.draw.builder.panel import default_steps


@pytest.fixture
def lab():
    with Lab() as opened:
        yield opened


def test_default_recipe_has_all_eight_walls(lab):
    panel = builder(lab)
    assert "All 8 walls are up" in panel.still.title
    assert len(default_steps(lab)) == len(lab.recipe()) + 1


def test_slider_and_buttons_move_a_real_process(lab):
    panel = builder(lab, at=3)
    panel._slider.value = 5
    assert panel.walk.at == 5 and len(panel.walk.box.history) == 5
    panel._buttons[1].click()
    assert panel._slider.value == 4 and len(panel.walk.box.history) == 4
    panel._buttons[0].click()
    assert panel._slider.value == 0 and panel._buttons[0].disabled
    panel._buttons[3].click()
    assert panel._slider.value == len(panel.walk.steps) and panel._buttons[3].disabled


def test_presets_keep_the_learners_own_switches(lab):
    panel = builder(lab)
    panel._switches[3].value = False
    assert f"Step 4 is switched off; a process was taken behind step {len(default_steps(lab))}" in panel._said.value
    panel._preset.value = "all steps"
    assert all(panel.walk.on) and panel._switches[3].value
    panel._preset.value = "no steps"
    assert not any(panel.walk.on) and "No wall is up" in panel._heading.value
    assert f"0 of {len(default_steps(lab))} steps are switched on" in panel._said.value
    panel._preset.value = "my recipe"
    assert panel.walk.on[3] is False and sum(panel.walk.on) == len(panel.walk.on) - 1


def test_all_steps_stays_pressed_though_they_are_mine(lab):
    panel = builder(lab, [steps.NewNamespace("user"), steps.IdMaps(count=1)])
    panel._preset.value = "all steps"
    assert panel._preset.value == "all steps" and "2 of 2 steps are switched on" in panel._said.value


def test_a_step_that_was_not_made_is_the_title_and_no_success(lab):
    panel = builder(lab, [steps.NewNamespace("user"), steps.NewNamespace("uts"), steps.SetHostname("ours")])
    panel._switches[1].value = False
    assert "Step 3 is not made: host name “ours”; 1 of 8 walls are up" in panel._heading.value


def test_a_cell_that_runs_again_keeps_the_learners_choices(lab):
    recipe = [steps.NewNamespace("user"), steps.NewNamespace("uts")]
    first = builder(lab, recipe)
    first._switches[1].value = False
    first._buttons[1].click()
    again = builder(lab, recipe)
    assert again.walk.on == [True, False] and again.walk.at == 1 and not again._switches[1].value
    other = builder(lab, [*recipe, steps.NewNamespace("ipc")])
    assert all(other.walk.on) and other.walk.at == 3, "another recipe begins anew"


def test_refused_step_says_why(lab):
    panel = builder(lab)
    panel._switches[3].value = False
    notes = [cost.value for cost in panel._costs if "refused" in cost.value]
    assert notes == ['<div class="note why">refused: needs 4, else it changes the lab&#39;s own host name</div>']


def test_a_slip_does_not_stand_in_the_way_of_the_next(lab):
    with pytest.raises(BadInput, match="with brackets"):
        builder(lab, [steps.NewNamespace])  # the brackets were forgotten
    panel = builder(lab, [steps.NewNamespace("user")])
    assert panel.walk.at == 1
    panel.close()


def test_nothing_is_left_behind(lab):
    first = builder(lab)
    box = first.walk.box
    second = builder(lab)
    assert not box.alive and list(lab.containers) == ["builder"]
    second.close()
    second.close()
    assert lab.containers == {}


def test_a_closed_lab_is_said_in_the_panel(lab):
    panel = builder(lab, [steps.NewNamespace("user"), steps.IdMaps(count=1)])
    lab.close()
    panel._slider.value = 1
    assert "lab is closed" in panel._heading.value
