"""Exercise 2.1: memory promised to virtual machines, and memory that they take from the host."""

from __future__ import annotations

from random import Random

from ...grading import Ground, KernelView, Misconception, Names, Requirement, Submission, Values, until
from ..kit import MIB, names_in, role
from ..kit.machines import BOOT_PATIENCE, OfMachines, qemu


class WhoTakesMost(OfMachines):
    """Four machines, each of them the largest in some way, and one that really takes memory from the host."""

    id = "2.1"
    title = "Promised is not taken"
    question = """On {box} stand four virtual machines, {all}, all switched on a moment ago and stopped before their
    first instruction. Which of them takes the most memory from the host, right now?"""
    wants = Names("one name", "...", count=1)
    hints = (
        """A machine is a process: ground.programs["{first}"].machine_pid is its number on your machine. What a process
        takes, the kernel knows; what it was promised stands on its command line. These are two things.""",
        """/proc/PID/status has several sizes. VmSize counts addresses, taken or not. Look for one that counts memory
        that is really there: VmRSS, or Pss in /proc/PID/smaps_rollup.""",
        """For each name: open(f"/proc/{ground.programs[name].machine_pid}/smaps_rollup").read(), and compare the line
        that begins with Pss.""",
    )
    misconceptions = (
        Misconception(
            believes="A machine takes what it was promised.",
            explains=(1,),
            message="""That one was promised the most (-m on its command line). A promise is only a range of
            addresses: a page is taken when it is touched for the first time, and this guest has touched none.""",
            sign=lambda view, answer: role(view, 1) in names_in(answer),
            act=lambda ground: role(ground, 1),
        ),
        Misconception(
            believes="The size of a process (VmSize, VSZ) is the memory that it takes.",
            explains=(1,),
            message="""That one has the most addresses (VmSize): it has set aside room for translated code. Nothing is
            written there yet, so there is no memory behind them.""",
            sign=lambda view, answer: role(view, 2) in names_in(answer),
            act=lambda ground: role(ground, 2),
        ),
        Misconception(
            believes="The machine with the most processors takes the most.",
            explains=(1,),
            message="""That one has the most virtual CPUs. Each is a thread, and a thread costs the host little more
            than its stack.""",
            sign=lambda view, answer: role(view, 3) in names_in(answer),
            act=lambda ground: role(ground, 3),
        ),
    )
    after = (
        "One had its memory touched in advance (prealloc). The others hold a promise, large or small, and next to no"
        " pages."
    )
    asks_about = "programs"
    names = ("agate", "beryl", "garnet", "opal", "topaz", "shelf")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 4)
        return {"names": names, "all": ", ".join(sorted(names)), "first": min(names), "box": "shelf"}

    def setup(self, ground: Ground) -> None:
        shelf = ground.add(ground.values["box"])
        taken, promised, addresses, cpus = ground.values["names"]
        commands = {
            taken: qemu(80, prepaid=True, translated=32),
            promised: qemu(512),
            addresses: qemu(48, translated=1024),
            cpus: qemu(48, cpus=6),
        }
        for name in sorted(commands):
            ground.programs[name] = shelf.start(commands[name])
        until(lambda: ground.view().pss(taken) > 80 * MIB and thread_count(ground.view(), cpus) > 6, BOOT_PATIENCE)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        sizes = {name: view.pss(name) for name in view.values["names"]}
        (name,) = names_in(answer)
        largest = name in sizes and sizes[name] == max(sizes.values())
        return [
            Requirement(
                name="its process takes more than any other",
                met=largest,
                observed=f"{name}: " + (f"Pss in /proc/{view.pid(name)}/smaps_rollup is {'' if largest else 'not '}"
                "the largest of the four" if name in sizes
                else "no machine of this ground; each has a /proc/PID/smaps_rollup"),
                expected="the one whose Pss is the largest",
                why="memory is given out page by page, at the first touch, to a virtual machine as to any process",
                look="/proc/PID/smaps_rollup of each",
            )
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        taken: dict[str, int] = {}
        for name, program in ground.programs.items():
            with open(f"/proc/{program.machine_pid}/smaps_rollup") as file:
                taken[name] = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return max(taken, key=lambda name: taken[name])


def thread_count(view: KernelView, name: str) -> int:
    """How many threads a process has."""
    return int(view.status(name)["Threads"])
