"""The dashboard: points come in, stop keeps what there is, errors are said in it. Who measures is made up here."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from draw import races
from pyctr_lab.draw import dashboard
from pyctr_lab.draw.dashboard import panel as dashboard_panel
from pyctr_lab.engines import ALL
from pyctr_lab.engines.engine import Available
from pyctr_lab.errors import LabError
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import Progress
from pyctr_lab.measure.samples import Results


def source(*, samples: int, gate: threading.Semaphore | None = None, error: str = "") -> Any:
    """Measures nothing: hands out made-up samples, one for each time that the gate is opened."""
    asked: dict[str, Any] = {}

    def live(experiments: Any, options: MeasureOptions, **words: Any) -> Generator[Results, None, None]:
        asked.update(words, experiments=experiments, options=options)
        results = Results(titles=races.TITLES)
        for number, sample in enumerate(races.starts(("exec", "ours")).samples[:samples]):
            if gate:
                assert gate.acquire(timeout=60)
            words["progress"](Progress("startup", number, samples, 1.0, "ours"))
            results.samples.append(sample)
            yield results
        if error:
            raise LabError(error)

    live.asked = asked  # type: ignore[attr-defined]
    return live


def test_it_measures_what_is_chosen_and_keeps_it() -> None:
    who = source(samples=8)
    panel = dashboard(name="test", source=who)
    panel._turns.value, panel._budget.value = 7, 40
    panel.start()
    assert panel.wait(60) and len(panel.results.samples) == 8
    assert who.asked["options"] == MeasureOptions(repetitions=7, budget=40.0)
    assert "ours" in who.asked["engines"] and "docker" not in who.asked["engines"]
    assert "<svg" in panel._picture.value and panel._end.disabled and not panel._begin.disabled
    still = panel.still()
    assert still is not None and "takes 5.5 times as long" in still.title


def test_stop_keeps_what_was_measured() -> None:
    gate = threading.Semaphore(3)
    panel = dashboard(name="test", source=source(samples=8, gate=gate))
    panel.start()
    panel._end.click()  # does not wait
    assert panel._end.disabled
    gate.release(8)
    panel.stop()
    assert not panel.running and len(panel.results.samples) < 8
    assert "kept" in panel._said.value and not panel._begin.disabled
    panel.stop()


def test_points_come_in_but_not_so_often_that_drawing_disturbs(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn_with(pause: float) -> int:
        monkeypatch.setattr(dashboard_panel, "PAUSE", pause)
        panel, seen = dashboard(name="test", source=source(samples=8)), []
        panel._picture.observe(lambda change: seen.append(change["new"]) if change["new"] else None, "value")
        panel.start()
        assert panel.wait(60) and "<svg" in seen[-1]
        return len(seen)

    # four samples are a warm-up or too few; one picture at the first that counts, and the last one always
    assert drawn_with(0.0) > drawn_with(3600.0) == 2


def test_a_crowd_is_made_once_and_asks_for_a_number() -> None:
    who = source(samples=1)
    panel = dashboard(name="test", source=who)
    assert panel._count.disabled and not panel._turns.disabled
    panel._what.value = "how many fit"
    assert panel._turns.disabled and not panel._count.disabled and panel._count.value == 100
    panel.start()
    assert panel.wait(60) and who.asked["options"] == MeasureOptions(repetitions=1, count=100, budget=20.0)
    panel._what.value = "memory"
    assert panel._count.value == 10


def test_an_engine_that_is_not_here_cannot_be_chosen_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ALL["runc"], "available", lambda self: Available(False, "<runc> is away", "install it"))
    monkeypatch.setattr(ALL["qemu"], "available", lambda self: Available(False, "no kernel", "fetch", fetched=True))
    panel = dashboard(name="test", source=source(samples=1))
    box = panel._boxes["runc"]
    assert box.disabled and not box.value and "(not here)" in box.description and "<runc> is away" in box.tooltip
    notes = [each.value for each in panel.widget.children if "Not here" in getattr(each, "value", "")]
    assert len(notes) == 1 and "runc: &lt;runc&gt; is away (install it)" in notes[0]
    assert panel._boxes["qemu"].value and not panel._boxes["qemu"].disabled


def test_what_is_left_for_when_the_kernel_has_gone() -> None:
    panel = dashboard(name="test", source=source(samples=8))
    assert panel._left()["text/plain"] == "Dashboard: nothing was measured." and "A still" in panel._left()["text/html"]
    panel.start()
    assert panel.wait(60)
    left = panel._left()
    assert "takes 5.5 times as long" in left["text/plain"] and "<img" in left["text/html"]
    panel._what.value = "memory"
    assert panel._left() == left, "the picture is of what was measured, whatever is chosen since"


def test_what_goes_wrong_is_said_in_the_panel() -> None:
    panel = dashboard(name="test", source=source(samples=1, error="<b>no luck</b>"))
    panel.start()
    assert panel.wait(60)
    assert 'role="alert"' in panel._said.value and "&lt;b&gt;no luck" in panel._said.value
    assert len(panel.results.samples) == 1 and not panel._begin.disabled


def test_a_fault_of_ours_is_said_too() -> None:
    def broken(*_: Any, **__: Any) -> Generator[Results, None, None]:
        raise ZeroDivisionError("a fault")
        yield

    panel = dashboard(name="test", source=broken)
    panel.start()
    assert panel.wait(60) and "ZeroDivisionError: a fault" in panel._said.value and panel._end.disabled


def test_one_of_a_name() -> None:
    gate = threading.Semaphore(1)
    first = dashboard(name="test", source=source(samples=8, gate=gate))
    first.start()
    gate.release(8)
    second = dashboard(name="test", source=source(samples=1))
    assert not first.running and second is not first


def test_runs_are_kept_side_by_side_and_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    shell: Any = type("Shell", (), {"user_ns": {}})()
    monkeypatch.setattr(dashboard_panel, "get_ipython", lambda: shell)
    panel = dashboard(name="kept", source=source(samples=8))
    panel.start()
    assert panel.wait(60) and panel._kept.value == "" and "board = draw.dashboard()" in panel._said.value
    shell.user_ns["board"] = again = dashboard(name="kept", source=source(samples=8))
    assert again.runs == panel.runs and again.samples == panel.samples, "what was measured is not lost by a name"
    again._turns.value = 5
    again.start()
    assert again.wait(60) and "They are in board.samples, all runs in board.runs." in again._said.value
    assert again._kept.value.count("<th scope=\"col\">") == 2 and "run 2: 5 repetitions" in again._kept.value
    assert "4.4 ms (3.5 to 7)" in again._kept.value
    again._what.value = "memory"
    assert len(again.runs) == 2 and repr(again.runs[1]) == "BoardRun(2, 'start', '5 repetitions', 8 samples)"


def test_without_anything_chosen_one_line_says_so() -> None:
    panel = dashboard(name="test")
    for box in panel._boxes.values():
        box.value = False
    panel.start()
    assert panel.wait(60) and "no engine was named" in panel._said.value


@pytest.mark.parametrize("what", ["start", "memory"])
def test_for_real(what: str) -> None:
    panel = dashboard(name="test")
    for name, box in panel._boxes.items():
        box.value = name in ("exec", "ours")
    panel._what.value, panel._turns.value, panel._count.value = what, 2, 2
    panel.start()
    assert panel.wait(100) and panel.results.samples
    assert "<svg" in panel._picture.value
