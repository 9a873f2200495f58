"""The single diagnoses: each reads files and answers of a machine, and returns findings. None ever raises.

A `Machine` is a root folder to read from and ways to ask; a test hands in one made of a few files.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...cgroups import trees
from ...cgroups.places import LIMITED, Delegation, as_root, delegated
from ...runtime.world import free_range, ranges
from ..learner.places import user_name
from .trials import NEWER, WORLD, Start, enter_groups, lacking, map_ids, open_files, run, start

ALL_LESSONS = ("00", "01", "02", "03", "04", "09")


@dataclass(frozen=True)
class Finding:
    """One line of the examination. `state` is fine, missing, or limited; `cure` the one command that mends it."""

    name: str
    state: str
    why: str
    blocks: tuple[str, ...] = ()
    cure: str = ""

    @property
    def sign(self) -> str:
        """One character that reads without colour."""
        return {"fine": "✓", "limited": "◐", "missing": "✗"}[self.state]


def fine(name: str, why: str) -> list[Finding]:
    """Nothing to do."""
    return [Finding(name, "fine", why)]


@dataclass(frozen=True)
class Machine:
    """What is examined: files below `root`, commands by `ask`, programs by `which`."""

    root: Path = Path("/")
    ask: Callable[[Sequence[str]], tuple[int, str]] = run
    which: Callable[[str], str | None] = shutil.which
    uid: int = field(default_factory=os.getuid)
    user: str = field(default_factory=lambda: user_name(os.getuid()))  # the number where it has no passwd entry
    system: str = sys.platform
    python: str = sys.executable
    readable: Callable[[str], bool] | None = None
    delegation: Callable[[], Delegation] = lambda: delegated(trees())
    free_bytes: Callable[[], int] = lambda: shutil.disk_usage(Path.home()).free
    started: Callable[[], Start] = start
    mapped: Callable[[], tuple[int, str]] = map_ids
    entered: Callable[[Delegation], str] = enter_groups
    lacking: Callable[[], tuple[str, ...]] = lacking
    open_files: Callable[[], tuple[int, int]] = open_files

    def read(self, path: str) -> str:
        """The text of a file; empty where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace")
        except OSError:
            return ""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path.lstrip("/")).exists()

    def number(self, path: str) -> int | None:
        """A file that holds one number."""
        text = self.read(path).strip()
        return int(text) if text.lstrip("-").isdigit() else None

    def install(self, packages: str) -> str:
        """The command that installs packages of Debian, or what to do elsewhere."""
        if self.which("apt-get") or self.has("/usr/bin/apt-get"):
            return self.sudo(f"apt-get install {packages}")
        return f"install, with your system's package manager (Debian's names): {packages}"

    def sudo(self, command: str) -> str:
        """A command that only root may give, as this user would give it."""
        return as_root(command, self.uid, sudo=bool(self.which("sudo")))

    @cached_property
    def start(self) -> Start:
        """A container that was started, once for all diagnoses."""
        return self.started()


# --- the kernel
def linux(machine: Machine) -> list[Finding]:
    """Linux, and new enough: Debian 11 has 5.10."""
    if machine.system != "linux":
        cure = "run the course in a Linux virtual machine"
        return [
            Finding("Linux", "missing", f"this is {machine.system}: containers are made by Linux", ALL_LESSONS, cure)
        ]
    release = machine.read("/proc/sys/kernel/osrelease").strip()
    version = tuple(int(word) for word in release.split("-")[0].split(".")[:2] if word.isdigit())
    if version and version < (5, 8):
        why = f"{release} is older than 5.8: no time namespace (5.6), no way into several namespaces at once (5.8)"
        cure = machine.sudo("apt-get install --only-upgrade linux-image-amd64")
        return [Finding("Linux", "limited", why, ("03",), cure)]
    return fine("Linux", release or "release unknown")


WITHOUT = {
    "clone3": "containers are made by fork and unshare",
    "mount_setattr": "read-only folders are remounted mount by mount, and what a container itself mounts below stays "
    "writable",
}


