from __future__ import annotations

import threading

import pytest

pytest.importorskip("ipywidgets")

from pyctr_lab import Lab, draw
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.draw import meter
from pyctr_lab.draw.meter import panel as meter_panel
from pyctr_lab.draw.meter.panel import live_span, slider_choices
from pyctr_lab.errors import BadInput, Gone

from ..meters import QUIET, row

needs_groups = pytest.mark.skipif(
    not {"cpu", "memory", "pids"} <= delegation().controllers, reason="nobody has given us control groups here"
)


@pytest.fixture
def shown(monkeypatch):
    """What was displayed; nothing is printed."""
    kept = []

    class Handle:
        def update(self, bundle, raw):
            kept.append(bundle)

    def display(bundle, raw, display_id=None):
        kept.append(bundle)
        return Handle() if display_id else None

    monkeypatch.setattr(meter_panel, "display", display)
    return kept


@pytest.fixture
def lab():
    with Lab() as opened:
        yield opened


@pytest.fixture
def group(lab):
    return lab.cgroup("web", memory="64M", cpus=0.5, pids=16)


def slider(made, kind, path="web"):
    return made._sliders[path, kind]


@needs_groups
def test_a_block_shows_the_panel_then_a_still(group, shown):
    with meter(group, seconds=60) as made:
        assert made.running and list(shown[0]) == ["text/plain", "application/vnd.jupyter.widget-view+json"]
    assert not made.running and "stopped" in made._heading.value
    assert (
        shown[1]["text/html"].startswith('<div class="pc-still">') and shown[1]["text/plain"] == made.still().alt_text
    )
    assert made.still().title in made._heading.value and made._button.disabled
    assert repr(made) == "Meter('web', stopped)"


@needs_groups
def test_what_start_leaves_is_replaced_by_the_still(group, shown):
    made = meter(group, seconds=60)
    made.start()
    assert shown[1]["text/plain"].startswith("Meter: ")
    before = len(shown)
    made._button.click()
    assert len(shown) > before and shown[-1]["text/plain"] == made.still().alt_text
    assert "pc-picture" in shown[1]["text/html"]  # of the same shape: nbval sees only the first
    assert not [thread for thread in threading.enumerate() if thread.name == "sampler"]


@needs_groups
def test_a_slider_moves_the_limit_while_it_runs(group, shown):
    with meter(group, seconds=60) as made:
        slider(made, "cpus").value = 0.2
        slider(made, "memory").value = 32 << 20
        slider(made, "pids").value = "max"
        assert (group.cpu_max, group.memory_max, group.pids_max) == (0.2, 32 << 20, None)
        assert "pids.max" in made._said.value


@needs_groups
def test_a_stopped_meter_changes_nothing(group, shown):
    with meter(group, seconds=60) as made:
        pass
    slider(made, "cpus").value = 0.2
    assert group.cpu_max == 0.5 and slider(made, "cpus").value == 0.5 and "no limit was changed" in made._said.value


@needs_groups
def test_what_the_kernel_refuses_is_said_and_the_slider_goes_back(group, shown, monkeypatch):
    # A mock: whether memory can be taken from a group is the kernel's own affair. In the browser's test it is real.
    def refused(**_):
        raise Gone("EBUSY", hint="it uses more")

    monkeypatch.setattr(group, "limit", refused)
    with meter(group, seconds=60) as made:
        slider(made, "memory").value = 2 << 20
        assert "EBUSY (it uses more)" in made._said.value and slider(made, "memory").value == 64 << 20


@needs_groups
def test_sliders_follow_who_else_changes_a_limit(group, shown):
    made = meter(group)
    made._follow({"web": QUIET})
    group.cpu_max = 0.37
    before = len(group.written)
    made._follow({"web": row(1, limits=group.limits)})
    assert slider(made, "cpus").value == 0.37 and len(group.written) == before
    made.close()


@needs_groups
def test_the_same_name_closes_the_earlier_one(lab, group, shown):
    first = meter(group, seconds=60)
    first.start()
    second = meter(group, seconds=60)
    assert not first.running and first.widget.comm is None
    other = meter(group, seconds=60, name="other")
    other.start()
    lab.close()
    assert other.wait(60) and "the group is gone" in other._heading.value
    second.close()
    second.close()


@needs_groups
def test_several_groups_have_their_own_sliders(lab, shown):
    groups = [lab.cgroup(name, cpus=0.5) for name in ("web", "log")]
    with meter(*groups, seconds=60) as made:
        slider(made, "cpus", "log").value = 0.2
    assert (groups[0].cpu_max, groups[1].cpu_max) == (0.5, 0.2)
    assert "web" in made.still().alt_text and "log" in made.still().alt_text
    with pytest.raises(BadInput, match="1 to 4"):
        meter(groups[0], groups[0])
    with pytest.raises(BadInput, match="1 to 4"):
        meter()


@needs_groups
def test_only_what_can_be_limited_has_a_slider(group, shown):
    group.places = tuple(
        place for place in group.places if "memory" not in place.controllers or len(place.controllers) > 3
    )
    made = meter(group)
    has_memory = group.groups.where.place("memory") in group.places
    assert (("web", "memory") in made._sliders) == has_memory and ("web", "pids") in made._sliders
    with made:
        pass
    assert (made.samples["web"][0].memory is not None) == has_memory
    made.close()


def test_a_slider_has_the_present_value_among_its_choices():
    offered = slider_choices("memory", 50 << 20)
    assert ("50M", 50 << 20) in offered and offered[-1] == ("no limit", "max")
    assert [value for _, value in offered[:-1]] == sorted(value for _, value in offered[:-1])
    assert slider_choices("cpus", "max")[9] == ("80 %", 0.8)


def test_the_time_axis_grows_in_round_numbers():
    assert [live_span({"": row(count)}, 60.0) for count in (1, 30, 60, 200)] == [5.0, 10.0, 20.0, 60.0]
    assert live_span({}, 5.0) == 5.0


def test_live_panels_are_imported_when_they_are_asked_for():
    assert draw.meter is meter
    with pytest.raises(AttributeError, match="nothing"):
        draw.nothing  # noqa: B018
