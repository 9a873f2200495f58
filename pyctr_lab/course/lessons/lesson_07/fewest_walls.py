"""Exercise 7.5: the fewest walls that stop five probes, tried against the kernel."""

from __future__ import annotations

from random import Random

from .... import Lab
from ...grading import Exercise, Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import as_it_was, fingerprint_of, names_in
from ..kit.policies import without_table
from ..kit.walls import OFFERED, probes_out

PINS = {
    "net": ("ask_abstract_socket", "ask_loopback_service"),
    "seccomp": ("make_user_namespace", "set_up_io_uring", "open_userfault"),
    "uts": ("read_host_name",),
    "ipc": ("set_semaphore", "send_to_queue"),
}
"""Probes that one wall stops, and no other of those on offer."""
LOOSE = ("mount_tmpfs", "rename_host", "change_link")
"""Probes that any of several walls stops."""


class FewestWalls(Exercise):
    """A set cover, with the kernel as the judge. To take first what stops most is one wall too many."""

    id = "7.5"
    title = "As few walls as possible"
    question = """{box} is a process of the lab's root, with no walls. Five probes: {all}. You may put up walls out of
    {offered}, each of which has its price. Which are the fewest that stop all five? PROBES[name].tries says what each
    probe does; `tried` of the cell below tries them."""
    wants = Names("a list of walls", "[...]")
    hints = (
        """Try each wall alone, and note which of the five it stops. Some probes are stopped by exactly one wall: that
        wall is in each answer.""",
        """Take the walls without which nothing goes, and see what they stop besides. The wall that stops most is not
        always one of them.""",
        """There are few pairs: for pair in itertools.combinations(("user", "net", "ipc", "uts", "caps", "seccomp"), 2),
        look for one with which tried(*pair) has no "gets out".""",
    )
    misconceptions = (
        Misconception(
            believes="Begin with the wall that stops most.",
            explains=(2,),
            message="""All five are stopped, by one wall more than needed. The user namespace, or few capabilities, stop
            most of them alone, and yet the walls that are needed anyway stop those, too. Begin with what only one
            wall stops.""",
            sign=lambda view, answer: needed_and(view, answer) in ({"user"}, {"caps"}),
            act=lambda ground: [*ground.values["pins"], "user"],
        ),
        Misconception(
            believes="More walls are safer, so take them all.",
            explains=(2,),
            message="""Stopped they are, by more walls than needed. Depth is a good reason for more, and here the
            question is which ones carry the load: leave out one after the other, and see whether something gets
            out.""",
            sign=lambda view, answer: len(needed_and(view, answer)) > 1,
            act=lambda ground: [*OFFERED],
        ),
        Misconception(
            believes="A user namespace is the wall against all that root may do.",
            explains=(1,),
            message="""In a user namespace of its own a process has no power over what belongs to the lab's. What
            needs no power over the lab, a message or a name that is shared, a door of the kernel for everybody, is as
            open as before.""",
            sign=lambda view, answer: names_in(answer) == {"user"},
            act=lambda ground: "user",
        ),
    )
    after = "What only one wall stops decides. The rest comes with it, or is depth."
    names = ("barbican", "drawbridge", "moat", "palisade", "portcullis", "postern")

    def unavailable_reason(self) -> str:
        return without_table()

    def values(self, random: Random) -> Values:
        pins = ["seccomp", random.choice(("net", "uts", "ipc"))]
        probes = [random.choice(PINS[wall]) for wall in pins] + [*LOOSE]
        if pins[1] != "net":
            probes.remove("change_link")
            probes.append(random.choice([each for each in PINS["seccomp"] if each not in probes]))
        return {"box": random.choice(self.names), "pins": sorted(pins),
                "all": ", ".join(sorted(probes)), "offered": ", ".join(OFFERED)}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.facts["probes"] = ground.values["all"].split(", ")
        ground.facts["start"] = fingerprint_of(ground.facts["probes"])

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        walls, probes = tuple(sorted(names_in(answer))), tuple(view.values["all"].split(", "))
        strange = [wall for wall in walls if wall not in OFFERED]
        out = [] if strange else out_in_a_lab(walls, probes)
        fewest = len(view.values["pins"])
        stopped = len(probes) - len(out)
        return [
            Requirement(
                name="they stop all five",
                met=not strange and not out,
                observed=f"measured: {', '.join(map(repr, strange))[:60]} is no wall on offer" if strange else
                f"measured: in a container with these walls, {stopped} of {len(probes)} probes are stopped"
                + (f", and {out[0]} gets out" if out else ""),
                expected=f"{len(probes)} of {len(probes)}, of {', '.join(OFFERED)}",
                why="a probe knows whether it has got out: the other side has seen it",
                look="tried(...), with the walls of your answer",
            ),
            Requirement(
                name="and no fewer would do",
                met=len(walls) <= fewest,
                observed=f"measured: with {len(walls)} walls",
                expected="as many as are needed for the probes that only one wall stops",
                why="each wall has its price: time, or something that programs can no longer do",
                look="the same with one wall less, for each of them",
                given=True,
            ),
            as_it_was(view, fingerprint_of(view.facts["probes"]), "the names", whose="probes"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        from itertools import combinations

        from pyctr_lab.course import whole_container as kit

        sets = [walls for count in (1, 2) for walls in combinations(kit.OFFERED, count)]
        return [*next(walls for walls in sets if not kit.probes_out(ground.lab, walls, ground.facts["probes"]))]  # type: ignore[arg-type]


# --- read by a check
def out_in_a_lab(walls: tuple[str, ...], probes: tuple[str, ...]) -> list[str]:
    """The probes that get out of a container with these walls, in a lab of the check's own."""
    with Lab(private=True) as lab:
        return probes_out(lab, walls, probes)


def needed_and(view: KernelView, answer: Submission) -> set[str]:
    """What an answer has besides all the walls that are needed; empty where one of those is missing."""
    needed = {*view.values["pins"]}
    return names_in(answer) - needed if needed <= names_in(answer) <= {*OFFERED} else set()
