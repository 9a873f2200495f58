"""Exercise 7.1: which capability a program needs, found by starting it with less."""

from __future__ import annotations

import base64
import zlib
from random import Random

from .... import steps
from ....kernel import constants
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import PLACE, as_it_was, fingerprint_of
from ..kit.walls import CapabilityName, EndedProgram, run_inside

ALL = tuple(repr(each).removeprefix("CAP_") for each in constants.CAPABILITIES)
CLOSED = f"{PLACE}/ledger"
DEEDS = {
    "SYS_CHROOT": 'os.chroot("/")',
    "NET_BIND_SERVICE": 'socket.socket().bind(("0.0.0.0", {port}))',
    "NET_RAW": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "NET_ADMIN": 'fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))',
    "DAC_OVERRIDE": f'os.close(os.open("{CLOSED}", os.O_WRONLY))',
    "SETPCAP": "prctl(24, 25)",
    "SETFCAP": f'os.setxattr("{CLOSED}", "security.capability", struct.pack("<5I", 0x02000001, 1, 0, 0, 0))',
}
"""What a program does that needs one capability, and that no other one opens."""
NEAR = {
    "SYS_CHROOT": "SYS_PTRACE", "NET_BIND_SERVICE": "NET_BROADCAST", "NET_RAW": "NET_ADMIN", "NET_ADMIN": "NET_RAW",
    "DAC_OVERRIDE": "DAC_READ_SEARCH", "SETPCAP": "SETFCAP", "SETFCAP": "SETPCAP",
}  # fmt: skip
PROGRAM = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def prctl(*arguments):
    if libc.prctl(*arguments, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "")
try:
    {deed}
except OSError:
    sys.exit("it may not")
print("it is done")
"""


class OnePiece(Exercise):
    """A program that does one thing of root's. What it is does not stand in it as text: only trying tells."""

    id = "7.1"
    title = "One piece of root"
    asks_about = "facts"
    question = """The program {program} in the container {box} does something that an ordinary user may not do, and
    needs exactly one capability for it. ground.box.run([*ground.facts["program"]]) starts it with all of them, and it
    says that it is done. With which one alone does it work, and without which one not?"""
    wants = CapabilityName('a name, as in capabilities(7): "SYS_ADMIN"', "...", names=ALL)
    hints = (
        """A program gets at an exec what the bounding set has. setpriv starts it with a smaller one, and leaves the
        container's own as it is. You need not guess: there are so few that a loop tries all.""",
        """["setpriv", "--bounding-set", "-all,+net_raw", *ground.facts["program"]] starts it with one. Run that with
        each name of capability_sets(ground.box.machine_pid).bounding, in small letters, and look at what it says.""",
        """The answer is the name for which ground.box.run([...]).returncode is 0: all other ones end with 1.""",
    )
    misconceptions = (
        Misconception(
            believes="What root may do, SYS_ADMIN may do.",
            explains=(1,),
            message="""SYS_ADMIN opens more than any other capability, and is still one piece of many. With it alone
            the program is refused. What hangs on another piece, SYS_ADMIN does not open.""",
            sign=lambda view, answer: answer == "SYS_ADMIN",
            act=lambda ground: "CAP_SYS_ADMIN",
        ),
        Misconception(
            believes="A capability does what its name sounds like.",
            explains=(1,),
            message="""The one that you named is near the right one by its name, and does not open this deed. Names
            of capabilities are old, and some say little: start the program with it, and you see.""",
            sign=lambda view, answer: answer == NEAR[view.values["needs"]],
            act=lambda ground: NEAR[ground.values["needs"]].lower(),
        ),
        Misconception(
            believes="It must be able to become root first.",
            explains=(1,),
            message="""SETUID lets a process take another user's number. The program is uid 0 already, and a number
            is no power: with SETUID alone it is refused like any other.""",
            sign=lambda view, answer: answer in ("SETUID", "SETGID"),
            act=lambda ground: "SETUID",
        ),
    )
    after = "A program that needs one piece of root can be started with that one: the rest of root is out of its reach."
    names = ("anvil", "bradawl", "chisel", "gimlet", "mallet", "rasp")

    def values(self, random: Random) -> Values:
        box, program, *_ = names = random.sample(self.names, len(self.names))
        return {"names": names, "box": box, "program": f"{PLACE}/{program}", "needs": random.choice(sorted(DEEDS)),
                "port": random.randrange(20, 1000)}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        values, box = ground.values, ground.add(ground.values["box"])
        for kind in ("mnt", "uts", "net"):
            box.apply(steps.NewNamespace(kind))
        box.apply(steps.PrivatePropagation())
        box.apply(steps.Tmpfs(PLACE))
        text = PROGRAM.format(deed=DEEDS[values["needs"]].format(**values))
        packed = base64.b85encode(zlib.compress(text.encode())).decode()
        source = f"import base64, zlib\nexec(zlib.decompress(base64.b85decode({packed!r})))\n"
        box.run(["sh", "-c", f"cat > {values['program']}; touch {CLOSED}; chmod 400 {CLOSED}"], stdin=source)
        ground.facts["program"] = ["/usr/bin/python3", "-I", "-S", values["program"]]
        ground.facts["start"] = program_fingerprint(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        alone = with_bounding_set(view, f"-all,+{answer}".lower())
        rest = with_bounding_set(view, f"-{answer}".lower())
        return [
            Requirement(
                name="with it alone, the program works",
                met=alone.status == 0,
                observed=f"measured: with {answer} alone, the program {alone}",
                expected="a program that ends with 0",
                why="an exec by uid 0 gives what the bounding set has, and here that is one capability",
                look=f'["setpriv", "--bounding-set", "-all,+{str(answer).lower()}", *ground.facts["program"]]',
            ),
            Requirement(
                name="without it, it does not",
                met=rest.status != 0,
                observed=f"measured: with all but {answer}, the program {rest}",
                expected="a program that is refused",
                why="what works without a capability does not need it",
                look=f'["setpriv", "--bounding-set", "-{str(answer).lower()}", *ground.facts["program"]]',
            ),
            as_it_was(view, program_fingerprint(view), "the program and its file", whose="container's files"),
        ]

    def solution(self, ground: Ground) -> object:
        from pyctr_lab.kernel import constants

        names = [repr(each).removeprefix("CAP_").lower() for each in constants.CAPABILITIES]
        tried = {name: ["setpriv", "--bounding-set", f"-all,+{name}", *ground.facts["program"]] for name in names}
        return next(name for name, command in tried.items() if ground.box.run(command).returncode == 0)


# --- read by a check
def with_bounding_set(view: KernelView, bounding: str) -> EndedProgram:
    """How the program ends when it is started with such a bounding set."""
    return run_inside(view, view.values["box"], ["setpriv", "--bounding-set", bounding, *view.facts["program"]])


def program_fingerprint(view: KernelView) -> str:
    """A fingerprint of the program, and of the mode of the file beside it."""
    box, script = view.values["box"], "sha256sum $1 && stat -c %a $2"
    asked = run_inside(view, box, ["sh", "-c", f"echo $({script})", "sh", view.values["program"], CLOSED])
    return fingerprint_of([asked, view.namespace(box, "mnt")])
