"""Exercise 7.3: a filter that refuses two calls too many, and a program that does not say what it misses."""

from __future__ import annotations

import json
from collections.abc import Callable
from errno import errorcode
from pathlib import Path
from random import Random
from typing import Any

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import as_it_was, fingerprint_of
from ..kit.images import folder_of_ground, remove_folder
from ..kit.policies import (
    NUMBERS,
    decisions_of,
    docker_without,
    policy_as_json,
    policy_in,
    run_behind,
    without_table,
)
from ..kit.walls import EndedProgram

DEEDS = {
    "epoll_create1": "select.epoll().close()",
    "eventfd2": "os.close(os.eventfd(0))",
    "flock": "fcntl.flock(0, fcntl.LOCK_UN)",
    "getpriority": "os.getpriority(os.PRIO_PROCESS, 0)",
    "memfd_create": 'os.close(os.memfd_create("sheet"))',
    "sched_getaffinity": "os.sched_getaffinity(0)",
    "sched_getscheduler": "os.sched_getscheduler(0)",
}
"""What a program does by one call that no start of Python makes."""
STAY = ("mount", "unshare", "keyctl")  # calls that are tried behind the learner's filter, and must not be made
PROGRAM = """
import fcntl, os, select, sys
for number, deed in enumerate({deeds!r}):
    try:
        eval(deed)
    except OSError:
        sys.exit("it does not work")
print("it works")
"""
TRY = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
said = []
for number in map(int, sys.argv[1:]):
    failed = libc.syscall(number, 0, 0, 0, 0, 0)
    said.append(ctypes.get_errno() if failed else 0)
print(*said)
"""
Json = dict[str, Any]


class TooStrict(Exercise):
    """A deed: a policy's file is mended, and nothing is opened that need not be."""

    id = "7.3"
    title = "A filter that is too strict"
    asks_about = "facts"
    question = """The file ground.facts["policy"] has a policy, as the OCI writes it. Behind it the program
    ground.facts["program"] says "it does not work", and not why: two calls that it makes are missing in the list of
    allowed ones. Find them, and write them into the file. No other call may be allowed than before, and all others
    get the answer that they got. {box} is a container in which you can try."""
    hints = (
        """Without a filter the program works. Which calls does it make, and which of these does the policy not allow?
        `strace` prints them, with what the kernel answered; so does box.watch, for calls that you name.""",
        """strace -f behind the filter shows what is refused: EPERM at the end of the line. Start it in a container
        with box.apply(steps.Seccomp(policy)) as box.run(["strace", *ground.facts["program"]]).stderr, and look near
        the end. Mend that, and go on: the program ends at the first call that is refused.""",
        """content = json.load(open(file)); content["syscalls"][0]["names"] += ["..."]; json.dump(content, open(file,
        "w")). Twice: one call after the other. In all, two names are added.""",
    )
    misconceptions = (
        Misconception(
            believes="What is missing is best allowed by default.",
            explains=(2,),
            message="""The default is no refusal any more, so each call that is in no list is let through,
            mount among them. A policy lists what is allowed, and refuses the rest: add to the list.""",
            sign=lambda view, answer: (found := policy_in(view.facts["policy"])) is not None
            and found.default.name in ("allow", "log"),
            act=lambda ground: rewrite(ground, allow_all),
        ),
        Misconception(
            believes="A few calls more do no harm.",
            explains=(2,),
            message="""Your list has calls that the program does not make. Each call that is open is code of the
            kernel that an attacker reaches: allow what is needed, and stop there.""",
            sign=lambda view, answer: bool(allowed_now(view) - {*view.values["missing"]}),
            act=lambda ground: allow(ground, *ground.values["missing"], "io_uring_setup", "mount"),
        ),
        Misconception(
            believes="When the first error is gone, the filter is mended.",
            explains=(1,),
            message="""One of the two calls is allowed now, and the program comes further. It ends at the first
            refusal, so the second one shows only now. Look again.""",
            sign=lambda view, answer: len(allowed_now(view) & {*view.values["missing"]}) == 1,
            act=lambda ground: allow(ground, ground.values["missing"][0]),
        ),
        Misconception(
            believes="A refusal without an error does no harm.",
            explains=(1,),
            message="""A call is answered with errno 0: the kernel does not make it, and tells the program that all is
            well. So the program goes on with something that is not there. A call that is needed must be allowed.""",
            sign=lambda view, answer: pretended(view),
            act=lambda ground: allow(ground, *ground.values["missing"], action="SCMP_ACT_ERRNO", errno=0),
        ),
    )
    after = "Two names, and no more: a policy is as good as the list of what it leaves out."
    names = ("blotter", "inkwell", "nib", "ruler", "stylus", "vellum")

    def unavailable_reason(self) -> str:
        return without_table()

    def values(self, random: Random) -> Values:
        box, program, *_ = names = random.sample(self.names, len(self.names))
        missing = random.sample(sorted(DEEDS), 2)
        order = random.sample(sorted(DEEDS), len(DEEDS))
        return {"names": names, "box": box, "program": program, "missing": missing, "order": order}

    def setup(self, ground: Ground) -> None:
        values, folder = ground.values, folder_of_ground(ground)
        ground.add(values["box"]).apply(steps.NewNamespace("mnt"))
        program = PROGRAM.format(deeds=[DEEDS[name] for name in values["order"]])
        ground.facts["program"] = ["/usr/bin/python3", "-I", "-S", "-c", program]
        ground.facts["policy"] = str(folder / "policy.json")
        Path(ground.facts["policy"]).write_text(policy_as_json(docker_without(*values["missing"])), encoding="utf-8")
        ground.facts["start"] = fingerprint_of([ground.view().namespace(values["box"], "mnt"), program])

    def teardown(self, ground: Ground) -> None:
        remove_folder(ground)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        ended, refused, file = works(view), stays_refused(view), view.facts["policy"]
        needed, changed = {*view.values["missing"]}, changed_decisions(view)
        more = allowed_now(view) - needed
        less = len({*changed} - more - needed)
        return [
            Requirement(
                name="behind it, the program works",
                met=ended.status == 0 and ended.said == "it works" and not pretended(view),
                observed=f"measured: behind the policy of the file, the program {ended}"
                + ("; a call that it needs is answered with errno 0" if pretended(view) else ""),
                expected='a program that ends with 0 and says "it works", each of its calls made',
                why="a filter that stops what it was not made to stop is taken off as a whole, sooner or later",
                look='try_it(ground.facts["policy"]), and strace behind it',
            ),
            Requirement(
                name="and no other call is answered otherwise than before",
                met=not more and not less and set(refused) == {"EPERM"},
                observed=f"measured: behind it, {', '.join(map('{} is {}'.format, STAY, refused))}; {len(more)} calls"
                f" more are allowed that the program does not need, and {less} others are answered otherwise",
                expected=f"{', '.join(STAY)} refused with EPERM, and 0 others changed",
                why="each call that is open is code of the kernel that can be reached",
                look=f"{Path(file).name}: defaultAction, and each name in it",
                given=True,
            ),
            as_it_was(view, unchanged(view), "the mounts and the program", whose="container's mounts"),
        ]

    def solution(self, ground: Ground) -> object:
        import json
        import re
        from pathlib import Path

        from pyctr_lab.course import whole_container as kit

        file = Path(ground.facts["policy"])
        for _ in range(2):
            box = ground.lab.container("try")
            box.apply(steps.Seccomp(kit.policy_in(file)))  # type: ignore[arg-type]
            traced = box.run(["strace", *ground.facts["program"]]).stderr
            refused = re.findall(r"^(\w+)\(.* = -1 EPERM", traced, re.M)
            content = json.loads(file.read_text())
            content["syscalls"][0]["names"].append(refused[-1])
            file.write_text(json.dumps(content))
            box.kill()
        return None


