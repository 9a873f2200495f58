"""Programs that give powers to their callers: set-user-ID files and file capabilities. What each wall does to both."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.kernel import Call, mount
from pyctr_lab.kernel.capabilities import FileCapabilities, file_capabilities, set_file_capabilities
from pyctr_lab.kernel.constants import MS_NOSUID, MS_REMOUNT
from pyctr_lab.runtime.container import Container

GIVEN = FileCapabilities(("NET_RAW",))
CAPABLE, NOTHING = f"{1 << 13:016x}", f"{0:016x}"
NOSUID = mount(None, "/mnt", None, MS_REMOUNT | MS_NOSUID)


@pytest.fixture
def gifts(lab: Lab) -> Iterator[Container]:
    """Root of a user namespace, which has given a capability to /mnt/grep, and its own id to /mnt/id."""
    if lab.ids < 2000:
        pytest.skip("this user has no range of ids")
    with lab.container("gifts") as box:
        for step in (steps.NewNamespace("user"), steps.IdMaps(count=lab.ids), steps.NewNamespace("mnt"),
                     steps.PrivatePropagation()):  # fmt: skip
            box.apply(step)
        box.call(mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755"))
        made = box.run(["sh", "-c", "cp $(command -v grep) $(command -v id) /mnt && chmod 4755 /mnt/id"])
        assert made.returncode == 0, made.stderr
        box.call(set_file_capabilities("/mnt/grep", GIVEN))
        yield box


def received(box: Container) -> tuple[str, str]:
    """What both programs get from an ordinary user's exec: effective capabilities, and the effective user id."""
    box.apply(steps.SetIds(1000, 1000))
    effective = box.run(["/mnt/grep", "CapEff", "/proc/self/status"]).stdout.split()[1]
    return effective, box.run(["/mnt/id", "-u"]).stdout.strip()


@pytest.mark.parametrize(("wall", "left"), [
    (None, (CAPABLE, "0")), (steps.NoNewPrivileges(), (NOTHING, "1000")), (NOSUID, (NOTHING, "1000")),
], ids=["no wall", "no_new_privs", "nosuid"])  # fmt: skip
def test_each_wall_alone_stops_both(wall: steps.Step | Call | None, left: tuple[str, str], gifts: Container) -> None:
    if isinstance(wall, Call):
        gifts.call(wall)
    elif wall is not None:
        gifts.apply(wall)
    assert received(gifts) == left


def test_a_capability_that_the_bounding_set_lacks_is_no_gift_and_the_exec_fails(gifts: Container) -> None:
    for step in (steps.BoundingSet(("SETUID", "SETGID")), steps.SetIds(1000, 1000)):
        gifts.apply(step)
    tried = gifts.run(["sh", "-c", "/mnt/grep CapEff /proc/self/status; /mnt/id -u"])
    assert "Operation not permitted" in tried.stderr and tried.stdout.split() == ["0"], "an id is no capability"


def test_who_has_a_capability_already_keeps_it_under_no_new_privs(gifts: Container) -> None:
    """No more than before, but no less: the file's set and the process's own."""
    gifts.apply(steps.NoNewPrivileges())
    gifts.apply(steps.KeepCapabilities())
    assert received(gifts) == (CAPABLE, "1000")


def test_a_file_whose_owner_is_not_mapped_gives_nothing(gifts: Container) -> None:
    gifts.apply(steps.SetIds(1000, 1000))
    for within, user in (([], "0"), (["unshare", "--user", "--map-user=1000"], "1000")):
        assert gifts.run([*within, "/mnt/id", "-u"]).stdout.strip() == user


def test_what_a_file_has_is_read_from_outside_with_its_root(gifts: Container) -> None:
    root = f"/proc/{gifts.machine_pid}/root/mnt"
    found = file_capabilities(f"{root}/grep")
    assert found == FileCapabilities(("NET_RAW",), root=os.stat(f"{root}/grep").st_uid)
    assert str(found) == f"cap_net_raw=ep [rootid={found.root}]" and file_capabilities(f"{root}/id") is None
    with pytest.raises(FileNotFoundError):
        file_capabilities(f"{root}/none")


@pytest.mark.parametrize(("given", "text"), [
    (GIVEN, "cap_net_raw=ep"),
    (FileCapabilities(("CHOWN", "BPF"), effective=False), "cap_chown,cap_bpf=p"),
    (FileCapabilities(("CHOWN",), ("KILL", "CHOWN"), effective=False), "cap_chown=ip cap_kill+i"),
])  # fmt: skip
def test_getcap_prints_the_same(given: FileCapabilities, text: str, gifts: Container) -> None:
    gifts.call(set_file_capabilities("/mnt/grep", given))
    assert str(given) == text
    if shutil.which("getcap"):
        assert gifts.run(["getcap", "/mnt/grep"]).stdout == f"/mnt/grep {text}\n"


def test_strace_prints_the_same(tmp_path: Path) -> None:
    call = set_file_capabilities(str(tmp_path), GIVEN)
    script = f"import os; os.setxattr({str(tmp_path)!r}, 'security.capability', {bytes(call.args[2])!r})"  # type: ignore[arg-type]
    traced = subprocess.run(["strace", "-e", "trace=setxattr", "python3", "-c", script], capture_output=True, text=True)
    assert re.findall(r"setxattr\(.*\)(?= = )", traced.stderr) == [str(call)]