def newer_calls(machine: Machine) -> list[Finding]:
    """Calls that an older kernel does not have, and that a policy may refuse."""
    if machine.system != "linux":
        return []
    gone = machine.lacking()
    if not gone:
        return fine("newer calls", f"tried: {', '.join(f'{name} (Linux {since})' for name, since in NEWER.items())}")
    ways = "; ".join(f"no {name} (Linux {NEWER[name]}): {WITHOUT[name]}" for name in gone)
    return [Finding("newer calls", "limited", f"tried, and refused by the kernel or a policy: {ways}")]


def wsl(machine: Machine) -> list[Finding]:
    """Windows' Linux: the first version imitates system calls and has no namespaces; the second is a real kernel."""
    release = machine.read("/proc/sys/kernel/osrelease").lower()
    if "microsoft" not in release:
        return []
    if "wsl2" in release or "standard" in release:
        return fine("WSL", "version 2: a real Linux kernel in a virtual machine")
    why = "version 1 imitates Linux and has no namespaces"
    return [Finding("WSL", "missing", why, ALL_LESSONS, "wsl --set-version DISTRIBUTION 2   # in Windows")]


def user_namespaces(machine: Machine) -> list[Finding]:
    """May an ordinary process have a world of its own? Found by trying; the switches only say who forbade it."""
    name = "user namespaces"
    if machine.system != "linux":
        return []
    status, said = machine.ask([machine.python, "-I", "-S", "-c", WORLD])
    if status == 0:
        return fine(name, "tried: all kinds can be made, /proc can be mounted")
    return [next(iter(culprits(machine, said)), unknown(said))]


def culprits(machine: Machine, said: str) -> Iterable[Finding]:
    """What is known to forbid user namespaces, each with its cure."""
    name = "user namespaces"
    if machine.number("/proc/sys/user/max_user_namespaces") == 0:
        yield Finding(name, "missing", "switched off: user.max_user_namespaces is 0", ALL_LESSONS,
                      machine.sudo("sysctl -w user.max_user_namespaces=15000"))  # fmt: skip
    if machine.number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        yield Finding(name, "missing", "switched off: kernel.unprivileged_userns_clone is 0", ALL_LESSONS,
                      machine.sudo("sysctl -w kernel.unprivileged_userns_clone=1"))  # fmt: skip
    if machine.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        why = "AppArmor takes the capabilities away (kernel.apparmor_restrict_unprivileged_userns is 1)"
        yield Finding(name, "missing", why, ALL_LESSONS, apparmor_cure(machine))
    if said.startswith("mount proc"):
        yield Finding(name, "missing", "they can be made, but no fresh /proc mounted in them (see /proc below)",
                      ALL_LESSONS, "")  # fmt: skip
    if in_container(machine):
        why = "this is a container whose runtime forbids them (seccomp)"
        options = "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        yield Finding(name, "missing", why, ALL_LESSONS, f"docker run {options} ...")


def unknown(said: str) -> Finding:
    """Refused, and none of the known switches is the reason."""
    why = f"refused by the kernel or a security module ({' '.join(said.split())[:80] or 'no word why'})"
    return Finding("user namespaces", "missing", why, ALL_LESSONS, "dmesg | tail   # says which rule refused it")


def apparmor_cure(machine: Machine) -> str:
    """A profile for the course's own interpreter alone: nothing else on the machine is loosened."""
    return machine.sudo(f"""tee /etc/apparmor.d/pyctr-lab <<'END' && apparmor_parser -r /etc/apparmor.d/pyctr-lab
abi <abi/4.0>,
include <tunables/global>
profile pyctr-lab {os.path.realpath(machine.python)} flags=(unconfined) {{
  userns,
}}
END
""")


