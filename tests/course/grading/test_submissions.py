from __future__ import annotations

import pytest

from pyctr_lab import Lab
from pyctr_lab.course.grading.submissions import Choices, InOrder, Names, Number, UnreadableSubmission, Wants, Word


class Sly(str):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@pytest.mark.parametrize("given", [None, ..., (..., ...), ("amber", ...), (), [], set()])
def test_dots_and_emptiness_are_no_answer_yet(given: object) -> None:
    for wants in (Names("two", "x", count=2), Names("any", "x"), Number(), Word(choices=("uts",))):
        assert wants.read(given) is None


def test_names_come_as_text_or_as_containers(lab: Lab) -> None:
    box = lab.container("cedar")
    assert Names(count=2).read((box, "amber")) == ("amber", "cedar")
    assert Names(count=2).read({"b", "a"}) == ("a", "b")
    assert Names().read("a") == ("a",)


def test_an_answer_is_plain_data_whatever_it_claims() -> None:
    (name,) = Names().read([Sly("amber")])  # type: ignore[misc]
    assert type(name) is str
    assert name != "birch"


@pytest.mark.parametrize(
    ("wants", "given"),
    [(Names(count=2), ("a", "b", "c")), (Names(count=2), ("a", "a")), (Names(), [3]), (Names(), [object()]),
     (Number(), "two"), (Number(), 2.5), (Number(whole=False), float("nan")), (Number(whole=False), "1e9"),
     (Number(), True), (Number(), "9" * 40), (Number(), (1, 2)),
     (Word(choices=("uts", "pid")), "hostname"), (Word(choices=("uts", "pid")), ("uts", "pid"))],
)  # fmt: skip
def test_what_cannot_be_read_says_what_is_wanted(wants: Wants, given: object) -> None:
    with pytest.raises(UnreadableSubmission, match="want"):
        wants.read(given)


def test_numbers_may_come_from_a_terminal() -> None:
    assert Number().read(["47"]) == 47
    assert Number(whole=False).read(154.4) == Number(whole=False).read("154.4") == 154
    assert Number().read(" 47\n") == 47


def test_names_in_order_keep_their_order_and_are_all_there() -> None:
    wants = InOrder("", "(..., ...)", count=2)
    assert wants.read(["b", "a"]) == ("b", "a")
    assert wants.read(("a", "a")) == ("a", "a")
    assert wants.read((..., "a")) is None
    for given in (("a",), ("a", "b", "c"), {"a", "b"}, "a"):
        with pytest.raises(UnreadableSubmission, match="wanted are 2"):
            wants.read(given)


FITS = Choices("", "...", choices=("container", "machine"))


def test_choices_come_as_a_dict_or_as_words_of_a_terminal() -> None:
    assert FITS.read({"b": "machine", "a": "container"}) == ("a=container", "b=machine")
    assert FITS.read(["b=machine", "a=container"]) == ("a=container", "b=machine")
    assert FITS.read("a=machine") == ("a=machine",)
    for nothing in (None, ..., {}, [], (..., ...), {"a": ...}, {"a": "machine", "b": ...}):
        assert FITS.read(nothing) is None


@pytest.mark.parametrize(
    "given",
    [{"a": "neither"}, {"a": 3}, {3: "machine"}, "a", ["a=machine", "a=container"], ("a=machine=",), object()],
)
def test_choices_that_cannot_be_read_say_what_is_wanted(given: object) -> None:
    with pytest.raises(UnreadableSubmission, match="want"):
        FITS.read(given)


def test_choices_without_names_are_told_to_be_a_dict() -> None:
    with pytest.raises(UnreadableSubmission, match="wanted is a dict"):
        FITS.read(["machine", "container"])


def test_a_choice_is_plain_data_whatever_it_claims() -> None:
    (pair,) = FITS.read({Sly("a"): "machine"})  # type: ignore[misc]
    assert type(pair) is str
    with pytest.raises(UnreadableSubmission):
        FITS.read({"a": Sly("everything")})
