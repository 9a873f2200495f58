"""Work for a sandbox, for the tests: what these generators yield comes out of it."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from pyctr_lab.engines import ALL, Engine, rootfs
from pyctr_lab.engines.engine import is_running, kill_new_processes, processes, wait_until_gone
from pyctr_lab.engines.equal import EqualEngine
from pyctr_lab.engines.oci import Crun, Runc
from pyctr_lab.engines.ours import OursStrict
from pyctr_lab.engines.record import record_of
from pyctr_lab.engines.sandbox import WORK
from pyctr_lab.errors import LabError, TimeExpired, Unsupported
from pyctr_lab.kernel import proc
from pyctr_lab.machines import Machine
from pyctr_lab.steps import Limits


def seen() -> Iterator[object]:
    """What a sandbox's worker sees."""
    yield {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "uid": os.getuid(),
        "host": os.uname().nodename,
        "scratch": tempfile.gettempdir(),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "cgroup": Path("/proc/self/cgroup").read_text(),
    }


def tried(engines: Sequence[str]) -> Iterator[object]:
    """Each engine: what a program does in it, an instance, one that hangs, and what is left after all that."""
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs")
    for name in engines:
        engine = ALL[name](Path(WORK) / name, tree)
        found = engine.available()
        if not found:
            yield {"engine": name, "why": found.why, "hint": found.hint}
            continue
        try:
            yield {"engine": name, **everything(engine)}
        except (LabError, OSError) as why:  # the others' tests go on
            yield {"engine": name, "failed": repr(why)}


def everything(engine: Engine) -> dict[str, object]:
    """All that is tried with an engine."""
    with engine:
        row = {**program(engine), **instance(engine)}
        if engine.kind != "machine":  # which is booted for each
            row |= {"unknown": unknown(engine), "hung": hung(engine)}
    if engine.kind != "machine" and engine.name != "docker":
        with engine:  # the same folder, once more
            row["again"] = engine.run(["/bin/true"]).returncode
    mounts = Path("/proc/self/mountinfo").read_text()
    return row | {"place": engine.place.exists() or f" {engine.place}/" in mounts}


def program(engine: Engine) -> dict[str, object]:
    """A program's output and status."""
    run = engine.run(["/bin/sh", "-c", "ls /data | wc -l; echo oops >&2; exit 7"])
    return {"status": run.returncode, "out": run.stdout, "err": run.stderr}


def instance(engine: Engine) -> dict[str, object]:
    """One that is started and stopped."""
    before = processes()
    made = engine.start()
    row = {"pids": len(made.pids), "payload": made.pid, "seconds": made.seconds}
    made.stop()
    wait_until_gone(processes() - before)  # a daemon cleans up in a child process
    return row | {"left": [pid for pid in processes() - before if is_running(pid)]}


def unknown(engine: Engine) -> object:
    """What comes of a program that is not there: a status, or what the engine says."""
    try:
        return engine.run(["/bin/no-such-program"]).returncode
    except LabError as why:
        return str(why)


def hung(engine: Engine) -> list[object]:
    """One whose program never ends: what is said, and who is left."""
    before = processes()
    try:
        engine.run(["/bin/sleep", "1000"], timeout=0.5)
        said = "it ended"
    except TimeExpired as why:
        said = str(why)
    wait_until_gone(processes() - before)  # killed, and on a busy machine not gone yet
    return [said, [pid for pid in processes() - before if is_running(pid)]]


def used(name: str) -> Iterator[object]:
    """Use an engine, and look at the descriptors of its program; or say why it is not here."""
    engine = ALL[name](Path(WORK) / name, rootfs.make_rootfs(Path(WORK) / "rootfs", files=1))
    if not (found := engine.available()):
        yield found.why
        return
    with engine:
        if engine.kind != "machine":  # which is booted for each
            engine.run(["/bin/sh", "-c", "read word; echo said; echo complained >&2"])
        made = engine.start()
        yield descriptors(made.pid) if made.pid else {}
        made.stop()


def descriptors(pid: int | str = "self") -> dict[str, tuple[str, int, int]]:
    """What each descriptor of a process leads to: its name, and the numbers of file system and inode."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            seen = os.stat(path := f"/proc/{pid}/fd/{number}")
            found[number] = (os.readlink(path), seen.st_dev, seen.st_ino)
    return found


def own_descriptors() -> Iterator[object]:
    """Those of the sandbox's worker, and of a command that it starts."""
    yield descriptors()
    yield subprocess.run(["ls", "/proc/self/fd"], check=True, capture_output=True, text=True).stdout.split()


