"""Exercise 9.4: whether a container or a machine fits a job; needs a machine that has booted."""

from __future__ import annotations

import statistics
from random import Random
from typing import Any

from ...grading import Choices, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import MIB
from ..kit.choices import chosen_for, unnamed
from ..kit.machines import OfMachines, hold

CHOICES = ("container", "machine", "neither")
KERNEL_NEEDS = (  # that only a kernel of its own meets
    "each loads a kernel module for itself alone",
    "each must run on an older release of Linux",
    "strangers' programs run in each, and a fault in one kernel must not open the others",
    "each sets the sysctl vm.overcommit_memory as it likes, and for itself alone",
)
WALL_NEEDS = (  # that a namespace meets
    "each is root, with user ids of its own",
    "each listens on port 80 of a network of its own",
    "each has a host name of its own",
    "the main program of each is process number 1",
    "each mounts a /data that the host does not see",
)


class WhichFits(OfMachines):
    """Jobs with demands of memory and time and with needs in words; and what a container and a machine take here."""

    id = "9.4"
    title = "Which would you choose?"
    question = """ground.facts["container"] and ground.facts["machine"] say what one more of each takes here, measured a
    moment ago: "mib" of memory (as in section 4, when others are there already) and "ms" to start.
    ground.facts["jobs"] has six jobs: so many instances ("count"), in so much memory together ("mib"), each up within
    so many "ms" of a request; and "needs" says in words what else. What do you choose for each? Where both would do,
    the container, as the cheaper one. To try a need there is one of each: {box}, with all walls, and
    ground.held["machine"]."""
    wants = Choices('a dict: for each job "container", "machine" or "neither"', "...", choices=CHOICES)
    hints = (
        """A job fails as soon as one of its demands is not met: memory, time, or what it needs in words. Look at all
        of them, for the container first.""",
        """Memory is for all instances together: their number, times what one more takes. And of each need ask: is it a
        name that a namespace gives (a host name, a network, a process number, a mount, a user), or a matter of the
        kernel itself, of which containers have one between them?""",
        """For each job, and for both of "container" and "machine": job["count"] * ground.facts[what]["mib"] <=
        job["mib"], and "ms" likewise, and a machine where the need is one of the kernel: a module, another release, a
        sysctl without a namespace, strangers. The first that meets all is it.""",
    )
    misconceptions = (
        Misconception(
            believes="Containers for everything: they are lighter.",
            explains=(1,),
            message="""Some of the jobs need a kernel of their own: that is the one thing that no container has,
            however light it is.""",
            sign=lambda view, answer: chosen_for(answer) == dict.fromkeys(view.values["names"], "container"),
            act=lambda ground: dict.fromkeys(ground.values["names"], "container"),
        ),
        Misconception(
            believes="Machines for everything: they are safer.",
            explains=(1,),
            message="""Whether safer or not, look at what they take here: some jobs do not have that memory, or that
            time.""",
            sign=lambda view, answer: chosen_for(answer) == dict.fromkeys(view.values["names"], "machine"),
            act=lambda ground: dict.fromkeys(ground.values["names"], "machine"),
        ),
        Misconception(
            believes="Only the time to start counts.",
            explains=(1,),
            message="""What starts in time may still not fit into the memory. You have left the memory out.""",
            sign=lambda view, answer: chosen_for(answer) == fitting(view, memory=False),
            act=lambda ground: fitting(ground.view(), memory=False),
        ),
        Misconception(
            believes="One instance may use what the job has.",
            explains=(1,),
            message="""The memory is for all instances of a job together. You have compared it with what one takes.""",
            sign=lambda view, answer: chosen_for(answer) == fitting(view, together=False),
            act=lambda ground: fitting(ground.view(), together=False),
        ),
        Misconception(
            believes="A container does everything that a machine does, with less.",
            explains=(1,),
            message="""You have gone by memory and time alone. Where a job needs a kernel of its own, a container
            does not do, even where it would fit: then it is a machine, or nothing.""",
            sign=lambda view, answer: chosen_for(answer) == fitting(view, kernel=False),
            act=lambda ground: fitting(ground.view(), kernel=False),
        ),
        Misconception(
            believes="What fits into the memory will do: a start is paid once.",
            explains=(1,),
            message="""You have left the time out. Where each request waits for a start of its own, it is paid each
            time; and one of the jobs has less time than its choice takes to start.""",
            sign=lambda view, answer: chosen_for(answer) == fitting(view, time=False),
            act=lambda ground: fitting(ground.view(), time=False),
        ),
        Misconception(
            believes="Isolation of any kind means a machine.",
            explains=(1,),
            message="""Some of these needs are met by a wall: a user, a network, a host name, a process number, a mount
            of its own each have a namespace (lesson 03). It takes no second kernel.""",
            sign=lambda view, answer: chosen_for(answer) == fitting(view, walls=False),
            act=lambda ground: fitting(ground.view(), walls=False),
        ),
    )
    after = "Figures, measured here, decide; and the one wall that containers do not have: a kernel of one's own."
    names = ("chess", "mail", "maps", "photos", "radio", "search", "model", "sample", "specimen")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:6], 6)
        counts = {"many": random.randint(20, 60), "few": random.randint(2, 4), "some": random.randint(5, 9)}
        kernel, walls = random.sample(KERNEL_NEEDS, 4), random.sample(WALL_NEEDS, 2)
        return {"names": names, "counts": counts, "kernel": kernel, "walls": walls,
                "last": random.choice(LAST),
                "crowd": random.random() < 0.5, "box": random.choice(self.names[6:])}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        from ....measure import measure

        box = ground.add(ground.values["box"])
        for step in ground.lab.recipe(ground.values["box"]).steps:
            box.apply(step)
        machine = hold(ground, memory="128M")
        start = statistics.median(ground.lab.run(["true"]).seconds for _ in range(5))
        memory = measure("memory", engines=["ours"], repetitions=1, budget=5)
        one_more = memory.median("memory", "ours", max(each.instances for each in memory.samples))
        mine = {"mib": round(max(0.1, one_more), 2), "ms": round(start * 1000, 1)}
        theirs = {"mib": round(machine.memory / MIB, 1), "ms": round(machine.boot_seconds * 1000)}
        ground.facts.update(container=mine, machine=theirs, jobs=jobs(ground.values, mine, theirs))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, true = chosen_for(answer), fitting(view)
        container, machine, asked = (view.facts[name] for name in ("container", "machine", "jobs"))
        wrong = sorted(name for name in said.keys() | true if said.get(name) != true.get(name))
        seen = unnamed(said, true) or (demand_words(asked[wrong[0]], said, wrong[0]) if wrong else "all six have one")
        return [
            Requirement(
                name="each job has the cheaper one that meets all of its demands",
                met=not wrong,
                observed=f"{seen}; measured: a container takes {container['mib']} MiB and {container['ms']} ms,"
                f" a machine {machine['mib']} MiB and {machine['ms']} ms",
                expected="the container where it meets them, else the machine, else neither",
                why="a choice is made with figures, and each demand must be met",
                look='that job in ground.facts["jobs"], demand by demand',
                near=len(wrong) == 1,
            )
        ]

    def solution(self, ground: Ground) -> object:
        best, of_kernel = {}, ("module", "release", "sysctl", "strangers")
        for name, job in ground.facts["jobs"].items():
            best[name] = "neither"
            for what in ("machine", "container"):
                takes = ground.facts[what]
                fits = job["count"] * takes["mib"] <= job["mib"] and takes["ms"] <= job["ms"]
                if fits and (what == "machine" or not any(word in job["needs"] for word in of_kernel)):
                    best[name] = what
        return best


