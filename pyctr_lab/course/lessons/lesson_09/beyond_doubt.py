"""Lesson 09: what is shared counts once, and what is no difference; graded by /proc, and by starts as measured."""

from __future__ import annotations

import os
import signal
import statistics
import threading
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from ....errors import TimeExpired
from ....kernel import proc
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Names, Number
from ...grading.verdicts import Requirement
from ...grading.view import Scene, descendants, until
from ..lesson_03.two_in_one_room import named

MIB = 1 << 20
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
    wants = Number("a number, of MiB", "...", whole=False)
    hints = (
        """ground.programs["crew"].host_pid is the parent's number on your machine, and /proc/PID/task/PID/children
        has its children's. Each has a file smaps_rollup.""",
        """A page that five share is in the Rss of all five. In Pss it counts a fifth in each: so the sum counts it
        once.""",
        """sum, over the parent and its children, of the number in the line "Pss:" of /proc/PID/smaps_rollup, which is
        in kB; divided by 1024, and rounded.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "What each has resident can be added up.",
            """That is the sum of Rss. A page that they share was counted once for each of them: there is less memory
            than that in use.""",
            lambda scene, answer: near(answer, total(scene, "Rss")),
            lambda ground: round(total(ground.scene(), "Rss")),
        ),
        Misconception(
            "M2",
            "What one of them takes, times their number.",
            """They are not alike: each child has another amount of its own. What one takes says nothing about the
            others, neither divided nor multiplied.""",
            lambda scene, answer: any(near(answer, of(pid, "Pss") * scene.values["all"]) for pid in crew(scene)),
            lambda ground: round(of(crew(ground.scene())[0], "Pss") * ground.values["all"]),
        ),
        Misconception(
            "M3",
            "The parent has the memory, so its own figure is the answer.",
            """That is the parent alone. Its children have taken memory of their own since they were born.""",
            lambda scene, answer: near(answer, of(crew(scene)[0], "Rss")) or near(answer, of(crew(scene)[0], "Pss")),
            lambda ground: round(of(crew(ground.scene())[0], "Pss")),
        ),
        Misconception(
            "M4",
            "Memory is what was promised: the size of a process (VSZ, VmSize).",
            """That is the sum of the addresses that they may use (VmSize in /proc/PID/status). Behind many of them
            there is no memory yet, and behind many others the same.""",
            lambda scene, answer: near(answer, addresses(scene)),
            lambda ground: round(addresses(ground.scene())),
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
        until(lambda: total(ground.scene(), "Pss") >= least or crew_.poll() is not None, 60)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        together = total(scene, "Pss")
        said = answer if isinstance(answer, int) else 0
        return [
            Requirement(
                "it is what all of them take, shared pages counted once",
                near(said, together),
                f"the sum of Pss in /proc/PID/smaps_rollup of all {scene.values['all']} is not {said} MiB",
                "the sum of their Pss, within a twentieth",
                "memory that is shared is there once, however many see it: so containers of one image are cheap",
                f"/proc/{scene.pid('crew')}/smaps_rollup, and those of its children",
            )
        ]

    def solution(self, ground: Ground) -> object:
        parent = ground.programs["crew"].host_pid
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            pids = [parent, *map(int, file.read().split())]
        kilobytes = 0
        for pid in pids:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                kilobytes += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return round(kilobytes / 1024)


def crew(scene: Scene) -> list[int]:
    """The parent and its children."""
    return [scene.pid("crew"), *descendants(scene.pid("crew"))]


def of(pid: int, what: str) -> float:
    """A size of a process, in MiB."""
    try:
        return proc.smaps_rollup(pid).get(what, 0) / 1024**2
    except OSError:
        return 0.0


def total(scene: Scene, what: str) -> float:
    """The sum over all of them, in MiB."""
    return sum(of(pid, what) for pid in crew(scene))


def addresses(scene: Scene) -> float:
    """The sum of their sizes as ps shows them (VSZ), in MiB."""
    sizes = (int(proc.status(pid)["VmSize"].split()[0]) for pid in crew(scene))
    return sum(sizes) / 1024


def near(said: object, true: float) -> bool:
    """Within a twentieth, and a rounding."""
    return isinstance(said, int) and abs(said - true) <= 0.05 * true + 1


RUNS = 5
PAUSE = 0.1  # seconds that a slow start takes longer, on a machine that is neither slow nor busy itself
TRIES = 5  # each with slow starts that are slower by half: they stand out even from a busy machine's own hiccups


class BeyondDoubt(Exercise):
    """Series of real starts: some truly slower, one with a hiccup, one that is the base once more."""

    id = "9.1"
    title = "A difference, or bad luck?"
    question = """In ground.facts["starts"] stand five series of {runs} starts each, in ms, measured on this machine a
    moment ago. Which of {others} take longer than {base} beyond doubt, so that even the least of theirs lies above the
    greatest of {base}'s?"""
    wants = Names("a list of names", "[...]")
    hints = (
        """Look at each series whole: ground.facts["starts"]["{base}"] is a list. A mean hides what the values are.""",
        """One series has a single value that is very large. The machine had other things to do then. What does that
        say about its other starts?""",
        """base = ground.facts["starts"]["{base}"]; then [name for name, all in ground.facts["starts"].items() if
        min(all) > max(base)]""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "The larger mean is the slower one.",
            """One start of that series met a hiccup of the machine, and it alone lifts the mean. Its other starts are
            like everybody's.""",
            lambda scene, answer: named(answer) == by_mean(scene),
            lambda ground: sorted(by_mean(ground.scene())),
        ),
        Misconception(
            "M2",
            "Whoever has the greatest value is the slowest.",
            """The greatest value of all tells who had bad luck, once. It says little about who is slow.""",
            lambda scene, answer: named(answer) == {greatest(scene)},
            lambda ground: greatest(ground.scene()),
        ),
        Misconception(
            "M3",
            "No two series are alike, so all are slower or faster.",
            """One of them is the very same start as {base}: it differs as any two runs do. A difference that is
            smaller than the spread is none.""".replace("{base}", "the base"),
            lambda scene, answer: named(answer) == set(scene.values["names"][1:]),
            lambda ground: sorted(ground.values["names"][1:]),
        ),
    )
    after = "Two series differ beyond doubt when they do not overlap. A single large value is news about the machine."
    names = ("anna", "bruno", "clara", "david", "emil", "frida")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 5)
        slow = sorted(random.sample(range(1, 5), 2))
        luckless = random.choice([place for place in range(1, 5) if place not in slow])
        others = ", ".join(sorted(names[1:]))
        return {"names": names, "base": names[0], "others": others, "slow": slow, "luckless": luckless, "runs": RUNS,
                "box": "stop-watch"}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        for attempt in range(TRIES):
            ground.facts["starts"] = measured(ground, PAUSE * 1.5**attempt)
            if as_meant(ground.scene()):
                return
        raise TimeExpired("this machine is too busy for a measurement", hint="try again in a moment")

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        said, true = named(answer), beyond(scene)
        starts, base = scene.facts["starts"], scene.values["base"]
        wrong = sorted(said ^ true)
        about = wrong[0] if wrong and wrong[0] in starts else base
        seen = f"{about}: {min(starts[about]):.1f} to {max(starts[about]):.1f} ms, {base}: {spoken(starts[base])}"
        return [
            Requirement(
                "those, and only those, whose least lies above the greatest of the base",
                said == true,
                f"measured by this machine's clock: {seen}",
                "series that do not overlap with the base, and no others",
                "a mean moves with one bad moment; a spread shows it",
                'ground.facts["starts"], value by value',
            )
        ]

    def solution(self, ground: Ground) -> object:
        starts, base = ground.facts["starts"], ground.values["base"]
        return [name for name, values in starts.items() if name != base and min(values) > max(starts[base])]