def tried_to_change(paths: Sequence[str]) -> Iterator[object]:
    """What comes of changing owner, mode and times of what lies at these paths, and making a file there.

    All are set to what they are: where that is not refused, nothing changes but the ctime.
    """
    for path in paths:
        done = []
        for change in (same_owner, same_mode, same_times, file_in):
            try:
                change(path)
                done.append("changed")
            except OSError as why:
                done.append(errno.errorcode[why.errno or 0])
        yield path, done


def same_owner(path: str) -> None:
    """Set the owner to what it is."""
    os.chown(path, -1, -1)


def same_mode(path: str) -> None:
    """Set the mode to what it is."""
    os.chmod(path, os.stat(path).st_mode)


def same_times(path: str) -> None:
    """Set the times to what they are."""
    was = os.stat(path)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def file_in(folder: str) -> None:
    """Make a file, and take it away."""
    (file := Path(folder, "pyctr-lab-was-here")).touch()
    file.unlink()


def sleepers(count: int) -> Iterator[object]:
    """Processes that outlive their instance."""
    started = [subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(count)]
    yield {"alive": sum(each.poll() is None for each in started)}
    signal.pause()


def fails() -> Iterator[object]:
    """An error of the lab's own."""
    yield 1
    raise LabError("no luck", hint="try again")


def dies() -> Iterator[object]:
    """The end of the worker."""
    yield 1
    os.write(2, b"farewell\n")
    os.kill(os.getpid(), signal.SIGKILL)


def tidied(words: str) -> Iterator[object]:
    """What a daemon's child says while all that is new is killed: the daemon was there before, its child was not."""
    script = f"read word; sh -c 'echo begun; {words}'; echo $?"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        before = processes()
        assert daemon.stdin and daemon.stdout
        daemon.stdin.write("go\n")
        daemon.stdin.flush()
        yield daemon.stdout.readline().strip()
        kill_new_processes(before)
        yield daemon.stdout.readline().strip()


def broken_docker() -> Iterator[object]:
    """A daemon that cannot come up."""
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs", files=1)
    before = processes()
    engine = ALL["docker"](Path(WORK) / "docker", tree)
    engine.driver = "no-such-driver"  # type: ignore[attr-defined]
    try:
        engine.__enter__()
        yield "it came up"
    except Unsupported as why:
        yield str(why)
    yield sorted(pid for pid in processes() - before if is_running(pid))


def names(pids: Iterable[int]) -> list[str]:
    """What processes that have not ended are called: the first 15 letters, which is what the kernel keeps."""
    found = []
    for pid in pids:
        with suppress(OSError):
            found.append(proc.text_of(pid, "comm").strip())
    return sorted(found)


def containers(docker: Engine, patience: float = 10.0) -> list[str]:
    """The containers that a daemon still lists, after some time to remove them."""
    until = time.monotonic() + patience
    while True:
        asked = subprocess.run([*docker.client, "ps", "-aq"], capture_output=True, text=True, check=True)  # type: ignore[attr-defined]
        if not asked.stdout or time.monotonic() > until:
            return asked.stdout.split()


def docker_life() -> Iterator[object]:
    """A daemon: what it is, what an instance adds, and what is left after each end."""
    before = processes()
    with ALL["docker"](Path(WORK) / "docker", rootfs.make_rootfs(Path(WORK) / "rootfs", files=1)) as docker:
        yield "daemons", names(docker.daemons)
        made = docker.start()
        payload = proc.text_of(made.pid, "cmdline").split("\0") if made.pid in made.pids else []
        yield "instance", names(made.pids), payload, sorted(made.pids & docker.daemons)
        known = containers(docker, 0)
        made.stop()
        left = filter(is_running, processes() - before - docker.daemons)
        yield "stopped", len(known), containers(docker), names(left)
        with suppress(TimeExpired):
            docker.run(["/bin/sleep", "1000"], timeout=0.5)
        yield "hung", containers(docker), docker.run(["/bin/true"]).returncode
        yield "network", docker.run(["/bin/ls", "/sys/class/net"]).stdout.split()
    yield "closed", names(filter(is_running, processes() - before)), docker.place.exists()


