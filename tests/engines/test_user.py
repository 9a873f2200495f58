"""Engines as an ordinary user: with subordinate ids most work, with one id fewer; the others' reasons are true."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ordinary import BECOME, UID, rows

from pyctr_lab.engines import ALL

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
    pytest.mark.skipif(not shutil.which("newuidmap"), reason="uidmap is not installed"),
]
AMONG = ["exec", "unshare", "bubblewrap", "lxc", "nspawn", "crun", "runc", "gvisor", "podman", "docker", "ours+limits"]
ETC = 'for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"'
Found = dict[str, dict[str, Any]]


def found(readable: Path, *before: str) -> Found:
    """What a user sees of each engine: what it does, and its record."""
    asked = [("generators:tried", {"engines": AMONG}), ("pyctr_lab.engines.survey:survey_rows", {"names": AMONG})]
    seen: Found = {name: {} for name in AMONG}
    for row in rows(readable, asked, *before):
        if "engine" in row:
            seen[row["engine"]].update(row)
    return seen


@pytest.fixture(scope="module")
def with_range(readable: Path) -> Found:
    """A user who has subordinate ids, in a mount namespace of the test only."""
    lines = {"passwd": f"ranger:x:{UID}:{UID}::/:/bin/sh", "group": f"ranger:x:{UID}:"}
    etc = readable / "etc"
    etc.mkdir()
    for name in ("passwd", "group", "subuid", "subgid"):
        text = Path("/etc", name).read_text() if Path("/etc", name).exists() else ""
        (etc / name).write_text(f"{text.rstrip()}\n{lines.get(name, 'ranger:321100000:65536')}\n")
        (etc / name).chmod(0o644)
    return found(readable, "unshare", "--mount", "sh", "-c", ETC, str(etc))


@pytest.fixture(scope="module")
def with_one(readable: Path) -> Found:
    """A user who has no more than the own id."""
    return found(readable)


def works(row: dict[str, Any], name: str) -> None:
    """It has run a program, started and stopped an instance, and left nothing."""
    if "is not installed" in row.get("why", ""):
        pytest.skip(row["why"])
    assert "failed" not in row and "why" not in row, row
    assert (row["status"], row["out"], row["err"]) == (7, "1000\n", "oops\n")
    assert row["left"] == [] and row["hung"][1] == [] and not row["place"]
    assert (row["payload"] is None) == (name == "gvisor")


@pytest.mark.parametrize("name", ["exec", "unshare", "bubblewrap", "lxc", "crun", "runc", "gvisor", "podman"])
def test_with_subordinate_ids(with_range: Found, name: str) -> None:
    works(with_range[name], name)


@pytest.mark.parametrize("name", ["exec", "unshare", "bubblewrap", "crun", "runc", "gvisor"])
def test_with_one_id(with_one: Found, name: str) -> None:
    works(with_one[name], name)


@pytest.mark.parametrize("name", ["lxc", "podman"])
def test_with_one_id_these_say_what_is_missing(with_one: Found, name: str) -> None:
    if not shutil.which(ALL[name].commands[0]):
        pytest.skip("it is not installed")
    assert "needs more than one user id" in with_one[name].get("why", "") and "doctor" in with_one[name]["hint"]


@pytest.mark.parametrize(
    ("name", "shared", "seccomp", "no_new_privs", "uid_map", "capabilities"),
    [
        ("unshare", {"time", "user"}, 0, False, "full", None),
        ("bubblewrap", {"time"}, 0, True, "one id", None),
        ("lxc", {"time", "user"}, 0, False, "full", None),
        ("crun", {"time", "user"}, 0, True, "full", 3),
        ("runc", {"time", "user"}, 0, True, "full", 3),
        ("podman", {"time", "user", "cgroup"}, 2, False, "full", 11),
    ],
)
def test_records(
    with_range: Found, name: str, shared: set[str], seccomp: int, no_new_privs: bool, uid_map: str, capabilities: int
) -> None:
    if "why" in with_range[name]:
        pytest.skip(with_range[name]["why"])
    record = with_range[name]["record"]
    assert set(record["shared"]) == shared
    assert (record["seccomp"], record["no_new_privs"], record["uid_map"]) == (seccomp, no_new_privs, uid_map)
    assert capabilities in (None, len(record["capabilities"]))
    assert record["limits"] == [], "nobody has given this user control groups"


@pytest.mark.parametrize("who", ["with_range", "with_one"])
def test_these_want_to_be_root_and_say_so(request: pytest.FixtureRequest, who: str) -> None:
    rows: Found = request.getfixturevalue(who)
    for name in ("nspawn", "docker"):
        assert "wants to be root" in rows[name]["why"]
    why = rows["ours+limits"]["why"]
    assert "is delegated to this user" in why or "offers no" in why
    assert "sudo" not in rows["ours+limits"]["hint"], "a sandbox does not know who asks"


@pytest.mark.parametrize(("command", "said"), [("systemd-nspawn -D / true", "root"), ("dockerd", "root privileges")])
def test_they_do_want_it(command: str, said: str, tmp_path: Path) -> None:
    if not shutil.which(command.split()[0]):
        pytest.skip("it is not installed")
    done = subprocess.run([*BECOME, *command.split()], capture_output=True, text=True, timeout=30, cwd="/", check=False)
    assert done.returncode and said in (done.stdout + done.stderr)
