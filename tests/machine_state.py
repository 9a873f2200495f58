"""What labs, sandboxes of engines and tests must leave as it is on the machine: `differences(snapshot(), snapshot())`.

What other programs change meanwhile is left out: times of ordinary files, terminals, control groups of other services,
and what `traces.OTHERS` matches.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import glob

from traces import OTHERS, mounts, names

from pyctr_lab.cgroups import all_trees

State = dict[str, dict[str, str]]
"""Kind of thing -> its name -> what is known of it, in words."""

FOLDERS = (
    *("/", "/etc", "/etc/alternatives", "/etc/containers", "/etc/docker", "/etc/lxc", "/etc/netns", "/etc/systemd"),
    *("/opt", "/opt/containerd", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/dev"),
    *("/var", "/var/cache", "/var/lib", "/var/lib/lxc", "/var/lib/machines"),
)
BOUND = ("/etc/ld.so.cache",)  # files that a container sees
SYSCTLS = (
    *("kernel/core_pattern", "kernel/domainname", "kernel/hostname", "kernel/keys/*", "kernel/msgm??"),
    *("kernel/pid_max", "kernel/printk", "kernel/sem", "kernel/shm*", "kernel/threads-max", "kernel/yama/*"),
    *("fs/inotify/*", "fs/mqueue/*", "fs/nr_open", "fs/protected_*", "fs/suid_dumpable", "user/max_*"),
    *("net/bridge/*", "net/ipv4/ip_forward", "net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range"),
    *("net/ipv?/conf/all/forwarding", "vm/max_map_count", "vm/overcommit_*", "vm/panic_on_oom", "vm/swappiness"),
    *("kernel/apparmor*", "kernel/unprivileged*"),
)
GROUP_FILES = (  # not cgroup.subtree_control: a lab passes controllers on
    *("cgroup.clone_children", "cpu.cfs_quota_us", "cpu.shares", "cpuset.cpus", "cpuset.mems", "devices.list"),
    *("memory.limit_in_bytes", "memory.swappiness", "memory.use_hierarchy", "notify_on_release", "release_agent"),
)
MEMORY = 1  # the major number of /dev/null, /dev/zero, /dev/random, ...
# Devices of which logins, udev or other programs change owners and times.
BUSY = re.compile(r"/dev/(pts|shm|mqueue|hugepages|bus|input|snd|dri|char|block|console|(tty|vcs)\w+)$")
OTHER_LINKS = re.compile(r"(veth|vnet|virbr|tap)")  # of the machine's own Docker and libvirt
ENGINES = re.compile(r"(docker|libpod_parent|machine|lxc\..*|pyctr\d+|pyctr-lab-(?P<owner>\d+))$")


def snapshot() -> State:
    """The machine as it is now."""
    return {
        "device": {path: facts(path) for path in devices("/dev")},
        "file": {path: facts(path) for folder in FOLDERS if os.access(folder, os.R_OK)
                 for path in names(folder) if not is_device(path)},
        "mount": dict.fromkeys(mounts(), ""),
        "network link": {name: "" for name in os.listdir("/sys/class/net") if not OTHER_LINKS.match(name)},
        "loop device": {text: "" for path in glob("/sys/block/loop*/loop/backing_file")
                        if not OTHERS.search(text := content(path))},
        "sysctl": {path: content(path) for name in SYSCTLS for path in glob(f"/proc/sys/{name}")},
        "control group": dict.fromkeys(groups(), ""),
        "setting of a control group": {path: content(path) for each in all_trees() for name in GROUP_FILES
                                       if os.path.exists(path := f"{each.mount}/{name}")},
    }  # fmt: skip


def differences(before: State, after: State) -> list[str]:
    """A line for each thing that is new, gone, or different. A device that is new was plugged in."""
    found = []
    for kind, known in before.items():
        now = after[kind]
        lost = known.keys() - now.keys() if kind != "control group" else ()  # its guard has removed it meanwhile
        found += [f"{kind} {name}: gone" for name in lost]
        found += [f"{kind} {name}: new" for name in now.keys() - known.keys() if kind != "device"]
        both = known.keys() & now.keys()
        found += [f"{kind} {name}: {known[name]} -> {now[name]}" for name in both if known[name] != now[name]]
    return sorted(found)


def settled(before: State, patience: float = 60.0) -> list[str]:
    """The differences from now that stay: guards remove control groups of labs that have ended, other runs' too."""
    found, until = differences(before, snapshot()), time.monotonic() + patience
    while any(map(is_group, found)) and time.monotonic() < until:
        time.sleep(0.2)
        found = [line for line in differences(before, snapshot()) if not is_group(line) or line in found]
    return found


def is_group(line: str) -> bool:
    """Whether a difference is about a control group."""
    return line.startswith("control group")


def facts(path: str) -> str:
    """Kind, mode, owner and extended attributes; of a device its numbers, and of /dev/null and its kind the ctime."""
    try:
        found = os.lstat(path)
        words = [stat.filemode(found.st_mode), f"{found.st_uid}:{found.st_gid}"]
        if is_device(path):
            words.append(f"device {os.major(found.st_rdev)},{os.minor(found.st_rdev)}")
        if os.major(found.st_rdev) == MEMORY or path in BOUND:  # udev renews the times of others
            words.append(f"changed {found.st_ctime_ns}")
        if stat.S_ISLNK(found.st_mode):
            words.append(f"to {os.readlink(path)}")
        words += [f"{name}={os.getxattr(path, name, follow_symlinks=False)!r}" for name in attributes(path)]
    except FileNotFoundError:
        return "gone"
    return " ".join(words)


def attributes(path: str) -> list[str]:
    """Names of extended attributes; none where the file system has none."""
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []


def is_device(path: str) -> bool:
    """Whether it is a device node."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def devices(folder: str) -> Iterator[str]:
    """All device nodes below a folder."""
    for place, below, files in os.walk(folder):
        below[:] = [name for name in below if not BUSY.match(f"{place}/{name}")]
        yield from (path for name in files if is_device(path := f"{place}/{name}") and not BUSY.match(path))


def groups() -> Iterator[str]:
    """Control groups of engines, and of labs and sandboxes that have ended."""
    for path in glob("/sys/fs/cgroup/**/", recursive=True):
        found = ENGINES.search(path.rstrip("/"))
        if found and "/pyctr-lab-" not in path[: found.start()] and not os.path.exists(f"/proc/{found['owner']}"):
            yield path


def content(path: str) -> str:
    """The text of a small file; empty where it cannot be read."""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""
