"""A folder of the host's in a container. What programs see of it: tests/cli/test_options.py."""

from __future__ import annotations

import pytest

from pyctr_lab import steps
from pyctr_lab.kernel.proc import parse_mount
from pyctr_lab.steps import mounts


def test_folders_on_the_way_are_made() -> None:
    assert steps.Volume("/usr", "/mnt/a/b").folders == ["/mnt", "/mnt/a", "/mnt/a/b"]
    assert [call.name for call in steps.Volume("/usr", "/a").calls()] == ["mkdirat", "mount", "mount_setattr"]


def test_without_mount_setattr_it_is_remounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "kernel_has", lambda _: False)
    monkeypatch.setattr(mounts, "mountinfo", lambda _: ())
    for readonly in (True, False):
        last = str(steps.Volume("/usr", "/a", readonly).calls()[-1])
        assert last.startswith('mount(NULL, "/a", NULL, ') and "MS_NOSUID" in last and "MS_NODEV" in last
        assert ("MS_RDONLY" in last) == readonly


def test_a_mount_keeps_what_a_container_may_not_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "30 1 0:26 / /srv ro,noexec,relatime - tmpfs tmpfs rw"
    monkeypatch.setattr(mounts, "kernel_has", lambda _: False)
    monkeypatch.setattr(mounts, "mountinfo", lambda _: (parse_mount(line),))
    last = str(steps.Volume("/srv/data", "/a").calls()[-1])
    assert "MS_NOEXEC" in last and "MS_RDONLY" in last
