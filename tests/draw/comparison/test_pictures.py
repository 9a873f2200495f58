"""Pictures of experiments: titles made from the data, alternative texts that say all, same bytes for same data."""

from __future__ import annotations

import re

import pytest

from draw import races
from pyctr_lab import draw
from pyctr_lab.draw.comparison.memory import ordinal
from pyctr_lab.draw.comparison.overhead import multiples
from pyctr_lab.draw.comparison.ranking import NARROW, WIDE, Axis, Mark, RankingLayout, mark_words
from pyctr_lab.draw.svg import text_width
from pyctr_lab.draw.theme import TITLE_LIMIT
from pyctr_lab.errors import BadInput
from pyctr_lab.measure.samples import Results


@pytest.mark.parametrize("name", list(races.pictures()))
def test_titles_are_short_and_pictures_are_the_same_twice(name: str) -> None:
    first, second = races.pictures()[name], races.pictures()[name]
    assert first.svg == second.svg and 10 < len(first.title) <= TITLE_LIMIT
    assert first.title.rstrip(".") in first.alt_text or name == "fit"


def test_start_names_the_race_and_that_it_is_not_fair() -> None:
    picture = draw.startup(races.starts())
    assert picture.title == "An emulated machine takes 555 times as long to start as our container"
    assert "virtual machine 2,440 ms (1,952 to 3,904, emulated)" in picture.alt_text
    assert "39.6" not in picture.alt_text, "the warm-up does not count"


def test_a_title_never_lies() -> None:
    results = races.starts(("ours", "qemu"))
    turned = races.results_of([each.__class__(**{**vars(each), "value": 1e5 / each.value}) for each in results.samples])
    assert draw.startup(turned).title == "Our container takes 555 times as long to start as an emulated machine"
    assert (
        draw.startup(races.starts(("exec", "runc"))).title == "runc takes 28 times as long to start as a bare process"
    )
    assert draw.startup(races.starts(("ours",))).title == "Our container takes 4.4 ms to start"
    slow = draw.startup(races.starts(("exec", "qemu")))
    assert slow.title == "An emulated machine takes 3,050 times as long to start as a bare process"
    alike = races.results_of([each for name in ("exec", "ours") for each in (races.sample("startup", name, 2.0),)])
    assert draw.startup(alike).title == "Our container takes as long to start as a bare process"


def test_the_first_line_has_a_title_of_its_own() -> None:
    results = races.results_of([races.sample("first_output", name, races.STARTS[name]) for name in ("ours", "docker")])
    picture = draw.startup(results, experiment="first_output")
    assert picture.title == "Docker takes 62 times as long to say its first line as our container"
    assert "one of each: no spread is known" in picture.svg
    with pytest.raises(BadInput, match="no start"):
        draw.startup(results, experiment="memory")


def test_ratios_stand_above_where_there_is_something_to_compare_with() -> None:
    assert "times a bare process" in draw.startup(races.starts()).svg
    assert "×100" in draw.startup(races.starts()).svg
    assert "×" not in draw.startup(races.starts(("ours", "docker"))).svg


def test_guesses_are_told_in_words_and_what_cannot_be_drawn_is_no_guess() -> None:
    guesses = {"ours": 50.0, "qemu": 0.0, "exec": None, "docker": -1.0, "runc": float("inf"), "nobody": 3.0}
    picture = draw.startup(races.starts(), predicted=guesses)
    assert picture.svg.count("you said") == 1 and "you said 50" in picture.svg
    assert "You said: this course 50 ms." in picture.alt_text
    assert "You said: this course 40 at the end." in draw.fit(races.crowds(), predicted={"ours": 40}).alt_text
    assert "You said: a computation 2 times." in draw.overhead(races.costs(), predicted={"cpu": 2.0}).alt_text
    assert "You said: this course 20 MiB." in draw.memory(races.memories(), predicted={"ours": 20.0}).alt_text


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("layout", [WIDE, NARROW])
@pytest.mark.parametrize("guess", [1e-6, 0.9, 4.0, 4.4, 6.0, 9.0, 14.0, 40.0, 3000.0, 1e9])
def test_a_value_and_a_guess_lie_on_nothing_and_stay_on_the_paper(
    guess: float, layout: RankingLayout, column: bool
) -> None:
    axis = Axis.around([0.8, 2440.0, guess], layout)
    mark = Mark("this course", (3.5, 4.4, 7.0), "4.4 emulated", guess=guess)
    ends, at = (axis.place(3.5), axis.place(7.0)), axis.place(guess)
    drawn = "".join(mark_words(mark, axis, 0, *ends, column=column))
    words = re.findall(r'<text x="([\d.]+)"[^>]*>([^<]+)<', drawn)
    spans = sorted((float(x), float(x) + text_width(text, 13, bold=text[0] == "4")) for x, text in words)
    assert len(spans) == 2 and spans[0][1] < spans[1][0]
    assert spans[0][0] >= layout.left and spans[1][1] <= layout.width
    assert all(end <= ends[0] or begin >= ends[1] for begin, end in spans), "words lie on the marks"
    assert all(end <= at - 7 or begin >= at + 7 for begin, end in spans), "words lie on the guess"


