"""Where groups may be made is found by looking: in pretended trees, and as users who were given some or none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab.cgroups import Tree
from pyctr_lab.cgroups.hierarchies import style, trees
from pyctr_lab.cgroups.places import GRANT_V2, LIMITED, Delegation, as_root, delegated, delegation

pytestmark = pytest.mark.machine

UID = 61237
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives something to others")


def tree(top: Path, version: int, controllers: str, own: str = "/") -> Tree:
    for folder in (top, top / own.lstrip("/")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text("")
        (folder / "cgroup.controllers").write_text(controllers)
        (folder / "cpuset.cpus").write_text("0\n")
    return Tree(version, tuple(controllers.split()), str(top), own)


def test_version_2_has_one_place_for_all(tmp_path: Path) -> None:
    found = delegated([tree(tmp_path / "cg", 2, "cpuset cpu io memory pids")])
    assert (found.style, found.missing, found.cpuset) == ("v2", (), None)
    assert {found.place(name) for name in LIMITED} == set(found.places)


def test_what_a_group_was_not_given_is_missing(tmp_path: Path) -> None:
    """As systemd does it: only memory and pids are passed on."""
    shown = tree(tmp_path / "cg", 2, "cpu memory pids", "/user")
    (tmp_path / "cg/user/cgroup.controllers").write_text("memory pids")
    (tmp_path / "cg/cgroup.procs").unlink()  # the root is not ours
    found = delegated([shown])
    assert found.places[0].base == str(tmp_path / "cg/user") and found.missing == ("cpu", "io", "cpuset")
    assert found.why("cpu").startswith("no cgroup with the cpu controller is delegated")
    assert "kernel offers no io" in found.why("io")
    assert "there is no controller 'ram'" in found.why("ram")


def test_version_1_has_a_place_for_each(tmp_path: Path) -> None:
    names = ("memory", "cpu", "cpuacct", "pids", "blkio", "cpuset", "freezer", "devices")
    found = delegated([tree(tmp_path / name, 1, name) for name in names])
    assert (found.style, found.missing) == ("v1", ())
    assert found.place("io") == found.place("blkio") and found.cpuset == found.place("cpuset")
    assert "freezer" in {name for place in found.places for name in place.controllers}, "version 1 alone stops by it"
    assert not any("devices" in place.controllers for place in found.everywhere), "which limits nothing"
    assert f"{tmp_path}/memory/{os.getuid()}" in found.grant and "devices" not in found.grant


def test_both_side_by_side(tmp_path: Path) -> None:
    found = delegated(
        [tree(tmp_path / "unified", 2, ""), *(tree(tmp_path / name, 1, name) for name in ("memory", "freezer"))]
    )
    assert (found.style, found.controllers) == ("hybrid", {"memory"})
    assert [place.tree.version for place in found.places] == [2, 1], "the tree of version 2 stops and kills"


def test_version_2_is_granted_by_systemd_where_it_runs_for_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = delegated([tree(tmp_path / "cg", 2, "cpu memory rdma")])
    assert found.mounts == (f"{tmp_path}/cg",)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("pyctr_lab.cgroups.places.which", lambda name: name)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    folder = f"{tmp_path}/cg/1000"
    assert found.grant == (
        f'sudo sh -c "echo +cpu +memory >{tmp_path}/cg/cgroup.subtree_control && mkdir -p {folder}'
        f' && chown -R 1000 {folder} && echo $$ >{folder}/cgroup.procs"'
    )
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/private").touch()
    assert found.grant == GRANT_V2 and found.root_grant == ""


def test_io_and_cpuset_need_a_file_by_root_unless_the_session_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd's user@.service delegates pids, memory and cpu: a scope of the user's cannot pass on more."""
    found = Delegation("v2", (), None, frozenset(LIMITED), (f"{tmp_path}/cg",))
    monkeypatch.setattr("pyctr_lab.cgroups.places.has_user_manager", lambda: True)
    monkeypatch.setattr("pyctr_lab.cgroups.places.which", lambda name: name)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    assert found.beyond_session == ("io", "cpuset")
    assert found.grant == GRANT_V2, "what the user can do alone comes first"
    command, _, then = found.root_grant.partition("   # ")
    assert command.startswith('sudo sh -c "mkdir -p /etc/systemd/system/user@.service.d && printf ')
    assert then.endswith(GRANT_V2) and "\n" not in found.root_grant
    script = command.removeprefix("sudo ").replace("/etc/systemd", f"{tmp_path}/etc").replace("systemctl", "true")
    subprocess.run(script, shell=True, check=True)
    written = (tmp_path / "etc/system/user@.service.d/delegate.conf").read_text()
    assert written == "[Service]\nDelegate=cpu cpuset io memory pids\n"
    session = tmp_path / "cg/user.slice/user-1000.slice/user@1000.service"
    session.mkdir(parents=True)
    (session / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert (found.beyond_session, found.root_grant, found.grant) == ((), "", GRANT_V2)


@pytest.mark.parametrize(
    ("uid", "sudo", "command"),
    [(0, True, "mount x"), (1, True, "sudo mount x"), (1, False, 'su -c "mount x"')],
)
def test_who_is_not_root_is_told_how_to_ask_root(uid: int, sudo: bool, command: str) -> None:
    assert as_root("mount x", uid, sudo=sudo) == command


def test_a_machine_without_any() -> None:
    found = delegated([])
    assert (found.style, found.places, found.missing) == ("none", (), LIMITED)
    assert "mount -t cgroup2 none /sys/fs/cgroup" in found.grant
    assert all(found.why(name) == f"this kernel offers no {name} controller" for name in LIMITED)


def test_it_is_looked_at_each_time() -> None:
    assert delegation() is not delegation() and delegation() == delegation()
    assert delegation().style == style(trees())


# ------------------------------------------------------------------------------------------------- as somebody else
SAY = """
import json
from pyctr_lab.cgroups.places import delegation
found = delegation()
print(json.dumps([found.style, sorted(found.controllers), [place.base for place in found.everywhere], found.grant]))
"""
TRY = """
from pyctr_lab import Lab, Limits, Unsupported
with Lab() as lab:
    try:
        group = lab.cgroup("mine", memory="32M", pids=16)
        bomb = lab.run(["/usr/bin/python3", "-c", "x = bytearray(200 << 20)"], limits=Limits(memory="32M"))
        print(bomb.returncode, bomb.reached)
        box = lab.container("box")
        group.add(box)
        print(group.pids == (box.machine_pid,), group.pids_max, group.stat().pids)
    except Unsupported as why:
        print("Unsupported", why, "|", why.hint)
    print(lab.run(["echo", "on"]).stdout)
"""


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """A copy of the package that every user may read."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(__file__).parents[2] / "pyctr_lab"
        shutil.copytree(source, Path(name, "pyctr_lab"), ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield Path(name)


def as_user(folder: Path, code: str) -> str:
    user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*user, "/usr/bin/python3", "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@ROOT_ONLY
def test_a_user_who_was_given_nothing(readable: Path) -> None:
    style, controllers, bases, grant = json.loads(as_user(readable, SAY))
    assert (style, controllers, bases) == (delegation().style, [], [])
    said = as_user(readable, TRY)
    assert said.splitlines()[0].startswith("Unsupported") and grant in said
    assert said.splitlines()[-2] == "on", "a lab without limits is as it was"


@pytest.fixture
def given() -> Iterator[list[str]]:
    """Folders of version 1 that belong to an ordinary user, made by the very command that the hint names."""
    ours: Delegation = delegation()
    if ours.style not in ("v1", "hybrid") or ours.missing:
        pytest.skip("this machine has no version 1 of which root could give away a part")
    folders = [f"{mount}/{UID}" for mount in ours.mounts]
    command = ours.grant.replace("sudo ", "").replace(f"/{os.getuid()}", f"/{UID}").replace("-R 0 ", f"-R {UID} ")
    subprocess.run(["sh", "-c", command], check=True)
    yield folders
    left = [path for folder in folders for path in os.listdir(folder) if path.startswith("pyctr-lab-")]
    for folder in folders:
        for path, _, _ in os.walk(folder, topdown=False):
            os.rmdir(path)
    assert left == [], "the lab of a user cleans up, too"


@ROOT_ONLY
@pytest.mark.skipif(sys.version_info[:2] != (3, 11) and not Path("/usr/bin/python3").exists(), reason="no python3")
def test_a_user_who_was_given_folders(readable: Path, given: list[str]) -> None:
    _, controllers, bases, _ = json.loads(as_user(readable, SAY))
    assert controllers == sorted(LIMITED) and set(bases) == set(given)
    bomb, moved, on = as_user(readable, TRY).strip().splitlines()
    assert bomb == "-9 (Reached('memory.max 32M: the kernel killed python3'),)"
    assert moved == "True 16 1" and on == "on"
