"""Exercise 1.1: memory that is private by default, and shared on request."""

from __future__ import annotations

import os
import re
from random import Random
from typing import TYPE_CHECKING

from ....kernel import O_RDWR, Call, openat
from ...grading import Exercise, Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import as_it_was, fingerprint_of, names_in, role

if TYPE_CHECKING:
    from ....runtime import Container


class WhoSharesMemory(Exercise):
    """Five processes and a piece of memory: equal names, equal addresses, equal content, and two that share."""

    id = "1.1"
    title = "Who shares this memory?"
    question = """Five processes, {all}. Each has to do with a piece of memory called {memory}. Two of them share
    one: what one writes there, the other reads. Which two?"""
    wants = Names("two names", "(..., ...)", count=2)
    hints = (
        """The kernel says what a process has in its memory, in /proc/PID/maps: a line for each piece. Look for the
        lines with {memory}.""",
        """The second column ends in `s` (shared) or `p` (private, a copy as soon as it is written). The fifth is
        the inode: which memory it is. The address, in the first, says where *this* process has it.""",
        """Two processes share memory if both lines say `s` and both have the same inode. All lines at once: for name
        in ground: print(name, subprocess.getoutput(f"grep {memory} /proc/{ground[name].machine_pid}/maps"))""",
    )
    misconceptions = (
        Misconception(
            believes="Mapped from the same file is shared.",
            explains=(1,),
            message="""One of those maps the very same memory, but privately (`p`): at its first write it gets a
            copy of its own, and the other never learns of it.""",
            sign=lambda view, answer: len(inodes(view, answer)) == 2 and len(set(inodes(view, answer))) == 1,
            act=lambda ground: (role(ground, 0), role(ground, 2)),
        ),
        Misconception(
            believes="Same name, same address, same memory.",
            explains=(1,),
            message="""Their lines bear one name, but the inodes differ: two pieces of memory that happen to be
            called the same. An address is a process's own affair.""",
            sign=lambda view, answer: len(set(inodes(view, answer))) == 2,
            act=lambda ground: (role(ground, 0), role(ground, 3)),
        ),
        Misconception(
            believes="Who has the file open has its memory.",
            explains=(1,),
            message="""One of those holds a descriptor of such memory (look in its /proc/PID/fd) and has mapped
            nothing: it could have this memory, but it does not.""",
            sign=lambda view, answer: any(holds_only(view, name) for name in names_in(answer)),
            act=lambda ground: (role(ground, 1), role(ground, 4)),
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
        fd = new_memory(owner, ground.values["memory"])
        map_at(owner, LOW, fd, shared=True)
        map_at(partner, HIGH, borrow(partner, owner, fd), shared=True)
        map_at(private, LOW, borrow(private, owner, fd), shared=False)
        map_at(namesake, LOW, new_memory(namesake, ground.values["memory"]), shared=True)
        borrow(holder, owner, fd)
        ground.facts["start"] = all_mappings(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        names = sorted(names_in(answer))
        found = [mapping(view, name) for name in names]
        return [
            Requirement(
                name="the two share one piece of memory",
                met=all(each and each[0] == "s" for each in found) and len({each[1] for each in found if each}) == 1,
                observed="; ".join(mapping_words(view, name) for name in names),
                expected="two lines that both say `s`, with one inode",
                why="memory is private by default, by the processor's own page tables; sharing is asked for, by mmap",
                look="/proc/PID/maps of both",
            ),
            as_it_was(view, all_mappings(view), "mappings, by /proc/PID/maps,"),
        ]

    def solution(self, ground: Ground) -> object:
        shared = {}
        for name, box in ground.boxes.items():
            with open(f"/proc/{box.machine_pid}/maps") as maps:
                lines = [line.split() for line in maps if ground.values["memory"] in line]
            shared[name] = [line[4] for line in lines if line[1].endswith("s")]
        return [name for name, inode in shared.items() if inode and list(shared.values()).count(inode) == 2]


LOW, HIGH, PAGE = 0x30000000, 0x40000000, 4096  # where nothing else is, and a C int can name it
PROT_READ, PROT_WRITE = 1, 2
MAP_SHARED, MAP_PRIVATE, MAP_FIXED_NOREPLACE = 1, 2, 0x100000


def new_memory(box: Container, name: str) -> int:
    """A piece of memory with a name, a page long: memfd_create(2). The descriptor, in the container."""
    fd = box.call(Call("memfd_create", (name, 0))).result
    box.call(Call("ftruncate", (fd, PAGE)))
    return fd


def borrow(box: Container, owner: Container, fd: int) -> int:
    """A descriptor for another's memory, by way of its /proc/PID/fd."""
    return box.call(openat(f"/proc/{owner.pid}/fd/{fd}", O_RDWR)).result


def map_at(box: Container, address: int, fd: int, *, shared: bool) -> None:
    """mmap(2) of one page at an address."""
    flags = (MAP_SHARED if shared else MAP_PRIVATE) | MAP_FIXED_NOREPLACE
    box.call(Call("mmap", (address, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0)))


def mapping(view: KernelView, name: str) -> tuple[str, str] | None:
    """How (`s` or `p`) and what (the inode) a process has mapped of the memory that the question names."""
    if name not in view.boxes:
        return None
    pattern = rf"^\S+ \S\S\S(\S) \S+ \S+ (\d+) +/memfd:{view.values['memory']}\b"
    found = re.search(pattern, view.file(name, "maps"), re.MULTILINE)
    return (found[1], found[2]) if found else None


def all_mappings(view: KernelView) -> str:
    """A fingerprint of the mappings of all processes."""
    return fingerprint_of(mapping(view, name) for name in sorted(view.boxes))


def inodes(view: KernelView, answer: Submission) -> list[str]:
    """The inodes of those of an answer's processes that have mapped the memory."""
    return [found[1] for name in sorted(names_in(answer)) if (found := mapping(view, name))]


def holds_only(view: KernelView, name: str) -> bool:
    """Whether a process has a descriptor of such memory, and has not mapped it."""
    if name not in view.boxes or mapping(view, name):
        return False
    folder = f"/proc/{view.pid(name)}/fd"
    return any(f"/memfd:{view.values['memory']} " in os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder))


def mapping_words(view: KernelView, name: str) -> str:
    """A mapping in words, the inode as a link's would be written."""
    if name not in view.boxes:
        return f"{name}: not one of {', '.join(sorted(view.boxes))}"
    found = mapping(view, name)
    place = f"{name}: /proc/{view.pid(name)}/maps"
    if not found:
        return f"{place} has no line with {view.values['memory']}"
    return f"{place} has it as `{found[0]}`, inode:[{found[1]}]"
