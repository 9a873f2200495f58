"""The doctor's trials, each in processes of its own: nothing of them stays. A trial returns why it failed, or ""."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import AF_PACKET, SOCK_RAW

from ...cgroups.places import Delegation, Place
from ...errors import LabError
from ...kernel import KIND_FLAGS, netlink
from ...kernel.syscall_numbers import kernel_has
from ...launcher import cgroup_reaper
from ...networks.rules import apply_rules
from ...runtime import Lab
from ...runtime.outer_ids import map_ranges

#: Try, as an unprivileged process, whether it may have a world of its own: a user namespace, then the others, named by
#: their flags as arguments, then a fresh /proc. Print the call that failed. A process of its own, not a list of calls
#: for a lab's launcher: the lab itself cannot start where this fails, and the doctor has to name the call.
WORLD = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
user, *others = map(int, sys.argv[1:])
def call(name, *args):
    if getattr(libc, name)(*args):
        print(name, args[0], ctypes.get_errno()); sys.exit(1)
uid, gid = os.getuid(), os.getgid()
call("unshare", user)
for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    try:
        with open(f"/proc/self/{file}", "w") as it:
            it.write(text)
    except OSError as why:
        print("write", file, why.errno); sys.exit(1)
for flag in others:
    call("unshare", flag)
call("sethostname", b"trial", 5)
pid = os.fork()
if pid == 0:
    libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
    if libc.mount(b"proc", b"/proc", b"proc", 0xe, None):  # MS_NOSUID | MS_NODEV | MS_NOEXEC
        print("mount", "proc", ctypes.get_errno(), flush=True); os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
WORLD_FLAGS = tuple(str(int(KIND_FLAGS[kind])) for kind in ("user", "uts", "mnt", "ipc", "net", "cgroup", "pid"))
#: A process with a user namespace and no maps yet; it ends when its input does.
UNMAPPED = f"import ctypes, sys; ctypes.CDLL(None).unshare({WORLD_FLAGS[0]}) or print(flush=True); sys.stdin.read()"
NEWER = {"clone3": "5.3", "mount_setattr": "5.12"}  # calls that are done without, and the Linux that has them


def run_trial(argv: Sequence[str]) -> tuple[int, str]:
    """Run a command; its status and output. 127 where there is no such command, 124 if it takes too long."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except OSError as why:
        return 127, str(why)
    except subprocess.TimeoutExpired:
        return 124, "no answer within 10 s"
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True)
class TrialStart:
    """The outcome of a container that was started in a lab of the doctor's own."""

    refused: str = ""
    ids: int = 0  # that a container may have
    slow: str = ""  # why starts are not done by the loop of machine code


def start_lab() -> TrialStart:
    """Open a lab, and start a container in it."""
    try:
        with Lab(private=True) as lab:
            lab.run(["/bin/true"])
            return TrialStart(ids=lab.ids, slow=lab.starter.why_slow or "")
    except (LabError, OSError) as why:
        return TrialStart(refused=getattr(why, "message", str(why)))


def try_networks() -> dict[str, str]:
    """Make each part of a network in a lab; the parts that fail, with the reason."""
    try:
        with Lab(private=True) as lab:
            return {name: why for name, part in NETWORK_TRIALS.items() if (why := failure(part, lab))}
    except (LabError, OSError) as why:
        return {"bridge": one_reason(why)}


def failure(trial: Callable[[Lab], object], lab: Lab) -> str:
    """Why a trial fails; empty where it does not."""
    try:
        trial(lab)
        return ""
    except (LabError, OSError) as why:
        return one_reason(why)


def one_reason(why: LabError | OSError) -> str:
    """The message without its hint."""
    return str(getattr(why, "message", "") or getattr(why, "strerror", "") or why)


def make_link(name: str, kind: str) -> Callable[[Lab], object]:
    """A trial that makes a network interface."""
    return lambda lab: lab.host.carry(netlink.request(netlink.new_link(name, kind)))


NETWORK_TRIALS: dict[str, Callable[[Lab], object]] = {
    "veth": make_link("trial-veth", "veth"),
    "bridge": make_link("trial-bridge", "bridge"),
    "packets": lambda lab: lab.host.socket(AF_PACKET, SOCK_RAW).close(),
    "nft": lambda lab: apply_rules(lab.host, "add table bridge trial\n"),
}


def mapped_ids() -> tuple[int, str]:
    """Map a user's ranges; how many ids a container would have, or 0 and the reason."""
    command = [sys.executable, "-I", "-S", "-c", UNMAPPED]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            there = child.stdout.readline()
            return map_ranges(child.pid) if there else (0, "no user namespace can be made")
    except OSError as why:  # no descriptors left, say
        return 0, str(why)


def enter_groups(found: Delegation) -> str:
    """Make a control group in each place, move a process there, and remove it."""
    folders = [f"{place.base}/pyctr-trial-{os.getpid()}" for place in found.places]
    try:
        with subprocess.Popen(["sleep", "60"]) as visitor:
            try:
                for place, folder in zip(found.places, folders, strict=True):
                    enter(place, folder, visitor.pid)
            finally:
                visitor.kill()
    except OSError as why:
        return f"{why.filename}: {why.strerror}" if why.filename else str(why)
    finally:
        cgroup_reaper.remove_all(folders, 1.0)
    return ""


def enter(place: Place, folder: str, pid: int) -> None:
    """Make one group, and move a process to it."""
    os.mkdir(folder)
    for setting in place.inherited:
        Path(folder, setting.file).write_text(setting.value)
    Path(folder, "cgroup.procs").write_text(str(pid))


def missing_calls() -> tuple[str, ...]:
    """The newer system calls that the kernel or a policy refuses here."""
    return tuple(name for name in NEWER if not kernel_has(name))


def open_file_limits() -> tuple[int, int]:
    """How many files a process may have open: the soft and the hard limit."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)