def test_a_narrow_cell_gets_one_laid_out_for_it() -> None:
    picture = draw.startup(races.starts(), predicted={"ours": 50.0})
    assert 'width="648"' in picture.small and "you said 50" in picture.small
    assert picture.small.count("<circle") == picture.svg.count("<circle")


def test_who_is_missing_is_named_with_its_reason() -> None:
    picture = draw.startup(races.starts(("exec", "ours")))
    assert "Not here: Podman, podman is not installed" in picture.alt_text and "podman is not installed" in picture.svg


def test_who_failed_on_the_way_is_not_called_absent() -> None:
    results = races.starts(("exec", "ours"))
    results.missing["ours"] = "startup: it had not ended after 60 s"
    words = draw.startup(results).alt_text
    assert "Failed: this course, startup: it had not ended" in words and "Not here: Podman" in words


def test_memory_tells_what_one_more_takes() -> None:
    picture = draw.memory(races.memories())
    assert picture.title == "One more emulated machine takes 211 MiB, 812 times one more container"
    assert "this course 1.5 MiB, the tenth 0.26" in picture.alt_text and "Docker 129 MiB" in picture.svg
    assert "virtual machine 217 MiB, the tenth 211 (emulated)" in picture.alt_text


def test_memory_of_the_reverse_and_of_one() -> None:
    turned = [races.sample("memory", name, value, 1, 10) for name, value in (("ours", 9.0), ("qemu", 2.0))]
    firsts = [races.sample("memory", name, 10.0, 1, 1) for name in ("ours", "qemu")]
    assert draw.memory(races.results_of(firsts + turned)).title == (
        "One more emulated machine takes 2 MiB, less than one more container: 9"
    )
    alone = draw.memory(races.results_of([races.sample("memory", "ours", 1.5)]))
    assert alone.title == "One more takes 1.5 MiB for our container" and "this course 1.5 MiB." in alone.alt_text
    assert [ordinal(n) for n in (1, 2, 10, 11, 12, 21, 22, 103)] == [
        "first", "second", "tenth", "11th", "12th", "21st", "22nd", "103rd",
    ]  # fmt: skip


def test_a_note_and_who_is_missing_both_stand_in_the_picture() -> None:
    results = races.memories()
    results.missing["podman"] = "podman is not installed"
    svg = draw.memory(results).svg
    assert "Docker 129 MiB." in svg and "Not here: Podman, podman is not installed." in svg


def test_running_cost_is_a_multiple_and_calls_a_second_are_turned_round() -> None:
    picture = draw.overhead(races.costs())
    assert picture.title == "Our container: no cost above the noise, gVisor 200 times (system calls)"
    assert "gVisor 177" in picture.alt_text and "virtual machine 17 emulated" in picture.alt_text


def test_running_cost_fits_a_screen_and_a_sample_of_nothing_is_left_out_and_said() -> None:
    every = {"exec": 1.0, **{name: 1.0 + n / 10 for n, name in enumerate(races.STARTS)}}
    made = [
        races.sample(kind, name, 5e6 / value if kind == "syscalls" else value, n)
        for kind in ("cpu", "syscalls", "files")
        for name, value in every.items()
        for n in range(3)
    ]
    results = races.results_of([*made, races.sample("files", "runc", 0.003, 4)])
    picture = draw.overhead(results)
    for svg in (picture.svg, picture.small):
        assert float(re.findall(r'<svg [^>]*height="([\d.]+)"', svg)[0]) <= 700
    assert "Left out, for nothing can have been measured: runc, files, 0.003 times." in picture.alt_text
    assert "0.003 times" in picture.svg and min(multiples(results, "files", "runc")) > 1