def in_container(machine: Machine) -> bool:
    """Whether this is already somebody's container, by the marks that engines leave."""
    if machine.has("/.dockerenv") or machine.has("/run/.containerenv"):
        return True
    return "container=" in machine.read("/proc/1/environ") or "/docker/" in machine.read("/proc/1/cgroup")


def masked_proc(machine: Machine) -> list[Finding]:
    """Where something is mounted over parts of /proc, the kernel allows no fresh /proc in a user namespace."""
    targets = [line.split(" ")[4] for line in machine.read("/proc/self/mountinfo").splitlines() if line.count(" ") > 4]
    known = "/proc/sys/fs/binfmt_misc"  # every host has that one
    masked = sorted({target for target in targets if target.startswith("/proc/") and target != known})
    inside = "inside another container; " if in_container(machine) else ""
    if not masked:
        return fine("/proc", f"{inside}nothing is mounted over it")
    places = f"{len(masked)} place{'s' * (len(masked) != 1)} of it covered ({', '.join(masked[:2])})"
    if machine.uid and machine.ask([machine.python, "-I", "-S", "-c", WORLD])[0] == 0:  # an NFS server's, say
        return fine("/proc", f"{inside}{places}; a fresh one can be mounted all the same")
    why = f"{inside}{places}, so that no fresh one can be mounted"
    if machine.uid == 0:
        return [Finding("/proc", "limited", f"{why}; root gets round it")]
    return [Finding("/proc", "missing", why, ALL_LESSONS, "docker run --security-opt systempaths=unconfined ...")]


# --- ids and cgroups
ONE_ID = "one id alone works; files of several owners do not"


def subordinate_ids(machine: Machine) -> list[Finding]:
    """More than one id for a user's containers: ranges in /etc/subuid, and the setuid programs that map them."""
    name = "user ids"
    if machine.system != "linux":
        return []
    if machine.uid == 0 and machine.start.refused:
        return []
    if machine.uid == 0:
        ids = machine.start.ids
        root = f"tried: root gives a container {ids} ids of a range of its own"
        return fine(name, root) if ids > 1 else [Finding(name, "limited", f"root has no range to give: {ONE_ID}")]
    ids, refused = machine.mapped()
    if ids > 1:
        return fine(name, f"tried: newuidmap and newgidmap map a container's {ids} ids")
    return [Finding(name, "limited", f"{why}: {ONE_ID}", (), cure) for why, cure in [unmapped(machine, refused)]]


def unmapped(machine: Machine, refused: str) -> tuple[str, str]:
    """Why a user has no more than one id, and what mends it."""
    files = [machine.root / f"etc/{file}" for file in ("subuid", "subgid")]
    owners = [{owner for owner, _, _ in ranges(file)} for file in files]
    if machine.user == str(machine.uid):
        return "a user without a passwd entry has no subordinate range", ""
    if not all({machine.user, str(machine.uid)} & own for own in owners):
        first = free_range(*files, first=100000)
        span = f"{first}-{first + 65535}"
        command = f"usermod --add-subuids {span} --add-subgids {span} {machine.user}"
        return "no subordinate range", machine.sudo(command)
    if not (machine.which("newuidmap") and machine.which("newgidmap")):
        return "no newuidmap", machine.install("uidmap")
    if "NoNewPrivs:\t1" in machine.read("/proc/self/status"):
        return "this shell has no_new_privs, so newuidmap gets no privilege", ""
    return f"tried, and refused ({' '.join(refused.split())[:120]})", ""


FILES = 1024
VERSIONS = {"v2": "version 2", "v1": "version 1", "hybrid": "versions 1 and 2, side by side"}


