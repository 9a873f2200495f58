"""What the doctor tries on the real kernel, and that it says what it has seen: with limits, as other users."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ranges import as_user_with, needs_range

from pyctr_lab.cgroups import Tree
from pyctr_lab.cgroups.places import Delegation, Place, delegation
from pyctr_lab.course.doctor import trials
from pyctr_lab.kernel.calls import Call
from pyctr_lab.networks import rules
from pyctr_lab.runtime import Lab, starting
from pyctr_lab.runtime.faststart import Refused

TOP = Path(__file__).parents[3]


def doctor(*by: str, python: str = sys.executable, **env: str) -> dict[str, str]:
    """Each finding of the real doctor by its name: sign, state, and what was found."""
    argv = [*by, python, "-m", "pyctr_lab.cli", "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=TOP, env={**os.environ, **env})
    assert done.stderr == ""
    rows = re.findall(r"^  ([✓◐✗] \w+) +(\S.*?)  +(\S.*)$", done.stdout, re.M)
    return {name: f"{state}: {found}" for state, name, found in rows}


def test_starts_are_really_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = trials.start_lab()
    assert (tried.refused, tried.slow) == ("", "") and tried.ids

    def refused(launcher: object) -> None:
        raise Refused("nobody has written the loop for this", here=True)

    monkeypatch.setattr(starting, "load_loop", refused)
    assert trials.start_lab().slow == "nobody has written the loop for this"


def test_a_group_is_made_entered_and_removed(delegated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(os, "mkdir", lambda path, mkdir=os.mkdir: made.append(path) or mkdir(path))
    assert trials.enter_groups(delegation()) == ""
    assert made and not any(map(os.path.exists, made))


def test_a_group_that_cannot_be_made_is_named() -> None:
    nowhere = Place(Tree(2, (), "/proc/none", "/"), "/proc/none", ())
    assert trials.enter_groups(Delegation("v2", (nowhere,))).startswith("/proc/none/pyctr-trial-")


@pytest.mark.parametrize(("call", "why"), [("clone3", "EPERM"), ("mount_setattr", "ENOSYS")])
def test_a_call_that_is_refused_is_named_by_the_doctor(call: str, why: str) -> None:
    found = doctor(sys.executable, str(TOP / "tests/refusing.py"), f"{call}={why}", "--")
    assert found["newer calls"].startswith("◐ limited") and f"no {call} " in found["newer calls"]
    assert "missing" not in found["starts"] and ("clone3" in found["starts"]) == (call == "clone3")


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """The package where every user may read it."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(TOP / "pyctr_lab", Path(name, "pyctr_lab"), ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield Path(name)


@pytest.mark.parametrize("most", [8, 200])
def test_few_open_files_are_seen_by_the_doctor(most: int, readable: Path) -> None:
    user = ["setpriv", "--reuid=61236", "--regid=61236", "--clear-groups"] if os.geteuid() == 0 else []
    found = doctor(
        "prlimit",
        f"--nofile={most}:{most}",
        *user,
        python="/usr/bin/python3",
        PYTHONPATH=str(readable),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert found["open files"].startswith("◐ limited") and f"up to {most}" in found["open files"]


RANGE = "jane.doe:100000:65536"


@needs_range
@pytest.mark.parametrize(
    ("uid", "before", "sign", "said"),
    [
        (61236, (), "✓ fine", "tried: newuidmap and newgidmap map a container's 65536 ids"),
        (131000, (), "✓ fine", "tried: newuidmap and newgidmap map a container's 65536 ids"),
        (61236, ("--no-new-privs",), "◐ limited", "this shell has no_new_privs"),
        (61236, ("env", "PATH=/stub:/usr/bin:/bin"), "◐ limited", "tried, and refused (newuidmap ended with 1)"),
    ],
)
def test_ranges_are_mapped_before_the_doctor_says_so(
    uid: int, before: tuple[str, ...], sign: str, said: str, readable: Path, tmp_path: Path
) -> None:
    (readable / "newuidmap").write_text("#!/bin/sh\nexit 1\n")
    (readable / "newuidmap").chmod(0o755)
    words = [word.replace("/stub", str(readable)) for word in before]
    found = doctor(*as_user_with(RANGE, tmp_path, *words, uid=uid), python="/usr/bin/python3",
                   PYTHONPATH=str(readable), PYTHONDONTWRITEBYTECODE="1", HOME="/")  # fmt: skip
    assert found["user ids"].startswith(sign) and said in found["user ids"], found["user ids"]


def test_networks_are_really_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(lab: Lab) -> None:
        lab.host.carry([Call("socket", (-1, 0, 0))])

    assert trials.try_networks() == ({} if shutil.which("nft", path=rules.FOLDERS) else {"nft": "nft is not installed"})
    monkeypatch.setattr(rules, "FOLDERS", str(tmp_path))
    monkeypatch.setitem(trials.NETWORK_TRIALS, "packets", refuse)
    found = trials.try_networks()
    assert list(found) == ["packets", "nft"] and found["nft"] == "nft is not installed"
    assert "Address family not supported" in found["packets"]
