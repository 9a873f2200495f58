from __future__ import annotations

import re

import pytest

from draw.stores import AGAIN, FIRST, ODD, SECOND, TALKS, TWO
from pyctr_lab import BadInput
from pyctr_lab.draw import registry
from pyctr_lab.draw.registry import talks_of
from pyctr_lab.images.registry import Conversation


def test_the_title_counts_requests_and_bytes() -> None:
    assert registry(TALKS).title == "push web:1: 10 requests, 117 MiB. push web:2: 9 requests, 6 MiB"
    assert registry({"pull": AGAIN}).title == "pull: 1 request, 700 B fetched; 3 blobs were there already"


def test_layers_are_called_as_in_the_layer_map() -> None:
    words = registry(TALKS, TWO).alt_text
    assert "HEAD layer a: 404 no; POST layer a: 202 go on; PUT layer a: 201 stored, 98 MiB sent; HEAD layer b" in words
    assert "HEAD layer a: 200 yes; HEAD layer b: 200 yes; HEAD layer d: 404 no" in words
    assert "GET layer a: here already: not asked" in registry({"again": AGAIN}, TWO).alt_text


def test_the_order_is_that_of_the_blobs_whatever_came_first() -> None:
    assert talks_of({"x": FIRST}, TWO) == talks_of({"x": FIRST[::-1]}, TWO)
    first, *_, last = talks_of({"x": FIRST}, TWO)[0].asks
    assert (first.method, first.about, last.about) == ("HEAD", "layer a", "manifest 1")


def test_a_spared_request_is_none_and_its_line_ends_at_home() -> None:
    (talk,) = talks_of({"again": AGAIN}, TWO)
    assert (talk.requests, talk.cached, talk.received) == (1, 3, 700)
    assert registry({"again": AGAIN}).svg.count('width="3" height="12"') == 3


def test_a_spared_request_says_so_however_narrow_its_column() -> None:
    picture = registry({"push": FIRST, "again": AGAIN})
    assert picture.small
    for svg in (picture.svg, picture.small):
        assert svg.count(">here already") == 3


def test_bands_are_as_high_as_bytes_are_many() -> None:
    bands = re.findall(r'height="([\d.]+)" rx="2" fill="var\(--newt\)"', registry(TALKS).svg)
    *_, second, first = sorted(map(float, bands))
    assert first / second == pytest.approx(98 / 19, rel=0.02)


def test_odd_answers_have_words() -> None:
    asks = talks_of({"odd": ODD})[0].asks
    said = {ask.answer for ask in asks}
    assert {"401 who are you?", "no answer", "201 yes: mounted"} <= said
    assert [ask.about for ask in asks[:2]] == ["/v2/", "token"] and "and 25 more" in registry({"odd": ODD}).svg


def test_a_conversation_of_a_client_is_taken_as_it_is() -> None:
    talk = Conversation()
    with talk.exchange("GET", "/v2/") as made:
        made.status = 200
    assert registry({"hello": talk}).title == "hello: 1 request, 0 B fetched"


@pytest.mark.parametrize("wrong", [{}, {"x": 5}, {5: FIRST}, {"x": [5]}, FIRST, {str(n): SECOND for n in range(7)}])
def test_what_cannot_be_drawn_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        registry(wrong)  # type: ignore[arg-type]
