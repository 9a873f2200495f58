from __future__ import annotations

import pytest

from pyctr_lab.engines import ALL
from pyctr_lab.engines.engine import Available
from pyctr_lab.measure.engine_choices import engine_choices, engine_titles


def test_an_engine_that_is_not_here_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ALL["runc"], "available", lambda self: Available(False, "away", "install it"))
    monkeypatch.setattr(ALL["qemu"], "available", lambda self: Available(False, "no kernel", "fetch", fetched=True))
    found = {each.name: each for each in engine_choices()}
    assert list(found) == list(ALL) and found["runc"].absent == "away (install it)" and found["qemu"].absent == ""


def test_titles_are_those_that_differ_from_the_name() -> None:
    titles = engine_titles()
    assert titles["qemu"] == "virtual machine" and "runc" not in titles
    assert {each.title for each in engine_choices()} >= {"runc", *titles.values()}
