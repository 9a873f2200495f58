from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from draw.powers import ALL, AMBIENT, BY_BOUNDING, BY_CAPSET, DROPPED, FULL, KEPT, STRANGE
from pyctr_lab import BadInput
from pyctr_lab.draw import capability_grid
from pyctr_lab.draw.capability_grid import GROUPS, grid_data
from pyctr_lab.draw.svg import text_width
from pyctr_lab.draw.theme import NOTE
from pyctr_lab.kernel import capabilities
from pyctr_lab.kernel.capabilities import DANGEROUS, CapabilitySets, capability_sets, kernel_capabilities


@pytest.fixture(autouse=True)
def kernel_of_41(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("pyctr_lab.draw.capability_grid"), "kernel_capabilities", lambda: ALL)


def test_the_title_says_what_comes_back_or_is_kept() -> None:
    assert capability_grid(BY_CAPSET, FULL).title == "27 of 41 capabilities come back at exec"
    assert capability_grid(BY_BOUNDING, DROPPED).title == "27 of 41 capabilities go at exec; the process still has them"
    assert capability_grid(DROPPED, DROPPED).title == (
        "14 of 41 capabilities kept, no more after exec; dangerous: NET_RAW")  # fmt: skip
    assert capability_grid(FULL).title == "41 of 41 capabilities kept, 13 of them dangerous"
    assert capability_grid(CapabilitySets(("CHOWN",))).title == "1 of 41 capabilities kept, none of them dangerous"
    none = CapabilitySets()
    assert capability_grid(none, none).title == "No capability is left of 41, after exec neither"


def test_the_alternative_text_has_the_dangerous_ones_with_their_reasons() -> None:
    words = capability_grid(DROPPED).alt_text
    assert "Kept: NET_RAW (forges packets: answers for neighbours), and 13 of little harm: CHOWN, " in words
    assert "Dropped: DAC_READ_SEARCH (reads any file" in words and "and 15 of little harm." in words
    assert words.endswith("Now: permitted 14, effective 14, bounding 14, inheritable 0, ambient 0.")
    assert "27 of the dropped are in the bounding set" in capability_grid(BY_CAPSET).alt_text
    assert capability_grid(BY_CAPSET, FULL).alt_text.endswith(
        "After exec: permitted 41, effective 41, bounding 41, inheritable 0, ambient 0.")  # fmt: skip


def test_every_capability_has_a_cell_and_every_dangerous_one_a_reason() -> None:
    for picture in (capability_grid(DROPPED), capability_grid(FULL, FULL)):
        for svg in (picture.svg, picture.small):
            assert all(re.search(rf">{name}</text>", svg) for name in ALL)
            assert all(f">{reason.replace(chr(39), '&#39;')}</text>" in svg for reason in DANGEROUS.values())
    grouped = " ".join(GROUPS.values()).split()
    assert sorted(grouped) == sorted(ALL) and set(DANGEROUS) <= set(ALL)
    assert max(text_width(reason, NOTE) for reason in DANGEROUS.values()) < 280, "none is cut"


def test_bars_are_the_members_of_each_set_and_those_that_came_back_are_marked() -> None:
    svg = capability_grid(BY_CAPSET, FULL).svg
    assert len(re.findall(r'height="11" rx="1" fill="var\(--ink\)"', svg)) == 14 + 14 + 41 + 14 + 14 + 41
    assert len(re.findall(r'height="11" rx="1" fill="var\(--new\)"', svg)) == 27 + 27
    assert len(re.findall(r'height="2" rx="0" fill="var\(--new\)"', svg)) == 27 + 27, "colour is not the only sign"
    assert ">27 came back</text>" in svg and ">nothing came back</text>" in capability_grid(DROPPED, DROPPED).svg
    assert "after exec" not in capability_grid(DROPPED).svg


def test_what_stays_in_the_bounding_set_is_told_apart() -> None:
    assert grid_data(BY_CAPSET).open == grid_data(BY_CAPSET).dropped and len(grid_data(BY_CAPSET).open) == 27
    assert not grid_data(BY_CAPSET, FULL).open and not grid_data(DROPPED).open
    assert "dropped: a wall" in capability_grid(DROPPED).svg and "dropped: a wall" not in capability_grid(BY_CAPSET).svg
    for sets, after, warned in ((BY_CAPSET, FULL, True), (BY_CAPSET, None, True), (DROPPED, DROPPED, False)):
        assert ("to drop for good" in capability_grid(sets, after).svg) == warned


def test_names_that_this_kernel_lacks_stand_behind_the_others_and_are_harmless() -> None:
    picture = capability_grid(STRANGE, AMBIENT)
    assert grid_data(STRANGE, AMBIENT).names[:41] == ALL and ">others</text>" in picture.svg
    assert picture.title == "1 of 43 capabilities comes back at exec"
    assert "<script" not in picture.svg + picture.small and "\u202e" not in picture.alt_text


@pytest.mark.parametrize("wrong", [5, None, [], KEPT, CapabilitySets(5), CapabilitySets((5,)), CapabilitySets("x")])  # type: ignore[arg-type]
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        capability_grid(wrong)  # type: ignore[arg-type]
    if wrong is not None:
        with pytest.raises(BadInput):
            capability_grid(DROPPED, wrong)  # type: ignore[arg-type]


def test_this_kernels_capabilities() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    assert len(kernel_capabilities()) == last + 1 and kernel_capabilities()[0] == "CHOWN"
    assert set(capability_sets("self").bounding) <= set(capabilities.kernel_capabilities())
