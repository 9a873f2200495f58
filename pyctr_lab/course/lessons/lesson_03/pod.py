"""Exercise 3.6: a pod, two containers that share UTS, network and IPC on purpose."""

from __future__ import annotations

from random import Random

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values

SHARED = ("uts", "net", "ipc")


class Pod(Exercise):
    """A pod: one host name, one network, one IPC; file systems apart."""

    id = "3.6"
    title = "A pod"
    question = """{one} and {two} have a mount namespace each. Make a pod of them: both in one UTS, one network and one
    IPC namespace, none of which is the host's. Their host name is {hostname}, their loopback is up, and each keeps the
    mounts that it has."""
    hints = (
        "One of the two makes the three namespaces. The other makes none: it goes where the first one is.",
        """steps.NewNamespace(kind) for one, steps.JoinNamespace(kind, PID) for the other, where PID is the first one's
        number on the lab's host: box.pid. The kinds are "uts", "net" and "ipc".""",
        """A new network is silent even towards itself: steps.LoopbackUp(). A new UTS namespace has the old name:
        steps.SetHostname("{hostname}"). Each of them once, in either of the two.""",
    )
    misconceptions = (
        Misconception(
            believes="Two new networks of the same kind are the same network.",
            explains=(3,),
            message="""Each of them made a network, and these are two: every unshare makes a namespace of its own. The
            second must enter the first one's.""",
            sign=lambda view, answer: all(outside(view, name, "net") for name in pair(view)) and not one(view, "net"),
            act=lambda ground: apart(ground),
        ),
        Misconception(
            believes="If one of them has the network, both are in it.",
            explains=(3,),
            message="""One has a network of its own now; the other is still in the host's. A namespace belongs to a
            process, not to a group of containers: each has to be taken there.""",
            sign=lambda view, answer: sum(view.walled(name, "net") for name in pair(view)) == 1,
            act=lambda ground: ground[ground.values["one"]].apply(steps.NewNamespace("net")),
        ),
        Misconception(
            believes="To share is to share everything.",
            explains=(6,),
            message="""They share their mounts as well: one of them has entered the other's mount namespace. A pod
            shares the walls that it means to share, and keeps the others: each container has its own files. There is
            no way back into the old one: ground = exercises.start("3.6", lab).""",
            sign=lambda view, answer: view.same(*pair(view), "mnt"),
            act=lambda ground: join(ground, *SHARED, "mnt"),
        ),
        Misconception(
            believes="A loopback is always there.",
            explains=(4,),
            message="""They share a network that is as new as the day: `lo` is there and down, and 127.0.0.1 does not
            answer. It takes a step to switch it on.""",
            sign=lambda view, answer: one(view, "net") and not loopback_is_up(view, view.values["one"]),
            act=lambda ground: join(ground, *SHARED, loopback=False),
        ),
        Misconception(
            believes="Each container of a pod has a host name of its own.",
            explains=(1,),
            message="""They are in one network, and each has a UTS namespace of its own. A pod has one host name, its
            own: all of its containers are in one UTS namespace.""",
            sign=lambda view, answer: (
                one(view, "net") and all(view.walled(name, "uts") for name in pair(view)) and not one(view, "uts")
            ),
            act=lambda ground: named_apart(ground),
        ),
    )
    after = """That is a pod: one host name, one network and one IPC for all of its containers, and files for each.
    setns joined them, one wall at a time."""
    names = ("basil", "chervil", "lovage", "sorrel")

    def values(self, random: Random) -> Values:
        one, two = random.sample(self.names, 2)
        hostname = f"pod{random.randrange(100, 1000)}"
        return {"names": [one, two], "one": one, "two": two, "hostname": hostname}

    def setup(self, ground: Ground) -> None:
        for name in ground.values["names"]:
            box = ground.add(name)
            box.apply(steps.NewNamespace("mnt"))
            box.apply(steps.PrivatePropagation())
        view = ground.view()
        ground.facts["host"] = {kind: view.namespace("host", kind) for kind in SHARED}
        ground.facts["mnt"] = {name: view.namespace(name, "mnt") for name in pair(view)}

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        first, second = pair(view)
        uts, network, ipc = (shared_kind(view, kind) for kind in SHARED)
        hostname, named = view.values["hostname"], {name: view.hostname(name) for name in pair(view)}
        return [
            uts,
            Requirement(
                name=f"their host name is {hostname}",
                met=all(name == hostname for name in named.values()),
                observed=f"uname says {named[first]} in {first}, {named[second]} in {second}",
                expected=f"{hostname}, twice",
                why="all containers of a pod have the pod's name",
                look="steps.SetHostname, in the namespace of the two",
            ),
            network,
            Requirement(
                name="its loopback is up",
                met=all(outside(view, name, "net") and loopback_is_up(view, name) for name in pair(view)),
                observed="; ".join(loopback_words(view, name) for name in pair(view)),
                expected="127.0.0.1 among the local addresses of a network that is not the host's",
                why="two containers of a pod talk to each other over it",
                look="steps.LoopbackUp",
            ),
            ipc,
            Requirement(
                name="each has kept its own mount namespace",
                met=all(view.namespace(each, "mnt") == view.facts["mnt"][each] for each in (first, second)),
                observed=f"{view.link(first, 'mnt')}; {view.link(second, 'mnt')}",
                expected=f"mnt:[{view.facts['mnt'][first]}] and mnt:[{view.facts['mnt'][second]}], as at the start",
                why="containers of a pod come from different images: their files are apart",
                look="which kinds you joined",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        first, second = ground.boxes.values()
        for kind in ("uts", "net", "ipc"):
            first.apply(steps.NewNamespace(kind))
            second.apply(steps.JoinNamespace(kind, first.pid))
        first.apply(steps.SetHostname(ground.values["hostname"]))
        first.apply(steps.LoopbackUp())
        return None


WHY = {
    "uts": "Kubernetes: containers of a pod see the pod's name as their host name",
    "net": "who shares a network namespace shares interfaces, addresses, ports: 127.0.0.1 is the same for both",
    "ipc": "containers of a pod can leave messages and share memory by System V IPC",
}
WORDS = {"uts": "UTS namespace", "net": "network", "ipc": "IPC namespace"}


def shared_kind(view: KernelView, kind: str) -> Requirement:
    """Both in one namespace of a kind, which is not the host's."""
    links = "; ".join(view.link(name, kind) for name in (*pair(view), "host"))
    return Requirement(
        name=f"they are in one {WORDS[kind]}, not the host's",
        met=one(view, kind),
        observed=links,
        expected="one inode for the two, another for the host",
        why=WHY[kind],
        look=f"/proc/PID/ns/{kind} of the three",
    )


def pair(view: KernelView) -> tuple[str, str]:
    """The two names."""
    return view.values["one"], view.values["two"]


def outside(view: KernelView, name: str, kind: str) -> bool:
    """Whether a container is in a namespace that the host is not in, and was not in at the start."""
    inode = view.namespace(name, kind)
    return inode not in (view.namespace("host", kind), view.facts["host"][kind])


def one(view: KernelView, kind: str) -> bool:
    """Whether they share a namespace that is not the host's."""
    return view.same(*pair(view), kind) and outside(view, view.values["one"], kind)


def loopback_is_up(view: KernelView, name: str) -> bool:
    """An interface that is down has no local route: fib_trie lists 127.0.0.1 only while lo is up."""
    return "127.0.0.1" in view.file(name, "net/fib_trie")


def loopback_words(view: KernelView, name: str) -> str:
    """What is known of a container's loopback. That of the host is no merit."""
    if not outside(view, name, "net"):
        return f"{name} is in the host's network"
    has = "the" if loopback_is_up(view, name) else "no"
    return f"/proc/{view.pid(name)}/net/fib_trie has {has} local address 127.0.0.1"


def apart(ground: Ground) -> None:
    """A network each."""
    for box in ground.boxes.values():
        box.apply(steps.NewNamespace("net"))
        box.apply(steps.LoopbackUp())


def join(ground: Ground, *kinds: str, loopback: bool = True) -> None:
    """The second one enters all of these kinds of the first one's."""
    first, second = ground.boxes.values()
    for kind in SHARED:
        first.apply(steps.NewNamespace(kind))
    first.apply(steps.SetHostname(ground.values["hostname"]))
    if loopback:
        first.apply(steps.LoopbackUp())
    for kind in kinds:
        second.apply(steps.JoinNamespace(kind, first.pid))


def named_apart(ground: Ground) -> None:
    """One network and one IPC; a name each."""
    join(ground, "net", "ipc")
    second = ground[ground.values["two"]]
    second.apply(steps.NewNamespace("uts"))
    second.apply(steps.SetHostname(ground.values["two"]))
