from __future__ import annotations

import itertools
from pathlib import Path
from types import MappingProxyType

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
    for wants in (Names("two", "x", count=2), Number(), Word(choices=("uts",))):
        assert wants.read(given) is None


def test_none_of_them_is_an_answer_where_any_number_may_be_named() -> None:
    for given in ([], (), set(), {}):
        assert Names("any", "[...]").read(given) == ()
    for given in (None, ..., [...], (..., ...)):
        assert Names("any", "[...]").read(given) is None


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
     (Number(unit="MiB"), "1 parsec"), (Number(), "15 MiB"), (Number(whole=False), "1,024"), (Names(), "\udce4"),
     (Number(), [True]), (Number(), float("inf")), (Number(), object()), (Word(choices=("uts",)), "\udce4"),
     (Number(), True), (Number(), "9" * 40), (Number(), (1, 2)),
     (Word(choices=("uts", "pid")), "hostname"), (Word(choices=("uts", "pid")), ("uts", "pid"))],
)  # fmt: skip
def test_what_cannot_be_read_says_what_is_wanted(wants: Wants, given: object) -> None:
    with pytest.raises(UnreadableSubmission, match="want"):
        wants.read(given)


def test_a_word_may_be_written_as_the_course_writes_it() -> None:
    wants = Word(choices=("uts", "pid"))
    assert wants.read("PID") == wants.read([" Pid "]) == "pid"
    with pytest.raises(UnreadableSubmission, match="you handed in 'the network'; wanted is one of uts, pid"):
        wants.read("the network")


def test_numbers_may_come_from_a_terminal() -> None:
    assert Number().read(["47"]) == 47
    assert Number(whole=False).read(154.4) == Number(whole=False).read("154.4") == 154
    assert Number().read(" 47\n") == 47


def test_numbers_are_read_as_people_give_them() -> None:
    numpy = pytest.importorskip("numpy")
    of_numpy = (numpy.int64(15), numpy.float64(15.0), numpy.array([15]))
    for given in (15, 15.0, {15}, [15], " 15 ", "15.0", "15,0", *of_numpy):
        read = Number().read(given)
        assert (read, type(read)) == (15, int), given
    size = Number(whole=False, unit="MiB")
    for given in ("152 MiB", "152MiB", "152,4", 152.4, numpy.float32(152.4), "155648 kB", "155648 KiB"):
        assert size.read(given) == 152, given


def test_names_are_read_as_people_give_them() -> None:
    numpy = pytest.importorskip("numpy")
    two = {"b": 1, "a": 2}
    for given in ("b, a", "b,a", two, two.keys(), (name for name in two), iter(["a", "b"]), numpy.array(["a", "b"]),
                  numpy.array("b, a"), [Path("a"), "b"]):  # fmt: skip
        assert Names(count=2).read(given) == ("a", "b"), given
    assert InOrder(count=2).read("b, a") == ("b", "a")
    assert Names().read([Path("/proc/version")]) == ("/proc/version",)
    assert Names().read(itertools.repeat("a")) == ("a",), "one that never ends"


@pytest.mark.parametrize(
    ("wants", "given", "words"),
    [(Number(), 2.5, "2.5 is no whole number"), (Number(), "two", "'two' is a text"), (Names(), [3], "3 is a number"),
     (Number(unit="MiB"), "3 parsec", "has the unit 'parsec'; wanted is in MiB"), (Number(), (1, 2), r"\(1, 2\) has 2"),
     (Names(count=2), ["a"], "you named 1: a; wanted are 2"), (Names(), "\udce4", r"'\\udce4' has a character"),
     (Names(count=1), ["a", "b"], "you named 2: a, b; wanted is one name"),
     (Names(), object(), "an object of the kind object")],
)  # fmt: skip
def test_what_cannot_be_read_is_shown_with_its_value_and_why(wants: Wants, given: object, words: str) -> None:
    with pytest.raises(UnreadableSubmission, match=words) as said:
        wants.read(given)
    str(said.value).encode()


def test_names_in_order_keep_their_order_and_are_all_there() -> None:
    wants = InOrder("", "(..., ...)", count=2)
    assert wants.read(["b", "a"]) == ("b", "a")
    assert wants.read(("a", "a")) == ("a", "a")
    assert wants.read((..., "a")) is None
    for given in (("a",), ("a", "b", "c"), {"a", "b"}, "a"):
        with pytest.raises(UnreadableSubmission, match="wanted are 2"):
            wants.read(given)


FITS = Choices("", "...", choices=("container", "machine"))


def test_of_a_dict_that_says_yes_or_no_the_names_with_yes_are_read() -> None:
    assert Names().read({"coral": False, "pearl": True, "amber": True}) == ("amber", "pearl")
    assert Names().read({"coral": False}) == ()
    with pytest.raises(UnreadableSubmission, match="you named 2"):
        Names(count=1).read({"b": 1, "a": False})


def test_choices_come_as_a_dict_or_as_words_of_a_terminal() -> None:
    assert FITS.read({"b": "machine", "a": "container"}) == ("a=container", "b=machine")
    assert FITS.read(["b=machine", "a=container"]) == ("a=container", "b=machine")
    assert FITS.read("a=machine") == ("a=machine",)
    for nothing in (None, ..., {}, [], (..., ...), {"a": ...}, {"a": "machine", "b": ...}):
        assert FITS.read(nothing) is None


def test_choices_are_read_as_people_give_them() -> None:
    numpy = pytest.importorskip("numpy")
    wants, pairs = Choices("", "...", choices=("as quick", "slower")), {"b": "as quick", "a": "slower"}
    for given in (pairs, MappingProxyType(pairs), list(pairs.items()), (pair for pair in pairs.items()),
                  "a=slower, b=as quick", "b = as quick; a = slower", {"a=slower", "b=as quick"},
                  numpy.array(["a=slower", "b=as quick"]), {numpy.str_("a"): "Slower", "b": " as_quick"}):  # fmt: skip
        assert wants.read(given) == ("a=slower", "b=as quick"), given
    assert wants.read({Path("a"): "slower"}) == ("a=slower",)


@pytest.mark.parametrize(
    "given",
    [{"a": "neither"}, {"a": 3}, {3: "machine"}, "a", ["a=machine", "a=container"], ("a=machine=",), object(),
     [("a", "b", "c")], [("a", "machine"), "b=machine"], "a=machine, b"],
)
def test_choices_that_cannot_be_read_say_what_is_wanted(given: object) -> None:
    with pytest.raises(UnreadableSubmission, match="want"):
        FITS.read(given)


def test_choices_without_names_are_told_to_be_a_dict() -> None:
    with pytest.raises(UnreadableSubmission, match=r"\['machine', 'container'\] has no choice .* wanted is a dict"):
        FITS.read(["machine", "container"])


def test_a_choice_is_plain_data_whatever_it_claims() -> None:
    (pair,) = FITS.read({Sly("a"): "machine"})  # type: ignore[misc]
    assert type(pair) is str
    with pytest.raises(UnreadableSubmission):
        FITS.read({"a": Sly("everything")})
