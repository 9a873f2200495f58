"""Sudden death under traffic: of the notebook, the launcher, a relay, a name server. Nothing is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys

import pytest
from machine_state import OTHER_LINKS

from pyctr_lab.networks import rules

pytestmark = pytest.mark.machine

# A notebook with a server, whose port is published, and clients: one in the notebook, one in a container after the
# other, and one in a container that stays. It mends what was killed, as a user would, and says so if it is asked to.
NOTEBOOK = """
import json, os, signal, socket, sys, threading, time
from networks.boxes import asked, free_port, service_pid, serving, walled
from pyctr_lab import Lab
from pyctr_lab.errors import LabError
from pyctr_lab.runtime.carrier import ended

asked_for = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: asked_for.set())
port, lab = free_port(), Lab()
web = lab.network("web", ipv6=True)
box = walled(lab, "box", network=web)
server = serving(lab, "hello", network=web, aliases=["server"], publish={port: 80})
pull = "while :; do busybox nc server 80 < /dev/null > /dev/null 2>&1 || sleep 0.01; done"
client = box.start(["sh", "-c", pull])
if sys.argv[1:] == ["rules"]:
    web.lose(box, 20)
(opened,) = lab.networks.ports
print(json.dumps({"port": port, "notebook": os.getpid(), "launcher": lab.world.machine_pid,
    "relay": service_pid(opened.relay), "name server": service_pid(web.names.service)}), flush=True)
while True:
    wanted = asked_for.is_set()
    try:
        done = lab.run(["getent", "hosts", "server"], network=web)
        try:
            said = asked(port)
        except ConnectionRefusedError:
            said = b""
            server.kill()
            server.wait()
            server = serving(lab, "hello", network=web, aliases=["server"], publish={port: 80})
    except LabError as why:
        print(repr(why), file=sys.stderr)
        if not ended(lab.world.machine_pid, 10):
            raise
        break
    if wanted and said == b"hello" and done.returncode == 0:
        asked_for.clear()
        print("mended", flush=True)
print("the lab has ended", flush=True)
time.sleep(600)
"""

# The parent of all that loses its own: it sees each process, and its end.
KEEPER = """
import ctypes, json, os, random, signal, socket, subprocess, sys, time
from networks.boxes import is_free

PR_SET_CHILD_SUBREAPER = 36
victim, seed, *words = sys.argv[1:]
dice = random.Random(seed)
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
notebook = subprocess.Popen([sys.executable, "-P", "-c", *words], stdout=subprocess.PIPE, text=True)
known = json.loads(notebook.stdout.readline())
time.sleep(dice.uniform(0, 0.5))
os.kill(known[victim], signal.SIGKILL)
said = ""
if victim != "notebook":
    if victim != "launcher":
        notebook.send_signal(signal.SIGUSR1)
    said = notebook.stdout.readline().strip()
    until = time.monotonic() + 30  # the relay's parent, outside the lab, has to notice its end
    while victim == "launcher" and not is_free(known["port"]) and time.monotonic() < until:
        time.sleep(0.01)
    said += "" if victim != "launcher" or is_free(known["port"]) else ", but not its port"
    notebook.kill()
until = time.monotonic() + 30
while time.monotonic() < until:
    try:
        if not os.waitpid(-1, os.WNOHANG)[0]:
            time.sleep(0.01)
    except ChildProcessError:
        print(json.dumps({**known, "said": said, "free": is_free(known["port"])}))
        sys.exit()
sys.exit("something was still alive after 30 seconds")
"""
SAID = {"notebook": "", "launcher": "the lab has ended", "relay": "mended", "name server": "mended"}


NFT = shutil.which("nft", path=rules.FOLDERS)


def interfaces() -> set[str]:
    return {name for name in os.listdir("/sys/class/net") if not OTHER_LINKS.match(name)}


def tables() -> str:
    return subprocess.run([NFT, "list", "tables"], capture_output=True, text=True).stdout if NFT else ""


@pytest.mark.repeat(few=1, many=25)
@pytest.mark.parametrize("victim", SAID)
def test_sudden_death_under_traffic_leaves_nothing(victim: str, repetition: int) -> None:
    before, seed = (interfaces(), tables()), str(random.randrange(10**6))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-P", "-c", KEEPER, victim, seed, NOTEBOOK, *(["rules"] if NFT else [])]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, (seed, done.stderr)
    known = json.loads(done.stdout)
    assert (known["said"], known["free"]) == (SAID[victim], True), (seed, done.stderr)
    assert (interfaces(), tables()) == before
