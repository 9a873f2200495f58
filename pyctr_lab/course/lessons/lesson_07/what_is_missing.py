"""Exercise 7.4: one wall of six is missing, and the walls that overlap with it hide that."""

from __future__ import annotations

from random import Random

from .... import steps
from ....kernel import constants
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values, Word
from ..kit import as_it_was, fingerprint_of
from ..kit.policies import docker_without, without_table

WALLS = ("capabilities", "filter", "masks", "no_new_privs", "root", "sysctls")
MASKED, SETTINGS = "/proc/interrupts", "/proc/sys"


class WhatIsMissing(Exercise):
    """A container with its own root, /proc and few powers, one wall of which was left out."""

    id = "7.4"
    title = "What is missing here?"
    question = """{box} has a root of its own, and was to have six more walls: few capabilities ("capabilities"), a
    filter of system calls ("filter"), masks over what /proc tells ("masks"), no_new_privs ("no_new_privs"), a root for
    reading only ("root"), and /proc/sys for reading only ("sysctls"). One of the six was forgotten. Which?"""
    wants = Word("one of the six words", "...", choices=WALLS)
    hints = (
        """Do not attack: several walls stop the same, so an attack that fails says little. Look at what the kernel
        writes down for each process, in /proc/PID/status, and at what is mounted.""",
        """In /proc/self/status of a program in {box} are CapBnd, NoNewPrivs (1: on) and Seccomp (2: a filter). And
        ground.box.view().mounts lists the mounts: over {masked}, over {settings}, and the options of /.""",
        """Five of these are up: CapBnd is a80425fb; Seccomp is 2; NoNewPrivs is 1; there is a mount at {masked}, one
        at {settings}, and / is ro. The sixth is the answer.""",
    )
    misconceptions = (
        Misconception(
            believes="What is refused with EPERM, a certain wall has refused.",
            explains=(1,),
            message="""The wall that you named is up. A mount is refused with EPERM by two walls, by few capabilities
            and by the filter, and either is enough. So the answer of an attack does not tell which of them is there:
            /proc/PID/status does.""",
            sign=lambda view, answer: answer in ("capabilities", "filter"),
            act=lambda ground: "capabilities" if ground.values["missing"] != "capabilities" else "filter",
        ),
        Misconception(
            believes="A container that can write files has no root for reading only.",
            explains=(1,),
            message="""The root is for reading only: its mount says ro. What can be written, /tmp and /dev/shm, are
            other file systems, mounted in it.""",
            sign=lambda view, answer: answer == "root",
            act=lambda ground: "root",
        ),
        Misconception(
            believes="What covers /proc and what makes it for reading only is one wall.",
            explains=(1,),
            message="""What you named is mounted there. Masks cover files that must not be read, and /proc/sys is
            mounted onto itself so that it is not written. They are two walls, and each shows as a mount.""",
            sign=lambda view, answer: answer in ("masks", "sysctls"),
            act=lambda ground: "masks" if ground.values["missing"] != "masks" else "sysctls",
        ),
    )
    after = "Whether a wall is up, the kernel writes down. An attack that fails proves only that some wall is."
    names = ("bastion", "citadel", "donjon", "keep", "rampart", "turret")

    def unavailable_reason(self) -> str:
        return without_table()

    def values(self, random: Random) -> Values:
        missing = random.choice([wall for wall in WALLS if wall != "root"])
        return {"box": random.choice(self.names), "missing": missing, "masked": MASKED, "settings": SETTINGS}

    def setup(self, ground: Ground) -> None:
        box = ground.add(ground.values["box"])
        for step in steps_without(ground.values["missing"]):
            box.apply(step)
        box.history.clear()  # it would say which step was not taken
        ground.facts["start"] = walls_fingerprint(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        up, seen = wall_seen(view, str(answer))
        return [
            Requirement(
                name="the wall that you named is not there",
                met=not up,
                observed=seen,
                expected=EXPECTED[str(answer)],
                why="what the kernel has written down holds, whatever an attack says",
                look="/proc/PID/status and /proc/PID/mountinfo of the container",
            ),
            as_it_was(view, walls_fingerprint(view), "status and mounts"),
        ]

    def solution(self, ground: Ground) -> object:
        box = ground.box
        lines = box.run(["grep", "-E", "CapBnd|NoNewPrivs|Seccomp:", "/proc/self/status"]).stdout.split()
        status = dict(zip(lines[::2], lines[1::2], strict=True))
        mounted = [mount.target for mount in box.view().mounts]
        up = {
            "capabilities": status["CapBnd:"] == "00000000a80425fb",
            "no_new_privs": status["NoNewPrivs:"] == "1",
            "filter": status["Seccomp:"] == "2",
            "masks": "/proc/interrupts" in mounted,
            "sysctls": "/proc/sys" in mounted,
        }
        return next(wall for wall, there in up.items() if not there)


EXPECTED = {
    "capabilities": "a CapBnd with SYS_ADMIN", "no_new_privs": "NoNewPrivs 0", "filter": "Seccomp 0",
    "masks": f"nothing mounted on {MASKED}", "sysctls": f"nothing mounted on {SETTINGS}",
    "root": "a mount at / that is not ro",
}  # fmt: skip


def steps_without(missing: str) -> list[steps.Step]:
    """The steps of a container with all of the six walls but one."""
    root = steps.ROOT
    files: dict[str, steps.Step] = {"masks": steps.MaskPaths(), "sysctls": steps.ReadOnlyPaths(),
                                    "root": steps.ReadOnlyRoot(root)}  # fmt: skip
    powers: dict[str, steps.Step] = {
        "no_new_privs": steps.NoNewPrivileges(),
        "filter": steps.Seccomp(docker_without()),
        "capabilities": steps.DropCapabilities(),  # last: without no_new_privs a filter wants SYS_ADMIN
    }
    return [
        steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"),
        *(steps.NewNamespace(kind) for kind in ("mnt", "uts", "ipc", "pid")), steps.PrivatePropagation(),
        steps.HostTree(root), steps.MinimalDev(f"{root}/dev"), steps.Proc(f"{root}/proc"),
        *(step for wall, step in files.items() if wall != missing), steps.PivotRoot(root),
        *(step for wall, step in powers.items() if wall != missing),
    ]  # fmt: skip


# --- read by a check
def wall_seen(view: KernelView, wall: str) -> tuple[bool, str]:
    """Whether a wall is up, and what the kernel says of it."""
    box = view.values["box"]
    status, file = view.status(box), f"/proc/{view.pid(box)}"
    if wall == "capabilities":
        mask = status["CapBnd"]
        return not int(mask, 16) >> constants.CAP_NAMES["CAP_SYS_ADMIN"] & 1, f"{file}/status: CapBnd is {mask}"
    if wall in ("no_new_privs", "filter"):
        name = {"no_new_privs": "NoNewPrivs", "filter": "Seccomp"}[wall]
        return status[name] != "0", f"{file}/status: {name} is {status[name]}"
    place = {"masks": MASKED, "sysctls": SETTINGS, "root": "/"}[wall]
    options = mount_options(view, place)
    if wall == "root":
        return "ro" in options.split(","), f"{file}/mountinfo: the mount at / has the options {options}"
    return bool(options), f"{file}/mountinfo: {'a mount' if options else 'no mount'} on {place}"


def mount_options(view: KernelView, target: str) -> str:
    """The options of the mount right at a path, the last one counts; empty without one."""
    lines = (line.split(" ") for line in view.file(view.values["box"], "mountinfo").splitlines())
    return next((fields[5] for fields in reversed([*lines]) if fields[4] == target), "")


def walls_fingerprint(view: KernelView) -> str:
    """A fingerprint of what all six walls are seen by."""
    return fingerprint_of([wall_seen(view, wall)[0] for wall in WALLS] + [view.namespace(view.values["box"], "mnt")])
