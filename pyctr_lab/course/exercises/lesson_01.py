"""Lesson 01: processes, their parents, and their memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from ...kernel import O_RDWR, Call, proc
from ...kernel.calls import openat
from ..answers import Answer, Names, Number
from ..exercise import Exercise, Ground, Misconception, Values
from ..scene import Scene, age, command, descendants, until
from ..verdict import Requirement
from .lesson_03_first_wall import named, role

if TYPE_CHECKING:
    from ...runtime import Container


class WhoOwesAWait(Exercise):
    """A zombie, and several processes that could be asked to bury it."""

    id = "1.1"
    title = "The one that owes a wait"
    question = """Among the children and grandchildren of {box} is a zombie: it was `{was}`, and it has ended. One
    process is to blame that it still stands in the list. What number has that process on the host?"""
    wants = Number("its number on the host of the course", "...")
    hints = (
        """A zombie is all that is left of a process: its exit status, kept for somebody who is to ask for it. Who
        may ask? Only one process may.""",
        """lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout lists every process with its state; the
        zombie's begins with Z.""",
        "The second column of the zombie's line, PPID, is the process that has not called wait.",
    )
    misconceptions = (
        Misconception(
            "M1",
            "The zombie itself is what must be ended.",
            """That is the zombie. It has ended already and cannot do anything, not even receive a signal: it waits
            for its parent to ask how it ended.""",
            lambda scene, answer: answer in {scene.inner_pid(pid) for pid in zombies(scene)},
            lambda ground: ground.scene().inner_pid(zombies(ground.scene())[0]),
        ),
        Misconception(
            "M2",
            "PID 1 collects every zombie.",
            """PID 1 waits for the orphans that it adopts. This zombie is no orphan: its parent lives, and as long
            as it does, the duty is the parent's alone.""",
            lambda scene, answer: answer == 1,
            lambda ground: 1,
        ),
        Misconception(
            "M3",
            "Whoever began it all has to clean up.",
            """That is the container's process, the grandparent. It cannot wait for a grandchild: wait(2) knows
            one's own children only.""",
            lambda scene, answer: answer == scene.inner_pid(scene.pid(scene.values["box"])),
            lambda ground: ground.box.pid,
        ),
        Misconception(
            "M4",
            "Any process with children is to blame.",
            """That one has a child, but one that lives: there is nothing to wait for yet. Look for the parent of
            the one whose state is Z.""",
            lambda scene, answer: answer == scene.inner_pid(scene.pid("living")),
            lambda ground: ground.programs["living"].pid,
        ),
    )
    after = "The kernel keeps the exit status until the parent asks. End that parent, and PID 1 adopts and buries."
    names = ("badger", "ferret", "marten", "otter")

    def values(self, random: Random) -> Values:
        seconds = random.sample(range(3000, 4000), 2)
        return {"box": random.choice(self.names), "was": random.choice(("nproc", "arch", "tty")), "seconds": seconds}

    def setup(self, ground: Ground) -> None:
        box, (one, two) = ground.add(ground.values["box"]), ground.values["seconds"]
        was = ground.values["was"]
        ground.programs["living"] = box.start(["sh", "-c", f"sleep {one} & exec sleep {one}"])
        ground.programs["parent"] = box.start(["sh", "-c", f"{was} >/dev/null & exec sleep {two}"])
        until(lambda: zombies(ground.scene()) and "sh" not in map(name_of, programs(ground)))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        dead = zombies(scene)
        seen = f"/proc/{dead[0]}/status has State Z" if dead else "none of its descendants is in state Z any more"
        return [
            Requirement(
                "the number is that of the zombie's parent",
                bool(dead) and answer in {scene.inner_pid(proc_parent(pid)) for pid in dead},
                f"{seen}, and its PPid is not the process that number {answer} is on the host",
                "the process that the zombie's PPid names, in the host's count",
                "a zombie holds a number and a place in the table until its parent calls wait; nobody else can",
                'lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "-e", "-o", "ppid=,stat=,comm="]).stdout
        rows = [line.split() for line in listed.splitlines()]
        return next(int(ppid) for ppid, state, name, *_ in rows if state[0] == "Z" and name == ground.values["was"])


def zombies(scene: Scene) -> list[int]:
    """What has ended below the container and was not waited for, by its numbers on this machine."""
    return [pid for pid in scene.below(scene.values["box"]) if proc.state(pid) == "Z"]


def proc_parent(pid: int) -> int:
    """A process's parent, by its number on this machine."""
    return int(proc.status(pid)["PPid"])


def programs(ground: Ground) -> list[int]:
    """The programs of the ground, by their numbers on this machine."""
    return [program.host_pid for program in ground.programs.values()]


def name_of(pid: int) -> str:
    """The name that the kernel has for a process."""
    return proc.status(pid)["Name"]


class WhoSharesMemory(Exercise):
    """Five processes and a piece of memory: equal names, equal addresses, equal content, and two that share."""

    id = "1.2"
    title = "Who shares this memory?"
    question = """Five processes, {all}. Each has to do with a piece of memory called {memory}. Two of them share
    one: what one writes there, the other reads. Which two?"""
    wants = Names("two names", "(..., ...)", count=2)
    hints = (
        """The kernel says what a process has in its memory, in /proc/PID/maps: a line for each piece. Look for the
        lines with {memory}.""",
        """The second column ends in `s` (shared) or `p` (private, a copy as soon as it is written). The fifth is
        the inode: which memory it is. The address, in the first, says where *this* process has it.""",
        """Two processes share memory if both lines say `s` and both have the same inode. For a container box:
        open(f"/proc/{box.host_pid}/maps").read().""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Mapped from the same file is shared.",
            """One of those maps the very same memory, but privately (`p`): at its first write it gets a copy of its
            own, and the other never learns of it.""",
            lambda scene, answer: role(scene, 2) in named(answer),
            lambda ground: (role(ground, 0), role(ground, 2)),
        ),
        Misconception(
            "M2",
            "Same name, same address, same memory.",
            """Their lines look alike, name and all, but the inodes differ: two pieces of memory that happen to be
            called the same. An address is a process's own affair.""",
            lambda scene, answer: role(scene, 3) in named(answer),
            lambda ground: (role(ground, 0), role(ground, 3)),
        ),
        Misconception(
            "M3",
            "Who has the file open has its memory.",
            """One of those holds a descriptor of it (look in its /proc/PID/fd) and has mapped nothing: it could
            have this memory, but it does not.""",
            lambda scene, answer: role(scene, 4) in named(answer),
            lambda ground: (role(ground, 1), role(ground, 4)),
        ),
    )
    after = "Shared are the pages that one inode stands for and both map with `s`, even at different addresses."
    names = ("cobalt", "copper", "nickel", "silver", "tin", "zinc")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 5)
        return {"names": names, "all": ", ".join(sorted(names)), "memory": random.choice(("ledger", "diary", "tally"))}

    def setup(self, ground: Ground) -> None:
        boxes = {name: ground.add(name) for name in sorted(ground.values["names"])}
        owner, partner, private, namesake, holder = (boxes[name] for name in ground.values["names"])
        fd = memory(owner, ground.values["memory"])
        map_at(owner, LOW, fd, shared=True)
        map_at(partner, HIGH, borrowed(partner, owner, fd), shared=True)
        map_at(private, LOW, borrowed(private, owner, fd), shared=False)
        map_at(namesake, LOW, memory(namesake, ground.values["memory"]), shared=True)
        borrowed(holder, owner, fd)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        names = sorted(named(answer))
        found = [mapping(scene, name) for name in names]
        return [
            Requirement(
                "the two share one piece of memory",
                all(each and each[0] == "s" for each in found) and len({each[1] for each in found if each}) == 1,
                "; ".join(told(scene, name) for name in names),
                "two lines that both say `s`, with one inode",
                "memory is private by default, by the processor's own page tables; sharing is asked for, by mmap",
                "/proc/PID/maps of both",
            )
        ]

    def solution(self, ground: Ground) -> object:
        shared = {}
        for name, box in ground.boxes.items():
            with open(f"/proc/{box.host_pid}/maps") as maps:
                lines = [line.split() for line in maps if ground.values["memory"] in line]
            shared[name] = [line[4] for line in lines if line[1].endswith("s")]
        return [name for name, inode in shared.items() if inode and list(shared.values()).count(inode) == 2]


