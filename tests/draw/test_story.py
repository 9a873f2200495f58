from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from pyctr_lab import BadInput, steps
from pyctr_lab.draw.story import story
from pyctr_lab.kernel.calls import Answer
from pyctr_lab.runtime.step_result import StepResult


def result(step, *microseconds):
    calls = step.calls()
    return StepResult(step, tuple(Answer(call, 0, 0, us / 1e6) for call, us in zip(calls, microseconds, strict=False)))


HISTORY = [
    result(steps.NewNamespace("uts"), 10),
    result(steps.NewNamespace("net"), 300),
    result(steps.IdMaps(count=1), 5, 5, 5),
]


def test_title_and_alt_text_come_from_the_results():
    picture = story(HISTORY)
    assert picture.title == "3 steps, 5 calls, 0.33 ms; the slowest: network namespace, 92 %"
    assert "2. network namespace (unshare(CLONE_NEWNET) = 0), 300 µs" in picture.alt_text


def test_of_several_starts_each_step_is_that_of_the_median_and_a_hiccup_is_none():
    hiccup = [result(steps.NewNamespace("uts"), 9000), *HISTORY[1:]]
    picture = story([HISTORY, hiccup, HISTORY])
    assert picture.title == story(HISTORY).title and "the median of 3 starts" in picture.svg
    assert "hiccup" not in story(HISTORY).svg and "UTS namespace" in story(hiccup).title
    with pytest.raises(BadInput, match="not of the same steps"):
        story([HISTORY, HISTORY[:1]])


def test_one_result_and_none():
    assert story(HISTORY[0]).title == "1 step, 1 call, 0.01 ms"
    assert story([]).title == "No step has been made yet"


def test_bars_are_in_proportion_from_zero():
    root = ElementTree.fromstring(story(HISTORY).svg.encode())
    bars = [
        float(each.get("width")) for each in root.iter() if each.tag.endswith("}rect") and each.get("height") == "12"
    ]
    assert bars == [5.0, 150.0, 7.5]
