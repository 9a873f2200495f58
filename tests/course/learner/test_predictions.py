from __future__ import annotations

import pytest

from pyctr_lab import BadInput
from pyctr_lab.course import compare, predict, recall, recall_number
from pyctr_lab.course.learner.predictions import buttons, commit, forget

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
