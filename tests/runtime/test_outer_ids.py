"""The outer world and its ids; and all of these rooms' tests once more as a user who has one id."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ranges import as_user_with, needs_range

from pyctr_lab import Lab
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.kernel import proc
from pyctr_lab.launcher import cgroup_reaper
from pyctr_lab.runtime import outer_ids

pytestmark = pytest.mark.machine

HERE = Path(__file__).parents[1]
UID = 61235
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def test_the_lab_is_never_root(lab: Lab) -> None:
    if proc.uid_map("self")[0].count < 1 << 31:
        pytest.skip("root is nobody here already")
    (uids,) = {proc.status(lab.host.machine_pid)["Uid"]}
    assert "0" not in uids.split()
    assert lab.host.run(["id", "-u"]).stdout == "0\n"
    assert lab.host.run(["sh", "-c", "echo 1 > /proc/sys/vm/swappiness"]).returncode != 0


def test_the_outer_world_is_a_host_of_its_own(lab: Lab) -> None:
    here, there = proc.namespaces("self"), lab.host.view()
    assert {kind for kind, inode in there.namespaces.items() if inode == here[kind]} == {"time"}
    assert there.hostname == "lab" and there.interfaces[0].addresses == ("127.0.0.1",)
    assert next(mount for mount in there.mounts if mount.target == "/").propagation
    assert sum(one.count for one in there.uid_map) == lab.ids + (os.getuid() == 0), "root keeps one for the groups"


@pytest.mark.parametrize(
    ("text", "first"),
    [("", 200_000_000), ("a:100000:65536\n", 200_000_000), ("a:200000000:65536\n", 200_065_536),
     ("a:199999999:2\n", 200_000_001), ("a:200065535:1\n", 200_065_536),
     ("a:200065537:9\n", 200_000_000), ("a:200065536:9\n", 200_065_545),
     ("a:200000000:1\nb:200000001:70000\n", 200_070_001), ("nonsense\na:b:c\n:::\n", 200_000_000)],
)  # fmt: skip
def test_roots_range_belongs_to_nobody_else(text: str, first: int, tmp_path: Path) -> None:
    (tmp_path / "subuid").write_text(text)
    assert outer_ids.free_range(tmp_path / "subuid", tmp_path / "missing") == first


@pytest.mark.parametrize(
    ("lines", "found"),
    [(["me:300000:65536"], [(300000, 65536)]), (["me:1000:10", "me:1005:10"], [(1000, 10), (1010, 5)]),
     (["me:65000:100"], [(65000, 34), (65035, 65)]), (["me:65034:1"], []), (["you:1:2"], []),
     (["me:65034:2", "me:65030:5", "me:7:0"], [(65035, 1), (65030, 4)])],
)  # fmt: skip
def test_a_users_own_ranges(lines: list[str], found: list[tuple[int, int]], tmp_path: Path) -> None:
    """Each id once, and without the user's own, 65034 here: the kernel refuses a map that names one twice."""
    (tmp_path / "subuid").write_text("\n".join(lines).replace("me", str(os.getuid())) + "\n")
    assert outer_ids.subordinate(tmp_path / "subuid", 65034) == found


@pytest.mark.parametrize(
    ("uids", "gids", "found"),
    [
        ([(100, 10)], [(200, 10)], [(100, 200, 10)]),
        ([(100, 10)], [(200, 4)], [(100, 200, 4)]),
        ([(100, 10), (300, 2)], [(200, 12)], [(100, 200, 10), (300, 210, 2)]),
        ([(1, 60000), (70000, 60000)], [(1, 200000)], [(70000, 1, 60000), (1, 60001, 5535)]),
        ([], [(200, 10)], []),
    ],
)
def test_both_maps_are_cut_at_the_same_places(
    uids: list[tuple[int, int]], gids: list[tuple[int, int]], found: list[tuple[int, int, int]]
) -> None:
    assert outer_ids.common_ranges(uids, gids) == found


def test_ids_that_we_do_not_have() -> None:
    assert outer_ids.is_ours(os.getuid(), 1) and not outer_ids.is_ours(1 << 32, 1)


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """A copy that every user may read: the package, these tests, and pytest itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for source in (HERE.parent / "pyctr_lab", HERE / "kernel", HERE / "steps", HERE / "runtime",
                       HERE / "cgroups", HERE / "networks"):  # fmt: skip
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        for module in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
            found = importlib.util.find_spec(module)
            if found is None or found.origin is None:
                continue
            if found.submodule_search_locations:
                shutil.copytree(Path(found.origin).parent, folder / module)
            else:
                shutil.copy(found.origin, folder)
        for file in ("conftest.py", "ranges.py", "traces.py"):
            shutil.copy(HERE / file, folder)
        marks = ("alone", "complete", "machine", "repeat", "timeout")
        (folder / "pytest.ini").write_text("\n    ".join(["[pytest]\nmarkers =", *(f"{mark}: x" for mark in marks)]))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        yield folder


def as_user(folder: Path, uid: int, *command: str) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", "PYTHONPATH": str(folder),
           "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    argv = [*user, "/usr/bin/python3", *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=280, cwd=folder, env=env)


ROOMS = ("kernel", "steps", "runtime/test_container.py", "runtime/test_program.py", "runtime/test_view.py",
         "runtime/test_lab.py", "runtime/test_watch.py", "networks/test_capture.py", "networks/test_fetch_socket.py",
         "networks/test_network.py", "networks/test_ports.py")  # fmt: skip


@ROOT_ONLY
@pytest.mark.skipif(sys.version_info[:2] != (3, 11) and not Path("/usr/bin/python3").exists(), reason="no python3")
@pytest.mark.parametrize("room", ROOMS)
def test_the_same_as_a_user_with_one_id(room: str, readable: Path) -> None:
    done = as_user(readable, UID, "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider",
                   f"--basetemp={readable}/tmp/{room.replace('/', '-')}", room)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


CLOSED = """
from pyctr_lab import Lab
with Lab() as lab:
    print(lab.container().run(["id", "-u"]).stdout, lab.run(["hostname"]).stdout)
