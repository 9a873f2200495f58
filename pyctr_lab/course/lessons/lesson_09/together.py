"""Exercise 9.2: memory that is shared counts once."""

from __future__ import annotations

from random import Random

from ....kernel import proc
from ...grading import (
    Exercise,
    Ground,
    KernelView,
    Misconception,
    Number,
    Requirement,
    Submission,
    Values,
    descendants,
    until,
)
from ..kit import mebibytes

CREW = """
import os, sys, time
shared = bytearray(os.urandom(1)) * (int(sys.argv[1]) << 20)
for size in sys.argv[2:]:
    if not os.fork():
        own = bytearray(os.urandom(1)) * (int(size) << 20)
        time.sleep(86400)
time.sleep(86400)
"""


class Together(Exercise):
    """A family of processes: most of their memory is one and the same, and some is their own."""

    id = "9.2"
    title = "What do they take together?"
    question = """In {box} runs a program with {count} children. They share most of their memory, and each has some of
    its own. How many MiB of memory do all {all} take together? (A twentieth more or less will do.)"""
    wants = Number("a number, of MiB", "...", whole=False, unit="MiB")
    hints = (
        """ground.programs["crew"].machine_pid is the parent's number on your machine, and /proc/PID/task/PID/children
        has its children's. Each has a file smaps_rollup.""",
        """A page that five share is in the Rss of all five. In Pss it counts a fifth in each: so the sum counts it
        once.""",
        """sum, over the parent and its children, of the number in the line "Pss:" of /proc/PID/smaps_rollup, which is
        in kB; divided by 1024, and rounded.""",
    )
    misconceptions = (
        Misconception(
            believes="What each has resident can be added up.",
            explains=(1,),
            message="""That is the sum of Rss. A page that they share was counted once for each of them: there is
            less memory than that in use.""",
            sign=lambda view, answer: near_enough(answer, total_mebibytes(view, "Rss")),
            act=lambda ground: round(total_mebibytes(ground.view(), "Rss")),
        ),
        Misconception(
            believes="What one of them takes, times their number.",
            explains=(1,),
            message="""They are not alike: each child has another amount of its own. What one takes says nothing
            about the others, neither divided nor multiplied.""",
            sign=lambda view, answer: any(
                near_enough(answer, mebibytes(pid, "Pss") * view.values["all"]) for pid in crew(view)
            ),
            act=lambda ground: round(mebibytes(crew(ground.view())[0], "Pss") * ground.values["all"]),
        ),
        Misconception(
            believes="The parent has the memory, so its own figure is the answer.",
            explains=(1,),
            message="""That is the parent alone. Its children have taken memory of their own since they were born.""",
            sign=lambda view, answer: (
                near_enough(answer, mebibytes(crew(view)[0], "Rss"))
                or near_enough(answer, mebibytes(crew(view)[0], "Pss"))
            ),
            act=lambda ground: round(mebibytes(crew(ground.view())[0], "Pss")),
        ),
        Misconception(
            believes="Memory is what was promised: the size of a process (VSZ, VmSize).",
            explains=(1,),
            message="""That is the sum of the addresses that they may use (VmSize in /proc/PID/status). Behind many
            of them there is no memory yet, and behind many others the same.""",
            sign=lambda view, answer: near_enough(answer, addresses(view)),
            act=lambda ground: round(addresses(ground.view())),
        ),
    )
    after = "A page that n of them share counts an n-th in each: so the sum is what there is."

    def values(self, random: Random) -> Values:
        count, shared = random.randint(3, 5), random.randint(60, 90)
        own = random.sample(range(12, 33), count)
        while any(abs(each * (count + 1) - sum(own)) < 0.15 * (shared + sum(own)) for each in own):
            own = random.sample(range(12, 33), count)  # else one child, multiplied, would come out right by luck
        return {"box": "ship", "shared": shared, "own": own, "count": count, "all": count + 1}

    def setup(self, ground: Ground) -> None:
        ship = ground.add(ground.values["box"])
        sizes = [str(ground.values["shared"]), *map(str, ground.values["own"])]
        crew_ = ground.programs["crew"] = ship.start(["python3", "-I", "-S", "-c", CREW, *sizes])
        least = ground.values["shared"] + sum(ground.values["own"])  # MiB: all have what they wanted
        until(lambda: total_mebibytes(ground.view(), "Pss") >= least or crew_.poll() is not None, 60)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        together = total_mebibytes(view, "Pss")
        said = answer if isinstance(answer, int) else 0
        return [
            Requirement(
                name="it is what all of them take, shared pages counted once",
                met=near_enough(said, together),
                observed=f"the sum of Pss in /proc/PID/smaps_rollup of all {view.values['all']} is not {said} MiB",
                expected="the sum of their Pss, within a twentieth",
                why="memory that is shared is there once, however many see it: so containers of one image are cheap",
                look=f"/proc/{view.pid('crew')}/smaps_rollup, and those of its children",
            )
        ]

    def solution(self, ground: Ground) -> object:
        parent = ground.programs["crew"].machine_pid
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            pids = [parent, *map(int, file.read().split())]
        kilobytes = 0
        for pid in pids:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                kilobytes += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return round(kilobytes / 1024)


def crew(view: KernelView) -> list[int]:
    """The parent and its children."""
    return [view.pid("crew"), *descendants(view.pid("crew"))]


def total_mebibytes(view: KernelView, what: str) -> float:
    """The sum over all of them, in MiB."""
    return sum(mebibytes(pid, what) for pid in crew(view))


def addresses(view: KernelView) -> float:
    """The sum of their sizes as ps shows them (VSZ), in MiB."""
    sizes = (int(proc.status(pid)["VmSize"].split()[0]) for pid in crew(view))
    return sum(sizes) / 1024


def near_enough(said: object, true: float) -> bool:
    """Within a twentieth, and a rounding."""
    return isinstance(said, int) and abs(said - true) <= 0.05 * true + 1