LOW, HIGH, PAGE = 0x30000000, 0x40000000, 4096  # where nothing else is, and a C int can name it
PROT_READ, PROT_WRITE = 1, 2
MAP_SHARED, MAP_PRIVATE, MAP_FIXED_NOREPLACE = 1, 2, 0x100000


def memory(box: Container, name: str) -> int:
    """A piece of memory with a name, a page long: memfd_create(2). The descriptor, in the container."""
    fd = box.call(Call("memfd_create", (name, 0))).result
    box.call(Call("ftruncate", (fd, PAGE)))
    return fd


def borrowed(box: Container, owner: Container, fd: int) -> int:
    """A descriptor for another's memory, by way of its /proc/PID/fd."""
    return box.call(openat(f"/proc/{owner.pid}/fd/{fd}", O_RDWR)).result


def map_at(box: Container, address: int, fd: int, *, shared: bool) -> None:
    """mmap(2) of one page at an address."""
    flags = (MAP_SHARED if shared else MAP_PRIVATE) | MAP_FIXED_NOREPLACE
    box.call(Call("mmap", (address, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0)))


def mapping(scene: Scene, name: str) -> tuple[str, str] | None:
    """How (`s` or `p`) and what (the inode) a process has mapped of the memory that the question names."""
    if name not in scene.boxes:
        return None
    pattern = rf"^\S+ \S\S\S(\S) \S+ \S+ (\d+) +/memfd:{scene.values['memory']}\b"
    found = re.search(pattern, scene.file(name, "maps"), re.MULTILINE)
    return (found[1], found[2]) if found else None


