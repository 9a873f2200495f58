"""What lesson 07 uses beside the lab: deeds that root is known for, the price of a call."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence

from ..kernel.capabilities import CapabilitySets, capability_sets
from ..runtime import Container
from ..steps import SecureBits, SetCapabilities, SetIds
from .lessons.kit.policies import MAKE_FOLDER, policy_in
from .lessons.kit.walls import OFFERED, probes_out, walled_recipe

__all__ = [
    "MAKE_FOLDER", "OFFERED", "become_plain", "deeds", "policy_in", "price_of_call", "prices", "probes_out",
    "sets_after_exec", "walled_recipe",
]  # fmt: skip

PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
TURNS, CALLS = 15, 4000  # of which the fastest turn counts: what else the machine does makes no call faster

#: Each deed in a process of its own; what the kernel says, as {deed: words}.
DEEDS = """
import ctypes, json, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def mount():
    if libc.mount(b"none", b"/mnt", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "")
def write_closed():
    fd = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0)
    os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
deeds = {
    "mount a file system": mount,
    "chroot into a folder": lambda: os.chroot("/tmp"),
    "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "listen at port 80": lambda: socket.create_server(("", 80)),
    "write a file closed to all": write_closed,
}
said = {}
for name, deed in deeds.items():
    ours, theirs = os.pipe()
    if not os.fork():
        try:
            deed()
            words = "done"
        except OSError as why:
            words = os.strerror(why.errno)
        os.write(theirs, words.encode())
        os._exit(0)
    os.wait()
    said[name] = os.read(ours, 100).decode()
print(json.dumps(said))
"""

PRICE = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
call, arguments = getattr(libc, sys.argv[1]), [ctypes.c_long(int(word)) for word in sys.argv[4:]]
turns, calls, best = int(sys.argv[2]), int(sys.argv[3]), 1e9
for _ in range(turns):
    began = time.perf_counter_ns()
    for _ in range(calls):
        call(*arguments)
    best = min(best, (time.perf_counter_ns() - began) / calls)
print(best)
"""


def deeds(box: Container) -> dict[str, str]:
    """Try five deeds that root is known for, each by a program started in the container: "done", or the refusal."""
    said: dict[str, str] = json.loads(box.run([*PYTHON, DEEDS]).stdout)
    return said


def become_plain(box: Container, ids: int) -> None:
    """Make the container's process a user without any power: uid 1000, or of a single id a root that means nothing."""
    if ids > 1:
        box.apply(SetIds(1000, 1000))
    else:
        box.apply(SecureBits(("noroot",)))
        box.apply(SetCapabilities(()))


def sets_after_exec(box: Container) -> CapabilitySets:
    """The capabilities of a program that the container starts."""
    program = box.start(["sleep", "60"])
    try:
        return capability_sets(program.machine_pid)
    finally:
        program.end()


def price_of_call(box: Container, name: str = "getppid", *arguments: int) -> float:
    """Nanoseconds that a call takes in the container, made by a program again and again: of the fastest turn."""
    words = [name, str(TURNS), str(CALLS), *map(str, arguments)]
    return float(box.run([*PYTHON, PRICE, *words], timeout=60).stdout)


def prices(boxes: Sequence[Container], name: str = "getppid", *arguments: int) -> dict[str, float]:
    """The price of a call in each container, by its name: measured in turns, the median of three."""
    found: dict[str, list[float]] = {box.name: [] for box in boxes}
    for _ in range(3):
        for box in boxes:
            found[box.name].append(price_of_call(box, name, *arguments))
    return {each: statistics.median(seen) for each, seen in found.items()}
