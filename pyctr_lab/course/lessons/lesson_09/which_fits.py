"""Exercise 9.4: whether a container or a machine fits a job; needs a machine that has booted."""

from __future__ import annotations

from random import Random

from ...grading import Choices, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import MIB, mebibytes
from ..kit.machines import OfMachines, hold

BOOT_ID = "/proc/sys/kernel/random/boot_id"


CHOICES = ("container", "machine", "neither")


class WhichFits(OfMachines):
    """Jobs with demands of memory, time and kernel, and what a container and a machine take here."""

    id = "9.4"
    title = "Which would you choose?"
    question = """ground.facts has what one more container and one more virtual machine take on this machine, measured a
    moment ago: "mib" of memory, "ms" to start, and whether it has its "own_kernel". ground.facts["jobs"] has six jobs:
    so many instances ("count"), in so much memory together ("mib"), each up within so many "ms", and some of them need
    an "own_kernel". What do you choose for each? Where both would do, the container, as the cheaper one."""
    wants = Choices('a dict: for each job "container", "machine" or "neither"', "...", choices=CHOICES)
    hints = (
        """A job fails as soon as one of its demands is not met. Look at all of them, for the container first.""",
        """Memory is for all of them together: the number of instances, times what one more takes.""",
        """For each job, and for both of "container" and "machine": job["count"] * ground.facts[what]["mib"] <=
        job["mib"], and "ms" likewise, and an own kernel where the job needs one. The first that meets all is it.""",
    )
    misconceptions = (
        Misconception(
            believes="Containers for everything: they are lighter.",
            explains=(1,),
            message="""Some of the jobs need a kernel of their own: that is the one thing that no container has,
            however light it is. And one of the jobs may ask for too much of both.""",
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
            message="""What starts in time may still not fit into the memory. You have looked at one demand out of
            two.""",
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
    )
    after = "Figures, measured here, decide; and the one wall that containers do not have: a kernel of one's own."
    names = ("mail", "search", "photos", "chess", "maps", "radio", "scales")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 6)
        counts = {"many": random.randint(20, 60), "few": random.randint(2, 4), "some": random.randint(5, 9),
                  "lots": random.randint(30, 90), "one": random.randint(1, 2)}  # fmt: skip
        return {"names": names, "counts": counts, "hurry": random.random() < 0.5, "box": "scales"}

    def setup(self, ground: Ground) -> None:
        box, host = ground.add(ground.values["box"]), ground.lab.host.run(["cat", BOOT_ID]).stdout
        machine = hold(ground, memory="128M")
        start = min(ground.lab.run(["true"]).seconds for _ in range(5))
        mine = {"mib": round(max(0.1, mebibytes(box.machine_pid, "Pss")), 2), "ms": round(start * 1000, 1)}
        theirs = {"mib": round(machine.memory / MIB, 1), "ms": round(machine.boot_seconds * 1000)}
        for what, run in ((mine, box.run), (theirs, machine.run)):
            what["own_kernel"] = run(["cat", BOOT_ID]).stdout != host
        ground.facts.update(container=mine, machine=theirs, jobs=jobs(ground.values, mine, theirs))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, true = chosen_for(answer), fitting(view)
        container, machine, asked = (view.facts[name] for name in ("container", "machine", "jobs"))
        wrong = sorted(name for name in said.keys() | true if said.get(name) != true.get(name))
        seen = f"measured: a container takes {container['mib']} MiB and {container['ms']} ms, a machine"
        seen += f" {machine['mib']} MiB and {machine['ms']} ms; {demand_words(asked, said, wrong[0])}" if wrong else ""
        return [
            Requirement(
                name="each job has the cheaper one that meets all of its demands",
                met=not wrong,
                observed=seen,
                expected="the container where it meets them, else the machine, else neither",
                why="a choice is made with figures, and each demand must be met",
                look='that job in ground.facts["jobs"], demand by demand',
                near=len(wrong) == 1,
            )
        ]

    def solution(self, ground: Ground) -> object:
        best = {}
        for name, job in ground.facts["jobs"].items():
            best[name] = "neither"
            for what in ("machine", "container"):
                takes = ground.facts[what]
                fits = job["count"] * takes["mib"] <= job["mib"] and takes["ms"] <= job["ms"]
                if fits and (takes["own_kernel"] or not job["own_kernel"]):
                    best[name] = what
        return best


Figures = dict[str, float]


def jobs(values: Values, container: Figures, machine: Figures) -> dict[str, Figures]:
    """Six jobs. A demand is the geometric mean of what the two take, or four times beyond: no verdict is close.

    The last three are met by neither, each for another reason: next to no memory; no time, or room for one machine but
    not for all; room for not even one.
    """
    many, few, some, lots, one = (values["counts"][name] for name in ("many", "few", "some", "lots", "one"))
    between_mib = (container["mib"] * machine["mib"]) ** 0.5
    between_ms = (container["ms"] * machine["ms"]) ** 0.5
    late, plenty = machine["ms"] * 4, machine["mib"] * 4
    room = max(between_mib, 1.5 * machine["mib"] / many)  # in which one machine finds place, but not all
    in_no_time, too_many = (few, few * plenty, between_ms, True), (many, many * room, late, True)
    demands = (
        (many, many * room, late, False),  # a crowd: containers
        (few, few * plenty, between_ms, False),  # in a hurry: containers
        (some, some * plenty, late, True),  # strangers, who shall not share a kernel: machines
        (lots, lots * container["mib"] / 4, late, False),
        in_no_time if values["hurry"] else too_many,
        (one, one * between_mib, late, True),
    )
    keys = ("count", "mib", "ms", "own_kernel")
    made = (dict(zip(keys, (count, round(mib, 2), round(ms, 1), own), strict=True)) for count, mib, ms, own in demands)
    return dict(sorted(zip(values["names"], made, strict=True)))


def fitting(view: KernelView, *, memory: bool = True, together: bool = True, kernel: bool = True) -> dict[str, str]:
    """The choice for each job; or what one chooses who leaves something out."""

    def can(what: Figures, job: Figures) -> bool:
        needed = what["mib"] * (job["count"] if together else 1)
        own = what["own_kernel"] or not job["own_kernel"]
        return what["ms"] <= job["ms"] and (needed <= job["mib"] or not memory) and (bool(own) or not kernel)

    facts = view.facts
    return {
        name: next((what for what in CHOICES[:2] if can(facts[what], job)), CHOICES[2])
        for name, job in facts["jobs"].items()
    }


def chosen_for(answer: Submission) -> dict[str, str]:
    """An answer's choice for each job."""
    return dict(pair.partition("=")[::2] for pair in answer) if isinstance(answer, tuple) else {}


def demand_words(asked: dict[str, Figures], said: dict[str, str], name: str) -> str:
    """A job's demands and the choice for it, in words."""
    if name not in asked:
        return f"{name[:30]!r} is none of the six jobs"
    job, choice = asked[name], said.get(name, "nothing")
    kernel = ", with a kernel of its own" if job["own_kernel"] else ""
    return f"{name} asks for {job['count']} in {job['mib']} MiB and {job['ms']} ms{kernel}: you chose {choice}"
