"""What two runs of a lesson may differ in: other engines, figures and widths compare alike, another word does not."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[1] / "nbval-sanitize.cfg"


def sanitized(text: str) -> str:
    """A text as nbval compares it: each pattern of the file applied, in its order."""
    patterns = configparser.RawConfigParser()
    patterns.read(CONFIG)
    for name in patterns.sections():
        text = re.sub(patterns.get(name, "regex"), patterns.get(name, "replace"), text)
    return text


ALIKE = {
    "engines of a race": (
        "Ranking: runc takes 14 times as long to start as a bare process. bare process 3 ms (2 to 4); runc 48 ms.",
        "Ranking: An emulated machine takes 807 times as long. this course 4.9 ms. Not here: Docker, no daemon.",
    ),
    "a crowd without machines": (
        "Chart: 1,416 containers in 4.6 s, 2 emulated machines in 8.1 s. this course 1,416 in 4.6 s, 0.26 MiB each.",
        "Chart: Our container: 105 alive after 1.3 s. this course 105 in 1.3 s, 0.28 MiB each. Not here: runc, none.",
    ),
    "turns": ("startup: 290 of 290  about 0 s to go   ", "startup: 63 of 63  about 0 s to go   "),
    "ratios": (
        "bare process               1.0 x   (0.6 to 10.6)\nthis course             1,145.4 x   (1.3 to 2,007.9)\n",
        "bare process 1.0 x (0.6 to 1.6)\n",
    ),
    "room": (
        "this course: room for 79,112 to 79,200\nvirtual machine: room for 98 to 101\n",
        "ours: room for 9 to 12\n",
    ),
    "jobs": (
        "one more container: {'mib': 0.25}\nmaps: 48 in 339.92 MiB, each up within 37544 ms; each is number 1\n",
        "one more machine: {'mib': 212.0}\n",
    ),
    "a boot": ("3f2b7c1e-8d34-4b2a-9c11-0a1b2c3d4e5f\n", "ce0b55f6-4cd6-43ad-9677-afba268f8804\n"),
    "a spread": ("median 5.17 ms, from 2.35 ms to 12.9 ms", "median 15 ms, from 2 ms to 103.2 ms"),
}  # fmt: skip


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_two_runs_are_alike(pair: tuple[str, str]) -> None:
    assert sanitized(pair[0]) == sanitized(pair[1])


@pytest.mark.parametrize(
    "pair",
    [
        ("Chart: 4 machines: 202 MiB each, so memory for about 113.", "Chart: 4 machines: 202 MiB each, so for none."),
        ("startup: 290 of 290 ", "start: 290 of 290 "),
        ("three containers:\n", "two containers:\n"),
        ("this course: room for 9 to 12\nSorry: no room\n", "this course: room for 9 to 12\n"),
    ],
)
def test_another_word_is_seen(pair: tuple[str, str]) -> None:
    assert sanitized(pair[0]) != sanitized(pair[1])
