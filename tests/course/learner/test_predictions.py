from __future__ import annotations

import itertools
from typing import Any

import pytest

from pyctr_lab import BadInput
from pyctr_lab.course import compare, predict, recall, recall_number
from pyctr_lab.course.learner.predictions import ASKED, ASKED_IN, Prediction, buttons, commit, forget

WRONG: list[Any] = [
    None, True, False, float("nan"), float("inf"), "", " ", "\0", "a\0b", "\ud800", "x" * 30_000, b"", b"x", [], [None],
    [""], ["\ud800"], ["x", 5], {}, {"a": None}, (), (1, 2), {1}, object(), len, range(3), ValueError("x"), 1j, -1, 1.5,
]  # fmt: skip
KEY, QUESTION, OPTIONS = "3.uts-copy", "Does its host name change at once?", ["yes", "no"]


def test_without_a_guess_both_calls_work_and_say_so() -> None:
    asked = predict(KEY, QUESTION, options=OPTIONS)
    assert repr(asked).splitlines() == [f"Predict: {QUESTION}", "    ○ yes", "    ○ no", "  You have not said yet."]
    assert "the next prediction is yours" in repr(compare(KEY, "no"))
    assert recall(KEY) is None


def test_a_guess_is_kept_and_laid_beside_the_answer() -> None:
    asked = predict(KEY, QUESTION, options=OPTIONS, guess="yes")
    assert "● yes" in repr(asked)
    assert "● yes" in asked._repr_html_()
    shown = repr(compare(KEY, "no", note="A new namespace starts as a copy."))
    assert shown.splitlines()[0] == "Other than you said"
    assert all(words in shown for words in ("you said  yes", "the kernel no", "starts as a copy"))


def test_second_thoughts_do_not_replace_what_was_said_before_the_answer() -> None:
    predict(KEY, QUESTION, options=OPTIONS, guess="yes")
    predict(KEY, QUESTION, options=OPTIONS, guess="no")
    assert recall(KEY) == "no", "before the answer one may think again"
    compare(KEY, "no")
    assert "what you said first is kept: no" in commit(KEY, "yes", tuple(OPTIONS))
    assert recall(KEY) == "no"
    forget(KEY)
    assert recall(KEY) is None


def test_numbers_are_compared_as_ratios() -> None:
    predict("calls", "How many system calls does `true` make?", guess=10)
    assert repr(compare("calls", 40)).splitlines()[0] == "You said less, by a factor of 4.0"
    predict("same", "How many kernels?", guess=1)
    assert repr(compare("same", 1)).splitlines()[0] == "As you said"


def test_the_number_in_a_guess_is_for_pictures() -> None:
    assert recall_number("ms") == 0, "nothing was said"
    for said, number in (("about 1,250.5 ms", 1250.5), ("50", 50), ("no idea", 0)):
        predict("ms", "How many milliseconds?", guess=said)
        assert recall_number("ms") == number


def test_the_learners_own_sentence_is_kept_for_the_capstone() -> None:
    predict("what-is-a-container", "In one sentence: what is a container?", guess="A small virtual machine? <b>")
    assert recall("what-is-a-container") == "A small virtual machine? <b>"
    assert "<b>" not in predict("what-is-a-container", "?")._repr_html_().partition("</style>")[2]


@pytest.mark.parametrize("guess", ["perhaps", "", " ", "x" * 3000])
def test_what_is_no_guess_is_refused(guess: str) -> None:
    with pytest.raises(BadInput):
        predict(KEY, QUESTION, options=OPTIONS, guess=guess) if guess == "perhaps" else commit("free", guess)
    assert recall(KEY) is None


def test_the_buttons_keep_what_is_chosen() -> None:
    pytest.importorskip("ipywidgets")
    panel = buttons(predict(KEY, QUESTION, options=OPTIONS))
    panel.children[0].value = "no"
    assert recall(KEY) == "no"
    assert "Kept: no" in panel.children[1].value
    panel = buttons(predict("free", "In one sentence?"))
    panel.children[0].value = "A process."
    assert recall("free") == "A process."


