"""`bench all` with every engine that is here, killed at random moments: whoever is hit, nothing is left."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import machine_state
import pytest
from traces import names

from pyctr_lab.runtime import clean

LAST = 45.0  # seconds, the latest moment
# Not /tmp, where other tests come and go: the bench has a TMPDIR of its own, which is empty afterwards.
FOLDERS = ("/var/tmp", "/run", "/dev/shm", "~/.local/share")  # a cache may grow

# Whoever loses their parent becomes this one's child: it sees everybody who comes of a measurement, and their end.
WITNESS = """
import ctypes, os, random, signal, subprocess, sys, time
from pyctr_lab.kernel import proc

PR_SET_CHILD_SUBREAPER = 36

def family(pid):
    try:
        below = proc.children(pid)
    except ProcessLookupError:
        below = ()
    return [each for child in below for each in (child, *family(child))]

seed, last, *words = sys.argv[1:]
dice = random.Random(seed)
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
bench = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(dice.uniform(0, float(last)))
everybody = family(os.getpid())
victim = bench.pid if dice.random() < 0.5 or not everybody else dice.choice(everybody)
try:
    name = " ".join(proc.text_of(victim, "cmdline").split("\\0"))[:100]
    os.kill(victim, signal.SIGKILL)
except (ProcessLookupError, PermissionError):  # ended just now, or of a user's other ids
    name = "nobody but the bench"
if victim != bench.pid:
    time.sleep(dice.uniform(0, 2))
    bench.kill()
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        if not os.waitpid(-1, os.WNOHANG)[0]:
            time.sleep(0.01)
    except ChildProcessError:
        print(f"{len(everybody)} processes, killed: {name}")
        sys.exit()
names = [" ".join(proc.text_of(pid, "cmdline").split("\\0"))[:100] for pid in family(os.getpid())]
sys.exit(f"killed: {name}; still there after a minute: {names}")
"""


def things() -> dict[str, set[str]]:
    """What a measurement could leave behind, beyond what is compared around every run of the tests."""
    shared = set(Path("/proc/sysvipc/shm").read_text().splitlines())
    return {"shared memory": shared, **{folder: names(folder) for folder in FOLDERS}}


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Afterwards, and after one `clean`, there is nothing new on the machine, and nothing different."""
    before, machine = things(), machine_state.snapshot()
    yield
    clean(patience=10)
    after = things()
    assert {name: new for name in before if (new := after[name] - before[name])} == {}
    assert machine_state.settled(machine) == []


@pytest.mark.repeat(few=2, many=50)
@pytest.mark.timeout(6000)
@pytest.mark.usefixtures("nothing_left")
def test_a_measurement_killed_at_random_moments_leaves_nothing(repeats: int, tmp_path: Path) -> None:
    for number in range(repeats):
        seed = str(random.randrange(10**6))
        bench = [sys.executable, "-P", "-m", "pyctr_lab.cli", "bench", "all", "--budget", "60"]
        done = subprocess.run(
            [sys.executable, "-P", "-c", WITNESS, seed, str(LAST if repeats > 10 else LAST / 3), *bench],
            capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
        print(f"{number + 1} of {repeats}, seed {seed}: {done.stdout.strip()}{done.stderr.strip()}")
        assert done.returncode == 0, (seed, done.stderr)
    clean(patience=10)
    assert os.listdir(tmp_path) == []
