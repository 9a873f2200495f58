"""Exercise 9.3: one kernel for all containers; needs a machine that has booted."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ...grading import Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import names_in
from ..kit.machines import OfMachines, hold

OWN = ("/proc/sys/kernel/random/boot_id", "/proc/cmdline", "/proc/iomem")  # a kernel's own, and another's never
OTHER = ("/proc/sys/kernel/hostname", "/proc/sys/kernel/random/uuid")  # another in each container, or at each reading
SETTINGS = {  # of a kernel, with no namespace: a machine may be given any of the values
    "/proc/sys/vm/swappiness": range(10, 100),
    "/proc/sys/vm/vfs_cache_pressure": range(20, 200),
    "/proc/sys/vm/overcommit_ratio": range(20, 90),
    "/proc/sys/vm/dirty_expire_centisecs": range(1000, 5000),
    "/proc/sys/vm/watermark_scale_factor": range(20, 200),
}


class OneKernel(OfMachines):
    """Files of /proc, read on the host, in a container with all walls, and in a virtual machine.

    Which of the settings read otherwise in the machine, and which file is covered in the container (as engines do
    it), is chosen anew for each ground: it cannot be known without looking.
    """

    id = "9.3"
    title = "One kernel"
    question = """Six files: {all}. {box} has walls all around, and over one of the six something else is mounted.
    ground.held["machine"] is a virtual machine. Which of these files give away that {box} has no kernel of its own?
    Read each twice or more, on the host, in {box} and in the machine: it is the files that are the same each time on
    the host and in {box}, and different in the machine."""
    wants = Names("a list of paths", "[...]")
    hints = (
        """Read each of them in three places: lab.host.run(["cat", path]).stdout, ground.box.run(["cat", path]).stdout,
        and ground.held["machine"].run(["cat", path]).stdout.""",
        """What reads alike everywhere tells nothing: a machine runs Linux too, and may have the same settings. What
        reads otherwise everywhere tells nothing either.""",
        """[path for path in ground.values["paths"] if host(path) == container(path) != machine(path)], with a function
        for each of the three readings.""",
    )
    misconceptions = (
        Misconception(
            believes="What the container shares with the host is enough.",
            explains=(1,),
            message="""Some that you named read alike in the machine as well: there are two kernels with one and the
            same setting. So that cannot tell one kernel from two.""",
            sign=lambda view, answer: bool(named(view, answer) & alike(view) - otherwise(view)),
            act=lambda ground: sorted(alike(ground.view())),
        ),
        Misconception(
            believes="What the machine reads otherwise is enough.",
            explains=(1,),
            message="""Some that you named read otherwise in the container as well: a namespace, a fresh number or
            something that covers the file does that, with one kernel behind both.""",
            sign=lambda view, answer: (
                bool(named(view, answer) & telling(view)) and bool(named(view, answer) & otherwise(view) - alike(view))
            ),
            act=lambda ground: sorted(otherwise(ground.view())),
        ),
        Misconception(
            believes="The walls hide the kernel.",
            explains=(1, 2),
            message="""You named what differs between host and container. Those are the walls' doing. The question
            is what they have not hidden.""",
            sign=lambda view, answer: bool(named(view, answer)) and named(view, answer) <= otherwise_inside(view),
            act=lambda ground: sorted(otherwise_inside(ground.view())),
        ),
        Misconception(
            believes="The settings of a kernel belong to each container.",
            explains=(2,),
            message="""You named no setting (/proc/sys/vm). Settings without a namespace are one kernel's: what the host
            has set, holds in all of its containers. A machine may have been given values of its own.""",
            sign=lambda view, answer: (
                bool(named(view, answer) & set(view.values["paths"])) and not named(view, answer) & set(SETTINGS)
            ),
            act=lambda ground: sorted(telling(ground.view()) - set(SETTINGS)),
        ),
    )
    after = "A container reads its host's kernel, but for what is walled off or covered. The machine booted its own."
    shows = ("paths",)
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

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, true = named(view, answer), telling(view)
        wrong = sorted(said - true)
        right = len(said & true)
        return [
            Requirement(
                name="each that you named gives it away",
                met=bool(said) and not wrong,
                observed=reading_words(view, wrong[0]) if wrong else f"you named {right}; /proc has some that do",
                expected="alike on the host and in the container, otherwise in the machine",
                why="what a kernel knows of itself is one for all of its containers",
                look="each path that you named, in each of the three",
                near=len(said ^ true) == 1,
            ),
            Requirement(
                name="none is missing",
                met=true <= said,
                observed=f"you named {right} that give it away; measured by reading all six under /proc, there are"
                f" {len(true)}",
                expected="every file that is alike on the host and in the container, and otherwise in the machine",
                why="a kernel shows in more places than its version: in its boot_id, its command line, its settings",
                look="the paths that you left out, in each of the three",
                given=True,  # to name all six meets it, and is no step towards the answer
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        found = []
        for path in ground.values["paths"]:
            host = ground.lab.host.run(["cat", path]).stdout
            container = ground.box.run(["cat", path]).stdout
            machine = ground.held["machine"].run(["cat", path]).stdout
            if host == container != machine:
                found.append(path)
        return found


def named(view: KernelView, answer: Submission) -> set[str]:
    """The paths of an answer. The end of a path stands for the one of the six that has it: "boot_id"."""
    return {path_meant(name, view.values["paths"]) for name in names_in(answer)}


def path_meant(name: str, paths: Sequence[str]) -> str:
    """The only one of the paths that ends so, as a path or in the way of sysctl (vm.swappiness); else the name."""
    ends = ("/" + name.strip("/"), "/" + name.replace(".", "/"))
    found = [path for path in paths if path.endswith(ends)]
    return name if name in paths or len(found) != 1 else found[0]


def alike(view: KernelView) -> set[str]:
    """The paths that host and container read alike."""
    return {path for path in view.values["paths"] if view.facts["host"][path] == view.facts["container"][path]}


def otherwise_inside(view: KernelView) -> set[str]:
    """The paths that host and container read differently."""
    return set(view.values["paths"]) - alike(view)


def otherwise(view: KernelView) -> set[str]:
    """The paths that the machine reads otherwise than the host."""
    return {path for path in view.values["paths"] if view.facts["host"][path] != view.facts["machine"][path]}


def telling(view: KernelView) -> set[str]:
    """The paths that give away that there is one kernel."""
    return alike(view) & otherwise(view)


def reading_words(view: KernelView, path: str) -> str:
    """How a path reads in the three."""
    if path not in view.values["paths"]:
        return f"{path[:60]} is none of the six; they are below /proc"
    inside = "as on the host" if path in alike(view) else "otherwise than on the host"
    there = "otherwise" if path in otherwise(view) else "as on the host"
    return f"{path} reads in the container {inside}, in the machine {there}"
