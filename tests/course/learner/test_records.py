from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pyctr_lab import BadInput, Unsupported
from pyctr_lab.course import cli_progress, cli_reset, progress
from pyctr_lab.course.exercises import ALL
from pyctr_lab.course.learner import State, records


def test_a_pass_stays_until_the_same_ground_says_otherwise() -> None:
    records.checked("3.1", State.PASSED, ground=1.0)
    records.checked("3.1", State.NOT_YET, "M1", ground=2.0)
    kept = records.record("3.1")
    assert (kept["state"], kept["tries"], kept["misconceptions"]) == ("passed", 2, {"M1": 1})
    records.checked("3.1", State.NO_LONGER, ground=1.0)
    assert records.record("3.1")["state"] == State.NO_LONGER.value


def test_what_could_not_be_checked_is_no_try() -> None:
    records.checked("3.1", State.CANNOT, ground=1.0)
    assert "tries" not in records.record("3.1")


def test_reset_of_one_of_a_lesson_and_of_all_keeps_the_old_aside() -> None:
    for name in ("1.1", "3.1", "3.2"):
        records.hinted(name, 1)
    progress.reset("3.1")
    assert set(records.records()) == {"1.1", "3.2"}
    progress.reset("03")
    assert set(records.records()) == {"1.1"}
    progress.reset()
    assert records.records() == {}
    old = sorted(records.STORE.path.parent.glob("progress.json.old-*"))
    assert [len(json.loads(path.read_text())["exercises"]) for path in old] == [3, 2, 1]
    assert "Nothing had been recorded" in repr(progress.reset())
    with pytest.raises(BadInput, match=r"nothing is called '7\.7'"):
        progress.reset("7.7")


@pytest.mark.parametrize("useless", ["", "{", "[]", '"text"', '{"no": "version"}', "\0"])
def test_a_damaged_file_is_kept_aside_and_said(useless: str, capsys: pytest.CaptureFixture[str]) -> None:
    records.hinted("3.1", 1)
    records.STORE.path.write_text(useless)
    assert records.records() == {}
    assert "cannot be read: it is kept as" in capsys.readouterr().err
    assert records.STORE.path.with_name("progress.json.damaged-1").read_text() == useless
    records.hinted("3.1", 2)
    assert records.record("3.1")["hints"] == 2


def test_a_file_of_a_newer_version_is_kept_aside(capsys: pytest.CaptureFixture[str]) -> None:
    records.hinted("3.1", 1)
    records.STORE.path.write_text('{"version": 2, "exercises": "another form"}')
    assert records.records() == {}
    assert "newer version" in capsys.readouterr().err
    assert "another form" in records.STORE.path.with_name("progress.json.newer-1").read_text()


def write_often(name: str) -> None:
    for tier in range(1, 31):
        records.hinted(name, tier)


def test_two_notebooks_at_once_lose_nothing() -> None:
    names = ("1.1", "1.2", "3.1", "3.2")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(name,)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {name: kept["hints"] for name, kept in records.records().items()} == dict.fromkeys(names, 30)


def test_a_full_disk_leaves_the_old_file_and_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records.hinted("3.1", 1)
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    records.hinted("3.1", 2)
    assert records.record("3.1")["hints"] == 1
    said = f"progress.json could not be written, and this is not kept: {records.STORE.path}: No space left on device"
    assert capsys.readouterr().err == f"{said}; XDG_STATE_HOME=DIR names another place\n"
    assert not list(records.STORE.path.parent.glob(".progress.json.[0-9]*")), "nothing half-written stays"


def test_a_place_that_cannot_be_made_costs_nobody_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    records.checked("3.1", State.PASSED, ground=1.0)
    assert records.record("3.1") == {}


