"""Exercise 2.2: a plug pulled in time, graded by the bytes of the disk and by the processes that have it open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Unreadable, Values, again, all_pids
from ..kit import MIB
from ..kit.ext2 import FOLDER, REGULAR, small_files
from ..kit.machines import OfMachines, hold, is_qemu

if TYPE_CHECKING:
    from ....machines import Machine

DISK = 2 * MIB
SUPERBLOCK, MAGIC, STATE = 1024, slice(56, 58), 58  # ext2's, by the kernel's Documentation/filesystems/ext4
MOUNTED, MOUNTS = slice(44, 48), slice(52, 54)  # when last, and how often
CLEAN = 1


class PullThePlug(OfMachines):
    """A deed: one word is on the disk, another never came there, and no machine has the disk any more."""

    id = "2.2"
    title = "Pull the plug in time"
    question = """ground.facts["disk"] is an empty disk. Give it to a machine, and have the guest make a file system on
    it and mount it. Write {kept} into a file there, and then {lost} into another. Pull the plug so that the disk keeps
    {kept}, and {lost} has never reached it."""
    hints = (
        """Section 6 has done it once, with a disk of its own: of its two files one was on the disk afterwards. What
        was between the two, and what ended the machine?""",
        """What a guest writes is in its memory first. Its kernel writes it to the disk in its own time, or at once when
        sync asks it to: all that was written so far, and nothing that comes later. kill() does not ask.""",
        """mine = Machine(disk=ground.facts["disk"], lab=lab); mine.run(["sh", "-c", "mke2fs /dev/vda && mount -t ext4
        /dev/vda /mnt && echo {kept} > /mnt/a && sync && echo {lost} > /mnt/b"]); mine.kill()""",
    )
    misconceptions = (
        Misconception(
            believes="Bytes on the disk are a file.",
            explains=(1, 2),
            message="""The word is among the disk's bytes, and no file of a file system contains the word: it was
            written to the disk itself, past every file system. The question is what a guest's kernel does with a
            file.""",
            sign=lambda view, answer: on_disk(view, "kept") and not has_files(view),
            act=lambda ground: Path(ground.facts["disk"]).write_bytes(
                ground.values["kept"].encode().ljust(DISK, b"\0")
            ),
        ),
        Misconception(
            believes="What the guest can read is on its disk.",
            explains=(1,),
            message="""There is a file system, and neither word is in a file of it. What `echo` has written to a file
            is in the guest's memory, until a sync asks the kernel to write it out: a plug pulled before takes it
            away. (Bytes of an earlier try may still be on this disk.)""",
            sign=lambda view, answer: nothing_came(view) and not plugged_in(view),
            act=lambda ground: write_both(ground, "echo {kept} > /mnt/a; echo {lost} > /mnt/b").kill(),
        ),
        Misconception(
            believes="Switching off is pulling the plug.",
            explains=(4,),
            message="""Both words are on the disk, and no machine has the disk any more. A guest that is asked to switch
            itself off (or to sync once more) writes out what it has: that is the difference between an orderly end
            and a pulled plug. A new file system does not wipe the old bytes off this disk:
            ground = exercises.start("2.2", lab) gives you an empty one.""",
            sign=lambda view, answer: on_disk(view, "lost") and on_disk(view, "kept") and not plugged_in(view),
            act=lambda ground: write_both(ground, "echo {kept} > /mnt/a; sync; echo {lost} > /mnt/b").power_off(),
        ),
        Misconception(
            believes="What is not synced is lost already.",
            explains=(3,),
            message="""The machine still runs, with the second word in its memory, and its kernel will write it out
            in its own time. Nothing is lost before the power is.""",
            sign=lambda view, answer: bool(plugged_in(view)) and in_a_file(view, "kept") and not on_disk(view, "lost"),
            act=lambda ground: write_both(ground, "echo {kept} > /mnt/a; sync; echo {lost} > /mnt/b"),
        ),
    )
    after = "On the disk is what was synced. The file system even notes that it was not unmounted."
    asks_about = "facts"
    names = ("socket",)

    def values(self, random: Random) -> Values:
        kept, lost = random.sample(("anchor", "beacon", "compass", "harbour", "lantern", "rudder"), 2)
        number = random.randrange(1000, 10000)
        return {"box": "socket", "kept": f"{kept}-{number}", "lost": f"{lost}-{number}"}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.held["disk"] = file = os.fdopen(os.memfd_create("disk"), "r+b")  # SIGKILL leaves nothing of it
        file.truncate(DISK)
        ground.facts["disk"] = f"/proc/{os.getpid()}/fd/{file.fileno()}"

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        kept, lost = view.values["kept"], view.values["lost"]
        place, machines = f"the disk (a file in {os.path.dirname(view.facts['disk'])})", plugged_in(view)
        return [
            Requirement(
                name=f"{kept} is in a file on the disk",
                met=in_a_file(view, "kept"),
                observed=f"{place} {where_is(view, 'kept')}",
                expected="a file on that disk with the word in it",
                why="a guest's kernel keeps what is written in memory, until it is asked or finds the time",
                look="the guest's list of mounts: is /mnt on /dev/vda? Without a mount it is the guest's memory",
            ),
            Requirement(
                name="a guest has mounted a file system on the disk, and has not unmounted it",
                met=in_use(view),
                observed=f"{place} has {state_of(view)}",
                expected="a superblock that says: mounted, not yet clean",
                why="a kernel notes on the disk that it works there; a pulled plug leaves that note standing",
                look='vm.run(["mount", "-t", "ext4", "/dev/vda", "/mnt"])',
            ),
            Requirement(
                name="no machine has the disk any more",
                met=not machines,
                observed=", ".join(f"/proc/{pid} is a QEMU that has the disk open" for pid in machines) or
                "no QEMU process has the disk open (by their /proc/PID/fd)",
                expected="a machine that has ended",
                why="as long as the guest lives, it will write out what it has, sooner or later",
                look="Machine.kill",
                given=True,
            ),
            Requirement(
                name=f"{lost} is not on the disk",
                met=not on_disk(view, "lost"),
                observed=f"{place} {where_is(view, 'lost')}",
                expected="a disk without it",
                why="what is never written out is lost with the guest's memory",
                look="Machine.kill, and when it comes",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        from pyctr_lab import Machine

        kept, lost = ground.values["kept"], ground.values["lost"]
        mine = Machine(memory="128M", disk=ground.facts["disk"], lab=ground.lab)
        mine.run(["sh", "-c", "mke2fs /dev/vda && mount -t ext4 /dev/vda /mnt"])
        mine.run(["sh", "-c", f"echo {kept} > /mnt/a && sync && echo {lost} > /mnt/b"])
        mine.kill()
        return None


def write_both(ground: Ground, script: str) -> Machine:
    """A machine that has made a file system on the ground's disk, and has run a script on it."""
    machine = hold(ground, memory="128M", disk=ground.facts["disk"])
    machine.run(["sh", "-c", "mke2fs /dev/vda && mount -t ext4 /dev/vda /mnt && sync"])
    machine.run(["sh", "-c", script.format(**ground.values)])
    return machine


def disk_bytes(view: KernelView) -> bytes:
    """All of the disk."""
    try:
        return Path(view.facts["disk"]).read_bytes()
    except OSError as why:
        raise Unreadable(f"the disk cannot be read: {why.strerror}", again(view.exercise)) from None


def on_disk(view: KernelView, word: str) -> bool:
    """Whether one of the two words is on it."""
    return view.values[word].encode() in disk_bytes(view)


def has_files(view: KernelView) -> bool:
    """Whether there is a file system on it, of the kind ext2 or a later one."""
    return disk_bytes(view)[SUPERBLOCK:][MAGIC] == b"\x53\xef"


def in_use(view: KernelView) -> bool:
    """Whether a kernel has mounted it and has not unmounted it: the superblock is not marked as clean."""
    return was_mounted(view) and not disk_bytes(view)[SUPERBLOCK + STATE] & CLEAN


def was_mounted(view: KernelView) -> bool:
    """Whether a kernel has ever mounted it: mke2fs leaves both the number and the time of mounts at 0."""
    count, when = (int.from_bytes(disk_bytes(view)[SUPERBLOCK:][place], "little") for place in (MOUNTS, MOUNTED))
    return has_files(view) and count > 0 and when > 0


def state_of(view: KernelView) -> str:
    """The file system, and what a kernel has done with it."""
    if not has_files(view):
        return "no file system"
    if not was_mounted(view):
        return "a file system that no kernel has mounted (mounts: 0)"
    if in_use(view):
        return "a file system that is mounted (not marked as clean)"
    return "a file system that was mounted, and unmounted in good order (marked as clean)"


def in_a_file(view: KernelView, word: str) -> bool:
    """Whether one of the two words is the content of a file, not only a name or bytes that no file has."""
    text = view.values[word].encode()
    return has_files(view) and any(text in content for content in small_files(disk_bytes(view)))


def nothing_came(view: KernelView) -> bool:
    """Whether there is a file system, and neither word has come into it: as content of a file, or as its name."""
    disk, words = disk_bytes(view), [view.values[word].encode() for word in ("kept", "lost")]
    contents = [content for kind in (REGULAR, FOLDER) for content in small_files(disk, kind)]
    return has_files(view) and not any(word in content for word in words for content in contents)


def where_is(view: KernelView, word: str) -> str:
    """Where one of the two words is, in words."""
    if in_a_file(view, word):
        return "holds this word in a file"
    return "holds this word, and no file there contains it" if on_disk(view, word) else "does not hold this word"


def plugged_in(view: KernelView) -> list[int]:
    """The QEMU processes that have the disk open, in this lab or in another one."""
    disk = os.stat(view.facts["disk"])
    return [pid for pid in all_pids() if is_qemu(pid) and any(os.path.samestat(disk, each) for each in open_files(pid))]


def open_files(pid: int) -> list[os.stat_result]:
    """The open files of a process."""
    found = []
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found.append(os.stat(f"/proc/{pid}/fd/{fd}"))
    return found
