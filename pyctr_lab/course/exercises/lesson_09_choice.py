"""Lesson 09: one kernel for all containers, and which of the two fits a job; both need a machine that has booted."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..answers import Answer, Names
from ..exercise import Ground, Misconception, Values
from ..scene import Scene
from ..verdict import Requirement
from .lesson_02 import MIB, OfMachines, hold
from .lesson_03_first_wall import named
from .lesson_09 import of

ONE = ("/proc/sys/kernel/random/boot_id", "/proc/cpuinfo", "/proc/cmdline", "/proc/iomem", "/proc/devices")
OTHER = ("/proc/sys/kernel/hostname", "/proc/sys/kernel/random/uuid", "/proc/self/cgroup", "/proc/net/dev")
ALIKE = ("/proc/sys/kernel/ostype", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/ngroups_max")


class OneKernel(OfMachines):
    """Files of /proc, read on the host, in a container with all walls, and in a virtual machine."""

    id = "9.3"
    title = "One kernel"
    question = """Six files, {all}. {box} has all the walls that there are, and ground.held["machine"] is a virtual
    machine. Which of these files give away that the container has no kernel of its own: they read alike on the host and
    in {box}, and otherwise in the machine?"""
    wants = Names("paths", "...")
    hints = (
        """Read each of them three times: lab.host.run(["cat", path]).stdout, ground.box.run(["cat", path]).stdout, and
        ground.held["machine"].run(["cat", path]).stdout.""",
        """Some change from one reading to the next, even on the host. Some are alike everywhere: a machine runs Linux,
        too. Neither says anything about kernels.""",
        """[path for path in ground.values["paths"] if host(path) == container(path) != machine(path)], with a function
        for each of the three readings.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "What the container shares with the host is enough.",
            """Some of these read alike in the machine as well. What is the same on every Linux does not tell one
            kernel from two.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == alike(scene),
            lambda ground: sorted(alike(ground.scene())),
        ),
        Misconception(
            "M2",
            "What the machine reads otherwise is enough.",
            """Some of these read otherwise in the container as well: a namespace or a fresh number does that, with one
            kernel behind both.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == otherwise(scene),
            lambda ground: sorted(otherwise(ground.scene())),
        ),
        Misconception(
            "M3",
            "The walls hide the kernel.",
            """You named what differs between host and container. Those are the namespaces' doing. The question is what
            no namespace can hide.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == set(scene.values["paths"]) - alike(scene),
            lambda ground: sorted(set(ground.values["paths"]) - alike(ground.scene())),
        ),
    )
    after = "A container reads its host's kernel, whatever is walled off. The machine has booted one of its own."
    names = ("cell", "cabin", "hut")

    def values(self, random: Random) -> Values:
        paths = [*random.sample(ONE, 2), *random.sample(OTHER, 2), *random.sample(ALIKE, 2)]
        random.shuffle(paths)
        return {"paths": paths, "all": ", ".join(paths), "box": random.choice(self.names)}

    def setup(self, ground: Ground) -> None:
        box = ground.add(ground.values["box"])
        for step in ground.lab.recipe("cell"):
            box.apply(step)
        machine = hold(ground, memory="128M")
        for who, run in (("host", ground.lab.host.run), ("container", box.run), ("machine", machine.run)):
            ground.facts[who] = {path: run(["cat", path]).stdout for path in ground.values["paths"]}

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        said, true = named(answer), alike(scene) & otherwise(scene)
        wrong = sorted(said ^ true)
        return [
            Requirement(
                "those, and only those",
                said == true,
                (told(scene, wrong[0]) if wrong else "all of them") if said else "no path was named: /proc has them",
                "alike on the host and in the container, otherwise in the machine",
                "what a kernel knows of itself is one for all of its containers",
                "each path, in each of the three",
            )
        ]

    def solution(self, ground: Ground) -> object:
        found = []
        for path in ground.values["paths"]:
            host = ground.lab.host.run(["cat", path]).stdout
            container = ground.box.run(["cat", path]).stdout
            machine = ground.held["machine"].run(["cat", path]).stdout
            if host == container != machine:
                found.append(path)
        return found


def alike(scene: Scene) -> set[str]:
    """What host and container read alike."""
    return {path for path in scene.values["paths"] if scene.facts["host"][path] == scene.facts["container"][path]}


def otherwise(scene: Scene) -> set[str]:
    """What the machine reads otherwise than the host."""
    return {path for path in scene.values["paths"] if scene.facts["host"][path] != scene.facts["machine"][path]}


def told(scene: Scene, path: str) -> str:
    """How a path reads in the three."""
    if path not in scene.values["paths"]:
        return f"{path[:60]} is none of the six; they are below /proc"
    inside = "as on the host" if path in alike(scene) else "otherwise than on the host"
    there = "otherwise" if path in otherwise(scene) else "as on the host"
    return f"{path} reads in the container {inside}, in the machine {there}"


class WhichFits(OfMachines):
    """Jobs with a budget of memory and of time, and what a container and a machine take here."""

    id = "9.4"
    title = "Which would you choose?"
    question = """ground.facts has what a container and a virtual machine take on this machine: MiB of one more, and ms
    to start. Four jobs: {jobs} Which of the four can be done with containers, but not with virtual machines?"""
    wants = Names("names", "...")
    hints = (
        """A job fails as soon as one of its two demands is not met. Look at both.""",
        """Memory is for all of them together: the number of instances, times what one more takes.""",
        """For each job in ground.facts["jobs"]: count * mib <= its "mib" and ms <= its "ms", once with the figures of
        the container, once with those of the machine.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Only the time to start counts.",
            """A job that a machine starts in time may still not fit into its memory, and the other way round. Each has
            two demands.""",
            lambda scene, answer: named(answer) == fitting(scene, memory=False),
            lambda ground: sorted(fitting(ground.scene(), memory=False)),
        ),
        Misconception(
            "M2",
            "One instance needs what the job may use.",
            """The memory is for all instances of a job together. You have compared it with what one takes.""",
            lambda scene, answer: named(answer) == fitting(scene, together=False),
            lambda ground: sorted(fitting(ground.scene(), together=False)),
        ),
        Misconception(
            "M3",
            "A container fits everywhere.",
            """One of them asks for less than even containers take, and one would be met by machines as well.""",
            lambda scene, answer: named(answer) == set(scene.values["names"]),
            lambda ground: sorted(ground.values["names"]),
        ),
    )
    after = "Two figures, measured here, decide. Where they leave it open, the wall decides: a kernel of one's own."
    names = ("mail", "search", "photos", "chess", "maps", "radio")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 4)
        counts = [random.randint(20, 60), random.randint(2, 4), random.randint(2, 4), random.randint(20, 60)]
        return {"names": names, "counts": counts, "jobs": 'they are in ground.facts["jobs"].', "box": "scale"}

    def setup(self, ground: Ground) -> None:
        box = ground.add(ground.values["box"])
        machine = hold(ground, memory="128M")
        start = min(ground.lab.run(["true"]).seconds for _ in range(5))
        mine = {"mib": round(max(0.1, of(box.host_pid, "Pss")), 2), "ms": round(start * 1000, 1)}
        theirs = {"mib": round(machine.memory / MIB, 1), "ms": round(machine.boot_seconds * 1000)}
        ground.facts.update(container=mine, machine=theirs, jobs=jobs(ground.values, mine, theirs))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        said, true = named(answer), fitting(scene)
        container, machine = scene.facts["container"], scene.facts["machine"]
        seen = f"a container takes {container['mib']} MiB and {container['ms']} ms"
        seen += f", a machine {machine['mib']} MiB and {machine['ms']} ms (/proc/PID/smaps_rollup, and the clock)"
        return [
            Requirement(
                "those, and only those",
                said == true,
                seen,
                "jobs whose two demands containers meet and machines do not",
                "a choice is made with figures, and each demand must be met",
                'each job in ground.facts["jobs"]',
            )
        ]

    def solution(self, ground: Ground) -> object:
        container, machine = ground.facts["container"], ground.facts["machine"]
        answer = []
        for name, job in ground.facts["jobs"].items():
            contained = job["count"] * container["mib"] <= job["mib"] and container["ms"] <= job["ms"]
            booted = job["count"] * machine["mib"] <= job["mib"] and machine["ms"] <= job["ms"]
            if contained and not booted:
                answer.append(name)
        return answer


