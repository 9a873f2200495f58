from __future__ import annotations

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.building.expansion import expand

VARIABLES = {"x": "one", "y_2": "two", "empty": ""}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("plain", "plain"),
        ("$x", "one"),
        ("${x}", "one"),
        ("a$x/b", "aone/b"),
        ("$y_2", "two"),
        ("$x_", ""),
        ("${x}_", "one_"),
        ("$none", ""),
        ("${none:-d}", "d"),
        ("${none-d}", "d"),
        ("${empty:-d}", "d"),
        ("${empty-d}", ""),
        ("${x:-d}", "one"),
        ("${x:+d}", "d"),
        ("${none:+d}", ""),
        ("${empty:+d}", ""),
        ("${empty+d}", "d"),
        ("${none:-${x:+$y_2}}", "two"),
        ("${none:-'}'}", "}"),
        ("${x:?why}", "one"),
        (r"\$x", "$x"),
        (r"\${x}", "${x}"),
        ("'$x'", "$x"),
        ('"$x y"', "one y"),
        (r'"\$x \" \n"', r'$x " \n'),
        (r"'a\b'", r"a\b"),
        (r"a\ b", "a b"),
        ('a"b"c', "abc"),
        ("$", "$"),
        ("5$ $.", "5$ $."),
        ("$1", ""),
    ],
)
def test_words_mean_what_they_mean_to_docker(text: str, meant: str) -> None:
    assert expand(text, VARIABLES) == meant


@pytest.mark.parametrize("text", ['"open', "'open", "${x", "${x:-d", "${}", "${x:}", "${x#o}", "${none:?it is needed}"])
def test_a_word_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        expand(text, VARIABLES)
    assert "\n" not in str(refused.value)


def test_another_escape() -> None:
    assert expand(r"c:\$x`$x", VARIABLES, "`") == r"c:\one$x"
