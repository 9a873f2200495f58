"""Where the cache is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab.machines import cache


def test_the_users_wish_counts_when_it_is_an_absolute_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/pyctr-lab")
    for odd in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", odd)
        assert cache.folder() == Path.home() / ".cache/pyctr-lab"