def cgroups(machine: Machine) -> list[Finding]:
    """Which version, what may be limited, and the command that grants the rest."""
    if machine.system != "linux":
        return []
    found = machine.delegation()
    if found.style == "none":
        return [Finding("cgroups", "limited", "none is mounted: nothing can be limited", (), found.grant)]
    able = [name for name in LIMITED if name in found.controllers]
    if why := machine.entered(found) if able else "":
        said = f"{VERSIONS[found.style]}; tried, and no process enters a group of ours: {why}"
        return [Finding("cgroups", "limited", f"{said}; lesson 04 leaves out what it needs them for")]
    tried = "tried: " if able else ""
    said = f"{VERSIONS[found.style]}; {tried}can be limited: {', '.join(able) or 'nothing'}"
    if not found.missing:
        return fine("cgroups", said)
    ungiven = [name for name in found.missing if name in found.offered]
    absent = [name for name in found.missing if name not in found.offered]
    reasons = {"nobody has given us a group for it": ungiven, "this kernel does not offer it": absent}
    lacking = "; ".join(f"not {', '.join(names)} ({why})" for why, names in reasons.items() if names)
    cure = found.grant if ungiven else ""
    return [Finding("cgroups", "limited", f"{said}; {lacking}; lesson 04 leaves out what it needs them for", (), cure)]


def limits_hold(machine: Machine) -> list[Finding]:
    """Whether a program in a container can lift the limits of its own group.

    Root gives a group to an id that no container has. A user cannot: there the container's root is the user outside,
    and only version 2 protects a group from the processes in it, where it is mounted with nsdelegate.
    """
    found = machine.delegation() if machine.system == "linux" and machine.uid else None
    if found is None or not found.controllers:
        return []
    newer = any(place.tree.version == 2 for place in found.everywhere)
    why = [f"version {place.tree.version}" for place in found.everywhere if place.tree.version == 1][:1]
    if newer and "nsdelegate" not in machine.read("/proc/self/mountinfo"):
        why += ["version 2 is mounted without nsdelegate"]
    if not why:
        return fine("limits hold", "version 2 protects a group from the processes in it (nsdelegate)")
    said = "a program in a container can lift its own limits: its root is you outside"
    return [Finding("limits hold", "limited", f"{', '.join(why)}: {said}; a lab of root's holds")]


# --- programs and room
PROGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ps": ("procps", ALL_LESSONS),
    "ip": ("iproute2", ("03",)),
    "hostname": ("hostname", ("03",)),
    "mount": ("mount", ("03",)),
    "unshare": ("util-linux", ("03",)),
    "setpriv": ("util-linux", ()),
    "strace": ("strace", ("01",)),
    "qemu-system-aarch64" if os.uname().machine == "aarch64" else "qemu-system-x86_64": (
        "qemu-system-arm" if os.uname().machine == "aarch64" else "qemu-system-x86",
        ("02",),  # 09 leaves the machine out
    ),
    "busybox": ("busybox-static", ("02", "09")),
}


def programs(machine: Machine) -> list[Finding]:
    """Programs that lessons start, by the package that has them."""
    places = ("/usr/sbin", "/sbin")
    gone = [
        name for name in PROGRAMS if not machine.which(name) and not any(machine.has(f"{p}/{name}") for p in places)
    ]
    if not gone:
        return fine("programs", ", ".join(PROGRAMS))
    packages = " ".join(sorted({PROGRAMS[name][0] for name in gone}))
    blocks = tuple(sorted({lesson for name in gone for lesson in PROGRAMS[name][1]}))
    state = "missing" if blocks else "limited"
    return [Finding("programs", state, f"not there: {', '.join(gone)}", blocks, machine.install(packages))]


def interpreter(machine: Machine) -> list[Finding]:
    """Root's lab lets root go; an interpreter in root's own home cannot be read from then on."""
    if machine.uid != 0:
        return fine("interpreter", "yours, and readable")
    name, place = Path(machine.python), Path(os.path.realpath(machine.python))
    way = (*name.parents, *place.parents)
    closed = [str(folder) for folder in way if machine.has(str(folder)) and not _open_to_all(machine, folder)]
    if not closed:
        return fine("interpreter", "readable by everyone")
    why = f"{min(closed, key=len)} is closed to others: a lab of root's cannot start {name.name} from there"
    return [Finding("interpreter", "limited", f"{why}; programs use /usr/bin/python3")]


