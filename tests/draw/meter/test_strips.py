from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pyctr_lab.draw import theme, usage_chart
from pyctr_lab.draw.meter.strips import LIVE, POINTS, moved_apart, strips_svg, tick_label
from pyctr_lab.errors import BadInput

from ..meters import BARE, BOMB, CHANGED, KILLED, QUIET, THROTTLED, pictures, row


def texts(svg):
    return [each.text for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("text")]


def test_every_picture_is_well_formed_and_made_of_the_palette_alone():
    for name, picture in pictures().items():
        for svg in (picture.svg, picture.small):
            ElementTree.fromstring(svg)
            body = svg.replace(theme.STYLE, "")
            assert not re.search(r"#[0-9a-f]{6}|nan|inf\b", body), name
            assert picture.title in picture.alt_text


def test_the_same_data_give_the_same_picture():
    assert usage_chart(KILLED, name="web") == usage_chart(KILLED, name="web")


def test_limits_and_what_is_used_stand_beside_the_strips():
    said = texts(usage_chart(QUIET, name="web").svg)
    assert {"used", "limit"} <= set(said) and "throttled" not in said, "a legend of what is there"
    assert {"cpu.max 50 %", "memory.max 64M", "pids.max 16", "10 % used", "8.0 MiB used", "3 now"} <= set(said)


def test_throttled_time_is_hatched_and_named():
    picture = usage_chart(THROTTLED, name="web")
    assert "throttled: wanted to run, had to wait" in texts(picture.svg)
    assert "url(#thr" in picture.svg and "url(#thr" not in usage_chart(QUIET, name="web").svg


def test_words_on_the_hatching_lie_on_no_curve_and_no_limit():
    wavy = [replace(each, cpu=0.3 + 0.1 * (n % 2), throttled=0.1) for n, each in enumerate(THROTTLED)]
    assert "throttled: wanted to run, had to wait" not in texts(usage_chart(wavy, name="web").svg)
    assert "throttled" in texts(usage_chart(wavy, name="web").svg), "the legend says it all the same"


def test_a_kill_is_one_line_through_all_strips():
    line = r'<line x1="([\d.]+)" y1="([\d.]+)" x2="\1" y2="([\d.]+)" stroke="var\(--new\)" stroke-width="2"/>'
    ((_, top, low),) = re.findall(line, usage_chart(KILLED, name="web").svg)
    assert float(low) - float(top) > 4 * 92
    assert re.findall(line, usage_chart(QUIET, name="web").svg) == []
    assert "11 forks refused" in texts(usage_chart(BOMB, name="web").svg)


def test_a_limit_that_was_changed_is_drawn_where_it_held():
    dashed = r'<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="\2" stroke="var\(--ink\)"[^>]*dasharray="6 3"/>'
    found = re.findall(dashed, usage_chart(CHANGED, name="web").svg)
    assert [(begin, end) for begin, _, end in found[:2]] == [("150", "475"), ("475", "800")]


def test_where_a_controller_is_missing_the_strip_says_so():
    said = texts(usage_chart(BARE, name="web").svg)
    assert "not counted here: no memory controller" in said and "this kernel does not count pressure" in said


def test_a_curve_has_no_more_points_than_can_be_seen():
    svg = strips_svg({"web": row(5000)}, LIVE, None, words="")
    assert max(path.count("L") for path in re.findall(r' d="([^"]*)"', svg)) <= 2 * (POINTS + 1)


def test_labels_keep_their_distance_and_stay_inside():
    placed = [y for y, *_ in moved_apart([(90.0, "a", ""), (80.0, "b", ""), (91.0, "c", "")], 0, 92)]
    assert placed == [64, 78, 92]


@pytest.mark.parametrize(
    ("value", "key", "words"),
    [(0, "cpu", "0"), (150, "cpu", "150"), (12_000, "cpu", "12k"), (1.5, "memory", "1.5"), (24_576, "pids", "24Ki")],
)
def test_ticks_are_short(value, key, words):
    assert tick_label(value, key) == words


def test_a_limit_that_is_used_up_stands_above_what_is_used():
    said = texts(usage_chart(THROTTLED, name="web").svg)
    assert said.index("cpu.max 50 %") < said.index("50 % used")


def test_more_groups_than_can_be_told_apart_are_refused():
    with pytest.raises(BadInput, match="1 to 4 groups"):
        usage_chart({str(number): QUIET for number in range(5)})


def test_pressure_of_memory_has_the_colour_of_news_only_when_it_warns():
    def colours(samples):
        lines = re.findall(
            r'<path [^>]*stroke="var\(--(\w+)\)" stroke-width="2\.5"', usage_chart(samples, name="web").svg
        )
        return set(lines)

    assert colours(QUIET) == set() and colours(KILLED) == {"new"}
