"""Diagnoses of user ids and control groups: what is given to this user, and what may be limited."""

from __future__ import annotations

from ...cgroups.places import LIMITED
from ...runtime.outer_ids import free_range, ranges
from ..syllabus import lessons_with
from .diagnosis import Diagnosis, fine
from .machine import ExaminedMachine

ONE_ID = "one id alone works; files of several owners do not"


def subordinate_ids(machine: ExaminedMachine) -> list[Diagnosis]:
    """More than one id for a user's containers: ranges in /etc/subuid, and the setuid programs that map them."""
    name = "user ids"
    if machine.system != "linux":
        return []
    if machine.uid == 0 and machine.start.refused:
        return []
    if machine.uid == 0:
        ids = machine.start.ids
        root = f"tried: root gives a container {ids} ids of a range of its own"
        return fine(name, root) if ids > 1 else [Diagnosis(name, "limited", f"root has no range to give: {ONE_ID}")]
    ids, refused = machine.mapped()
    if ids > 1:
        return fine(name, f"tried: newuidmap and newgidmap map a container's {ids} ids")
    return [Diagnosis(name, "limited", f"{why}: {ONE_ID}", (), fix) for why, fix in [unmapped(machine, refused)]]


def unmapped(machine: ExaminedMachine, refused: str) -> tuple[str, str]:
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


SESSION_WORDS = (
    "systemd gives a user's session pids, memory and cpu; io and cpuset need one file written by root"
)
VERSIONS = {"v2": "version 2", "v1": "version 1", "hybrid": "versions 1 and 2, side by side"}


def cgroups(machine: ExaminedMachine) -> list[Diagnosis]:
    """Which version, what may be limited, and the command that grants the rest."""
    if machine.system != "linux":
        return []
    found = machine.delegation()
    if found.style == "none":
        return [Diagnosis("cgroups", "limited", "none is mounted: nothing can be limited", (), found.grant)]
    leaves_out = f"lesson {', '.join(lessons_with(need='control groups'))} leaves out what it needs them for"
    able = [name for name in LIMITED if name in found.controllers]
    if why := machine.entered(found) if able else "":
        said = f"{VERSIONS[found.style]}; tried, and no process enters a group of ours: {why}"
        return [Diagnosis("cgroups", "limited", f"{said}; {leaves_out}")]
    tried = "tried: " if able else ""
    said = f"{VERSIONS[found.style]}; {tried}can be limited: {', '.join(able) or 'nothing'}"
    if not found.missing:
        return fine("cgroups", said)
    ungiven = [name for name in found.missing if name in found.offered]
    absent = [name for name in found.missing if name not in found.offered]
    reasons = {"no cgroup with it is delegated to this user": ungiven, "this kernel does not offer it": absent}
    lacking = "; ".join(f"not {', '.join(names)} ({why})" for why, names in reasons.items() if names)
    if found.beyond_session:
        lacking += f"; {SESSION_WORDS}"
    fixes = dict.fromkeys((found.grant, found.root_grant)) if ungiven else ()
    fix = "\n".join(filter(None, fixes))
    return [Diagnosis("cgroups", "limited", f"{said}; {lacking}; {leaves_out}", (), fix)]


def limits_hold(machine: ExaminedMachine) -> list[Diagnosis]:
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
    return [Diagnosis("limits hold", "limited", f"{', '.join(why)}: {said}; a lab of root's holds")]