def measured(ground: Ground, least: float) -> dict[str, list[float]]:
    """Real starts, in turns, the slow ones by `least` seconds or more.

    In one of them the whole lab is stopped for a moment, as a busy machine does it.
    """
    names, lab = ground.values["names"], ground.lab
    pause = max(least, 3 * lab.run(["true"]).seconds)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(RUNS):
        for place, name in enumerate(names):
            timer = None
            if place == ground.values["luckless"] and number == RUNS // 2:
                os.kill(lab.launcher.host_pid, signal.SIGSTOP)
                timer = threading.Timer(4 * pause, resume, [lab.launcher.host_pid])
                timer.start()
            command = ["sleep", f"{pause:.2f}"] if place in ground.values["slow"] else ["true"]
            found[name].append(round(lab.run(command).seconds * 1000, 2))
            if timer:
                timer.join()
    return found


def resume(pid: int) -> None:
    """Lets it go on."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def as_meant(scene: Scene) -> bool:
    """Whether the series are such that each wrong idea leads to another answer than the right one."""
    names = scene.values["names"]
    slow = {names[place] for place in scene.values["slow"]}
    luckless = names[scene.values["luckless"]]
    return beyond(scene) == slow and greatest(scene) == luckless and by_mean(scene) == slow | {luckless}


def beyond(scene: Scene) -> set[str]:
    """Those that lie wholly above the base."""
    starts, base = scene.facts["starts"], scene.values["base"]
    return {name for name, values in starts.items() if name != base and min(values) > max(starts[base])}


def by_mean(scene: Scene) -> set[str]:
    """Those whose mean is much larger than the base's."""
    starts, base = scene.facts["starts"], scene.values["base"]
    return {
        name
        for name, all_ in starts.items()
        if name != base and statistics.mean(all_) > 2 * statistics.mean(starts[base])
    }


def greatest(scene: Scene) -> str:
    """Whose greatest value is the greatest of all."""
    starts: dict[str, list[float]] = scene.facts["starts"]
    return max(starts, key=lambda name: max(starts[name]))


def spoken(values: list[float]) -> str:
    """From the least to the greatest."""
    return f"{min(values):.1f} to {max(values):.1f} ms"


EXERCISES: tuple[Exercise, ...] = (BeyondDoubt(), Together())
