"""Programs that a check itself starts where a ground's container is: with fewer capabilities, or behind a filter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from errno import EACCES, ENOENT, EPERM, ESRCH
from signal import Signals

from .... import BadInput, Lab, steps
from ....kernel import proc
from ....kernel.filters import Instruction, docker_policy, encode_program
from ....measure.isolation import probe_recipe
from ...grading import KernelView, Submission, Unreadable, Word, again
from ...grading.submissions import Wants, missing, parts, plain_name

PATIENCE = 30  # seconds for a program that ends at once, on a machine that may be busy

#: Enter namespaces, become their root, put up a filter, become a program. On trouble it exits with 200 and an errno.
ENTER = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
order = json.loads(sys.argv[1])
def check(result, what):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)
try:
    for fd, path in [(os.open(path, os.O_RDONLY), path) for path in order["paths"]]:
        check(libc.setns(fd, 0), path)
    for become in (os.setgid, os.setuid):
        try:
            become(0)
        except OSError:
            pass
    os.chdir("/")
    if order["filter"]:
        code = bytes.fromhex(order["filter"])
        class Program(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
        check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
        check(libc.prctl(22, 2, ctypes.byref(Program(len(code) // 8, code))), "seccomp")
    os.execvp(order["argv"][0], order["argv"])
except OSError as why:
    print(f"{why.filename}: {why.strerror}")
    os._exit(200 if why.errno not in (1, 2, 3, 13) else 200 + why.errno)
"""
NOT_STARTED = 1000
TROUBLE = {200 + each: each for each in (0, EPERM, ENOENT, ESRCH, EACCES)}


@dataclass(frozen=True)
class EndedProgram:
    """How a program ended, and its last words; `text` is all that it printed."""

    status: int
    said: str
    text: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        if self.status == NOT_STARTED:
            return f"was not started: {self.said}"
        if self.status < 0:
            return f"was killed by signal {-self.status} ({Signals(-self.status).name})"
        return f"ended with {self.status}" + (f', and said "{self.said}"' if self.said else "")


def run_inside(
    view: KernelView, name: str, argv: Sequence[str], *, program: Sequence[Instruction] = ()
) -> EndedProgram:
    """Start a program with the mounts, names and network of a container, as its root; behind a filter, if given."""
    pid, own = view.pid(name), proc.namespace("self", "user") == proc.namespace(view.host, "user")
    paths = [f"/proc/{pid}/ns/{kind}" for kind in ("uts", "net", "mnt")]  # mnt last: with it, /proc is another
    order = {"paths": [*([] if own else [f"/proc/{view.host}/ns/user"]), *paths], "argv": list(argv),
             "filter": encode_program(program).hex() if program else ""}  # fmt: skip
    command = [sys.executable, "-I", "-S", "-c", ENTER, json.dumps(order)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return EndedProgram(124, f"it had not ended after {PATIENCE} seconds")
    if done.returncode in TROUBLE:
        raise Unreadable(f"a program cannot be started in {name!r}: {done.stdout.strip()[-200:]}", again(view.exercise))
    said = (done.stdout.strip() or done.stderr.strip()).rpartition("\n")[2]
    return EndedProgram(done.returncode, said[:80], done.stdout)


@dataclass(frozen=True)
class CapabilityName(Wants):
    """The name of one capability, with CAP_ or without, in capitals or not."""

    names: tuple[str, ...] = ()

    def read(self, given: object) -> Submission:
        """The name as in capabilities(7), without CAP_."""
        found = parts(given)
        if missing(found) or not found:
            return None
        words = [plain_name(part).casefold().removeprefix("cap_") for part in found]
        word = Word(choices=tuple(name.casefold() for name in self.names)).read(words)
        return str(word).upper()


OFFERED = ("user", "net", "ipc", "uts", "caps", "seccomp")


def walled_recipe(walls: Iterable[str]) -> steps.Recipe:
    """A container with these walls of OFFERED, and no others. Raises BadInput for one that is not on offer."""
    wanted = {*walls}
    if strange := sorted(map(str, wanted - {*OFFERED})):
        raise BadInput(f"there is no wall {strange[0][:40]!r} here", hint=f"they are {', '.join(OFFERED)}")
    made: list[steps.Step] = []
    if "user" in wanted:
        made += [steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny")]
    made += [steps.NewNamespace(kind) for kind in ("net", "ipc", "uts") if kind in wanted]
    made += [steps.SetHostname("box")] if "uts" in wanted else []
    made += [steps.DropCapabilities()] if "caps" in wanted else []
    made += [steps.NoNewPrivileges(), steps.Seccomp(docker_policy())] if "seccomp" in wanted else []
    return steps.Recipe(made)


def probes_out(lab: Lab, walls: Iterable[str], probes: Iterable[str]) -> list[str]:
    """The probes that get out of a container with these walls of OFFERED."""
    return [each.probe for each in probe_recipe(lab, walled_recipe(walls), probes) if each.out]