"""


@ROOT_ONLY
def test_an_interpreter_that_cannot_be_read_after_the_drop(readable: Path) -> None:
    """Root's own python, in root's home, is closed to the lab; the launcher has all it needs by then."""
    with tempfile.TemporaryDirectory() as closed:  # only its owner may enter
        shutil.copytree(readable / "pyctr_lab", Path(closed) / "pyctr_lab")
        venv = Path(closed) / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--copies", "--without-pip", str(venv)], check=True)
        argv = [str(venv / "bin/python"), "-c", CLOSED]
        env = {**os.environ, "PYTHONPATH": closed}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60)
        assert done.stdout.split() == ["0", "demo"], done.stderr


@pytest.fixture
def given() -> Iterator[None]:
    """Folders of version 1's trees that belong to the user: there it is all that the user has."""
    found = delegation()
    if not found.mounts or found.missing:
        pytest.skip("this machine has no version 1 of which root could give away a part")
    folders = [f"{mount}/{UID}" for mount in found.mounts]
    subprocess.run(["mkdir", *folders], check=True)
    subprocess.run(["chown", "-R", str(UID), *folders], check=True)
    yield
    assert cgroup_reaper.remove_all(folders, 10) == []


@ROOT_ONLY
def test_groups_of_version_1_alone(readable: Path, given: None) -> None:
    """Without the tree of version 2 nothing kills and stops as a whole: each is killed, and a freezer stops."""
    rooms = [f"cgroups/test_{name}.py" for name in ("group", "usage", "events", "lab_groups")]
    done = as_user(readable, UID, "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "-rs",
                   f"--basetemp={readable}/tmp/groups", *rooms)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "is delegated to this user" not in done.stdout


WITH_RANGE = """
from pyctr_lab import Lab
with Lab() as lab:
    print(lab.ids, lab.run(["sh", "-c", "hostname; id -u; chown 4500:4500 /tmp; stat -c %u:%g /tmp"]).stdout)
    print([(one.inside, one.outside, one.count) for one in lab.host.view().uid_map])
"""


def ranger(
    folder: Path, etc: Path, *before: str, ranges: str, uid: int = 61236, gid: int = 61236, **more: str
) -> list[str]:
    """Words of what a user with subordinate ids finds in a lab."""
    argv = [*as_user_with(ranges, etc, *before, uid=uid, gid=gid), "/usr/bin/python3", "-c", WITH_RANGE]
    env = {**os.environ, "PYTHONPATH": str(folder), **more}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    ids, hostname, root, owner, uid_map = done.stdout.split(maxsplit=4)
    assert (hostname, root) == ("demo", "0")
    return [ids, owner, uid_map.strip()]


RANGES = [
    (61236, 61236, "jane.doe:321000000:65536", 65536, [(0, 61236, 1), (1, 321000000, 65535)]),
    (131000, 1001, "jane.doe:100000:65536", 65536,  # the range holds the user's own id
     [(0, 131000, 1), (1, 131001, 34535), (34536, 100000, 31000)]),
    (61236, 61236, "jane.doe:321000000:1000\n61236:321000000:1000\njane.doe:322000000:4000", 5001,
     [(0, 61236, 1), (1, 322000000, 4000), (4001, 321000000, 1000)]),
]  # fmt: skip


@needs_range
@pytest.mark.parametrize(("uid", "gid", "given", "ids", "uid_map"), RANGES)
def test_a_user_with_subordinate_ids(
    uid: int, gid: int, given: str, ids: int, uid_map: list[tuple[int, int, int]], readable: Path, tmp_path: Path
) -> None:
    assert ranger(readable, tmp_path, uid=uid, gid=gid, ranges=given) == [str(ids), "4500:4500", str(uid_map)]


@needs_range
def test_without_setuid_programs_a_user_has_one_id(readable: Path, tmp_path: Path) -> None:
    found = ranger(readable, tmp_path, "--no-new-privs", ranges="jane.doe:321000000:65536")
    assert found[0] == "1" and found[2] == "[(0, 61236, 1)]"


@needs_range
@pytest.mark.parametrize("broken", ["newuidmap", "newgidmap"])
def test_a_program_that_maps_no_range_leaves_one_id(broken: str, readable: Path, tmp_path: Path) -> None:
    """Where one of both maps is written already, the other can still have one line."""
    program = readable / "tmp" / broken
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    found = ranger(readable, tmp_path, ranges="jane.doe:321000000:65536", PATH=path)
    program.unlink()
    assert found[0] == "1" and found[2] == "[(0, 61236, 1)]"


WATCHED = """
from pyctr_lab import Lab
with Lab() as lab, lab.container() as box:
    watch = box.watch(["openat"])
    box.run(["setpriv", "--reuid=5", "--regid=5", "--clear-groups", "cat", "/none"])
    print([call.program for call in watch.calls if call.paths == ("/none",)])
"""


@needs_range
def test_paths_are_read_of_a_process_with_another_id(readable: Path, tmp_path: Path) -> None:
    """Its /proc/PID/mem is closed to the user whose lab it is."""
    argv = [*as_user_with("jane.doe:321000000:65536", tmp_path), "/usr/bin/python3", "-c", WATCHED]
    env = {**os.environ, "PYTHONPATH": str(readable)}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=readable, timeout=60)
    assert done.stdout == "['cat']\n", done.stderr
