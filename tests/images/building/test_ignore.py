from __future__ import annotations

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.building.ignore import Ignored


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        ("a", "a", True),
        ("a", "b/a", False),
        ("/a", "a", True),
        ("./a/", "a/b/c", True),
        ("a/../b", "b", True),
        ("  a  ", "a", True),
        ("# a", "# a", False),
        (" # a", "# a", True),
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("*/*.txt", "d/a.txt", True),
        ("a?", "ab", True),
        ("a?", "a/", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "d/e/a.txt", True),
        ("d/**", "d/e/f", True),
        ("d/**", "d", False),
        ("d/**/f", "d/f", True),
        ("d/**/f", "d/e/e/f", True),
        ("**", "any/thing", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[!a]x", "!x", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.c", "abc", False),
        ("a+", "aa", False),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
        ("d\n!d/kept", "d/kept", False),
        ("d\n!d/kept", "d/kept/below", False),
        ("d\n!d/kept", "d/other", True),
        ("*\n!a", "a/b", False),
        ("! a\n", "a", False),
        ("", "a", False),
        ("caf\u00e9", "caf\u00e9", True),
    ],
)
def test_the_last_line_that_fits_decides(lines: str, path: str, ignored: bool) -> None:
    assert Ignored(lines).ignores(path) is ignored


@pytest.mark.parametrize("line", ["!", "a[b", "[]", "[b-a]", "a\\"])
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(BadInput, match=r"^\.dockerignore:3: "):
        Ignored(f"fine\n\n{line}\n")
