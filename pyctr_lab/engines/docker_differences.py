"""Where `steps.docker_like()` and a container of Docker's differ, as data; each difference with its reason.

Measured with Debian's docker.io 20.10.24, by `wall_differences` of two records on one root file system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..kernel.constants import KINDS
from .record import Record

PARTS = ("/dev", "/etc", "/sys", "/tmp")  # of a container's tree, in which engines mount something or nothing
BINDS = ("full", "null", "random", "tty", "urandom", "zero")  # devices: a user namespace may make none


@dataclass(frozen=True)
class WallDifference:
    """One wall, what it is in each, and why. `where`: only there, or not shown by a record of a process."""

    wall: str
    docker: str
    ours: str
    reason: str
    where: str = ""


NONE = "-"
OLD_GROUPS, APPARMOR, UNSEEN = "control groups of version 1", "AppArmor", "in no record"
DOCKER_DIFFERENCES = (
    WallDifference("user namespace", NONE, "own", "a lab has no power but in a user namespace of its own"),
    WallDifference("user ids", "full", "a range", "root inside is an id outside that owns nothing; Docker's is root"),
    WallDifference("time namespace", NONE, "own", "the boot clock does not tell how long the machine has been up"),
    WallDifference("cgroup namespace", NONE, "own", "Docker keeps the older way, by which a container sees its path",
                   OLD_GROUPS),
    WallDifference("CAP_NET_RAW", "kept", NONE, "a raw socket can forge ARP at a bridge; some pings need one"),
    WallDifference("bounding CAP_NET_RAW", "kept", NONE, "the same, for programs that it becomes"),
    WallDifference("no_new_privs", NONE, "on", "setuid files give nothing; Docker: --security-opt no-new-privileges"),
    WallDifference("root", "writable", "read only", "its files are the host's or another's; Docker: --read-only"),
    WallDifference("/proc/interrupts", NONE, "masked", "counts of interrupts tell keystrokes; newer Dockers mask it"),
    WallDifference("/sys", "mounted", NONE, "few programs need it, and what is not there needs no mask"),
    WallDifference("/dev/mqueue", "mounted", NONE, "queues work without it: mq_open(3) needs no mount"),
    WallDifference("/etc/hostname", "mounted", NONE, "Docker's daemon writes these files"),
    WallDifference("/etc/hosts", "mounted", NONE, "the same"),
    WallDifference("/etc/resolv.conf", "mounted", NONE, "the same; ours has one at a network"),
    WallDifference("Max open files", NONE, "1024", "Docker's are its daemon's, often a million; --ulimit"),
    WallDifference("Max core file size", NONE, "0", "a core dump is written by the machine, outside of all walls"),
    WallDifference("profile", "docker-default", NONE, "root alone loads one; filter and masks do the same",
                   APPARMOR),
    WallDifference("devices", "a list of a control group", NONE, "no device can be made in a user namespace", UNSEEN),
    WallDifference("session keyring", "own", NONE, "the filter refuses all calls for keys", UNSEEN),
    WallDifference("programs of 32 bits", "allowed", "killed", "one table of calls, one filter", UNSEEN),
    WallDifference("low ports and pings", "for all ids", NONE, "two sysctls: here for root inside alone", UNSEEN),
    WallDifference("network", "a bridge for all", NONE, "only where one is asked for", UNSEEN),
)  # fmt: skip


def record_words(record: Record) -> dict[str, str]:
    """A record as one word for each wall. What is not in it is not there: see `wall_differences`."""
    return dict(_record_words(record))


def _record_words(record: Record) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        if kind in record.own:
            yield f"{kind} namespace", "own"
    for where, names in (("", record.capabilities), ("bounding ", record.bounding),
                         ("inheritable ", record.inheritable), ("ambient ", record.ambient)):  # fmt: skip
        yield from ((f"{where}{name}", "kept") for name in names)
    yield "user ids", record.uid_map
    yield "root", "read only" if record.root_read_only else "writable"
    yield "filters", str(record.filters)
    if record.profile:
        yield "profile", record.profile
    if record.no_new_privs:
        yield "no_new_privs", "on"
    yield from ((path, "masked") for path in record.masked if path.startswith("/proc/"))
    yield from ((path, "read only") for path in record.read_only if path.startswith("/proc/"))
    yield from ((path, "mounted") for path in record.targets if is_part(path))
    for each in (*record.rlimits, *record.limits):
        name, _, value = each.rpartition(" ")
        yield name, value


def is_part(path: str) -> bool:
    """Whether a mount is one that engines differ in: not /proc, not a device, and of /sys only the top."""
    top, _, name = path[1:].partition("/")
    return f"/{top}" in PARTS and not (top == "sys" and name) and not (top == "dev" and name in BINDS)


def wall_differences(one: Record, other: Record) -> dict[str, tuple[str, str]]:
    """The walls that are not alike, with what each is in both; `NONE` where there is none."""
    walls, others = record_words(one), record_words(other)
    both = {name: (walls.get(name, NONE), others.get(name, NONE)) for name in {**walls, **others}}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}
