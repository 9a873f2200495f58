"""States of the map that unit tests and browser tests both draw: the usual ones and the hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyctr_lab.kernel.proc import IdRange, Mount
from pyctr_lab.runtime.view import Interface, Ipc, Process, View

HOSTILE = '<script>alert("&\'")</script>\x00\x1b[31m\u202e' + "x" * 90
EVERY = "uts pid mnt net user ipc cgroup time"


def crowded(view: Callable[..., View], own: str) -> View:
    """Hundreds of everything, every name as long and as hostile as it can be."""
    mounts = tuple(Mount(n, 1, "/", f"/{HOSTILE}{n}", ("ro",), (), "overlay" * 9, "x", ()) for n in range(400))
    return view(
        own=own,
        hostname=HOSTILE,
        processes=tuple(Process(4_000_000 + n, HOSTILE) for n in range(300)),
        mounts=mounts,
        interfaces=tuple(Interface(f"veth{n}{HOSTILE}", True, ("192.168.100.200",) * 9) for n in range(200)),
        uid=4_294_967_294,
        uid_map=(IdRange(4_294_967_294, 100_000, 1),),
        ipc=Ipc(99_999, 88_888, 77_777),
        cgroup="/" + HOSTILE,
        uptime=3.2e9,
    )


def states(view: Callable[..., View]) -> dict[str, dict[str, Any]]:
    """Name -> arguments of draw_map."""
    host, demo = view(), {"name": "demo", "outside": view(), "spent": "1.92 ms so far, 14 calls"}
    named = view(own="uts user mnt", hostname="demo")
    net = view(own="net", interfaces=(Interface("lo", False),))
    long_when = "after step 12 of 20 · file system of its own · mount(2), mkdirat(2) and more · 390 µs"
    return {
        "baseline": {**demo, "inside": view(), "spent": "", "when": "before the first step"},
        "copy": {**demo, "inside": view(own="uts"), "changed": ("uts",)},
        "named": {**demo, "inside": named, "changed": ("uts",), "when": long_when},
        "open": {**demo, "inside": net, "changed": ("net",), "left_open": {"uts": "you switched 4 off"}},
        "through": {**demo, "inside": view(), "changed": ("uts",)},
        "all": {**demo, "inside": view(own=EVERY, hostname="demo", uptime=3.2e8)},
        "nobody": {**demo, "inside": view(own="user", uid=65534, uid_map=()), "changed": ("user",)},
        "gone": {**demo, "inside": "ended"},
        "unreadable": {**demo, "inside": "the process is still inside an earlier call"},
        "no host": {**demo, "inside": view(), "outside": "ended"},
        "crowded": {
            "inside": crowded(view, EVERY), "outside": crowded(view, ""), "name": HOSTILE, "when": HOSTILE * 3,
            "changed": ("pid",), "spent": "123456.78 ms so far, 123456 calls",
        },
        "crowded, shared": {
            "inside": crowded(view, ""), "outside": host, "name": "n" * 63, "changed": ("mnt", "time"),
            "left_open": {"uts": HOSTILE},
        },
    }  # fmt: skip
