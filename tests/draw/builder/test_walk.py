from __future__ import annotations

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.draw.builder.walk import Walk
from pyctr_lab.errors import Gone


@pytest.fixture
def lab():
    with Lab() as opened:
        yield opened


RECIPE = [
    steps.NewNamespace("user"),
    steps.IdMaps(count=1),
    steps.NewNamespace("uts"),
    steps.SetHostname("demo"),
    steps.NewNamespace("ipc"),
]


def test_forwards_the_same_process_goes_on(lab):
    walk = Walk(lab, RECIPE)
    walk.go(2)
    first = walk.box
    walk.go(4)
    assert walk.box is first
    assert walk.box.view().hostname == "demo"
    assert [stop.state for stop in walk.stops] == ["done", "done", "done", "current", "todo"]


def test_backwards_is_a_fresh_process_and_the_old_one_ends(lab):
    walk = Walk(lab, RECIPE)
    walk.go(5)
    first = walk.box
    walk.go(2)
    assert not first.alive and walk.box.alive
    assert walk.box.view().hostname == "lab"
    assert list(lab.containers.values()) == [walk.box]


def test_a_switch_leaves_a_wall_open_and_refuses_what_needs_it(lab):
    walk = Walk(lab, RECIPE)
    walk.on[2] = False
    walk.go(5)
    assert [stop.state for stop in walk.stops] == ["done", "done", "off", "refused", "current"]
    assert walk.stops[3].why == "needs 3, else it changes the lab's own host name"
    assert walk.left_open == {"uts": "you switched 3 off"}
    assert lab.host.view().hostname == "lab"
    assert "UTS left open: you switched 3 off." in walk.picture().alt_text


def test_what_the_kernel_refuses_is_told_and_the_walk_goes_on(lab):
    stranger = steps.JoinNamespace("uts", 999_999)
    walk = Walk(lab, [steps.NewNamespace("user"), steps.IdMaps(count=1), stranger, RECIPE[4]])
    walk.go(4)
    assert [stop.state for stop in walk.stops] == ["done", "done", "failed", "current"]
    assert walk.stops[2].why.startswith("the kernel says no to openat: ") and "= -1" not in walk.stops[2].why
    walk.go(3)
    assert walk.picture().title.startswith("Step 3 failed: ")


def test_a_closed_lab_is_said(lab):
    walk = Walk(lab, RECIPE)
    walk.go(1)
    lab.close()
    with pytest.raises(Gone):
        walk.go(0)
    walk.end()
