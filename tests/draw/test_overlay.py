from __future__ import annotations

import pytest

from draw.stores import APPENDED, CHANGES, CREATED, DELETED, HIDDEN, READ, REMOVED, REPLACED, STRANGE, file, moment
from pyctr_lab import BadInput
from pyctr_lab.draw import overlay
from pyctr_lab.draw.overlay import outcome, shown_state
from pyctr_lab.images import LayerFile, OverlayChange, OverlayMoment


@pytest.mark.parametrize(
    ("change", "said"),
    [(READ, ("found below", "nothing is written", False)), (APPENDED, ("copied up whole", "3 MiB for 1 byte", True)),
     (DELETED, ("whiteout", "char 0:0; 2 MiB stay", True)), (REPLACED, ("opaque", "user.overlay.opaque=y", True)),
     (HIDDEN, ("its folder hides it", "2 B stay", True)), (CREATED, ("only in upper", "goes with its container", True)),
     (REMOVED, ("gone from upper", "2 B given back", True)), (STRANGE, ("changed below", "never write there", True))],
    ids=lambda value: value.what[:8] if isinstance(value, OverlayChange) else "",
)  # fmt: skip
def test_what_became_of_a_path(change: OverlayChange, said: tuple[str, str, bool]) -> None:
    assert outcome(change) == said
    picture = overlay([change])
    assert said[0] in picture.alt_text and said[1] in picture.alt_text


def test_the_title_counts_what_wrote() -> None:
    assert overlay(CHANGES).title == "4 of 5 commands wrote, all to upper; nothing below has changed"
    assert overlay([READ]).title == "Reading writes nothing: the layers are as they were"
    assert overlay([APPENDED, DELETED]).title == "Writing and deleting both add to upper; the layers below never change"
    assert overlay([STRANGE, READ]).title.startswith("A lower layer has changed")


def test_the_lookup_ends_at_the_first_mark_but_folders_are_merged() -> None:
    assert APPENDED.after.looked_up == ["upper"] and APPENDED.before.looked_up == ["layer b"]
    assert DELETED.after.looked_up == ["upper"], "a whiteout ends it"
    folder = LayerFile("folder", 0, 2)
    assert moment(folder, folder, None, folder).looked_up == ["upper", "layer b"]
    assert moment(LayerFile("opaque folder"), folder, None, folder).looked_up == ["upper"]


def test_what_the_merged_tree_shows_in_a_word() -> None:
    assert [shown_state(None), shown_state(file(1), None, later=True), shown_state(file(5), file(2), later=True)] == [
        "absent",
        "gone",
        "− 3 B",
    ]


def test_each_kind_of_mark_has_a_shape_of_its_own() -> None:
    svg = overlay(CHANGES).svg
    words = ("found", "hidden, still there", "added now", "whiteout: the name ends here", "opaque: nothing below shows")
    assert all(f">{each}</text>" in svg for each in words)
    assert "whiteout" not in overlay([READ]).svg


def test_changes_of_two_overlays_are_refused() -> None:
    other = OverlayMoment({"top": None, "rest": file(1)}, file(1))
    with pytest.raises(BadInput, match="of one overlay"):
        overlay([READ, OverlayChange("x", "/x", "", other, other)])
    with pytest.raises(BadInput, match="the same layers after it as before"):
        OverlayChange("x", "/x", "", READ.before, other)