def test_a_median_stands_in_a_column_away_from_the_whisker() -> None:
    svg = draw.startup(races.starts()).svg
    assert "median, ms" in svg
    values = re.findall(r'<text x="([\d.]+)"[^>]*class="[nwh ]*h"[^>]*>([\d,.]+(?: emulated)?)<', svg)
    assert len(values) == len(races.STARTS) and {x for x, _ in values} == {"819"}


def test_several_ticks_on_every_axis() -> None:
    for values in ([2.4, 64.0], [3.0, 200.0], [3.0, 5.0], [0.8, 2440.0]):
        assert len(list(Axis.around(values).ticks())) >= 2 + (values[1] > 10)


def test_running_cost_that_says_something_else() -> None:
    def costs(**engines: float) -> Results:
        every = {"exec": 1.0, **engines}.items()
        return races.results_of([races.sample("cpu", name, value, n) for name, value in every for n in (1, 2)])

    assert draw.overhead(costs(ours=7.0)).title == "Our container pays 7.0 times the cost outside"
    assert (
        draw.overhead(costs(qemu=15.0)).title == "An emulated machine pays up to 15 times (computing) the cost outside"
    )
    both = draw.overhead(costs(ours=1.1, qemu=15.0)).title
    assert "machine" not in both, "an emulated engine is not compared"
    for few in (costs(), races.results_of([races.sample("cpu", "ours", 1.0)])):
        with pytest.raises(BadInput, match="to compare with a bare process"):
            draw.overhead(few)


@pytest.mark.parametrize("engine", ["ours", "runc"])
def test_of_running_cost_nothing_is_claimed_that_the_samples_do_not_show(engine: str) -> None:
    def title(outside: list[float], inside: list[float]) -> str:
        samples = {"exec": outside, engine: inside}
        return draw.overhead(races.results_of([races.sample("cpu", name, value, n) for name, values in samples.items()
                                               for n, value in enumerate(values, 1)])).title  # fmt: skip

    assert title([1.0], [7.0, 7.1]).lower().endswith("too few samples to tell a cost")
    assert title([1.0, 1.1], [7.0]).lower().endswith("too few samples to tell a cost")
    assert title([1.0, 8.0], [7.0, 9.0]).lower().endswith("no cost above the noise")
    assert "times" in title([1.0, 1.1], [7.0, 9.0])


def test_a_crowd_is_told_by_its_number() -> None:
    picture = draw.fit(races.crowds())
    assert picture.title == "1,000 containers in 4.0 s, 3 emulated machines in 7.2 s"
    assert "runc 188 in 4.9 s, 9 MiB each" in picture.alt_text
    assert (
        draw.fit(races.results_of([races.sample("density", "ours", 20.0)])).title
        == "Our container: 1 alive after 0.0 s"
    )


def test_of_several_crowds_one_is_told_and_not_their_sum() -> None:
    twice = [races.sample("density", "ours", 1000.0, turn, n) for turn in (1, 2) for n in (1, 2, 3)]
    assert draw.fit(races.results_of(twice[:-1])).title == "Our container: 3 alive after 3.0 s"


@pytest.mark.parametrize("picture", [draw.startup, draw.memory, draw.overhead, draw.fit])
def test_what_was_not_measured_cannot_be_drawn(picture) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="measured"):
        picture(Results())


def test_an_axis_has_round_numbers_and_holds_everything() -> None:
    wide, narrow = Axis.around([0.8, 2440.0]), Axis.around([3.0, 5.0])
    assert list(wide.ticks()) == [1, 10, 100, 1000] and set(narrow.ticks()) >= {5.0}
    assert wide.place(0.8) < wide.place(10) < wide.place(2440)
    assert wide.place(1e-30) < wide.place(0.8) and wide.place(1e30) > wide.place(2440)


@pytest.mark.parametrize("greatest", [9_000.0, 9_990.0, 10_000.0, 11_000.0])
def test_the_axis_unit_keeps_clear_of_its_numbers(greatest: float) -> None:
    drawn = "".join(Axis.around([0.1, greatest]).lines(0, 100, "times"))
    texts = re.findall(r'<text x="([\d.]+)"[^>]*>([^<]+)<', drawn)
    unit = next(float(x) for x, text in texts if text == "times")  # ends there
    assert all(unit < float(x) - text_width(text, 12) / 2 for x, text in texts if text != "times")
