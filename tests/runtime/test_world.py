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

from pyctr_lab import Lab
from pyctr_lab.kernel import proc
from pyctr_lab.runtime import world

HERE = Path(__file__).parents[1]
UID = 61235
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def test_the_lab_is_never_root(lab: Lab) -> None:
    if proc.uid_map("self")[0].count < 1 << 31:
        pytest.skip("root is nobody here already")
    (uids,) = {proc.status(lab.host.host_pid)["Uid"]}
    assert "0" not in uids.split()
    assert lab.host.run(["id", "-u"]).stdout == "0\n"
    assert lab.host.run(["sh", "-c", "echo 1 > /proc/sys/vm/swappiness"]).returncode != 0


def test_the_outer_world_is_a_host_of_its_own(lab: Lab) -> None:
    here, there = proc.namespaces("self"), lab.host.view()
    assert {kind for kind, inode in there.namespaces.items() if inode == here[kind]} == {"time"}
    assert there.hostname == "lab" and there.interfaces[0].addresses == ("127.0.0.1",)
    assert next(mount for mount in there.mounts if mount.target == "/").propagation
    assert lab.ids == sum(one.count for one in there.uid_map)


@pytest.mark.parametrize(
    ("text", "first"),
    [("", 200_000_000), ("a:100000:65536\n", 200_000_000), ("a:200000000:65536\n", 200_065_536),
     ("a:199999999:2\n", 200_000_001), ("a:200065535:1\n", 200_065_536), ("a:200065536:9\n", 200_000_000),
     ("a:200000000:1\nb:200000001:70000\n", 200_070_001), ("nonsense\na:b:c\n:::\n", 200_000_000)],
)  # fmt: skip
def test_roots_range_belongs_to_nobody_else(text: str, first: int, tmp_path: Path) -> None:
    (tmp_path / "subuid").write_text(text)
    assert world.free_range(tmp_path / "subuid", tmp_path / "missing") == first


def test_a_users_own_range(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text(f"somebody:1:2\n{os.getuid()}:300000:65536\n")
    assert world.subordinate(file) == (300000, 65536)
    file.write_text("somebody:1:2\n")
    assert world.subordinate(file) is None


def test_ids_that_we_do_not_have() -> None:
    assert world.is_ours(os.getuid(), 1) and not world.is_ours(1 << 32, 1)


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """A copy that every user may read: the package, these tests, and pytest itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for source in (HERE.parent / "pyctr_lab", HERE / "kernel", HERE / "steps", HERE / "runtime"):
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        for module in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
            found = importlib.util.find_spec(module)
            if found is None or found.origin is None:
                continue
            if found.submodule_search_locations:
                shutil.copytree(Path(found.origin).parent, folder / module)
            else:
                shutil.copy(found.origin, folder)
        (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    alone: x\n    timeout: x\n")
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        yield folder


def as_user(folder: Path, uid: int, *command: str) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", "PYTHONPATH": str(folder),
           "PYTHONDONTWRITEBYTECODE": "1", "PYCTR_LAB_RUNS": "20"}  # fmt: skip
    argv = [*user, "/usr/bin/python3", *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=280, cwd=folder, env=env)


ROOMS = ("kernel", "steps", "runtime/test_container.py", "runtime/test_program.py", "runtime/test_view.py",
         "runtime/test_lab.py")  # fmt: skip


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
def with_range() -> Iterator[int]:
    """A user for the length of a test who owns a range of subordinate ids."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("newuidmap", "newgidmap", "useradd", "userdel"))):
        pytest.skip("needs root, useradd, and newuidmap of the package uidmap")
    uid, files = 61236, [Path("/etc/subuid"), Path("/etc/subgid")]
    before = {file: file.read_text() if file.exists() else None for file in files}
    line = f"{uid}:321000000:65536\n"
    made = ["useradd", "--system", "--no-create-home", "--no-user-group", "--uid", str(uid), "pyctr-lab-test"]
    subprocess.run(made, check=True, capture_output=True)
    for file in files:
        with file.open("a") as end:
            end.write(line)
    yield uid
    subprocess.run(["userdel", "pyctr-lab-test"], check=True, capture_output=True)
    for file in files:
        left = file.read_text().replace(line, "")
        if not left and before[file] is None:
            file.unlink()
        else:
            file.write_text(left)


WITH_RANGE = """
from pyctr_lab import Lab
with Lab() as lab:
    print(lab.ids, lab.run(["sh", "-c", "hostname; chown 1000:1000 /tmp && stat -c %u:%g /tmp"]).stdout)
    print([(one.inside, one.outside, one.count) for one in lab.host.view().uid_map])
    print(lab.host.run(["cat", "/proc/self/uid_map"]).stdout)
"""


@pytest.mark.alone
def test_a_user_with_subordinate_ids(with_range: int, readable: Path) -> None:
    done = as_user(readable, with_range, "-c", WITH_RANGE)
    words = done.stdout.split()
    assert words[0] == "65536", done.stdout + done.stderr
    assert words[1:3] == ["demo", "1000:1000"]
    assert f"(0, {with_range}, 1), (1, 321000000, 65535)" in done.stdout