def told(scene: Scene, name: str) -> str:
    """A mapping in words, the inode as a link's would be written."""
    if name not in scene.boxes:
        return f"{name}: no process of this ground"
    found = mapping(scene, name)
    place = f"{name}: /proc/{scene.pid(name)}/maps"
    if not found:
        return f"{place} has no line with {scene.values['memory']}"
    return f"{place} has it as `{found[0]}`, inode:[{found[1]}]"


class AZombieOfYourOwn(Exercise):
    """A deed: a parent that lives and never waits."""

    id = "1.3"
    title = "A zombie of your own"
    question = """Make a zombie in {box}: start a program that goes on living as `sleep {seconds}`, has a child that
    has ended, and never waits for it."""
    hints = (
        """A shell waits for what it starts. A program that has no idea that it has a child never will. How does a
        process come to have a child without having started it *as that program*?""",
        """fork keeps the children, and exec keeps the process: a shell that starts a child in the background (&)
        and then becomes (exec) another program leaves that program with a child it knows nothing of.""",
        """ground.box.start(["sh", "-c", "true & exec sleep {seconds}"]): `true` ends at once, and sleep never asks.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A child that has ended is a zombie.",
            """The process lives, and has no child any more: whoever started it waited for it (a shell does, before
            it goes on), and so it was buried at once.""",
            lambda scene, answer: bool(sleepers(scene)) and not offspring(scene) and not other_zombies(scene),
            lambda ground: begin(ground, "true; exec sleep {seconds}"),
        ),
        Misconception(
            "M2",
            "A stopped process is a zombie.",
            """Its child is stopped (state T): it has memory, and goes on when SIGCONT comes. A zombie has ended;
            nothing is left of it but its status.""",
            lambda scene, answer: any(proc.state(pid) == "T" for pid in offspring(scene)),
            lambda ground: begin(ground, "sleep 900 & kill -STOP $!; exec sleep {seconds}", stopped=True),
        ),
        Misconception(
            "M3",
            "A child that nobody looks after is a zombie.",
            """Its child lives and sleeps. That nobody waits for it matters only from the moment when it has ended.""",
            lambda scene, answer: bool(offspring(scene)) and not buried_not(scene),
            lambda ground: begin(ground, "sleep 900 & exec sleep {seconds}"),
        ),
        Misconception(
            "M4",
            "Any zombie will do.",
            """There is a zombie, but it has another parent than the one that was asked for: it is a zombie of
            *that* one. Who has not waited is part of what a zombie is.""",
            lambda scene, answer: other_zombies(scene),
            lambda ground: begin(ground, "exec sleep {seconds}", besides="true & exec sleep 901"),
        ),
    )
    after = "fork keeps children, exec keeps the process: that is how a program gets a child that it never asked for."
    names = ("crane", "egret", "ibis", "stork")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "seconds": random.randrange(5000, 6000)}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        let_settle(scene)
        parents, box = sleepers(scene), scene.values["box"]
        wanted = f"sleep {scene.values['seconds']}"
        return [
            Requirement(
                f"`{wanted}` runs in {box}",
                bool(parents),
                f"{len(scene.below(box))} processes descend from {box} (/proc/{scene.pid(box)}), none of them with this"
                " command line",
                f"one whose /proc/PID/cmdline is `{wanted}`",
                "the zombie is to be this process's",
                f'ground["{box}"].start([...])',
            ),
            Requirement(
                "it has a child that is a zombie",
                bool(buried_not(scene)),
                "State of its children in /proc/PID/status: "
                + (", ".join(sorted(proc.state(pid) for pid in offspring(scene))) or "it has none"),
                "a child in state Z",
                "exit leaves the status behind for the parent to ask for; until it does, the number is taken",
                'lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.start(["sh", "-c", f"true & exec sleep {ground.values['seconds']}"])
        return None


def let_settle(scene: Scene) -> None:
    """A shell that was started in the same cell is on its way to what it becomes: it gets half a second of life."""
    below = scene.below(scene.values["box"])
    until(lambda: buried_not(scene) or all(age(pid) > 0.5 for pid in below))


def sleepers(scene: Scene) -> list[int]:
    """The processes that were asked for, by their numbers on this machine."""
    wanted = f"sleep {scene.values['seconds']}"
    return [pid for pid in scene.below(scene.values["box"]) if command(pid) == wanted]


def offspring(scene: Scene) -> list[int]:
    """Their descendants."""
    return [child for pid in sleepers(scene) for child in descendants(pid)]


def buried_not(scene: Scene) -> list[int]:
    """Those of their children that have ended and were not waited for."""
    return [pid for pid in offspring(scene) if proc.state(pid) == "Z" and proc_parent(pid) in sleepers(scene)]


def other_zombies(scene: Scene) -> bool:
    """Whether there are zombies in the container that are another's."""
    return bool(set(zombies(scene)) - set(buried_not(scene)))


def begin(ground: Ground, script: str, *, besides: str = "", stopped: bool = False) -> None:
    """Starts scripts in the container, and waits until they have become what they become."""
    for each in filter(None, (besides, script)):
        ground.box.start(["sh", "-c", each.format(**ground.values)])
    until(lambda: sleepers(ground.scene()))
    if besides:
        until(lambda: other_zombies(ground.scene()))
    if stopped:
        until(lambda: any(proc.state(pid) == "T" for pid in offspring(ground.scene())))


EXERCISES: tuple[Exercise, ...] = (WhoOwesAWait(), WhoSharesMemory(), AZombieOfYourOwn())
