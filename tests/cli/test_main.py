"""Whatever is wrong outside, each command says it in one line: full disks, alphabets, few descriptors, words."""

from __future__ import annotations

import os
import subprocess

import pytest
from entry import COMMAND, Here, is_one_line, shell

from pyctr_lab import cli

COMMANDS = ["recipe", "doctor", "run --explain -- true", "--help"]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_is_one_line(words: str) -> None:
    done = shell(f"lab {words} >/dev/full")
    assert done.returncode == 125 and is_one_line(done, "No space left on device")


def test_with_nobody_to_tell_the_status_is_right() -> None:
    assert shell("lab recipe >/dev/full 2>/dev/full").returncode == 125
    assert shell("lab run -- no-such-program >&- 2>&- <&-").returncode == 127


@pytest.mark.parametrize(
    ("words", "alphabet"),
    [("progress", "latin-1"), ("run --explain -- true", "latin-1"), ("run -- naïve", "ascii")],
)
def test_another_alphabet_shows_other_signs(words: str, alphabet: str) -> None:
    done = shell(f"lab {words}", env={**os.environ, "PYTHONIOENCODING": alphabet, "PYTHONUTF8": "0"}, errors="replace")
    assert "Traceback" not in done.stderr and done.returncode == (127 if "naïve" in words else 0)


@pytest.mark.parametrize("count", [8, 11])
def test_few_descriptors_are_one_line_or_enough(count: int) -> None:
    done = shell(f"ulimit -n {count}; lab run -- true")
    assert done.returncode == 0 or is_one_line(done, "files open, and may have no more"), done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen([*COMMAND, "recipe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(20) == 141


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("run --foo -- true", 125),
        ("run --mem 64M -- true", 125),
        ("run --memory", 125),
        ("recipe --foo", 2),
        ("recipe --call", 2),
        ("bench --engine ours", 2),
        ("bench nothing", 2),
        ("no-such-command", 2),
        ("--foo", 2),
        ("doctor more", 2),
        ("progress --res 3.1", 2),
    ],
)
def test_words_that_are_none_are_one_line(words: str, status: int, here: Here) -> None:
    done = here(*words.split())
    assert done.returncode == status and is_one_line(done, "--help lists the words"), done.stderr


def test_a_line_is_one_line_and_not_endless(here: Here) -> None:
    for word in ("two\nlines", "x" * 2000, "\udcff"):
        for words in (["run", "--", word], ["run", "--memory", word, "--", "true"], ["check", word], ["bench", word]):
            done = here(*words)
            assert is_one_line(done, "") and len(done.stderr) < 700, done.stderr


def test_without_a_command_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "run a program in a container of its own" in capsys.readouterr().out
