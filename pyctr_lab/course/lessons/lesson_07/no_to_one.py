"""Exercise 7.2: one call of many is refused while it waits, with an error that only a watcher can give."""

from __future__ import annotations

import json
from collections.abc import Callable
from errno import EDQUOT, errorcode
from random import Random
from typing import Any

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import PLACE, as_it_was, fingerprint_of
from ..kit.policies import MAKE_FOLDER, without_table
from ..kit.walls import run_inside

WORDS = ("fig", "plum", "pear", "date", "lime", "kiwi")
PROGRAM = """
import os, sys
os.chdir("{place}")
said = []
for name in sys.argv[1:]:
    if os.path.isdir(name):
        os.rmdir(name)
for name in sys.argv[1:]:
    try:
        os.mkdir(name)
        said.append(name + "=0")
    except OSError as why:
        said.append(name + "=" + str(why.errno))
with open("diary", "w") as file:
    print(*said, file=file)
"""
LOOK = """
import json, os
try:
    with open("{place}/diary") as file:
        diary = file.read().split()
except OSError:
    diary = []
folders = [each.name for each in os.scandir("{place}") if each.is_dir()]
print(json.dumps([diary, folders]))
"""


class NoToOne(Exercise):
    """A deed: a program makes folders, one is refused, and the kernel's own rules cannot tell them apart."""

    id = "7.2"
    title = "No to one of them"
    asks_about = "facts"
    question = """The program ground.facts["program"] makes the folders {all} in {place} of {box}, and writes into
    {place}/diary what the kernel answered each time. Start it in {box}, and see to it that {refused} alone is
    refused, with EDQUOT ("Disk quota exceeded"), and all others are made."""
    hints = (
        """A filter sees numbers only, and the name is in the program's memory. So watch: ground.box.watch(calls=...,
        decide=...), and start the program by ground.box.run([*ground.facts["program"]]) while it watches.""",
        """`decide` is a function of a call; what it returns is the answer: None is "go on", "EDQUOT" refuses. Which
        folder it is, call.paths tells: print(watch.calls) shows how the program writes the names.""",
        """decide=lambda call: "EDQUOT" if "{refused}" in call.paths else None, with calls=["mkdir", "mkdirat"] (those
        that your processor has). A container is watched once in its life: after a wrong try,
        ground = exercises.start("7.2", lab) makes a fresh one.""",
    )
    misconceptions = (
        Misconception(
            believes="A call that is watched can only be refused as a whole.",
            explains=(2,),
            message="""All calls got the same no. `decide` is asked for each call anew, and may look at it: call.paths
            has the names that it hands over.""",
            sign=lambda view, answer: bool(diary(view)) and all(number == EDQUOT for number in diary(view).values()),
            act=lambda ground: watched(ground, lambda call: "EDQUOT"),
        ),
        Misconception(
            believes="A name that begins alike is the same.",
            explains=(2,),
            message="""A folder whose name only begins like the one in question was refused as well. Names of files
            are compared as a whole, or a rule for one of them meets its neighbours.""",
            sign=lambda view, answer: (
                diary(view).get(view.values["longer"]) == diary(view).get(view.values["refused"]) == EDQUOT
            ),
            act=lambda ground: watched(
                ground, lambda call: "EDQUOT" if any(ground.values["refused"] in path for path in call.paths) else None
            ),
        ),
        Misconception(
            believes="No is no: the number does not matter.",
            explains=(1,),
            message="""It was refused, with another number. A program acts on the number: on EPERM it may give up, on
            ENOSPC tidy up, on EDQUOT tell its user whose fault it is.""",
            sign=lambda view, answer: diary(view).get(view.values["refused"], 0) not in (0, EDQUOT),
            act=lambda ground: watched(
                ground, lambda call: "EPERM" if ground.values["refused"] in call.paths else None
            ),
        ),
        Misconception(
            believes="It is enough that the folder is not there in the end.",
            explains=(1,),
            message="""The program got the answer that the folder is made: that call was not refused. What happens to
            the folder afterwards, the program does not see. The answer must come while the call waits.""",
            sign=lambda view, answer: diary(view).get(view.values["refused"]) == 0,
            act=lambda ground: made_and_removed(ground),
        ),
    )
    after = "The program got an answer that is true of no file system, and believes it: it has only the kernel's word."
    names = ("cellar", "larder", "orchard", "pantry", "pergola", "trellis")

    def unavailable_reason(self) -> str:
        return without_table()

    def values(self, random: Random) -> Values:
        refused, *others = random.sample(WORDS, 4)
        folders = [refused, f"{refused}s", *others]
        random.shuffle(folders)
        return {"box": random.choice(self.names), "refused": refused, "longer": f"{refused}s", "folders": folders,
                "all": ", ".join(folders), "place": PLACE}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        box = ground.add(ground.values["box"])
        for step in (steps.NewNamespace("mnt"), steps.PrivatePropagation(), steps.Tmpfs(PLACE)):
            box.apply(step)
        program = PROGRAM.format(place=PLACE)
        ground.facts["program"] = ["/usr/bin/python3", "-I", "-S", "-c", program, *ground.values["folders"]]
        ground.facts["start"] = place_fingerprint(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        refused, answers, there = view.values["refused"], diary(view), folders_there(view)
        others = [name for name in view.values["folders"] if name != refused]
        made = [name for name in others if answers.get(name) == 0 and name in there]
        filtered, file = view.status(view.values["box"])["Seccomp"], f"/proc/{view.pid(view.values['box'])}/status"
        return [
            Requirement(
                name=f"{refused} is refused with EDQUOT",
                met=answers.get(refused) == EDQUOT and refused not in there and filtered == "2",
                observed=f"{file}: Seccomp is {filtered}; {diary_in_words(answers.get(refused))}, and it is"
                f" {'there' if refused in there else 'not there'}",
                expected="EDQUOT in the diary, no such folder, and a container whose calls are watched (Seccomp 2)",
                why="a call that waits can be answered with any number, and only then",
                look="with ground.box.watch(...) as watch: ...; watch.calls",
            ),
            Requirement(
                name="the others are made",
                met=len(made) == len(others),
                observed=f"measured: {len(made)} of {len(others)} are in the diary with 0, and are there",
                expected=f"all {len(others)}",
                why="who says no to all has built no door, but a wall",
                look='ground.box.run(["cat", "/mnt/diary"]).stdout, and what `decide` returns for each call',
            ),
            as_it_was(view, place_fingerprint(view), "the mount namespace and the file system at /mnt"),
        ]

    def solution(self, ground: Ground) -> object:
        from os import uname

        making = ["mkdirat"] if uname().machine == "aarch64" else ["mkdir", "mkdirat"]
        refused = ground.values["refused"]
        with ground.box.watch(calls=making, decide=lambda call: "EDQUOT" if refused in call.paths else None):
            ground.box.run([*ground.facts["program"]])
        return None


# --- wrong answers
def watched(ground: Ground, decide: Callable[[Any], str | None]) -> None:
    """Start the program while its calls are decided about."""
    with ground.box.watch(calls=MAKE_FOLDER, decide=decide):
        ground.box.run([*ground.facts["program"]])


def made_and_removed(ground: Ground) -> None:
    """Let it make all, and remove one afterwards."""
    watched(ground, lambda call: None)
    ground.box.run(["rmdir", f"{PLACE}/{ground.values['refused']}"])


# --- read by a check
def diary_and_folders(view: KernelView) -> tuple[dict[str, int], list[str]]:
    """What the diary says of each folder, and the folders that are there."""
    ended = run_inside(view, view.values["box"], ["/usr/bin/python3", "-I", "-S", "-c", LOOK.format(place=PLACE)])
    words, there = json.loads(ended.text)
    pairs = (word.rpartition("=")[::2] for word in words)
    return {name: int(number) for name, number in pairs if number.isdigit()}, there


def diary(view: KernelView) -> dict[str, int]:
    """The answer for each folder, by the diary: 0, or an error number."""
    return diary_and_folders(view)[0]


def folders_there(view: KernelView) -> list[str]:
    """The folders that are there."""
    return diary_and_folders(view)[1]


def diary_in_words(number: int | None) -> str:
    """What the diary says of a folder."""
    if number is None:
        return "the diary says nothing of the folder in question"
    return f"the diary says of the folder in question: {errorcode.get(number, number) if number else 'made'}"


def place_fingerprint(view: KernelView) -> str:
    """A fingerprint of where the program writes."""
    mounted = view.mounted(view.values["box"], PLACE)
    return fingerprint_of([view.namespace(view.values["box"], "mnt"), mounted and mounted.number])
