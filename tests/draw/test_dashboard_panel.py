"""The dashboard: points come in, stop keeps what there is, errors are said in it. Who measures is made up here."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from draw import races
from pyctr_lab.draw import dashboard
from pyctr_lab.errors import LabError
from pyctr_lab.measure.experiment import Progress
from pyctr_lab.measure.samples import Results


def source(*, samples: int, gate: threading.Semaphore | None = None, error: str = "") -> Any:
    """Measures nothing: hands out made-up samples, one for each time that the gate is opened."""
    asked: dict[str, Any] = {}

    def live(experiments: Any, **words: Any) -> Generator[Results, None, None]:
        asked.update(words, experiments=experiments)
        results = Results()
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
    assert who.asked["repetitions"] == 7 and who.asked["budget"] == 40.0 and who.asked["count"] is None
    assert "ours" in who.asked["engines"] and "docker" not in who.asked["engines"]
    assert "<svg" in panel._picture.value and panel._end.disabled and not panel._begin.disabled
    still = panel.still()
    assert still is not None and "takes 5.5 times as long" in still.title


def test_stop_keeps_what_was_measured() -> None:
    gate = threading.Semaphore(3)
    panel = dashboard(name="test", source=source(samples=8, gate=gate))
    panel.start()
    panel._over.set()
    gate.release(8)
    panel.stop()
    assert not panel.running and len(panel.results.samples) < 8
    assert "kept" in panel._said.value
    panel.stop()


def test_what_goes_wrong_is_said_in_the_panel() -> None:
    panel = dashboard(name="test", source=source(samples=1, error="<b>no luck</b>"))
    panel.start()
    assert panel.wait(60)
    assert 'role="alert"' in panel._said.value and "&lt;b&gt;no luck" in panel._said.value


def test_one_of_a_name() -> None:
    gate = threading.Semaphore(1)
    first = dashboard(name="test", source=source(samples=8, gate=gate))
    first.start()
    gate.release(8)
    second = dashboard(name="test", source=source(samples=1))
    assert not first.running and second is not first


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
