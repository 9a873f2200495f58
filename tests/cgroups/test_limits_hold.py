"""No program in a container lifts, freezes or moves a control group: its own, or another's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pyctr_lab import Lab, Limits, TimeExpired, steps
from pyctr_lab.cgroups import all_trees
from pyctr_lab.steps import ControlGroup, Recipe

pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("delegated")]

SMALL = Limits(memory="64M", pids=30, cpus=0.5)
PROBES = """
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
worked, tried = [], 0
def probe(name, function, *args):
    global tried
    tried += 1
    try:
        function(*args)
        worked.append(name)
    except OSError:
        pass
def write_back(path):
    "What it read, so that nothing changes when it works."
    fd = os.open(path, os.O_WRONLY)  # refused here, or by version 2 when something is written
    try:
        with open(path) as file:
            value = file.read() or "0"
        os.write(fd, value.splitlines()[0].encode())
    finally:
        os.close(fd)
def move(path):
    with open(path, "w") as file:
        file.write("0")
def freeze(path):
    with open(path, "w") as file:
        file.write("FROZEN" if path.endswith("state") else "1")
def tree(top):
    for folder, folders, files in os.walk(top):
        for file in files:
            path = os.path.join(folder, file)
            if file in ("tasks", "cgroup.procs", "cgroup.threads"):
                probe(f"move {path}", move, path)
            elif os.stat(path).st_mode & 0o222 and file != "cgroup.kill":
                probe(f"write {path}", write_back, path)
            probe(f"chmod {path}", os.chmod, path, 0o666)
            probe(f"chown {path}", os.chown, path, 0, 0)
        for child in folders:
            if child == "neighbour":
                worked.append(f"see {folder}/{child}")
            probe(f"rmdir {folder}/{child}", os.rmdir, f"{folder}/{child}")
            probe(f"rename {folder}/{child}", os.rename, f"{folder}/{child}", f"{folder}/moved")
        probe(f"mkdir {folder}", os.mkdir, f"{folder}/own")
        if os.path.isdir(f"{folder}/own"):
            os.rmdir(f"{folder}/own")
        probe(f"chmod {folder}", os.chmod, folder, 0o777)
        probe(f"chown {folder}", os.chown, folder, 0, 0)
for number, (kind, words) in enumerate(json.loads(sys.argv[1])):
    os.makedirs(f"/tmp/{number}")
    if libc.mount(b"x", f"/tmp/{number}".encode(), kind.encode(), 0, words.encode() or None) == 0:
        tree(f"/tmp/{number}")
for root in ("/sys/fs/cgroup", "/proc/1/root/sys/fs/cgroup", "/proc/1/cwd/sys/fs/cgroup", "/old/sys/fs/cgroup"):
    if os.path.isdir(root):
        tree(root)
print(json.dumps([tried, worked]))
"""
INTO = {
    "a container": [],
    "user and cgroup namespace of its own": ["unshare", "-UrmC"],
    "no cgroup namespace": ["unshare", "-Urm"],
    "two deep": ["unshare", "-UrmC", "unshare", "-UrmC"],
}


def kinds() -> str:
    """Each hierarchy of this machine, as mount(2) asks for it."""
    return json.dumps([("cgroup" if each.words else "cgroup2", each.words) for each in all_trees()])


def unfiltered(lab: Lab) -> Recipe:
    """With namespaces of a program's own, and of the root to whom a group can be delegated."""
    return lab.recipe().with_shared_ids().without(steps.Seccomp)


def command(way: str) -> list[str]:
    return [*INTO[way], "python3", "-c", PROBES, kinds()]


@pytest.mark.parametrize("way", INTO)
@pytest.mark.parametrize("limits", [SMALL, None], ids=["limited", "unlimited"])
def test_what_a_program_tries_does_not_work(limits: Limits | None, way: str, lab: Lab) -> None:
    with lab.cgroup("neighbour", pids=7) as neighbour:
        before = neighbour.limits
        run = lab.run(command(way), recipe=unfiltered(lab), limits=limits, timeout=60)
        assert run.returncode == 0, run.stderr
        tried, worked = json.loads(run.stdout)
        assert worked == allowed(lab, worked), f"of {tried}"
        assert neighbour.limits == before