@pytest.mark.parametrize("state", [State.NOT_YET, State.ALMOST, State.PASSED, State.NO_LONGER])
@pytest.mark.parametrize("untried", [State.NOT_STARTED, State.CANNOT])
def test_a_check_in_which_nothing_is_tried_undoes_nothing(state: State, untried: State) -> None:
    """Run all, a day later: the dots stand in the cell again."""
    records.checked("3.1", state, ground=1.0)
    records.checked("3.1", untried, ground=2.0)
    assert records.record("3.1")["state"] == state.value


@pytest.mark.parametrize("kept", [State.PASSED, State.NO_LONGER])
def test_another_attempt_that_fails_leaves_a_pass(kept: State) -> None:
    records.checked("3.1", kept, ground=1.0)
    records.checked("3.1", State.NOT_YET, ground=2.0)
    assert records.record("3.1")["state"] == kept.value


def test_the_map_says_how_it_stands_in_both_forms() -> None:
    shown = progress.show()
    assert shown.title == f"{len(ALL)} exercises wait for you; any order works"
    records.checked("3.1", State.PASSED, ground=1.0)
    records.checked("3.2", State.NO_LONGER, ground=1.0)
    shown = progress.show()
    assert shown.title == f"1 of {len(ALL)} exercises passed"
    assert "✓ 3.1  ↺ 3.2  · 3.3" in str(shown)
    own = sum(each.lesson == "03" for each in ALL.values())
    assert f"03 Namespaces: 1 of {own} passed; 3.2 passed once, but no longer." in shown.alt_text()
    picture = shown._repr_mimebundle_()
    assert "3.2 passed once, but no longer" in picture["text/html"]
    texts = [element.text for element in ElementTree.fromstring(shown.picture().svg).iter() if element.text]
    assert {shown.title, "Namespaces", "✓ 3.1", "↺ 3.2", "3.3", "passed once, but no longer"} <= set(texts)
    assert State.NOT_STARTED.sign not in texts, "a dot stands before it, in the legend as in the rows"


def test_the_command_line_shows_and_resets(capsys: pytest.CaptureFixture[str], own_state: Path) -> None:
    records.hinted("3.1", 1)
    assert cli_progress() == 0
    assert "03  Namespaces" in capsys.readouterr().out
    assert cli_reset("3.1") == 0
    assert str(own_state) in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "wrong", [{"3.2": None}, {"3.2": {"state": "unheard of"}}, {"3.2": {"state": "passed", "seed": "x"}}, None, [1]]
)
def test_valid_json_of_a_wrong_shape_is_set_aside_and_the_rest_is_used(
    wrong: object, capsys: pytest.CaptureFixture[str]
) -> None:
    records.started("3.1", 4)
    data = json.loads(records.STORE.path.read_text())
    data["exercises"] = {**data["exercises"], **wrong} if isinstance(wrong, dict) else wrong
    records.STORE.path.write_text(json.dumps(data))
    assert records.record("3.2") == {}
    assert (records.record("3.1").get("seed") == 4) is isinstance(wrong, dict)
    assert capsys.readouterr().err.count("cannot be read") == 1
    assert json.loads(records.STORE.path.with_name("progress.json.damaged-1").read_text()) == data


def test_a_reset_on_a_full_disk_takes_nothing_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    records.started("3.1", 4)

    def full(mark: str = "old") -> None:
        raise OSError(28, "No space left on device", str(records.STORE.path))

    monkeypatch.setattr(records.STORE, "aside", full)
    with pytest.raises(Unsupported, match=r"nothing is taken back.*No space left"):
        records.forget(["3.1"])
    assert records.seed("3.1") == 4


def test_what_cannot_be_read_is_said_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    records.started("3.1", 4)
    records.STORE.path.unlink()
    records.STORE.path.mkdir()
    assert "progress.json cannot be read" in str(progress.show())
    with pytest.raises(Unsupported, match="cannot be read"):
        progress.reset("3.1")


def test_a_lone_surrogate_spoils_no_file() -> None:
    records.checked("3.1", State.NOT_YET, "\udce4", ground=1.0)
    assert records.record("3.1")["misconceptions"] == {"\udce4": 1}