def test_code_in_the_words_is_shown_as_code_and_nothing_else_is() -> None:
    asked = predict("calls", "Is `a < b` & <i>more</i>?", options=["`true`", "no"])
    html = asked._repr_html_().partition("</style>")[2]
    assert "Is <code>a &lt; b</code> &amp; &lt;i&gt;more&lt;/i&gt;?" in html
    assert "○ <code>true</code>" in html
    assert "Is `a < b` & <i>more</i>?" in repr(asked), "in plain text the marks stay"
    shown = compare("calls", "no", note="`true` ` lone")._repr_html_()
    assert "<code>true</code> ` lone" in shown


def test_asked_again_it_shows_what_was_said() -> None:
    pytest.importorskip("ipywidgets")
    predict(KEY, QUESTION, options=["`yes`", "no"], guess="`yes`")
    field, said = buttons(predict(KEY, QUESTION, options=["`yes`", "no"])).children
    assert (field.value, field.label) == ("`yes`", "yes"), "a label cannot show code"
    assert "You said: <code>yes</code>" in said.value
    fields = buttons(predict(KEY, QUESTION, options=["other", "answers"])).children
    assert fields[0].value is None, "a lesson may have changed its answers since"


def test_not_yet_asked_it_says_nothing() -> None:
    pytest.importorskip("ipywidgets")
    assert "You said" not in buttons(predict(KEY, QUESTION, options=OPTIONS)).children[1].value


@pytest.mark.parametrize(
    ("said", "number", "finding"),
    [
        ("0,5", 0.5, "As you said"),
        ("1,5", 1.5, "You said more, by a factor of 3.0"),
        ("1.5e3", 1500, "You said more, by a factor of 3000.0"),
        ("1,500", 1500, "You said more, by a factor of 3000.0"),
        ("1,234,567.5", 1234567.5, "You said more, by a factor of 2469135.0"),
        ("-3", 0, "Other than you said"),
        ("0,500", 0.5, "As you said"),
    ],
)
def test_a_number_as_people_write_it(said: str, number: float, finding: str) -> None:
    predict("ms", "How many ms?", guess=said)
    assert recall_number("ms") == number
    assert repr(compare("ms", "0.5")).splitlines()[0] == finding


def test_a_choice_between_numbers_is_no_measurement() -> None:
    predict("fork", "The parent reads:", options=["1", "2"], guess="2")
    assert repr(compare("fork", "1")).splitlines()[0] == "Other than you said"
    ASKED.clear()  # as after a restart
    assert repr(compare("fork", 1)).splitlines()[0] == "Other than you said"
    assert repr(compare("fork", 2)).splitlines()[0] == "As you said"


@pytest.mark.parametrize(
    ("said", "number"),
    [("twenty", 20), ("about twenty-five ms", 25), ("two hundred and fifty", 250), ("a dozen", 12), ("~ 20", 20),
     ("three thousand", 3000), ("about 50 ms", 50), ("a hundred", 100), ("half", 0.5)],
)  # fmt: skip
def test_a_number_in_words_is_taken_and_said(said: str, number: float) -> None:
    assert commit("words", said) == f"Kept: {said} (taken as {number:g})"
    assert recall_number("words") == number
    assert repr(compare("words", 2 * number)).splitlines()[0] == (
        f"You said less (taken as {number:g}), by a factor of 2.0"
    )
    assert repr(compare("words", number)).startswith("As you said")


def test_words_without_a_number_are_never_dropped_silently(capsys: pytest.CaptureFixture[str]) -> None:
    predict("ms", "How many ms?", guess="a few")
    assert repr(compare("ms", 12.5)).startswith("There is no number in what you said")
    assert recall_number("ms") == 0
    assert "There is no number in what you said (a few)" in capsys.readouterr().out
    assert commit("own", "One process in a world of its own") == "Kept: One process in a world of its own"