# --- wrong answers
def rewrite(ground: Ground, change: Callable[[Json], object]) -> None:
    """Change the content of the policy's file."""
    file = Path(ground.facts["policy"])
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def allow_all(content: Json) -> None:
    """Turn the default round."""
    del content["defaultErrnoRet"]
    content["defaultAction"] = "SCMP_ACT_ALLOW"


def allow(ground: Ground, *names: str, action: str = "SCMP_ACT_ALLOW", errno: int | None = None) -> None:
    """Add a rule for these calls."""
    rule: Json = {"names": [*names], "action": action, **({} if errno is None else {"errnoRet": errno})}
    rewrite(ground, lambda content: content["syscalls"].append(rule))


# --- read by a check
def works(view: KernelView) -> EndedProgram:
    """How the program ends behind the learner's policy."""
    return run_behind(view, view.values["box"], view.facts["policy"], view.facts["program"])


def stays_refused(view: KernelView) -> list[str]:
    """What the kernel says behind the learner's policy to calls that were refused."""
    numbers = [str(NUMBERS[name]) for name in STAY]
    argv = ["/usr/bin/python3", "-I", "-S", "-c", TRY, *numbers]
    said = run_behind(view, view.values["box"], view.facts["policy"], argv).text.split()
    return [errorcode.get(int(word), "done") for word in said] if len(said) == len(STAY) else ["not known"] * len(STAY)


def changed_decisions(view: KernelView) -> dict[str, str]:
    """The calls that the learner's policy answers otherwise than the first one did, and how."""
    policy = policy_in(view.facts["policy"])
    if policy is None:
        return {}
    before, now = decisions_of(docker_without(*view.values["missing"])), decisions_of(policy)
    return {name: str(action) for name, action in now.items() if action != before[name]}


def allowed_now(view: KernelView) -> set[str]:
    """The calls that the learner's policy allows, and the first one did not."""
    return {name for name, action in changed_decisions(view).items() if action == "allow"}


def pretended(view: KernelView) -> bool:
    """Whether a call that the program needs is answered with errno 0."""
    return any(changed_decisions(view).get(name) == "errno 0" for name in view.values["missing"])


def unchanged(view: KernelView) -> str:
    """A fingerprint of what the ground was made of."""
    return fingerprint_of([view.namespace(view.values["box"], "mnt"), view.facts["program"][-1]])
