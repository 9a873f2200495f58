from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.building.context import Context, content_key


@pytest.fixture
def full(context: Path) -> Path:
    """a.txt b.txt "a b" sub/c.txt sub/deep/d empty/ in -> a.txt, out -> /etc/passwd, dir -> sub, gone -> nothing."""
    for name in ("a.txt", "b.txt", "a b", "sub/c.txt", "sub/deep/d"):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(name)
    (context / "empty").mkdir()
    for name, target in (("in", "a.txt"), ("out", "/etc/passwd"), ("dir", "sub"), ("gone", "nothing")):
        (context / name).symlink_to(target)
    return context


def names(folder: Path, *patterns: str) -> list[list[str]]:
    return [[f"{source.kind} {source.name}".strip() for source in top] for top in Context(folder).find(patterns)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", [["file a.txt"]]),
        ("./sub/../a.txt", [["file a.txt"]]),
        ("/a.txt", [["file a.txt"]]),
        ("a b", [["file a b"]]),
        ("*.txt", [["file a.txt"], ["file b.txt"]]),
        ("?.txt", [["file a.txt"], ["file b.txt"]]),
        ("[b]*", [["file b.txt"]]),
        ("*/c.*", [["file c.txt"]]),
        ("**/d", [["file d"]]),
        ("sub", [["folder", "file c.txt", "folder deep", "file deep/d"]]),
        ("sub/", [["folder", "file c.txt", "folder deep", "file deep/d"]]),
        ("e*", [["folder"]]),
        ("in", [["file in"]]),
        ("dir", [["folder", "file c.txt", "folder deep", "file deep/d"]]),
        ("dir/c.txt", [["file c.txt"]]),
        ("out", [["link out"]]),
        ("gone", [["link gone"]]),
    ],
)
def test_a_source_is_a_file_a_link_or_all_of_a_folder(full: Path, pattern: str, found: list[list[str]]) -> None:
    assert names(full, pattern) == found


def test_all_of_the_context_is_sorted_and_its_links_stay_links(full: Path) -> None:
    (found,) = names(full, ".")
    assert found == [
        "folder", "file a b", "file a.txt", "file b.txt", "link dir", "folder empty", "link gone", "link in",
        "link out", "folder sub", "file sub/c.txt", "folder sub/deep", "file sub/deep/d",
    ]  # fmt: skip


WRONG = ["..", "../a", "a/../../b", "/../a", "up/passwd", "none", "x*", "[", "sub/none", "a.txt/b"]


@pytest.mark.parametrize("pattern", WRONG)
def test_nothing_outside_is_read_and_what_is_missing_is_named(full: Path, pattern: str) -> None:
    (full / "up").symlink_to("/etc")
    with pytest.raises(BadInput) as refused:
        Context(full).find([pattern])
    assert pattern in str(refused.value) and "\n" not in str(refused.value)


def test_what_dockerignore_names_is_not_there(full: Path) -> None:
    (full / "without").mkdir()
    (full / "without/exception").touch()
    (full / ".dockerignore").write_text("sub\n*.txt\nwithout\n!sub/deep\n!b.txt\n.dockerignore\n")
    (found,) = names(full, ".")
    assert found == [
        "folder", "file a b", "file b.txt", "link dir", "folder empty", "link gone", "link in", "link out",
        "folder sub", "folder sub/deep", "file sub/deep/d",
    ]  # fmt: skip
    assert names(full, "*.txt") == [["file b.txt"]]
    for pattern in ("a.txt", "in"):
        with pytest.raises(BadInput, match="dockerignore"):
            Context(full).find([pattern])


def test_what_no_layer_can_hold_is_refused(full: Path) -> None:
    (full / ".wh.a").touch()
    with pytest.raises(BadInput, match=r"\.wh\.a"):
        Context(full).find(["."])
    (full / ".wh.a").unlink()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(full / "s"))
        with pytest.raises(BadInput, match="dockerignore"):
            Context(full).find(["."])


def test_no_folder_is_no_context(full: Path) -> None:
    with pytest.raises(BadInput, match="no folder"):
        Context(full / "a.txt")


# --- the key
def key(folder: Path, *patterns: str) -> str:
    return content_key(Context(folder).find(patterns or (".",)))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "sub/deep/d").write_text("other"),
        lambda folder: (folder / "sub/deep/d").chmod(0o600),
        lambda folder: (folder / "sub/deep").chmod(0o700),
        lambda folder: (folder / "sub/new").mkdir(),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: (folder / "a b").rename(folder / "ab"),
        lambda folder: ((folder / "gone").unlink(), (folder / "gone").symlink_to("none")),
        lambda folder: ((folder / "gone").unlink(), (folder / "gone").write_text("nothing")),
    ],
    ids=["content", "mode", "folder's mode", "a folder more", "one less", "name", "link", "kind"],
)
def test_the_key_changes_with_all_that_is_copied(full: Path, change: object) -> None:
    before = key(full)
    change(full)  # type: ignore[operator]
    assert key(full) != before


def test_the_key_of_hard_links_is_their_content(full: Path) -> None:
    """A key that leaves out the second name of a file misses its change."""
    os.link(full / "a.txt", full / "z.txt")
    linked = key(full)
    (full / "z.txt").unlink()
    (full / "z.txt").write_text("a.txt")
    assert key(full) == linked
    (full / "z.txt").write_text("other")
    assert key(full) != linked


def test_the_key_knows_no_times_and_nothing_that_is_not_copied(full: Path) -> None:
    before = key(full, "sub")
    os.utime(full / "sub/c.txt", (1, 1))
    (full / "a.txt").write_text("other")
    assert key(full, "sub") == before


def test_the_key_tells_one_copied_thing_from_two(full: Path) -> None:
    assert key(full, "a.txt", "b.txt") != key(full, "a.txt") != key(full, "a.txt", "a.txt")