Figures = dict[str, float]


def jobs(values: Values, container: Figures, machine: Figures) -> dict[str, Figures]:
    """Four: too many for machines, too soon for machines, open to both, too little for both. No verdict is close."""
    many, few, some, lots = values["counts"]
    between_mib = (container["mib"] * machine["mib"]) ** 0.5
    between_ms = (container["ms"] * machine["ms"]) ** 0.5
    late = machine["ms"] * 4
    demands = (
        {"count": many, "mib": round(max(many * between_mib, 1.5 * machine["mib"]), 1), "ms": round(late)},
        {"count": few, "mib": round(few * machine["mib"] * 4), "ms": round(between_ms)},
        {"count": some, "mib": round(some * machine["mib"] * 4), "ms": round(late)},
        {"count": lots, "mib": round(max(lots * container["mib"] / 4, 2 * container["mib"]), 2), "ms": round(late)},
    )
    return dict(sorted(zip(values["names"], demands, strict=True)))


def fitting(scene: Scene, *, memory: bool = True, together: bool = True) -> set[str]:
    """The jobs that containers can do and machines cannot; or what one finds who leaves something out."""

    def can(what: Figures, job: Figures) -> bool:
        needed = what["mib"] * (job["count"] if together else 1)
        return what["ms"] <= job["ms"] and (needed <= job["mib"] or not memory)

    facts = scene.facts
    return {
        name for name, job in facts["jobs"].items() if can(facts["container"], job) and not can(facts["machine"], job)
    }


EXERCISES = (OneKernel(), WhichFits())
