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
from pyctr_lab.kernel.delegation import delegation
from pyctr_lab.runtime import guard, world

pytestmark = pytest.mark.machine

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
        for file in ("conftest.py", "traces.py"):
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
def given() -> Iterator[None]:
    """Folders of version 1's trees that belong to the user: there it is all that the user has."""
    found = delegation()
    if not found.mounts or found.missing:
        pytest.skip("this machine has no version 1 of which root could give away a part")
    folders = [f"{mount}/{UID}" for mount in found.mounts]
    subprocess.run(["mkdir", *folders], check=True)
    subprocess.run(["chown", "-R", str(UID), *folders], check=True)
    yield
    assert guard.remove_all(folders, 10) == []


@ROOT_ONLY
def test_groups_of_version_1_alone(readable: Path, given: None) -> None:
    """Without the tree of version 2 nothing kills and stops as a whole: each is killed, and a freezer stops."""
    rooms = [f"runtime/test_{name}.py" for name in ("cgroup", "usage", "events", "groups")]
    done = as_user(readable, UID, "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "-rs",
                   f"--basetemp={readable}/tmp/groups", *rooms)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "nobody has given us" not in done.stdout


WITH_RANGE = """
from pyctr_lab import Lab
with Lab() as lab:
    print(lab.ids, lab.run(["sh", "-c", "hostname; chown 1000:1000 /tmp && stat -c %u:%g /tmp"]).stdout)
    print([(one.inside, one.outside, one.count) for one in lab.host.view().uid_map])
    print(lab.host.run(["cat", "/proc/self/uid_map"]).stdout)
"""


IN_PRIVATE_ETC = 'for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(
    not shutil.which("newuidmap") or not os.path.exists("/etc/subuid"), reason="uidmap is not installed"
)
def test_a_user_with_subordinate_ids(readable: Path, tmp_path: Path) -> None:
    uid = 61236
    lines = {"passwd": f"ranger:x:{uid}:{uid}::/:/bin/sh", "group": f"ranger:x:{uid}:"}
    for name in ("passwd", "group", "subuid", "subgid"):  # seen in a mount namespace of the test only
        added = lines.get(name, "ranger:321000000:65536") + "\n"
        (tmp_path / name).write_text(Path("/etc", name).read_text().rstrip("\n") + "\n" + added)
        (tmp_path / name).chmod(0o644)
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", WITH_RANGE]
    argv = ["unshare", "--mount", "sh", "-c", IN_PRIVATE_ETC, str(tmp_path), *become]
    env = {**os.environ, "PYTHONPATH": str(readable)}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=readable, timeout=60)
    words = done.stdout.split()
    assert words[:1] == ["65536"], done.stdout + done.stderr
    assert words[1:3] == ["demo", "1000:1000"]
    assert f"(0, {uid}, 1), (1, 321000000, 65535)" in done.stdout
