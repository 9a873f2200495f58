"""A folder of the host's in a container. What programs see of it: tests/cli/test_options.py."""

from __future__ import annotations

import pytest

from pyctr_lab import steps
from pyctr_lab.kernel.proc import parse_mount
from pyctr_lab.steps import mounts, volume


def test_folders_on_the_way_are_made() -> None:
    assert steps.Volume("/usr", "/mnt/a/b").folders == ["a", "a/b"]
    assert steps.Volume("/usr", "/srv/a").folders == ["srv", "srv/a"]
    names = [call.name for call in steps.Volume("/usr", "/mnt/a/b").calls()]
    assert names[2:8] == ["mkdirat", "openat2", "mkdirat", "openat2", "mount_setattr", "move_mount"]


def test_without_mount_setattr_it_is_remounted(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (mounts, volume):
        monkeypatch.setattr(module, "kernel_has", lambda _: False)
    monkeypatch.setattr(mounts, "mountinfo", lambda _: ())
    for readonly in (True, False):
        (last,) = [str(call) for call in steps.Volume("/usr", "/a", readonly).calls() if call.name == "mount"]
        assert last.startswith('mount(NULL, ".", NULL, ') and "MS_NOSUID" in last and "MS_NODEV" in last
        assert ("MS_RDONLY" in last) == readonly


def test_a_mount_keeps_what_a_container_may_not_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "30 1 0:26 / /srv ro,noexec,relatime - tmpfs tmpfs rw"
    for module in (mounts, volume):
        monkeypatch.setattr(module, "kernel_has", lambda _: False)
    monkeypatch.setattr(mounts, "mountinfo", lambda _: (parse_mount(line),))
    (last,) = [str(call) for call in steps.Volume("/srv/data", "/a").calls() if call.name == "mount"]
    assert "MS_NOEXEC" in last and "MS_RDONLY" in last
