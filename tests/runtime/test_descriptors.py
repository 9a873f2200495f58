"""A program holds the descriptors that it was given, and no other: also where 0, 1 or 2 was closed when we began."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyctr_lab import Lab

pytestmark = pytest.mark.machine

LIST = ["ls", "-l", "/proc/self/fd"]
WAYS = f"""
import json, sys
from pyctr_lab import Lab
from pyctr_lab.runtime import starting
LIST = {LIST!r}
with Lab() as lab:
    said = {{"run": lab.run(LIST).stdout}}
    program = lab.start(LIST)
    program.wait()
    said["start"] = program.stdout
    said["given"] = lab.run(LIST, stdin=0).stdout
    box = lab.container("box")
    said["box"] = box.run(LIST).stdout
    said["host"] = lab.host.run(LIST).stdout
    for step in lab.recipe():
        box.apply(step)
    said["walled"] = box.run(LIST).stdout
    said["first"] = box.run(["sh", "-c", "for fd in 0 1 2; do readlink /proc/1/fd/$fd; done"]).stdout
    def refuse(lab):
        raise starting.Refused("a test wants it so")
    starting.have_loop = refuse
    said["slow"] = lab.run(LIST).stdout
open(sys.argv[1], "w").write(json.dumps(said))
"""


@pytest.mark.parametrize("closed", ["", "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_program_has_three(closed: str, tmp_path: Path) -> None:
    (tmp_path / "ways.py").write_text(WAYS)
    command = [sys.executable, "-P", str(tmp_path / "ways.py"), str(tmp_path / "said")]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    said = json.loads((tmp_path / "said").read_text())
    assert said.pop("first").splitlines() == ["/dev/null"] * 3, "a carrier has none of the notebook's"
    for way, listed in said.items():
        lines = [line.split()[-3:] for line in listed.splitlines() if "->" in line]
        held = {number: held for number, _, held in lines if not held.startswith("/proc/")}  # the folder that is listed
        assert list(held) == ["0", "1", "2"], way
        assert held["0"] == "/dev/null" and held["1"].startswith("pipe:") and held["2"].startswith("pipe:"), way


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_the_command_line_gives_no_socket_away(closed: str, tmp_path: Path) -> None:
    """It was the lab's own control socket that took the free number."""
    look = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; echo hello >&$fd; done"
    command = [sys.executable, "-P", "-m", "pyctr_lab.cli", "run", "-i", "--", "sh", "-c", look]
    said = tmp_path / "said"
    with open(said, "w") as file:
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
    assert "socket" not in said.read_text() and done.returncode in (0, 1, 2), said.read_text()


def test_the_launcher_holds_nothing_of_the_notebooks(lab: Lab) -> None:
    held = {path.name: str(path.readlink()) for path in Path(f"/proc/{lab.host.machine_pid}/fd").iterdir()}
    assert {held[number] for number in "012"} == {"/dev/null"}
    assert sorted(where.partition(":")[0] for number, where in held.items() if int(number) > 2) == ["socket"]
