"""Exercise 9.2: memory that is shared counts once."""

from __future__ import annotations

import itertools
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
    again,
    all_below,
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
CLOSE = 0.08  # of two ideas' figures: nearer to each other than this part, and a learner's number could be either


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
                near_enough(answer, mebibytes(pid, "Pss") * view.values["all"]) for pid in crew(view)[1:]
            ),
            act=lambda ground: round(mebibytes(crew(ground.view())[1], "Pss") * ground.values["all"]),
        ),
        Misconception(
            believes="The parent has the memory, so its own figure is the answer.",
            explains=(1,),
            message="""That is the parent's figure, or its Pss times their number. Its children have taken memory of
            their own since the fork.""",
            sign=lambda view, answer: any(near_enough(answer, each) for each in of_parent(view)),
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
        Misconception(
            believes="The kB of smaps_rollup are the answer as they stand.",
            explains=(1,),
            message="""Look at the units. The figures in smaps_rollup are in kB, 1,024 bytes each; wanted are MiB, and
            one of those has 1,024 kB.""",
            sign=lambda view, answer: any(
                near_enough(answer, total_mebibytes(view, what) * 1024) for what in ("Pss", "Rss")
            ),
            act=lambda ground: round(total_mebibytes(ground.view(), "Pss") * 1024),
        ),
        Misconception(
            believes="The figures of smaps_rollup are bytes.",
            explains=(1,),
            message="""Look at the units. The figures in smaps_rollup are kB already: divide them by 1,024 once, not
            twice. Processes with Python in them do not fit into less than a MiB.""",
            sign=lambda view, answer: answer == 0,
            act=lambda ground: total_mebibytes(ground.view(), "Pss") / 1024,
        ),
        Misconception(
            believes="The children have the memory: the parent only waits for them.",
            explains=(1,),
            message="""That is the sum of the children alone. The parent counts as well: of each page that they share it
            has a part like theirs.""",
            sign=lambda view, answer: any(near_enough(answer, of_children(view, what)) for what in ("Pss", "Rss")),
            act=lambda ground: round(of_children(ground.view(), "Pss")),
        ),
    )
    asks_about = "programs"
    after = "A page that n of them share counts an n-th in each: so the sum is what there is."

    def values(self, random: Random) -> Values:
        while True:
            count, shared = random.randint(3, 5), random.randint(70, 110)
            own = random.sample(range(2, 41), count)
            if all(told_apart(shared, own, python=each) for each in (0, 4)):
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
        right = near_enough(said, together)
        alive = [pid for pid in crew(view) if proc.state(pid) not in ("", "Z")]
        return [
            Requirement(
                name="it is what all of them take, shared pages counted once",
                met=right,
                observed=f"you said {said} MiB; {parent_words(view)}, and it is one of {view.values['all']}, whose Pss"
                f" is {'that' if right else 'another number'} together",
                expected="the sum of their Pss, within a twentieth",
                why="memory that is shared is there once, however many see it: so containers of one image are cheap",
                look=f"/proc/{view.pid('crew')}/smaps_rollup, and those of its children",
            ),
            Requirement(
                name="all of them are still there",
                met=len(alive) == view.values["all"],
                observed=f"/proc has {len(alive)} of the {view.values['all']}",
                expected="the program and its children as the exercise has started them",
                why="the question is about what the exercise has made, not about what you make of it",
                look=again(view.exercise),
                given=True,
            ),
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


def told_apart(shared: int, own: list[int], *, python: float) -> bool:
    """Whether no idea comes out near another or near the truth, by luck: `python` MiB more in each process."""
    count, rss = len(own) + 1, [shared + python + each for each in (0, *own)]
    pss = [each - shared + shared / count for each in rss]
    ideas: list[list[float]] = [
        [sum(pss)],  # the truth
        [sum(rss)],
        [count * each for each in pss[1:]],
        [pss[0], rss[0]],
        [sum(pss[1:]), sum(rss[1:])],  # the children alone
    ]
    return all(
        abs(one - other) > CLOSE * max(one, other) + 2
        for some, others in itertools.combinations(ideas, 2)
        for one, other in itertools.product(some, others)
    )


def crew(view: KernelView) -> list[int]:
    """The parent and its children."""
    return [view.pid("crew"), *all_below(view.pid("crew"))]


def total_mebibytes(view: KernelView, what: str) -> float:
    """The sum over all of them, in MiB."""
    return sum(mebibytes(pid, what) for pid in crew(view))


def of_children(view: KernelView, what: str) -> float:
    """The sum over the children, in MiB."""
    return sum(mebibytes(pid, what) for pid in crew(view)[1:])


def of_parent(view: KernelView) -> list[float]:
    """The parent's figures, in MiB. Its Pss times their number is nearly its Rss: all that it has is shared."""
    rss, pss = (mebibytes(view.pid("crew"), what) for what in ("Rss", "Pss"))
    return [rss, pss, pss * view.values["all"]]


def addresses(view: KernelView) -> float:
    """The sum of their sizes as ps shows them (VSZ), in MiB."""
    sizes = (int(proc.status(pid)["VmSize"].split()[0]) for pid in crew(view))
    return sum(sizes) / 1024


def near_enough(said: object, true: float) -> bool:
    """Within a twentieth, and a rounding."""
    return isinstance(said, int) and abs(said - true) <= 0.05 * true + 1


def parent_words(view: KernelView) -> str:
    """What the parent has resident, with the kernel's own unit. (Not its Pss: that changes with other processes.)"""
    parent = view.pid("crew")
    return f"of the parent alone, /proc/{parent}/smaps_rollup says Rss {round(mebibytes(parent, 'Rss') * 1024)} kB"
