"""Exercise 3.4: mount namespaces, and what leaks between them."""

from __future__ import annotations

from random import Random

from .... import steps
from ....kernel import MS_PRIVATE, MS_SLAVE, mount
from ...grading import Exercise, Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import PLACE, as_it_was, common_place, fingerprint, names_in, role


class WhoSeesIt(Exercise):
    """One mounts, five look. Having a mount namespace of one's own does not decide who sees it."""

    id = "3.4"
    title = "Who sees it?"
    question = """The container {mounter} has just mounted a tmpfs on {folder}. Which of the others ({others}) see
    that very file system there? Name all of them."""
    wants = Names("every name that sees it, however many", "(...,)")
    hints = (
        """A wall of its own is not the end of it: what a mount namespace passes on to its copies is a property of
        each mount, its propagation. Compare box.view().namespaces["mnt"] first, then go on.""",
        """/proc/PID/mountinfo has it all: for each mount its file system (the third column, major:minor), the
        place, and `shared:N` (passes both ways), `master:N` (a slave: receives only) or nothing (private).""",
        """A file system is the same if its major:minor is the same. Compare the line for {folder}; two file systems
        on one path are not one file system.""",
    )
    misconceptions = (
        Misconception(
            believes="Something is mounted on that path, so it sees it.",
            explains=(1,),
            message="""One of those has a tmpfs there, but another one: major:minor in its mountinfo differs. A path
            is only a name; ask which file system stands behind it.""",
            sign=lambda view, answer: role(view, 4) in names_in(answer),
            act=lambda ground: (role(ground, 1), role(ground, 2), role(ground, 3), role(ground, 4)),
        ),
        Misconception(
            believes="Who began as a copy of the mounter goes on to see its mounts.",
            explains=(1,),
            message="""One of those made its mounts private: since then nothing comes over to it any more, although
            its namespace began as a copy like the others.""",
            sign=lambda view, answer: role(view, 5) in names_in(answer),
            act=lambda ground: (role(ground, 1), role(ground, 2), role(ground, 3), role(ground, 5)),
        ),
        Misconception(
            believes="Only who shares the mount namespace sees its mounts.",
            explains=(2,),
            message="""That one shares the mounter's namespace, true. But others see it as well, from namespaces of
            their own: a mount that is `shared` passes on what is mounted below it.""",
            sign=lambda view, answer: names_in(answer) == {role(view, 1)},
            act=lambda ground: (role(ground, 1),),
        ),
        Misconception(
            believes="A slave is cut off.",
            explains=(2,),
            message="""One is missing, a slave (`master:N` in its mountinfo). A slave sends nothing back, but it
            does receive: that is what the word means here.""",
            sign=lambda view, answer: names_in(answer) == {role(view, 1), role(view, 2)},
            act=lambda ground: (role(ground, 1), role(ground, 2)),
        ),
    )
    after = """Shared passes on both ways, slave only receives, private neither: propagation decides, not the wall
    alone."""
    names = ("heron", "lark", "merlin", "osprey", "plover", "swift", "teal")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 6)
        folder = f"{PLACE}/{random.choice(('nest', 'perch', 'brood'))}"
        return {"names": names, "mounter": names[0], "others": ", ".join(sorted(names[1:])), "folder": folder}

    def setup(self, ground: Ground) -> None:
        boxes = {name: ground.add(name) for name in sorted(ground.values["names"])}
        mounter, inside, _peer, slave, decoy, private = (boxes[name] for name in ground.values["names"])
        folder = ground.values["folder"]
        common_place(mounter, folder)
        for box in boxes.values():
            if box is not mounter:
                box.apply(steps.JoinNamespace("mnt", mounter.pid))
            if box not in (mounter, inside):
                box.apply(steps.NewNamespace("mnt"))
        slave.call(mount(None, PLACE, None, MS_SLAVE))
        for box in (decoy, private):
            box.call(mount(None, PLACE, None, MS_PRIVATE))
        for box in (decoy, mounter):
            box.apply(steps.Tmpfs(folder))
        ground.facts["start"] = fingerprint(ground.view(), ("mnt",), folder=folder)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        folder = view.values["folder"]
        seeing = {name for name in view.values["names"][1:] if sees(view, name)}
        wrong = sorted(names_in(answer) - seeing)
        first = wrong[0] if wrong else ""
        return [
            Requirement(
                name="everyone you named sees it",
                met=bool(names_in(answer)) and not wrong,
                observed=what_is_there(view, first) if first else
                f"you named {len(names_in(answer))} that see it; by /proc/PID/mountinfo there are some",
                expected=f"the file system that {view.values['mounter']} has on {folder},"
                " by its major:minor",
                why="two mounts on one path are as different as two files of one name in two folders",
                look="the third column of /proc/PID/mountinfo",
            ),
            Requirement(
                name="none is missing",
                met=seeing <= names_in(answer),
                observed=f"you named {len(names_in(answer) & seeing)} that see it; by /proc/PID/mountinfo there are"
                f" {len(seeing)}",
                expected="every container whose mountinfo has that file system on that path",
                why="what leaks is exactly what one did not think of",
                look="/proc/PID/mountinfo of the containers that you left out",
            ),
            as_it_was(view, fingerprint(view, ("mnt",), folder=folder), "mounts, by /proc/PID/mountinfo,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        seen = {}
        for name, box in ground.boxes.items():
            with open(f"/proc/{box.machine_pid}/mountinfo") as mounts:
                lines = [line.split() for line in mounts]
            seen[name] = [line[2] for line in lines if line[4] == ground.values["folder"]]
        mine = seen.pop(ground.values["mounter"])
        return [name for name, theirs in seen.items() if theirs == mine]


def sees(view: KernelView, name: str) -> bool:
    """Whether a container has the mounter's file system on the folder."""
    there = view.mounted(name, view.values["folder"])
    here = view.mounted(view.values["mounter"], view.values["folder"])
    return there is not None and here is not None and there.number == here.number


def what_is_there(view: KernelView, name: str) -> str:
    """The mount that a wrongly named container has on the folder, in words."""
    folder = view.values["folder"]
    if name not in view.values["names"][1:]:
        return f"{name} is none of the others"
    if view.mounted(name, folder) is None:
        return f"{name}: /proc/{view.pid(name)}/mountinfo has nothing mounted on {folder}"
    return f"{name}: /proc/{view.pid(name)}/mountinfo has another file system on {folder}, with another major:minor"
