"""Exercise 3.2: a UTS namespace first, then the host name."""

from __future__ import annotations

from random import Random

from .... import steps
from ....kernel import proc
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values, until


class RenamedInside(Exercise):
    """A wall first, then the name: the host's must stay."""

    id = "3.2"
    title = "A name of its own"
    question = """The process {box} still sees what the host sees. Carry it on until its host name is {hostname},
    and the host's is what it was."""
    hints = (
        "Two things have to happen, in the right order. What would the second do if the first were missing?",
        "The wall comes first: box.apply(steps.NewNamespace(...)). Which kind holds the host name?",
        """ground.box.apply(steps.NewNamespace("uts")), and then one more step, steps.SetHostname(...), with the name
        that the question gives.""",
    )
    misconceptions = (
        Misconception(
            believes="A container's host name is its own from the start.",
            explains=(3,),
            message="""The host has been renamed: a process without a UTS wall shares one name with the host, and
            writes that one. The right steps do not give the host its name back; begin anew:
            ground = exercises.start("3.2", lab).""",
            sign=lambda view, answer: view.hostname("host") != view.facts["hostname"],
            act=lambda ground: ground.box.apply(steps.SetHostname(ground.values["hostname"]), shared="uts"),
        ),
        Misconception(
            believes="A new namespace begins with a new name.",
            explains=(2,),
            message="""The wall stands, but a new UTS namespace begins as a copy: the process reads the old name,
            now from a text of its own. That one it may change.""",
            sign=lambda view, _: walled_only(view),
            act=lambda ground: ground.box.apply(steps.NewNamespace("uts")),
        ),
        Misconception(
            believes="A program that is started in the container changes the container.",
            explains=(1,),
            message="""A child of the process lives behind a UTS wall, the process itself does not: `unshare` walls
            in itself and what it starts, never its parent. Take the process there with box.apply.""",
            sign=lambda view, answer: child_behind_wall(view),
            act=lambda ground: enclosed_child(ground),
        ),
    )
    after = "unshare(CLONE_NEWUTS), then sethostname: the wall first, then what is written behind it."
    names = ("mosel", "loire", "tagus", "neva")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "hostname": f"boat{random.randrange(100, 1000)}"}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.facts["hostname"] = ground.view().hostname("host")
        ground.facts["uts"] = ground.view().namespace("host", "uts")

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        box, hostname, before = view.values["box"], view.values["hostname"], view.facts["hostname"]
        inside, outside = view.hostname(box), view.hostname("host")
        return [
            Requirement(
                name="the process has a UTS namespace of its own",
                met=walled(view),
                observed=f"{view.link(box, 'uts')}; {host_then_and_now(view)}",
                expected="another inode than the host's",
                why="all processes of a UTS namespace share the one host name in it",
                look="steps.NewNamespace",
            ),
            Requirement(
                name=f"its host name is {hostname}",
                met=inside == hostname,
                observed=f"asked in its UTS namespace, uname says {inside}",
                expected=f"{hostname}",
                why="this is the string that every program in there reads",
                look="steps.SetHostname, or sethostname(2)",
            ),
            Requirement(
                name="the host has its name and its UTS namespace, as before",
                met=outside == before and view.namespace("host", "uts") == view.facts["uts"],
                observed=f"asked in the host's UTS namespace, uname says {outside}; {host_then_and_now(view)}",
                expected=f"{before}, in the UTS namespace that it had when you started",
                why="the wall goes around the container: the host stays where it is",
                look="the order of the two steps, and which of the two you applied them to",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.apply(steps.NewNamespace("uts"))
        ground.box.apply(steps.SetHostname(ground.values["hostname"]))
        return None

    def teardown(self, ground: Ground) -> None:
        if ground.view().hostname("host") != ground.facts["hostname"]:
            ground.lab.host.apply(steps.SetHostname(ground.facts["hostname"]))


def walled(view: KernelView) -> bool:
    """Whether the container is in a UTS namespace that the host is not in, and was not in at the start."""
    box = view.values["box"]
    return view.walled(box, "uts") and view.namespace(box, "uts") != view.facts["uts"]


def host_then_and_now(view: KernelView) -> str:
    """The host's UTS namespace, and the one of the start where that was another."""
    now = f"the host's is uts:[{view.namespace('host', 'uts')}]"
    moved = view.namespace("host", "uts") != view.facts["uts"]
    return f"{now}, and was uts:[{view.facts['uts']}] at the start" if moved else now


def walled_only(view: KernelView) -> bool:
    """Whether the container has its own UTS namespace, and in it still the name of the old one."""
    return walled(view) and view.hostname(view.values["box"]) == view.facts["hostname"]


def child_behind_wall(view: KernelView) -> bool:
    """Whether something that runs below the container has left its UTS namespace, and it has not."""
    box = view.values["box"]
    own = view.namespace(box, "uts")
    elsewhere = (proc.state(pid) != "Z" and proc.namespace(pid, "uts") != own for pid in view.below(box))
    return not walled(view) and any(elsewhere)


def enclosed_child(ground: Ground) -> None:
    """Run `unshare` in the container: it walls in a child."""
    ground.box.start(["unshare", "--uts", "sh", "-c", f"hostname {ground.values['hostname']}; exec sleep 600"])
    until(lambda: child_behind_wall(ground.view()))
