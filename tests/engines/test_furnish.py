"""What a sandbox's PID 1 does, as data: nothing happens here, and no privilege is needed."""

from __future__ import annotations

from pathlib import Path

from pyctr_lab.engines.sandbox.furnish import DEV, WORK, furnish_sandbox
from pyctr_lab.kernel import MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC, Call, Struct


def calls(writable: str) -> list[Call]:
    return [call for choice in furnish_sandbox([], writable) for call in choice[0]]


def test_no_mount_is_made_before_mounts_are_private(tmp_path: Path) -> None:
    mounts = [call for call in calls(str(tmp_path)) if call.name in ("mount", "mount_setattr", "umount2")]
    assert mounts[0].args == (None, "/", None, MS_REC | MS_PRIVATE, None)


def test_one_folder_can_be_written_to_if_it_is_there(tmp_path: Path) -> None:
    def attributes(writable: Path) -> dict[object, object]:
        return {call.args[1]: call.args[3] for call in calls(str(writable)) if call.name == "mount_setattr"}

    read_only = Struct(attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0)
    again = Struct(attr_set=0, attr_clr=MOUNT_ATTR_RDONLY, propagation=0, userns_fd=0)
    assert attributes(tmp_path) == {"/": read_only, str(tmp_path): again}
    assert attributes(tmp_path / "none") == {"/": read_only}


def test_devices_are_made_anew_or_else_bound(tmp_path: Path) -> None:
    (made, bound), *_ = [choice for choice in furnish_sandbox([], str(tmp_path)) if choice[0][0].name == "mknodat"]
    assert made[0].args[1] == bound[-1].args[1] == f"{DEV}/null" and bound[-1].name == "mount"


def test_all_that_engines_make_lies_in_a_tmpfs(tmp_path: Path) -> None:
    made = [call.args[1] for call in calls(str(tmp_path)) if call.name == "mkdirat"]
    assert made[0] == WORK and all(str(path).startswith(WORK) for path in made)
