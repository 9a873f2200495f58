"""Diagnoses of the kernel: its version, newer system calls, user namespaces, /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..syllabus import NUMBERS, lessons_with
from .diagnosis import Diagnosis, fine
from .machine import ExaminedMachine
from .trials import NEWER, WORLD, WORLD_FLAGS


def linux(machine: ExaminedMachine) -> list[Diagnosis]:
    """Linux, and new enough: Debian 11 has 5.10."""
    if machine.system != "linux":
        fix = "run the course in a Linux virtual machine"
        return [Diagnosis("Linux", "missing", f"this is {machine.system}: containers are made by Linux", NUMBERS, fix)]
    release = machine.read("/proc/sys/kernel/osrelease").strip()
    version = tuple(int(word) for word in release.split("-")[0].split(".")[:2] if word.isdigit())
    if version and version < (5, 8):
        why = f"{release} is older than 5.8: no time namespace (5.6), no way into several namespaces at once (5.8)"
        fix = machine.sudo("apt-get install --only-upgrade linux-image-amd64")
        return [Diagnosis("Linux", "limited", why, lessons_with(need="Linux 5.8"), fix)]
    return fine("Linux", release or "release unknown")


WITHOUT = {
    "clone3": "containers are made by fork and unshare",
    "mount_setattr": "read-only folders are remounted mount by mount, and what a container itself mounts below stays "
    "writable",
}


def newer_calls(machine: ExaminedMachine) -> list[Diagnosis]:
    """Calls that an older kernel does not have, and that a policy may refuse."""
    if machine.system != "linux":
        return []
    gone = machine.lacking()
    if not gone:
        return fine("newer calls", f"tried: {', '.join(f'{name} (Linux {since})' for name, since in NEWER.items())}")
    ways = "; ".join(f"no {name} (Linux {NEWER[name]}): {WITHOUT[name]}" for name in gone)
    return [Diagnosis("newer calls", "limited", f"tried, and refused by the kernel or a policy: {ways}")]


def wsl(machine: ExaminedMachine) -> list[Diagnosis]:
    """Windows' Linux: the first version imitates system calls, with mount namespaces alone; the second is a kernel."""
    release = machine.read("/proc/sys/kernel/osrelease").lower()
    if "microsoft" not in release:
        return []
    if "wsl2" in release or "standard" in release:
        return fine("WSL", "version 2: a real Linux kernel in a virtual machine")
    why = "version 1 imitates Linux, and of its namespaces the mount namespace alone"
    return [Diagnosis("WSL", "missing", why, NUMBERS, "wsl --set-version DISTRIBUTION 2   # in Windows")]


def user_namespaces(machine: ExaminedMachine) -> list[Diagnosis]:
    """Whether an ordinary process may have a world of its own: found by trying. The switches only name the cause."""
    name = "user namespaces"
    if machine.system != "linux":
        return []
    status, said = try_world(machine)
    if status == 0:
        return fine(name, "tried: all kinds can be made, /proc can be mounted")
    return [next(iter(culprits(machine, said)), unknown(said))]


def try_world(machine: ExaminedMachine) -> tuple[int, str]:
    """The status of a process that tries to have a world of its own, and the call that failed."""
    return machine.ask([machine.python, "-I", "-S", "-c", WORLD, *WORLD_FLAGS])


def culprits(machine: ExaminedMachine, said: str) -> Iterable[Diagnosis]:
    """The switches known to forbid user namespaces, each with its fix."""
    name = "user namespaces"
    if machine.number("/proc/sys/user/max_user_namespaces") == 0:
        yield Diagnosis(name, "missing", "switched off: user.max_user_namespaces is 0", NUMBERS,
                      machine.sudo("sysctl -w user.max_user_namespaces=15000"))  # fmt: skip
    if machine.number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        yield Diagnosis(name, "missing", "switched off: kernel.unprivileged_userns_clone is 0", NUMBERS,
                      machine.sudo("sysctl -w kernel.unprivileged_userns_clone=1"))  # fmt: skip
    if machine.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        why = (
            "AppArmor takes the capabilities away (kernel.apparmor_restrict_unprivileged_userns is 1), "
            "as Ubuntu does by default since 24.04"
        )
        yield Diagnosis(name, "missing", why, NUMBERS, apparmor_fix(machine))
    if said.startswith("mount proc"):
        yield Diagnosis(name, "missing", "they can be made, but no fresh /proc mounted in them (see /proc below)",
                      NUMBERS, "")  # fmt: skip
    if in_container(machine):
        why = "this is a container whose runtime forbids them (seccomp)"
        options = "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        yield Diagnosis(name, "missing", why, NUMBERS, f"docker run {options} ...")


def unknown(said: str) -> Diagnosis:
    """Refused, and none of the known switches is the reason."""
    why = f"refused by the kernel or a security module ({' '.join(said.split())[:80] or 'no word why'})"
    return Diagnosis("user namespaces", "missing", why, NUMBERS, "dmesg | tail   # says which rule refused it")


def apparmor_fix(machine: ExaminedMachine) -> str:
    """A profile for the course's own interpreter alone: nothing else on the machine is loosened."""
    return machine.sudo(f"""tee /etc/apparmor.d/pyctr-lab <<'END' && apparmor_parser -r /etc/apparmor.d/pyctr-lab
abi <abi/4.0>,
include <tunables/global>
profile pyctr-lab {os.path.realpath(machine.python)} flags=(unconfined) {{
  userns,
}}
END
""")


def in_container(machine: ExaminedMachine) -> bool:
    """Whether this process is in a container already, by the marks that engines leave."""
    if machine.has("/.dockerenv") or machine.has("/run/.containerenv"):
        return True
    return "container=" in machine.read("/proc/1/environ") or "/docker/" in machine.read("/proc/1/cgroup")


def masked_proc(machine: ExaminedMachine) -> list[Diagnosis]:
    """Where something is mounted over parts of /proc, the kernel allows no fresh /proc in a user namespace."""
    targets = [line.split(" ")[4] for line in machine.read("/proc/self/mountinfo").splitlines() if line.count(" ") > 4]
    known = "/proc/sys/fs/binfmt_misc"  # every host has that one
    masked = sorted({target for target in targets if target.startswith("/proc/") and target != known})
    inside = "inside another container; " if in_container(machine) else ""
    if not masked:
        return fine("/proc", f"{inside}nothing is mounted over it")
    places = f"{len(masked)} place{'s' * (len(masked) != 1)} of it covered ({', '.join(masked[:2])})"
    if machine.uid and try_world(machine)[0] == 0:  # an NFS server's, say
        return fine("/proc", f"{inside}{places}; a fresh one can be mounted all the same")
    why = f"{inside}{places}, so that no fresh one can be mounted"
    if machine.uid == 0:
        return [Diagnosis("/proc", "limited", f"{why}; root gets round it")]
    return [Diagnosis("/proc", "missing", why, NUMBERS, "docker run --security-opt systempaths=unconfined ...")]
