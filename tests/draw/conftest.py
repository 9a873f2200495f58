"""Views made by hand: pictures are functions of data, so their tests need no kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyctr_lab.kernel.constants import KINDS
from pyctr_lab.kernel.proc import IdRange, Mount
from pyctr_lab.runtime.view import Interface, Ipc, Process, View


def mount(target: str, kind: str = "ext4") -> Mount:
    return Mount(1, 1, "/", target, ("rw",), (), kind, "none", ("rw",))


HOST: dict[str, Any] = {
    "hostname": "lab",
    "namespaces": {kind: 4026531800 + n for n, kind in enumerate(KINDS)},
    "processes": (Process(1, "launcher"), Process(37, "sh"), Process(41, "redis-server"), Process(42, "demo")),
    "mounts": (mount("/"), mount("/proc", "proc"), mount("/home"), mount("/tmp", "tmpfs"), mount("/sys", "sysfs")),
    "interfaces": (Interface("lo", True, ("127.0.0.1",)), Interface("br0", True, ("10.88.0.1",))),
    "uid": 0,
    "gid": 0,
    "uid_map": (IdRange(0, 100000, 65536),),
    "gid_map": (IdRange(0, 100000, 65536),),
    "ipc": Ipc(2, 0, 0),
    "cgroup": "/lab/demo",
    "uptime": 11_520.0,
    "capabilities": frozenset(f"CAP_{n}" for n in range(41)),
    "bounding": frozenset(),
    "no_new_privs": False,
    "seccomp": 0,
    "limits": {},
}


@pytest.fixture
def view() -> Callable[..., View]:
    """A view as the host has it, but for what is said; `own` are kinds with a namespace of their own."""

    def make(*, own: str = "", **other: Any) -> View:
        numbers = HOST["namespaces"] | {kind: 4026532300 + KINDS.index(kind) for kind in own.split()}
        return View(**{**HOST, "namespaces": numbers, **other})

    return make