def _open_to_all(machine: Machine, folder: Path) -> bool:
    return bool((machine.root / str(folder).lstrip("/")).stat().st_mode & 0o001)


def starts(machine: Machine) -> list[Finding]:
    """Whether a container starts, by a loop of machine code or more slowly by a Python child: found by trying."""
    if machine.system != "linux":
        return []
    if machine.start.refused:
        return [Finding("starts", "missing", f"tried, and no container starts: {machine.start.refused}", ALL_LESSONS)]
    if machine.start.slow:
        why = f"tried: twice as slow as they could be, but otherwise the same: {machine.start.slow}"
        return [Finding("starts", "limited", why)]
    return fine("starts", "tried: as quick as they can be")


def open_file_limit(machine: Machine) -> list[Finding]:
    """Descriptors: each running program of a lab takes a few, and Jupyter about a hundred."""
    soft, hard = machine.open_files()
    if soft >= FILES:
        return fine("open files", f"up to {soft} in each process")
    why = f"up to {soft} in each process: {FILES} are enough for any lesson"
    cure = f"ulimit -n {FILES}" if hard >= FILES else machine.sudo(f"prlimit --pid $$ --nofile={FILES}")
    return [Finding("open files", "limited", why, (), f"{cure}   # in the shell in which you start ./lab then")]


def kvm(machine: Machine) -> list[Finding]:
    """Hardware help for virtual machines: lesson 02 finds out by booting one, and does without where there is none."""
    if not machine.has("/dev/kvm"):
        return [Finding("/dev/kvm", "limited", "not there: lesson 02 emulates in software, many times slower")]
    device = machine.root / "dev/kvm"
    if machine.uid == 0 and device.stat().st_mode & 0o006 != 0o006:
        return [Finding("/dev/kvm", "limited", "a lab of root's is not root outside: lesson 02 emulates, more slowly")]
    if not os.access(device, os.R_OK | os.W_OK):
        named = machine.user != str(machine.uid)  # without a passwd entry no group has it as a member
        command = machine.sudo(f"usermod --append --groups kvm {machine.user}")
        cure = f"{command}   # and log in again" if named else ""
        return [Finding("/dev/kvm", "limited", "not yours to use: lesson 02 emulates, many times slower", cure=cure)]
    return fine("/dev/kvm", "there; lesson 02 finds out whether a guest really starts")


def memory(machine: Machine) -> list[Finding]:
    """Room in memory for a notebook and a few containers."""
    lines = dict(line.partition(":")[::2] for line in machine.read("/proc/meminfo").splitlines())
    words = lines.get("MemAvailable", "").split()
    if not words:
        return [Finding("memory", "limited", "/proc/meminfo does not say how much is free")]
    mebibytes = int(words[0]) // 1024
    if mebibytes < 700:
        return [Finding("memory", "limited", f"{mebibytes} MiB free; 700 are needed", (), "ps aux --sort=-rss | head")]
    return fine("memory", f"{mebibytes / 1024:.1f} GiB free")


def disk(machine: Machine) -> list[Finding]:
    """Room on disk for the environment and the learner's copies."""
    try:
        gibibytes = machine.free_bytes() / 2**30
    except (OSError, RuntimeError) as why:  # a home that is not there, or nowhere
        return [Finding("disk", "limited", f"your home folder cannot be looked at: {why}", (), "set HOME")]
    if gibibytes < 1:
        return [
            Finding("disk", "limited", f"{gibibytes:.1f} GiB free in the home folder; 1 is needed", (), "du -xhd1 ~")
        ]
    return fine("disk", f"{gibibytes:.0f} GiB free")


DIAGNOSES: tuple[Callable[[Machine], list[Finding]], ...] = (
    linux, wsl, newer_calls, user_namespaces, masked_proc, subordinate_ids, cgroups, limits_hold, starts,
    open_file_limit, programs, interpreter, kvm, memory, disk,
)  # fmt: skip
