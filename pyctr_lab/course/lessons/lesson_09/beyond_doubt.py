"""Exercise 9.1: a difference beyond doubt, graded by starts as measured."""

from __future__ import annotations

import os
import signal
import statistics
import threading
from contextlib import suppress
from random import Random

from .... import TimeExpired
from ...grading import Exercise, Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import names_in

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
            believes="The larger mean is the slower one.",
            explains=(1,),
            message="""One start of that series met a hiccup of the machine, and it alone lifts the mean. Its other
            starts are like everybody's.""",
            sign=lambda view, answer: names_in(answer) == by_mean(view),
            act=lambda ground: sorted(by_mean(ground.view())),
        ),
        Misconception(
            believes="Whoever has the greatest value is the slowest.",
            explains=(1,),
            message="""The greatest value of all tells who had bad luck, once. It says little about who is slow.""",
            sign=lambda view, answer: names_in(answer) == {with_greatest(view)},
            act=lambda ground: with_greatest(ground.view()),
        ),
        Misconception(
            believes="No two series are alike, so all are slower or faster.",
            explains=(1,),
            message="""One of them is the very same start as {base}: it differs as any two runs do. A difference
            that is smaller than the spread is none.""".replace("{base}", "the base"),
            sign=lambda view, answer: names_in(answer) == set(view.values["names"][1:]),
            act=lambda ground: sorted(ground.values["names"][1:]),
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
            ground.facts["starts"] = measured_starts(ground, PAUSE * 1.5**attempt)
            if as_meant(ground.view()):
                return
        raise TimeExpired("this machine is too busy for a measurement", hint="try again in a moment")

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, true = names_in(answer), beyond(view)
        starts, base = view.facts["starts"], view.values["base"]
        wrong = sorted(said ^ true)
        about = wrong[0] if wrong and wrong[0] in starts else base
        seen = f"{about}: {min(starts[about]):.1f} to {max(starts[about]):.1f} ms, {base}: {range_words(starts[base])}"
        return [
            Requirement(
                name="those, and only those, whose least lies above the greatest of the base",
                met=said == true,
                observed=f"measured by this machine's clock: {seen}",
                expected="series that do not overlap with the base, and no others",
                why="a mean moves with one bad moment; a spread shows it",
                look='ground.facts["starts"], value by value',
            )
        ]

    def solution(self, ground: Ground) -> object:
        starts, base = ground.facts["starts"], ground.values["base"]
        return [name for name, values in starts.items() if name != base and min(values) > max(starts[base])]


def measured_starts(ground: Ground, least: float) -> dict[str, list[float]]:
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
                os.kill(lab.launcher.machine_pid, signal.SIGSTOP)
                timer = threading.Timer(4 * pause, resume, [lab.launcher.machine_pid])
                timer.start()
            command = ["sleep", f"{pause:.2f}"] if place in ground.values["slow"] else ["true"]
            found[name].append(round(lab.run(command).seconds * 1000, 2))
            if timer:
                timer.join()
    return found


def resume(pid: int) -> None:
    """Continue a stopped process."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def as_meant(view: KernelView) -> bool:
    """Whether the series are such that each wrong idea leads to another answer than the right one."""
    names = view.values["names"]
    slow = {names[place] for place in view.values["slow"]}
    luckless = names[view.values["luckless"]]
    return beyond(view) == slow and with_greatest(view) == luckless and by_mean(view) == slow | {luckless}


def beyond(view: KernelView) -> set[str]:
    """The series that lie wholly above the base."""
    starts, base = view.facts["starts"], view.values["base"]
    return {name for name, values in starts.items() if name != base and min(values) > max(starts[base])}


def by_mean(view: KernelView) -> set[str]:
    """Those whose mean is much larger than the base's."""
    starts, base = view.facts["starts"], view.values["base"]
    return {
        name
        for name, all_ in starts.items()
        if name != base and statistics.mean(all_) > 2 * statistics.mean(starts[base])
    }


def with_greatest(view: KernelView) -> str:
    """Whose greatest value is the greatest of all."""
    starts: dict[str, list[float]] = view.facts["starts"]
    return max(starts, key=lambda name: max(starts[name]))


def range_words(values: list[float]) -> str:
    """From the least to the greatest."""
    return f"{min(values):.1f} to {max(values):.1f} ms"