def allowed(lab: Lab, worked: list[str]) -> list[str]:
    """What a user's lab cannot prevent: its containers' root is the user, who owns the group's folder.

    The kernel lets a namespace write to the files that it names delegatable, none of which is a limit, and to groups
    below, which are within the limits of the group.
    """
    if os.getuid() == 0:
        return []
    listed = Path("/sys/kernel/cgroup/delegate")
    delegatable = listed.read_text().split() if listed.exists() else []
    return [each for each in worked if each.split()[0] in ("mkdir", "chmod", "chown", "move")
            or "/own" in each or os.path.basename(each) in delegatable]  # fmt: skip


def test_the_breakers_own_probe(lab: Lab) -> None:
    lift = "mount -t cgroup -o memory x /tmp/c; echo -1 >/tmp/c/memory.limit_in_bytes; echo max >/tmp/c/memory.max"
    script = f"mkdir /tmp/c; unshare -UrmC sh -c '{lift}' 2>/dev/null; python3 -c 'bytearray(300 << 20)'"
    run = lab.run(["sh", "-c", script], limits=Limits(memory="64M", memory_swap="0"), timeout=60)
    assert run.returncode != 0 and run.reached


def test_a_step_protects_its_group_too(lab: Lab) -> None:
    with lab.container("stepped") as box:
        for step in [ControlGroup(SMALL, "stepped"), *unfiltered(lab)]:
            box.apply(step)
        run = box.run(command("user and cgroup namespace of its own"), timeout=60)
        assert json.loads(run.stdout)[1] == allowed(lab, json.loads(run.stdout)[1]), run.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="a user's containers own their groups' folders")
def test_who_is_delegated_a_group_may_make_others_below_it(lab: Lab) -> None:
    """By name only, and the limits stay above."""
    with lab.cgroup("delegated", pids=20) as group, lab.container("delegated") as box:
        group.add(box)
        for step in unfiltered(lab):
            box.apply(step)
        group.delegate()
        run = box.run(command("user and cgroup namespace of its own"), timeout=60)
        worked = json.loads(run.stdout)[1]
        assert any(each.startswith("mkdir") for each in worked)
        assert not [each for each in worked if each.startswith("write")], "but lifts nothing"
        assert group.pids_max == 20


FREEZE = """
import ctypes, os, time
libc = ctypes.CDLL(None)
os.mkdir("/tmp/c")
FILES = (b"cgroup2", None, "cgroup.freeze", "1"), (b"cgroup", b"freezer", "freezer.state", "FROZEN")
for kind, words, file, value in FILES:
    if libc.mount(b"x", b"/tmp/c", kind, 0, words) == 0 and os.access("/tmp/c", os.W_OK):
        os.mkdir("/tmp/c/own")
        if os.path.exists(f"/tmp/c/own/{file}"):
            open("/tmp/c/own/cgroup.procs", "w").write("0")
            print("frozen", flush=True)
            open(f"/tmp/c/own/{file}", "w").write(value)
time.sleep(1000)
"""


def test_a_time_out_holds_against_who_has_frozen_himself(lab: Lab) -> None:
    with lab.cgroup("sleepy") as group, lab.container("sleepy") as box:
        group.add(box)
        for step in unfiltered(lab):
            box.apply(step)
        group.delegate()
        with pytest.raises(TimeExpired) as late:
            box.run(["unshare", "-UrmC", "python3", "-c", FREEZE], timeout=2)
        assert late.value.run.stdout == "frozen\n" and late.value.run.signal == "SIGKILL"


def test_a_time_out_holds_against_a_frozen_group(lab: Lab) -> None:
    with lab.cgroup("stopped") as group, lab.container("stopped") as box:
        group.add(box)
        program = box.start(["sleep", "1000"])
        group.freeze()
        with pytest.raises(TimeExpired):
            program.finish(timeout=0.2)
        assert program.poll() == -9
