from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from pyctr_lab.draw.boot import Part, boot, round_step, seconds_words, waterfall
from pyctr_lab.errors import BadInput

from .machines import EMULATED, FAST, NESTED, PARTS, history


def bars(picture, height):
    root = ElementTree.fromstring(picture.svg.encode())
    found = [each for each in root.iter() if each.tag.endswith("}rect") and each.get("height") == height]
    return [(float(each.get("x")), float(each.get("width")), each.get("fill")) for each in found]


def test_the_title_states_both_times_their_ratio_and_that_it_is_emulated():
    assert boot(EMULATED, PARTS, emulated=True).title == (
        "An emulated machine starts in 4.2 s, a container in 2.8 ms: 1,500 times faster"
    )
    assert boot(FAST, PARTS, emulated=False).title.startswith("A machine starts in 350 ms")


def test_a_container_that_is_the_slower_one_is_called_so():
    picture = boot(FAST, [Part("all", 3.5)], emulated=False)
    assert picture.title == "A machine starts in 350 ms, a container in 3.5 s: 10 times slower"
    assert "drawn 10.0 times smaller" in picture.svg and "magnified 0" not in picture.svg
    assert boot(FAST, [Part("all", 0.25)], emulated=False).title.endswith("1.4 times faster")


def test_the_title_fits():
    slow = [Part("all", 0.0123)]
    assert len(boot(NESTED, slow, emulated=True).title) <= 80


def test_both_begin_at_the_same_zero_and_lie_end_to_end():
    picture = boot(EMULATED, PARTS, emulated=True)
    for height in ("14", "20"):
        found = bars(picture, height)
        assert found[0][0] == 172.0
        assert found[-1][0] + found[-1][1] == pytest.approx(922, abs=1.1)
        assert all(one[0] + one[1] == pytest.approx(other[0], abs=1.1) for one, other in pairwise(found))


def test_only_the_longest_phase_is_news_and_only_walls_are_blue():
    picture = boot(EMULATED, PARTS, emulated=True)
    assert [fill for *_, fill in bars(picture, "14")] == [*["var(--dim)"] * 3, "var(--new)", *["var(--dim)"] * 2]
    assert [fill for *_, fill in bars(picture, "20")] == ["var(--dim)", *["var(--wall)"] * 3]


def test_the_alt_text_has_every_figure():
    words = boot(EMULATED, PARTS, emulated=True).alt_text
    assert "QEMU starts, the kernel unpacks itself 1.4 s; the kernel finds memory and processor 300 ms" in words
    assert words.endswith("Container: fork, exec, exit 1.2 ms; namespaces 1.1 ms; mounts 0.40 ms; limits 0.10 ms.")


@pytest.mark.parametrize(
    ("seconds", "words"), [(61.3, "61.3 s"), (0.35, "350 ms"), (0.0121, "12.1 ms"), (0.00042, "0.42 ms")]
)
def test_times_have_the_decimals_that_say_something(seconds, words):
    assert seconds_words(seconds) == words


@pytest.mark.parametrize("total", [1e-4, 2.8e-3, 0.35, 4.2, 61.3])
def test_an_axis_has_a_few_round_steps(total):
    assert 2 <= total / round_step(total) <= 6


def test_the_waterfall_of_a_start_tells_walls_from_what_any_program_pays():
    picture = waterfall(history(), 0.0028, EMULATED, emulated=True)
    assert picture.title == "An emulated machine starts in 4.2 s, a container in 2.8 ms: 1,500 times faster"
    assert picture.alt_text.endswith(
        "Container: namespaces 0.30 ms; the network namespace 0.60 ms; files: mounts and pivot_root 0.20 ms;"
        " privileges given up 0.10 ms; the rest: fork, exec, exit, telling us 1.6 ms."
    )
    assert [fill for *_, fill in bars(picture, "20")] == [*["var(--wall)"] * 4, "var(--dim)"]
    assert "2.8 ms, of which walls 1.2 ms" in picture.svg


def test_steps_that_take_longer_than_a_whole_start_leave_no_rest():
    picture = waterfall(history(), 0.0008, EMULATED, emulated=True)
    assert "a container in 1.2 ms" in picture.title and "the rest" not in picture.alt_text
    assert picture.alt_text.endswith("the steps alone take longer than a whole start does: 0.80 ms.")
    assert "longer than a whole start" in picture.svg


@pytest.mark.parametrize(("phases", "parts"), [([], PARTS), (FAST, [])])
def test_a_boot_and_a_start_are_both_needed(phases, parts):
    with pytest.raises(BadInput, match="at least 1 wanted, 0 given"):
        boot(phases, parts, emulated=False)
