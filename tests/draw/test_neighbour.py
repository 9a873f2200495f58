from __future__ import annotations

import pytest

from pyctr_lab import Limits
from pyctr_lab.draw.neighbour import neighbour
from pyctr_lab.measure.neighbour import Act, Round

pytest.importorskip("matplotlib")

NO = "no control group can be made here: nobody has given us one (sudo this)"


def act(name: str, *tops: float, limits: Limits | None = None, answered: int = 100) -> Act:
    rounds = tuple(Round((*([top / 10] * 98), top, top), answered, 1.0, cores=1.6, workers=4) for top in tops)
    return Act(name, 100.0, rounds, limits, "" if tops else NO)


def acts(*tops: float, limits: Limits | None = None) -> list[Act]:
    return [act(name, top, top + 1, top + 2, limits=limits)
            for name, top in zip(("alone", "loose", "limited"), tops, strict=True)]  # fmt: skip


def test_the_title_is_the_finding():
    limits = Limits(cpus=0.3)
    said = neighbour(acts(2, 60, 3.2, limits=limits)).title
    assert said == "The aggregator took p99 from 3.0 to 61 ms; limited to 0.3 cores, it is 4.2 ms"
    assert neighbour(acts(2, 60, 3, limits=Limits(cpu_weight=1))).title.endswith("; limited, it is 4.0 ms")
    assert len(neighbour(acts(12_345, 60_000_000, 34_567, limits=limits)).title) <= 80


def test_where_rounds_overlap_the_title_claims_no_time():
    three = [act("alone", 2, 2), act("loose", 300, 700), act("limited", 200, 400, limits=Limits(cpus=0.3))]
    assert neighbour(three).title.endswith("; limited, the rounds overlap")


def test_where_the_server_alone_cannot_tell_the_title_claims_nothing():
    """As the comparisons beside it say: too busy to tell."""
    late = [act("alone", 600, 620, answered=39), act("loose", 860, 880), act("limited", 490, 500)]
    assert neighbour(late).title == "Too busy to tell: alone the server gave 39 answers a second of 100 that were due"
    once = [act("alone", 2), act("loose", 60), act("limited", 3)]
    assert neighbour(once).title == "Too busy to tell: one round only, so that there is no spread"
    assert neighbour([act("alone", 2, 90), *once[1:]]).title == "Too busy to tell: spread 2 to 90 ms"
    alike = [act("alone", 2, 4), act("loose", 3, 5), act("limited", 3, 5)]
    assert neighbour(alike).title == "The rounds overlap: p99 is 3.0 ms alone, 4.0 ms with the aggregator"


def test_where_it_did_no_harm_the_title_says_so():
    assert neighbour(acts(60, 2, 3)).title == "The aggregator did no harm: p99 is 3.0 ms beside it, 61 ms alone"


def test_a_missing_act_says_why_and_leaves_the_way_out_to_others():
    picture = neighbour([act("alone", 2, 2), act("loose", 60, 60), act("limited")])
    assert picture.title == "The aggregator took p99 from 2.0 to 60 ms; it cannot be limited here"
    assert "not limited: no control group can be made here: nobody has given us one<" in picture.svg
    assert picture.alt_text.endswith(f"Limited: missing, {NO}.")


def test_the_alt_text_has_every_figure_and_owns_up_to_lower_bounds():
    words = neighbour([act("alone", 2), act("loose", 60, 70, answered=90), act("limited", 3)]).alt_text
    assert (
        "100 requests a second were due. Alone: p50 0.2 ms (0.2 to 0.2); p99 2.0 ms (2.0 to 2.0); 100 answers" in words
    )
    assert "p99 65 ms (60 to 70); 90 answers a second; 20 of 200 requests still waited at the end" in words
    assert "the aggregator had 1.6 cores" in words


def test_what_the_learner_said_stands_beside_it():
    picture = neighbour(acts(2, 60, 3), predicted={"loose": 500, "alone": 0, "limited": None})
    assert picture.svg.count("you said") == 1 and "you said 500 ms" in picture.svg
    assert picture.alt_text.count("You said 500 ms.") == 1


def test_one_round_has_no_spread_and_says_so():
    assert "one round: no spread is known" in neighbour([act("alone", 2), act("loose", 9), act("limited", 3)]).svg
    assert "median of 3 rounds" in neighbour(acts(2, 60, 3)).svg