Figures = dict[str, float]
Job = dict[str, Any]
LAST = ("both would do", "another for containers", "another for machines", "neither in time")


def jobs(values: Values, container: Figures, machine: Figures) -> dict[str, Job]:
    """Six jobs. A demand is the geometric mean of what the two take, or four times beyond: no choice is close.

    In each variant the start time decides one job (a machine would do, were it quicker), the memory of all instances
    another, the memory of a single one a third, and the kernel a fourth; the last job differs.
    """
    many, few, some = (values["counts"][name] for name in ("many", "few", "some"))
    between_mib = (container["mib"] * machine["mib"]) ** 0.5
    between_ms = (container["ms"] * machine["ms"]) ** 0.5
    late, plenty = machine["ms"] * 4, machine["mib"] * 4
    room = max(between_mib, 1.5 * machine["mib"] / many)  # in which one machine finds place, but not all
    kernel, walls = values["kernel"], values["walls"]
    crowd, hurry = (many, many * room, late, walls[0]), (few, few * plenty, between_ms, walls[0])
    first, second = (crowd, hurry) if values["crowd"] else (hurry, crowd)
    one, little = (1, between_mib, late, kernel[3]), (few, container["mib"] / 4, late, walls[1])
    last_two = {
        "both would do": (little, (1, plenty, late, walls[0])),
        "another for containers": (little, (*second[:3], walls[0])),
        "another for machines": (little, (few, few * plenty, late, kernel[3])),
        "neither in time": (one, (few, few * plenty, container["ms"] / 4, walls[1])),
    }
    demands = (
        first,  # containers: machines take too much, or too long
        (some, some * plenty, late, kernel[0]),  # machines, for the kernel's sake
        (few, few * plenty, between_ms, kernel[1]),  # neither, for the time
        (many, many * room, late, kernel[2]),  # neither, for the memory of all
        *last_two[values["last"]],  # neither, for the memory of a single one; and what the key says
    )
    keys = ("count", "mib", "ms", "needs")
    rounded = ((count, round(mib, 2), round(ms, 1), needs) for count, mib, ms, needs in demands)
    made = (dict(zip(keys, each, strict=True)) for each in rounded)
    return dict(sorted(zip(values["names"], made, strict=True)))


def fitting(
    view: KernelView, *, memory: bool = True, together: bool = True, kernel: bool = True, time: bool = True,
    walls: bool = True,
) -> dict[str, str]:  # fmt: skip
    """The choice for each job; or that of an idea that leaves a demand out, or (`walls`) knows no wall for a need."""

    def can(choice: str, job: Job) -> bool:
        takes, needed = view.facts[choice], view.facts[choice]["mib"] * (job["count"] if together else 1)
        of_kernel = kernel and (job["needs"] in KERNEL_NEEDS or not walls)
        fits = (needed <= job["mib"] or not memory) and (takes["ms"] <= job["ms"] or not time)
        return bool(fits) and (choice == "machine" or not of_kernel)

    return {
        name: next((choice for choice in CHOICES[:2] if can(choice, job)), CHOICES[2])
        for name, job in view.facts["jobs"].items()
    }


def demand_words(job: Job, said: dict[str, str], name: str) -> str:
    """A job's demands and the choice for it, in words."""
    asked = f"{job['count']} in {job['mib']} MiB, up within {job['ms']} ms, and {job['needs']}"
    return f"{name} asks for {asked}: you chose {said[name]}"
