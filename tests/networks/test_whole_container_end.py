"""Sudden death of a whole container: image, network, published port, filter and watch, all under traffic."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from .test_sudden_end import KEEPER, interfaces

pytestmark = pytest.mark.machine

# A server with an image's files behind all walls of docker_like, and a live process whose calls are watched: some go
# on, some are refused, by a notebook that is asked each time.
NOTEBOOK = """
import json, os, signal, sys, threading, time
from pathlib import Path
from networks.boxes import asked, free_port, walled
from pyctr_lab import Lab
from pyctr_lab.course.images_and_layers import small_distribution
from pyctr_lab.errors import LabError
from pyctr_lab.runtime.carrier import ended

asked_for = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: asked_for.set())
port, lab = free_port(), Lab()
lab.images.import_(str(small_distribution(Path(sys.argv[1]))), "pocket")
web = lab.network("web")
SERVE = ["sh", "-c", "while :; do echo hello | nc -l -p 80; done"]


def serving():
    words = {"image": "pocket", "network": web, "publish": {port: 80}, "recipe": "docker_like"}
    return lab.start(SERVE, **words)


def watching():
    box = walled(lab, "box", network=web)
    watch = box.watch(["mkdir", "mkdirat"], decide=lambda call: "EROFS" if len(call.paths[0]) % 2 else None)
    making = "while :; do mkdir /tmp/t /tmp/tt; rmdir /tmp/t /tmp/tt; done 2>/dev/null"
    return box, watch, box.start(["sh", "-c", making])


server, (box, watch, busy) = serving(), watching()
while not watch.calls:
    time.sleep(0.01)
print(json.dumps({"port": port, "notebook": os.getpid(), "launcher": lab.world.machine_pid,
    "server": server.machine_pid, "watched program": busy.machine_pid, "watched process": box.machine_pid}), flush=True)
while True:
    wanted = asked_for.is_set()
    try:
        if server.poll() is not None:
            server = serving()
        if busy.poll() is not None:
            box.kill()
            box, watch, busy = watching()
        said = lab.run(["sh", "-c", "echo alive > /tmp/f; cat /tmp/f"], image="pocket", recipe="docker_like").stdout
    except LabError as why:
        print(repr(why), file=sys.stderr)
        if not ended(lab.world.machine_pid, 10):
            raise
        break
    if wanted and said == "alive\\n" and watch.calls:
        asked_for.clear()
        print("mended", flush=True)
print("the lab has ended", flush=True)
time.sleep(600)
"""
SAID = {
    "notebook": "", "launcher": "the lab has ended", "server": "mended", "watched program": "mended",
    "watched process": "mended",
}  # fmt: skip
LEFT = """
from pathlib import Path
from pyctr_lab import Lab
from pyctr_lab.images.tree_jobs import UPPERS
with Lab() as lab:
    lab.images.trees.show()
    print(*[path.name for path in (lab.images.trees.folder / UPPERS).glob("[!.]*")])
"""


@pytest.mark.repeat(few=1, many=20)
@pytest.mark.parametrize("victim", SAID)
def test_sudden_death_of_a_whole_container_leaves_nothing(victim: str, repetition: int, tmp_path: Path) -> None:
    before, seed = interfaces(), str(random.randrange(10**6))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "XDG_DATA_HOME": str(tmp_path / "data")}
    argv = [sys.executable, "-P", "-c", KEEPER, victim, seed, NOTEBOOK, str(tmp_path / "files")]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, (seed, done.stderr)
    known = json.loads(done.stdout)
    assert (known["said"], known["free"]) == (SAID[victim], True), (seed, done.stderr)
    assert interfaces() == before
    left = subprocess.run([sys.executable, "-P", "-c", LEFT], capture_output=True, text=True, env=env, timeout=120)
    assert (left.returncode, left.stdout.split()) == (0, []), "the next lab takes away what an image's container wrote"
