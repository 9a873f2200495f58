from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pyctr_lab import BadInput
from pyctr_lab.course import cli_progress, cli_reset, progress
from pyctr_lab.course.grading.verdicts import State, Verdict


def verdict(state: State, misconception: str = "") -> Verdict:
    return Verdict("3.1", "Two in one room", state, "so it stands", misconception=misconception)


def test_a_pass_stays_until_the_same_ground_says_otherwise() -> None:
    progress.checked("3.1", verdict(State.PASSED), ground=1.0)
    progress.checked("3.1", verdict(State.NOT_YET, "M1"), ground=2.0)
    kept = progress.record("3.1")
    assert (kept["state"], kept["tries"], kept["misconceptions"]) == ("passed", 2, {"M1": 1})
    progress.checked("3.1", verdict(State.NO_LONGER), ground=1.0)
    assert progress.record("3.1")["state"] == State.NO_LONGER.value


def test_what_could_not_be_checked_is_no_try() -> None:
    progress.checked("3.1", verdict(State.CANNOT), ground=1.0)
    assert "tries" not in progress.record("3.1")


def test_reset_of_one_of_a_lesson_and_of_all_keeps_the_old_aside() -> None:
    for name in ("1.1", "3.1", "3.2"):
        progress.hinted(name, 1)
    progress.reset("3.1")
    assert set(progress.records()) == {"1.1", "3.2"}
    progress.reset("03")
    assert set(progress.records()) == {"1.1"}
    progress.reset()
    assert progress.records() == {}
    old = sorted(progress.STORE.path.parent.glob("progress.json.old-*"))
    assert [len(json.loads(path.read_text())["exercises"]) for path in old] == [3, 2, 1]
    assert "Nothing had been recorded" in repr(progress.reset())
    with pytest.raises(BadInput, match=r"nothing is called '7\.7'"):
        progress.reset("7.7")


@pytest.mark.parametrize("useless", ["", "{", "[]", '"text"', '{"no": "version"}', "\0"])
def test_a_damaged_file_is_kept_aside_and_said(useless: str, capsys: pytest.CaptureFixture[str]) -> None:
    progress.hinted("3.1", 1)
    progress.STORE.path.write_text(useless)
    assert progress.records() == {}
    assert "cannot be read: it is kept as" in capsys.readouterr().err
    assert progress.STORE.path.with_name("progress.json.damaged-1").read_text() == useless
    progress.hinted("3.1", 2)
    assert progress.record("3.1")["hints"] == 2


def test_a_file_of_a_newer_version_is_kept_aside(capsys: pytest.CaptureFixture[str]) -> None:
    progress.hinted("3.1", 1)
    progress.STORE.path.write_text('{"version": 2, "exercises": "another form"}')
    assert progress.records() == {}
    assert "newer version" in capsys.readouterr().err
    assert "another form" in progress.STORE.path.with_name("progress.json.newer-1").read_text()


def write_often(name: str) -> None:
    for tier in range(1, 31):
        progress.hinted(name, tier)


def test_two_notebooks_at_once_lose_nothing() -> None:
    names = ("1.1", "1.2", "3.1", "3.2")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(name,)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {name: kept["hints"] for name, kept in progress.records().items()} == dict.fromkeys(names, 30)


def test_a_full_disk_leaves_the_old_file_and_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.hinted("3.1", 1)
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    progress.hinted("3.1", 2)
    assert progress.record("3.1")["hints"] == 1
    said = f"progress.json could not be written, and this is not kept: {progress.STORE.path}: No space left on device"
    assert capsys.readouterr().err == f"{said}; XDG_STATE_HOME=DIR names another place\n"
    assert not list(progress.STORE.path.parent.glob(".progress.json.[0-9]*")), "nothing half-written stays"


def test_a_place_that_cannot_be_made_costs_nobody_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    progress.checked("3.1", verdict(State.PASSED), ground=1.0)
    assert progress.record("3.1") == {}


@pytest.mark.parametrize("state", [State.NOT_YET, State.ALMOST, State.PASSED, State.NO_LONGER])
@pytest.mark.parametrize("untried", [State.NOT_STARTED, State.CANNOT])
def test_a_check_in_which_nothing_is_tried_undoes_nothing(state: State, untried: State) -> None:
    """Run all, a day later: the dots stand in the cell again."""
    progress.checked("3.1", verdict(state), ground=1.0)
    progress.checked("3.1", verdict(untried), ground=2.0)
    assert progress.record("3.1")["state"] == state.value


@pytest.mark.parametrize("kept", [State.PASSED, State.NO_LONGER])
def test_another_attempt_that_fails_leaves_a_pass(kept: State) -> None:
    progress.checked("3.1", verdict(kept), ground=1.0)
    progress.checked("3.1", verdict(State.NOT_YET), ground=2.0)
    assert progress.record("3.1")["state"] == kept.value


def test_the_map_says_how_it_stands_in_both_forms() -> None:
    shown = progress.show()
    assert shown.title == "23 exercises wait for you; any order works"
    progress.checked("3.1", verdict(State.PASSED), ground=1.0)
    progress.checked("3.2", verdict(State.NO_LONGER), ground=1.0)
    shown = progress.show()
    assert shown.title == "1 of 23 exercises passed"
    assert "✓ 3.1  ↺ 3.2  · 3.3" in str(shown)
    assert "03 Namespaces: 1 of 7 passed; 3.2 passed once, but no longer." in shown.twin()
    picture = shown._repr_mimebundle_()
    assert "3.2 passed once, but no longer" in picture["text/html"]
    texts = [element.text for element in ElementTree.fromstring(shown.picture().svg).iter() if element.text]
    assert {shown.title, "Namespaces", "3.2", "passed once, but no longer"} <= set(texts)


def test_the_command_line_shows_and_resets(capsys: pytest.CaptureFixture[str], own_state: Path) -> None:
    progress.hinted("3.1", 1)
    assert cli_progress() == 0
    assert "03  Namespaces" in capsys.readouterr().out
    assert cli_reset("3.1") == 0
    assert str(own_state) in "".join(capsys.readouterr().out.split())