def machine_life() -> Iterator[object]:
    """A machine: why there is none, or what it is, and what is left after each end."""
    before = processes()
    qemu = ALL["qemu"](Path(WORK) / "qemu", rootfs.make_rootfs(Path(WORK) / "rootfs", files=3))
    found = qemu.available()
    if not found:
        yield "why", found.why, found.hint
        return
    with qemu:
        made = qemu.start()
        yield "instance", names(made.pids), made.pid, qemu.emulated, qemu.kind
        made.stop()
        yield "stopped", names(filter(is_running, processes() - before - qemu.daemons))
        qemu.slack = 1.0  # type: ignore[attr-defined]
        said = ""
        try:
            qemu.run(["/bin/sh", "-c", "ls /data; sleep 1000"], timeout=3)
        except TimeExpired as why:
            said = why.run.stdout if why.run else ""
        yield "hung", said.split(), names(filter(is_running, processes() - before - qemu.daemons))
    yield "closed", names(filter(is_running, processes() - before)), qemu.place.exists()


def machine_fails() -> Iterator[object]:
    """A machine that boots, and whose command is interrupted: it must be killed."""
    with ALL["qemu"](Path(WORK) / "qemu", rootfs.make_rootfs(Path(WORK) / "rootfs", files=1)) as qemu:
        Machine.run = interrupted  # type: ignore[method-assign]
        try:
            qemu.start()
        except KeyboardInterrupt:
            yield names(filter(is_running, processes() - qemu.daemons - {1, os.getpid()}))


def interrupted(*_: object, **__: object) -> NoReturn:
    """Ctrl-C while the guest is asked."""
    raise KeyboardInterrupt


def docker_and_machine() -> Iterator[object]:
    """Both, started and stopped for ever."""
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs")
    with ALL["docker"](Path(WORK) / "docker", tree) as docker, ALL["qemu"](Path(WORK) / "qemu", tree) as qemu:
        while True:
            both = docker.start(), qemu.start()
            yield names(pid for each in both for pid in each.pids)
            for each in both:
                each.stop()


def folders_made(name: str) -> Iterator[object]:
    """Which folders an engine's own command makes in /tmp; None where it cannot be used."""
    engine = ALL[name](Path(WORK) / name, rootfs.make_rootfs(Path(WORK) / "rootfs"))
    if not engine.available():
        yield None
        return
    with engine:
        trace = f"{WORK}/trace"
        calls = ["strace", "-f", "-qq", "-e", "trace=mkdir,mkdirat", "-o", trace]
        subprocess.run([*calls, *engine.command(["true"])], check=True, stdin=subprocess.DEVNULL)
        yield [line for line in Path(trace).read_text().splitlines() if '"/tmp' in line or '"/var/tmp' in line]


def docker_beside_ours() -> Iterator[object]:
    """The records of three containers on one root file system: Docker's, `docker_like()`, and the default recipe.

    The sandbox's own resource limits are those of no engine: else a limit that is set would not be seen.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs", files=0)
    for name, kind in {"docker": ALL["docker"], "docker_like": OursStrict, "default": ALL["ours"]}.items():
        with kind(Path(WORK) / name, tree) as engine:
            yield name, record_of_one(engine)


def equal_walls() -> Iterator[object]:
    """The records of ours, and of crun and runc with the walls of its recipe, without and with limits."""
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs", files=0)
    with OursStrict(Path(WORK) / "ours", tree) as ours:
        yield "ours", record_of_one(ours)
        for kind in (Crun, Runc):
            for limits in (None, Limits(memory="64M", cpus=0.5, pids=32)):
                name = f"{kind.name}{' limits' if limits else ''}"
                engine = EqualEngine(kind, Path(WORK) / name.replace(" ", "-"), tree, ours.recipe, limits)
                if not engine.available():
                    continue
                try:
                    with engine:
                        yield name, record_of_one(engine)
                        yield f"{name} said", engine.run(["/bin/sh", "-c", "echo said; exit 3"]).stdout
                except LabError as why:
                    yield name, str(why)
    bad = EqualEngine(Crun, Path(WORK) / "bad", Path(WORK), ours.recipe)
    if bad.available():
        try:
            bad.__enter__()
        except LabError as why:
            yield "bad", str(why)


def record_of_one(engine: Engine) -> dict[str, object]:
    """The record of one instance."""
    made = engine.start()
    assert made.pid
    found = asdict(record_of(made.pid))
    made.stop()
    return found
