from __future__ import annotations

import re
from html import unescape

from pyctr_lab.course.learner.page import VOLATILE, WIDTH, Page, wrapped


def words(html: str) -> str:
    """What is left of a page in a notebook that is not trusted: its bare elements."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2])).split())


def test_both_forms_say_the_same() -> None:
    page = Page("A title").line("One <line>.").marks([("✓", "done"), ("✗", "open")]).rows([("why", "because & so")])
    page.table(("a", "b"), [("1", "2")]).code("x = 1")
    assert words(page.html()) == " ".join(page.text().split())


def test_numbers_that_differ_from_run_to_run_do_not_move_line_breaks() -> None:
    def lines(pid: str, inode: str) -> list[str]:
        text = f"{'word ' * 15}/proc/{pid}/ns/uts is uts:[{inode}] {'word ' * 15}"
        return [VOLATILE.sub("N", line) for line in wrapped(text, "  observed  ")]

    assert lines("7", "4026531838") == lines("4194304", "402")
    assert all(len(line) <= WIDTH for line in wrapped("word " * 60, "  "))


def test_every_rule_of_the_style_keeps_to_its_own_element() -> None:
    style = re.sub(r"@media[^{]*\{(.*?\})\}", r"\1", Page("t").html().partition("</style>")[0].partition("<style>")[2])
    selectors = [
        selector for group in re.findall(r"([^{}]+)\{", style) for selector in re.split(r",(?![^(]*\))", group)
    ]
    assert selectors
    assert [each for each in selectors if not each.strip().startswith((".pc", ":is"))] == []
