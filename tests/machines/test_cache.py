"""Where the cache is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab import Unsupported
from pyctr_lab.machines import accelerator, cache


def test_the_users_wish_counts_when_it_is_an_absolute_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.cache_folder() == Path("/somewhere/pyctr-lab")
    for odd in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", odd)
        assert cache.cache_folder() == Path.home() / ".cache/pyctr-lab"


def test_somebody_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(accelerator, "KVM", Path("/dev/null"))
    with pytest.raises(Unsupported, match="XDG_CACHE_HOME"):
        cache.cache_folder()
    accelerator.remember_kvm(accelerator.KvmFinding(True))
    assert accelerator.known_kvm() is None, "nobody could keep it, and nobody minds"
