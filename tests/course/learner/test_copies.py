from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyctr_lab.course.learner import copies
from pyctr_lab.errors import BadInput

LESSON = "03_namespaces.ipynb"


def notebook(*texts: str, outputs: str = "") -> str:
    def cell(text: str) -> dict[str, object]:
        output = [{"output_type": "stream", "name": "stdout", "text": outputs}] if outputs else []
        return {"cell_type": "code", "source": text, "outputs": output, "execution_count": 7 if outputs else None}

    return json.dumps({"cells": [cell(text) for text in texts], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "notebooks"
    (source / "pictures").mkdir(parents=True)
    (source / "00_start_here.ipynb").write_text(notebook("hello"))
    (source / LESSON).write_text(notebook("one"))
    (source / "pictures" / "map.svg").write_text("<svg/>")
    (source / ".ipynb_checkpoints").mkdir()
    (source / ".ipynb_checkpoints" / "x.ipynb").write_text("{}")
    return source


@pytest.fixture
def course(tmp_path: Path, source: Path) -> Path:
    course = tmp_path / "course"
    copies.update(course, source)
    return course


def names(course: Path) -> list[str]:
    files = [path.relative_to(course) for path in course.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in files if copies.OWN not in path.parts)


def test_first_delivery_brings_all_but_hidden_files(course: Path, source: Path) -> None:
    assert names(course) == ["00_start_here.ipynb", LESSON, "pictures/map.svg"]
    assert (course / LESSON).read_bytes() == (source / LESSON).read_bytes()


def test_a_lesson_is_delivered_without_its_answers(course: Path, source: Path) -> None:
    (source / LESSON).write_text(notebook("what is it?", outputs="the answer"))
    copies.update(course, source)
    (cell,) = json.loads((course / LESSON).read_text())["cells"]
    assert (cell["source"], cell["outputs"], cell["execution_count"]) == ("what is it?", [], None)
    (course / LESSON).write_text(notebook("what is it?", outputs="mine"))
    assert copies.update(course, source) == [] and "mine" in (course / LESSON).read_text()


def test_a_second_update_has_nothing_to_say_or_do(course: Path, source: Path) -> None:
    before = {name: (course / name).stat().st_ino for name in names(course)}
    assert copies.update(course, source) == []
    assert {name: (course / name).stat().st_ino for name in names(course)} == before


def test_an_untouched_lesson_is_renewed(course: Path, source: Path) -> None:
    (source / LESSON).write_text(notebook("two"))
    assert copies.update(course, source) == [f"{LESSON} is a newer version now"]
    assert (course / LESSON).read_text() == notebook("two")


def test_a_changed_lesson_stays_and_the_new_one_lies_beside_it(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    (source / LESSON).write_text(notebook("two"))
    (said,) = copies.update(course, source)
    assert "03_namespaces.new-version.ipynb" in said
    assert (course / LESSON).read_text() == notebook("mine")
    assert (course / "03_namespaces.new-version.ipynb").read_text() == notebook("two")
    assert copies.update(course, source) == []


def test_a_second_offer_replaces_the_first_only_while_nobody_has_touched_it(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    for text in ("two", "three"):
        (source / LESSON).write_text(notebook(text))
        copies.update(course, source)
    assert (course / "03_namespaces.new-version.ipynb").read_text() == notebook("three")
    (course / "03_namespaces.new-version.ipynb").write_text(notebook("three and mine"))
    (source / LESSON).write_text(notebook("four"))
    copies.update(course, source)
    assert (course / "03_namespaces.new-version.ipynb").read_text() == notebook("three and mine")
    assert (course / "03_namespaces.new-version-2.ipynb").read_text() == notebook("four")


def test_taking_the_offered_version_is_understood(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    (source / LESSON).write_text(notebook("two"))
    copies.update(course, source)
    (course / LESSON).write_text(notebook("two", outputs="run since"))
    assert copies.update(course, source) == []
    (source / LESSON).write_text(notebook("three"))
    copies.update(course, source)
    assert (course / LESSON).read_text() == notebook("three")


def test_running_a_lesson_is_not_changing_it_but_its_outputs_are_kept(course: Path, source: Path) -> None:
    run = notebook("one", outputs="my numbers")
    (course / LESSON).write_text(run)
    assert copies.update(course, source) == []
    (source / LESSON).write_text(notebook("two"))
    (said,) = copies.update(course, source)
    (kept,) = course.glob("03_namespaces.run-*.ipynb")
    assert kept.name in said
    assert kept.read_text() == run
    assert (course / LESSON).read_text() == notebook("two")


def test_a_file_that_is_no_notebook_counts_by_its_bytes(course: Path, source: Path) -> None:
    (course / "pictures" / "map.svg").write_text("<svg>mine</svg>")
    (source / "pictures" / "map.svg").write_text("<svg>new</svg>")
    copies.update(course, source)
    assert (course / "pictures" / "map.svg").read_text() == "<svg>mine</svg>"
    assert (course / "pictures" / "map.new-version.svg").read_text() == "<svg>new</svg>"


def test_a_lesson_that_was_deleted_comes_back(course: Path, source: Path) -> None:
    (course / LESSON).unlink()
    assert copies.update(course, source) == [f"{LESSON} was gone: delivered again"]
    assert (course / LESSON).exists()


def test_a_lesson_that_left_the_course_stays_with_the_learner(course: Path, source: Path) -> None:
    (source / LESSON).unlink()
    copies.update(course, source)
    assert (course / LESSON).read_text() == notebook("one")


@pytest.mark.parametrize("memory", ["", "not json", "[]", '{"files": 3}', '{"files": {"x": {"unknown": 1}}}'])
def test_with_its_memory_lost_it_overwrites_nothing(course: Path, source: Path, memory: str) -> None:
    (course / copies.OWN / "delivered.json").write_text(memory)
    (course / LESSON).write_text(notebook("mine"))
    (source / LESSON).write_text(notebook("two"))
    copies.update(course, source)
    assert (course / LESSON).read_text() == notebook("mine")
    assert (course / "03_namespaces.new-version.ipynb").read_text() == notebook("two")


@pytest.mark.parametrize("broken", [b"", b"{", b'{"cells": 3}', b"\xff\xfe", b'{"cells": [1]}'])
def test_a_notebook_that_cannot_be_read_is_the_learners(course: Path, source: Path, broken: bytes) -> None:
    (course / LESSON).write_bytes(broken)
    (source / LESSON).write_text(notebook("two"))
    copies.update(course, source)
    assert (course / LESSON).read_bytes() == broken


def test_a_file_of_the_learners_under_a_lessons_name_stays(tmp_path: Path, source: Path) -> None:
    course = tmp_path / "other"
    course.mkdir()
    (course / LESSON).write_text("my own notes")
    copies.update(course, source)
    assert (course / LESSON).read_text() == "my own notes"
    assert (course / "03_namespaces.new-version.ipynb").read_text() == notebook("one")


@pytest.mark.parametrize("lesson", ["3", "03", "03_namespaces", LESSON])
def test_reset_puts_a_fresh_copy_in_place_and_keeps_the_old_one(course: Path, source: Path, lesson: str) -> None:
    (course / LESSON).write_text(notebook("mine"))
    kept = copies.reset(course, source, lesson)
    assert kept is not None and kept.parent == course
    assert kept.read_text() == notebook("mine")
    assert (course / LESSON).read_text() == notebook("one")


def test_reset_twice_keeps_both(course: Path, source: Path) -> None:
    kept = []
    for mine in ("first", "second"):
        (course / LESSON).write_text(notebook(mine))
        kept.append(copies.reset(course, source, "3"))
    assert [path and path.read_text() for path in kept] == [notebook("first"), notebook("second")]


def test_reset_of_a_fresh_or_absent_lesson_keeps_nothing(course: Path, source: Path) -> None:
    assert copies.reset(course, source, "3") is None
    (course / LESSON).unlink()
    assert copies.reset(course, source, "3") is None
    assert names(course) == ["00_start_here.ipynb", LESSON, "pictures/map.svg"]


def test_after_a_reset_a_newer_version_is_delivered_as_to_an_untouched_lesson(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    copies.reset(course, source, "3")
    (source / LESSON).write_text(notebook("two"))
    copies.update(course, source)
    assert (course / LESSON).read_text() == notebook("two")


@pytest.mark.parametrize("lesson", ["", "4", "03_", "03_nam", "../03_namespaces", "९", "3\0", "9" * 2000, "map.svg"])
def test_an_unknown_lesson_is_refused_with_the_list_of_lessons(course: Path, source: Path, lesson: str) -> None:
    (course / LESSON).write_text(notebook("mine"))
    with pytest.raises(BadInput, match="03_namespaces"):
        copies.reset(course, source, lesson)
    assert (course / LESSON).read_text() == notebook("mine")


def test_the_repositorys_own_notebooks_are_never_the_course(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    before = sorted(source.rglob("*"))
    for course in (source, source / "mine", link):
        with pytest.raises(BadInput, match="--course"):
            copies.update(course, source)
        with pytest.raises(BadInput, match="--course"):
            copies.reset(course, source, "3")
    assert sorted(source.rglob("*")) == before


def test_a_file_in_the_courses_place_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="not a folder"):
        copies.update(tmp_path / "file", source)


def test_a_failed_delivery_leaves_the_old_file_whole_and_nothing_half(
    course: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = names(course)
    (source / LESSON).write_text(notebook("two"))
    with monkeypatch.context() as patch:
        patch.setattr(copies.os, "replace", full_disk)
        with pytest.raises(OSError, match="No space"):
            copies.update(course, source)
    assert names(course) == before
    assert (course / LESSON).read_text() == notebook("one")
    assert list((course / copies.OWN).glob("*.part")) == []
    copies.update(course, source)
    assert (course / LESSON).read_text() == notebook("two")


def command(*words: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "pyctr_lab.course.learner.copies", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=60)


def test_the_command_says_one_line_a_thing_and_errors_without_a_traceback(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    done = command("reset", "3", "--course", course, "--source", source)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "kept as 03_namespaces.kept-" in done.stderr
    assert command("update", "--course", course, "--source", source).stderr == ""
    for wrong in (["reset", "9"], ["update", "--source", course / "nowhere"]):
        done = command(*wrong, "--course", course, *([] if "--source" in wrong else ["--source", source]))
        assert done.returncode == 1
        assert done.stderr.startswith("lab: there ") and done.stderr.count("\n") == 1


def test_two_updates_at_once_do_not_disturb_each_other(course: Path, source: Path) -> None:
    (course / LESSON).write_text(notebook("mine"))
    (source / LESSON).write_text(notebook("two"))
    call = [sys.executable, "-m", "pyctr_lab.course.learner.copies", "update"]
    call += ["--course", str(course), "--source", str(source)]
    running = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = "".join(process.communicate(timeout=60)[1] for process in running)
    assert said.count("newer version") == 1
    assert [p.name for p in course.glob("*.new-version*")] == ["03_namespaces.new-version.ipynb"]


def test_the_script_resets_a_lesson_as_its_help_says(tmp_path: Path) -> None:
    top = Path(__file__).parents[3]
    if Path(sys.prefix) != top / ".venv":
        pytest.skip("these tests are not run in the environment that ./lab makes here")
    for words in (["03", "--course", tmp_path], [f"--course={tmp_path}", "03_namespaces"]):
        call = [str(word) for word in (top / "lab", "reset", *words)]
        done = subprocess.run(call, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == f"lab: {tmp_path / LESSON} is fresh\n"
