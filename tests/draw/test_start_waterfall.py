from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from errno import EPERM
from importlib import import_module
from itertools import pairwise

import pytest

from draw.machines import history
from draw.powers import STORY
from draw.stores import HOSTILE
from pyctr_lab import BadInput, Lab, steps
from pyctr_lab.draw import start_waterfall
from pyctr_lab.kernel.arguments import Ref
from pyctr_lab.kernel.calls import Answer, execve, futex_wait
from pyctr_lab.runtime.step_result import StepResult
from pyctr_lab.steps import NewNamespace, NoNewPrivileges, ReadOnlyRoot, SetHostname

MODULE = import_module("pyctr_lab.draw.start_waterfall")  # its name is also the function's


def test_the_title_has_the_total_and_the_longest_step() -> None:
    assert start_waterfall(history()).title == (
        "A start: 5 calls, 1.2 ms in the kernel; the longest: network namespace, 50 %")  # fmt: skip
    assert start_waterfall(history()[0]).title == "A start: 1 call, 0.25 ms in the kernel"


def test_of_nothing_one_line_is_said() -> None:
    picture = start_waterfall([])
    assert picture.title == "No call of a start was seen" and ">Its story is empty.</text>" in picture.svg


def test_bars_lie_end_to_end_and_only_the_longest_is_news() -> None:
    root = ElementTree.fromstring(start_waterfall(history()).svg.encode())
    bars = [each for each in root.iter() if each.tag.endswith("}rect") and each.get("height") == "14"]
    places = [(float(each.get("x")), float(each.get("width"))) for each in bars]  # type: ignore[arg-type]
    assert places[0][0] == 254 and sum(places[-1]) == pytest.approx(856)
    assert all(one[0] + one[1] == pytest.approx(other[0], abs=0.1) for one, other in pairwise(places))
    assert [each.get("fill") for each in bars] == [f"var(--{name})" for name in ("wall", "wall", "new", "wall", "wall")]


def test_each_wall_has_its_price_and_stages_add_up() -> None:
    words = start_waterfall(history()).alt_text
    assert "3. network namespace, 1 call, 600 µs;" in words
    assert words.endswith(
        "By stage: namespaces 900 µs; files: mounts and pivot_root 200 µs; privileges given up 100 µs.")  # fmt: skip


def test_calls_of_a_story_stand_by_the_steps_of_the_recipe() -> None:
    recipe = steps.default()
    found = MODULE.of_story(STORY, recipe)
    titles = [part.title for part in found.parts]
    own = [step.title for step in recipe if not isinstance(step, NewNamespace)]
    assert titles == ["clone3, 7 namespaces", *own, "streams and exec"]
    counts = {part.title: len(part.answers) for part in found.parts}
    assert [counts[step.title] for step in recipe if step.title in counts] == [
        len(step.calls()) for step in recipe if step.title in counts]  # fmt: skip
    assert sum(counts.values()) == len(STORY)
    assert found.parts[0].stage == "namespaces" and not found.parts[-1].wall


def test_waits_are_left_out_and_said() -> None:
    waiting = Answer(futex_wait(Ref("gate")), 0, seconds=0.5)
    found = MODULE.of_story([*STORY[:1], waiting, *STORY[1:]], steps.default())
    assert found.seconds == pytest.approx(sum(answer.seconds for answer in STORY)) and found.waited == 0.5
    assert "Left out: launcher and process waited 500,000 µs for each other." in MODULE._words(found)


def test_a_program_without_steps_has_only_what_any_program_pays() -> None:
    parts = MODULE.of_story([Answer(execve(["true"], {}), 0)], ()).parts
    assert [(part.title, part.wall) for part in parts] == [("streams and exec", False)]


def test_a_refused_call_is_said() -> None:
    step = SetHostname("x")
    refused = StepResult(step, (Answer(step.calls()[0], -1, EPERM, 2e-6),))
    assert ">2 µs, refused · 1 call</text>" in start_waterfall([refused, *history()]).svg


def test_of_several_histories_each_step_is_the_median() -> None:
    slow = [StepResult(each.step, tuple(answer._replace(seconds=9.0) for answer in each.calls)) for each in history()]
    picture = start_waterfall([history(), slow, history()])
    assert picture.title == start_waterfall(history()).title and "Each step is the median of 3 starts." in picture.svg
    with pytest.raises(BadInput, match="not of the same steps"):
        start_waterfall([history(), history()[:1]])


def test_words_are_harmless() -> None:
    class Strange(ReadOnlyRoot):
        title = HOSTILE  # type: ignore[assignment]

    call = NoNewPrivileges().calls()[0]
    picture = start_waterfall([StepResult(Strange(), (Answer(call, 0, seconds=1e-3),)), *history()])
    assert "<script" not in picture.svg + picture.small and "\u202e" not in picture.alt_text + picture.title


def test_programs_of_a_lab() -> None:
    with Lab() as lab:
        programs = [lab.start(["true"]) for _ in range(3)]
        running = start_waterfall(programs[0])
        assert [program.wait().returncode for program in programs] == [0, 0, 0]
        picture = start_waterfall(programs)
        with pytest.raises(BadInput, match="not started by the same steps"):
            start_waterfall([programs[0], lab.start(["true"], recipe=lab.recipe().without("uts", SetHostname))])
        with pytest.raises(BadInput, match="keeps no story"):
            start_waterfall(lab.run(["true"]))  # type: ignore[arg-type]
        own = [step.title for step in lab.recipe() if not isinstance(step, NewNamespace)]
        assert programs[0].steps == lab.recipe().steps
    assert "From the call to the program's end" not in running.alt_text
    assert "From the call to the program's end" in picture.alt_text and "the median of 3 starts" in picture.alt_text
    named = re.findall(r"\d+\. (.*?), \d+ calls?,", picture.alt_text)
    assert named[0].endswith(("clone3, 7 namespaces", "fork")) and named[-1] == "streams and exec"
    assert [title for title in named if title in own] == own, "each step of the recipe, in its order"


@pytest.mark.parametrize("wrong", [5, None, "x", [5], [None], [history(), 5], {"a": 1}])
def test_what_cannot_be_drawn_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        start_waterfall(wrong)  # type: ignore[arg-type]
