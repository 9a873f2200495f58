"""Lesson 09: one kernel for all containers, and which of the two fits a job; both need a machine that has booted."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ...grading.exercise import Ground, Misconception, Values
from ...grading.submissions import Answer, Choices, Names
from ...grading.verdicts import Requirement
from ...grading.view import Scene
from ..lesson_02.promised_not_taken import MIB, OfMachines, hold
from ..lesson_03.two_in_one_room import named
from .beyond_doubt import of

OWN = ("/proc/sys/kernel/random/boot_id", "/proc/cmdline", "/proc/iomem")  # a kernel's own, and another's never
OTHER = ("/proc/sys/kernel/hostname", "/proc/sys/kernel/random/uuid")  # another in each container, or at each reading
SETTINGS = {  # of a kernel, with no namespace: a machine may be given any of the values
    "/proc/sys/vm/swappiness": range(10, 100),
    "/proc/sys/vm/vfs_cache_pressure": range(20, 200),
    "/proc/sys/vm/overcommit_ratio": range(20, 90),
    "/proc/sys/vm/dirty_expire_centisecs": range(1000, 5000),
    "/proc/sys/vm/watermark_scale_factor": range(20, 200),
}
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class OneKernel(OfMachines):
    """Files of /proc, read on the host, in a container with all walls, and in a virtual machine.

    Which of the settings read otherwise in the machine, and which file is covered in the container (as engines do
    it), is chosen anew for each ground: nobody knows it who has not looked.
    """

    id = "9.3"
    title = "One kernel"
    question = """Six files: {all}. {box} has walls all around, and over one of the six something else is mounted.
    ground.held["machine"] is a virtual machine. Which of these files give away that {box} has no kernel of its own?
    Read each twice, on the host, in {box} and in the machine: it is those that are the same each time on the host and
    in {box}, and different in the machine."""
    wants = Names("a list of paths", "[...]")
    hints = (
        """Read each of them three times: lab.host.run(["cat", path]).stdout, ground.box.run(["cat", path]).stdout, and
        ground.held["machine"].run(["cat", path]).stdout.""",
        """What reads alike everywhere tells nothing: a machine runs Linux too, and may have the same settings. What
        reads otherwise everywhere tells nothing either.""",
        """[path for path in ground.values["paths"] if host(path) == container(path) != machine(path)], with a function
        for each of the three readings.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "What the container shares with the host is enough.",
            """Some of these read alike in the machine as well: there are two kernels with one and the same setting. So
            that cannot tell one kernel from two.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == alike(scene),
            lambda ground: sorted(alike(ground.scene())),
        ),
        Misconception(
            "M2",
            "What the machine reads otherwise is enough.",
            """Some of these read otherwise in the container as well: a namespace, a fresh number or something that
            covers the file does that, with one kernel behind both.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == otherwise(scene),
            lambda ground: sorted(otherwise(ground.scene())),
        ),
        Misconception(
            "M3",
            "The walls hide the kernel.",
            """You named what differs between host and container. Those are the walls' doing. The question is what they
            have not hidden.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == set(scene.values["paths"]) - alike(scene),
            lambda ground: sorted(set(ground.values["paths"]) - alike(ground.scene())),
        ),
        Misconception(
            "M4",
            "The settings of a kernel belong to each container.",
            """You left out settings. They have no namespace: what the host has set, holds in all of its containers. The
            machine has been given values of its own.""",
            lambda scene, answer: bool(named(answer)) and named(answer) == telling(scene) - set(SETTINGS),
            lambda ground: sorted(telling(ground.scene()) - set(SETTINGS)),
        ),
    )
    after = "A container reads its host's kernel, but for what is walled off or covered. The machine booted its own."
    names = ("cell", "cabin", "hut")

    def values(self, random: Random) -> Values:
        own, settings = random.sample(OWN, 2), random.sample(sorted(SETTINGS), 3)
        paths = [*own, *settings, random.choice(OTHER)]
        random.shuffle(paths)
        turned = settings[: random.randint(1, 2)]
        covered = random.choice([own[0], *turned[1:]])
        seeds = {path: random.randrange(1 << 16) for path in turned}
        box = random.choice(self.names)
        return {"paths": paths, "all": ", ".join(paths), "box": box, "turned": seeds, "covered": covered}

    def setup(self, ground: Ground) -> None:
        from ....steps import Bind, PivotRoot

        values, host = ground.values, ground.lab.host.run
        box = ground.add(values["box"])
        for step in ground.lab.recipe("cell"):
            box.apply(step)
            if isinstance(step, PivotRoot):
                box.apply(Bind("/dev/null", values["covered"], readonly=False))
        machine = hold(ground, memory="128M")
        writes = []  # so that they differ or are alike as chosen, whatever this host's own settings are
        for path in (path for path in values["paths"] if path in SETTINGS):
            wanted = int(host(["cat", path]).stdout)
            if path in values["turned"]:
                others = [value for value in SETTINGS[path] if value != wanted]
                wanted = others[values["turned"][path] % len(others)]
            writes.append(f"echo {wanted} > {path}")
        machine.run(["sh", "-c", "; ".join(writes)])
        for who, run in (("host", host), ("container", box.run), ("machine", machine.run)):
            ground.facts[who] = {path: run(["cat", path]).stdout for path in values["paths"]}

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        said, true = named(answer), telling(scene)
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


def telling(scene: Scene) -> set[str]:
    """What gives away that there is one kernel."""
    return alike(scene) & otherwise(scene)


def told(scene: Scene, path: str) -> str:
    """How a path reads in the three."""
    if path not in scene.values["paths"]:
        return f"{path[:60]} is none of the six; they are below /proc"
    inside = "as on the host" if path in alike(scene) else "otherwise than on the host"
    there = "otherwise" if path in otherwise(scene) else "as on the host"
    return f"{path} reads in the container {inside}, in the machine {there}"


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
            "M1",
            "Containers for everything: they are lighter.",
            """Some of the jobs need a kernel of their own: that is the one thing that no container has, however light
            it is. And one of the jobs may ask for too much of both.""",
            lambda scene, answer: chosen(answer) == dict.fromkeys(scene.values["names"], "container"),
            lambda ground: dict.fromkeys(ground.values["names"], "container"),
        ),
        Misconception(
            "M2",
            "Machines for everything: they are safer.",
            """Whether safer or not, look at what they take here: some jobs do not have that memory, or that time.""",
            lambda scene, answer: chosen(answer) == dict.fromkeys(scene.values["names"], "machine"),
            lambda ground: dict.fromkeys(ground.values["names"], "machine"),
        ),
        Misconception(
            "M3",
            "Only the time to start counts.",
            """What starts in time may still not fit into the memory. You have looked at one demand out of two.""",
            lambda scene, answer: chosen(answer) == fitting(scene, memory=False),
            lambda ground: fitting(ground.scene(), memory=False),
        ),
        Misconception(
            "M4",
            "One instance may use what the job has.",
            """The memory is for all instances of a job together. You have compared it with what one takes.""",
            lambda scene, answer: chosen(answer) == fitting(scene, together=False),
            lambda ground: fitting(ground.scene(), together=False),
        ),
        Misconception(
            "M5",
            "A container does everything that a machine does, with less.",
            """You have gone by memory and time alone. Where a job needs a kernel of its own, a container does not do,
            even where it would fit: then it is a machine, or nothing.""",
            lambda scene, answer: chosen(answer) == fitting(scene, kernel=False),
            lambda ground: fitting(ground.scene(), kernel=False),
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
        mine = {"mib": round(max(0.1, of(box.host_pid, "Pss")), 2), "ms": round(start * 1000, 1)}
        theirs = {"mib": round(machine.memory / MIB, 1), "ms": round(machine.boot_seconds * 1000)}
        for what, run in ((mine, box.run), (theirs, machine.run)):
            what["own_kernel"] = run(["cat", BOOT_ID]).stdout != host
        ground.facts.update(container=mine, machine=theirs, jobs=jobs(ground.values, mine, theirs))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        said, true = chosen(answer), fitting(scene)
        container, machine, asked = (scene.facts[name] for name in ("container", "machine", "jobs"))
        wrong = sorted(name for name in said.keys() | true if said.get(name) != true.get(name))
        seen = f"measured: a container takes {container['mib']} MiB and {container['ms']} ms, a machine"
        seen += f" {machine['mib']} MiB and {machine['ms']} ms; {spoken(asked, said, wrong[0])}" if wrong else ""
        return [
            Requirement(
                "each job has the cheaper one that meets all of its demands",
                not wrong,
                seen,
                "the container where it meets them, else the machine, else neither",
                "a choice is made with figures, and each demand must be met",
                'that job in ground.facts["jobs"], demand by demand',
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
    """Six. What is asked lies in the geometric middle of what the two take, or four times beyond: no verdict is close.

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


def fitting(scene: Scene, *, memory: bool = True, together: bool = True, kernel: bool = True) -> dict[str, str]:
    """The choice for each job; or what one chooses who leaves something out."""

    def can(what: Figures, job: Figures) -> bool:
        needed = what["mib"] * (job["count"] if together else 1)
        own = what["own_kernel"] or not job["own_kernel"]
        return what["ms"] <= job["ms"] and (needed <= job["mib"] or not memory) and (bool(own) or not kernel)

    facts = scene.facts
    return {
        name: next((what for what in CHOICES[:2] if can(facts[what], job)), CHOICES[2])
        for name, job in facts["jobs"].items()
    }


def chosen(answer: Answer) -> dict[str, str]:
    """An answer's choice for each job."""
    return dict(pair.partition("=")[::2] for pair in answer) if isinstance(answer, tuple) else {}


def spoken(asked: dict[str, Figures], said: dict[str, str], name: str) -> str:
    """What a job asks for, and what was chosen."""
    if name not in asked:
        return f"{name[:30]!r} is none of the six jobs"
    job, choice = asked[name], said.get(name, "nothing")
    kernel = ", with a kernel of its own" if job["own_kernel"] else ""
    return f"{name} asks for {job['count']} in {job['mib']} MiB and {job['ms']} ms{kernel}: you chose {choice}"


EXERCISES = (OneKernel(), WhichFits())
