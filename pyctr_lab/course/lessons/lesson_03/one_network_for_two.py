"""Exercise 3.6: a network that two containers share on purpose."""

from __future__ import annotations

from random import Random

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values


class OneNetworkForTwo(Exercise):
    """A pod: two containers, two names, one network."""

    id = "3.6"
    title = "Two containers, one network"
    question = """{one} and {two} have a host name each, behind a UTS wall each. Give both one and the same network,
    which is not the host's, with a loopback that is up, and leave each its own name."""
    hints = (
        "One of the two makes the network. The other does not make one, it goes where the first one is.",
        """steps.NewNamespace("net") for one, steps.JoinNamespace("net", PID) for the other, where PID is the first
        one's number on the host: box.pid.""",
        """And a new network is silent even towards itself: steps.LoopbackUp(), once, in either of them.""",
    )
    misconceptions = (
        Misconception(
            believes="Two new networks of the same kind are the same network.",
            message="""Each of them made a network, and these are two: every unshare makes a room of its own. The
            second must enter the first one's.""",
            sign=lambda view, answer: all(view.walled(name, "net") for name in pair(view)) and not united(view),
            act=lambda ground: apart(ground),
        ),
        Misconception(
            believes="If one of them has the network, both are in it.",
            message="""One has a network of its own now; the other is still in the host's. A namespace belongs to a
            process, not to a group of containers: each has to be taken there.""",
            sign=lambda view, answer: sum(view.walled(name, "net") for name in pair(view)) == 1,
            act=lambda ground: ground[ground.values["one"]].apply(steps.NewNamespace("net")),
        ),
        Misconception(
            believes="To share is to share everything.",
            message="""They share a network, and their host name as well: one of them has entered the other's UTS
            namespace. A pod shares the walls that it means to share, and keeps the others.""",
            sign=lambda view, answer: view.same(*pair(view), "uts"),
            act=lambda ground: everything(ground),
        ),
        Misconception(
            believes="A loopback is always there.",
            message="""They share a network that is as new as the day: `lo` is there and down, and 127.0.0.1 answers
            nobody. It takes a step to switch it on.""",
            sign=lambda view, answer: united(view) and not loopback_is_up(view),
            act=lambda ground: silent(ground),
        ),
    )
    after = "That is a pod: setns into one network, and every other wall still where it was."
    names = ("basil", "chervil", "lovage", "sorrel")

    def values(self, random: Random) -> Values:
        one, two = random.sample(self.names, 2)
        return {"names": [one, two], "one": one, "two": two}

    def setup(self, ground: Ground) -> None:
        for name in ground.values["names"]:
            box = ground.add(name)
            box.apply(steps.NewNamespace("uts"))
            box.apply(steps.SetHostname(name))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        one, two = pair(view)
        shared = "; ".join(view.link(name, "net") for name in (one, two))
        return [
            Requirement(
                name="they are in one network",
                met=united(view),
                observed=f"{shared}; the host is "
                + ("there too" if view.same(one, "host", "net") or view.same(two, "host", "net") else "in neither"),
                expected="one inode for the two, another for the host",
                why="who shares a network namespace shares interfaces, addresses, ports:"
                " 127.0.0.1 is the same for both",
                look="/proc/PID/ns/net of the three",
            ),
            Requirement(
                name="its loopback is up",
                met=united(view) and loopback_is_up(view),
                observed=f"/proc/{view.pid(one)}/net/fib_trie knows no local address 127.0.0.1"
                if united(view) else "there is no network of the two yet",
                expected="127.0.0.1 among the local addresses",
                why="two containers of a pod talk to each other over it",
                look="steps.LoopbackUp",
            ),
            Requirement(
                name="each has kept its own UTS namespace",
                met=not view.same(one, two, "uts") and view.walled(one, "uts") and view.walled(two, "uts"),
                observed=f"{view.link(one, 'uts')}; {view.link(two, 'uts')}",
                expected="two inodes, neither of them the host's",
                why="namespaces are eight separate walls; sharing one is no reason to lose another",
                look="which kinds you joined",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        one, two = ground.boxes.values()
        one.apply(steps.NewNamespace("net"))
        one.apply(steps.LoopbackUp())
        two.apply(steps.JoinNamespace("net", one.pid))
        return None


def pair(view: KernelView) -> tuple[str, str]:
    """The two names."""
    return view.values["one"], view.values["two"]


def united(view: KernelView) -> bool:
    """Whether they share a network that is not the host's."""
    return view.same(*pair(view), "net") and view.walled(view.values["one"], "net")


def loopback_is_up(view: KernelView) -> bool:
    """An interface that is down has no local route: fib_trie lists 127.0.0.1 only while lo is up."""
    return "127.0.0.1" in view.file(view.values["one"], "net/fib_trie")


def apart(ground: Ground) -> None:
    """A network each."""
    for box in ground.boxes.values():
        box.apply(steps.NewNamespace("net"))
        box.apply(steps.LoopbackUp())


def everything(ground: Ground) -> None:
    """One enters whatever the other has."""
    one, two = ground.boxes.values()
    one.apply(steps.NewNamespace("net"))
    one.apply(steps.LoopbackUp())
    for kind in ("net", "uts"):
        two.apply(steps.JoinNamespace(kind, one.pid))


def silent(ground: Ground) -> None:
    """A network for two, whose loopback is down."""
    one, two = ground.boxes.values()
    one.apply(steps.NewNamespace("net"))
    two.apply(steps.JoinNamespace("net", one.pid))