def test_nearly_the_same_is_no_factor() -> None:
    predict("ms", "How many ms?", guess=20)
    assert repr(compare("ms", "20.4")).splitlines()[0] == "As you said, to a twentieth"


def test_a_busy_machine_says_so_and_certifies_nothing() -> None:
    predict(KEY, QUESTION, options=OPTIONS, guess="yes")
    page = compare(KEY, "yes", note="A note.", busy="spread 3 to 90 ms")
    assert repr(page).splitlines() == [
        "This machine is too busy to tell: run the cell that measures again",
        "  you said  yes",
        "  measured  spread 3 to 90 ms",
    ]
    assert commit(KEY, "no", tuple(OPTIONS)) == "Kept: no", "no answer was shown: one may think again"
    assert "nothing yet" in repr(compare("unsaid", 1, busy="load 8"))


def test_the_still_says_what_was_said() -> None:
    asked = predict(KEY, QUESTION, options=OPTIONS, guess="yes")
    assert repr(asked).splitlines()[-1] == "  You said: yes"
    assert "You said: yes" in asked._repr_html_()


def test_each_guess_renews_the_still() -> None:
    pytest.importorskip("ipywidgets")
    asked, stills = predict(KEY, QUESTION, options=OPTIONS), []
    field = buttons(asked, lambda: stills.append(repr(asked))).children[0]
    field.value = "yes"
    field.value = "no"
    assert [still.splitlines()[-1] for still in stills] == ["  You said: yes", "  You said: no"]


def test_what_cannot_be_kept_is_said_under_the_field() -> None:
    pytest.importorskip("ipywidgets")
    field, said = buttons(predict("free", "In one sentence?")).children
    field.value = "x" * 3000
    assert "1 to 2,000 characters" in said.value


def test_wrong_arguments_are_refused_in_one_line() -> None:
    right: dict[Any, dict[str, Any]] = {
        predict: {"key": KEY, "question": QUESTION, "options": OPTIONS, "guess": "yes"},
        compare: {"key": KEY, "actual": "no", "note": "", "busy": ""},
        recall: {"key": KEY},
        recall_number: {"key": KEY},
        forget: {"key": KEY},
    }
    for function, words in right.items():
        for name, value in itertools.product(words, WRONG):
            try:
                function(**{**words, name: value})
            except BadInput as why:
                assert "\n" not in str(why) and len(str(why)) < 300
            assert recall(KEY) in (None, "yes"), f"{name}={value!r:.40}"


@pytest.mark.parametrize("options", ["yes", ["yes"], ["yes", "yes"], [""], [None, "a"], {"a": 1}, None, 5])
def test_what_are_no_options_is_refused(options: Any) -> None:
    with pytest.raises(BadInput):
        predict(KEY, QUESTION, options=options)


def test_a_question_has_its_answers() -> None:
    assert isinstance(predict(KEY, QUESTION, options=[1, 2]), Prediction)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("said", "unit", "number"),
    [("2 s", "ms", 2000), ("two seconds", "ms", 2000), ("about 0.5 sec", "ms", 500), ("30 µs", "ms", 0.03),
     ("2 GB", "MiB", 2048), ("5 kB", "bytes", 5120), ("50 ms", "ms", 50), ("7 containers", "", 7), ("2 s", "", 2)],
)  # fmt: skip
def test_a_number_in_another_unit_is_converted_to_the_one_asked_for(said: str, unit: str, number: float) -> None:
    predict("in-unit", "How many?", unit=unit)
    assert commit("in-unit", said) == f"Kept: {said} (taken as {number:g})"
    ASKED_IN.clear()  # another day: the guess is kept with the unit
    assert recall_number("in-unit") == number
    finding = repr(compare("in-unit", f"{2 * number:.6f}")).splitlines()[0]
    assert finding == f"You said less (taken as {number:g}), by a factor of 2.0"
