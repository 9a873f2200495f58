"""The lab as a whole: many at once, interrupted, killed; nothing of it stays behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from traces import mounts, names

import pyctr_lab
from pyctr_lab import Lab, Limits, steps
from pyctr_lab.errors import BadInput, Busy, Gone
from pyctr_lab.kernel import Call, proc
from pyctr_lab.runtime.carrier import ended, readable
from pyctr_lab.runtime.container import Container

pytestmark = pytest.mark.usefixtures("each_way")

NAMES = [
    *("", "x" * 64, "x" * 2000, "a/b", "../a", ".", "-a", "a b", "a\0b", "a\n", "\u0430bc", "\ufb01le", "é", "host"),
    *(None, 5, b"a"),
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_that_cannot_be(name: str, lab: Lab) -> None:
    before = dict(lab.containers)
    with pytest.raises(BadInput) as refused:
        lab.container(name)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200
    assert lab.containers == before


def test_a_name_in_use_ends_the_old_one(lab: Lab, box: Container) -> None:
    pid = box.machine_pid
    fresh = lab.container("box")
    assert not box.alive and proc.state(pid) == "-" and fresh.alive
    box.kill()
    assert lab.containers["box"] is fresh, "killing the old one again is no harm to the new"
    fresh.kill()


def test_one_that_was_killed_says_so_and_names_the_way_out(delegated: None) -> None:
    with Lab() as lab:
        box, group = lab.container("box"), lab.cgroup("web")
        os.kill(lab.launcher.machine_pid, signal.SIGKILL)
        assert ended(lab.launcher.machine_pid, 60) and ended(box.carrier.machine_pid, 60)
        asks: list[Callable[[], object]] = [
            lambda: lab.run(["true"]), lambda: lab.container("x"), lambda: lab.cgroup("x"), lambda: box.run(["true"]),
            box.view, lambda: lab.host.run(["true"]), group.stat,
        ]  # fmt: skip
        lab.groups.reaper.wait(20)
        for ask in asks:
            with pytest.raises(Gone) as why:
                ask()
            assert why.value.hint == "lab = Lab() opens a new one", why.value


def test_the_host_of_a_lab_ends_with_it_only(lab: Lab) -> None:
    with pytest.raises(BadInput, match=r"ends with the lab \(lab\.close\(\)"):
        lab.host.kill()
    assert lab.host.run(["true"]).returncode == 0


def test_a_memory_limit_too_small_for_a_start_harms_nobody_else(delegated: None) -> None:
    """Who shares the launcher's memory takes it along when the kernel kills for want of memory."""
    with Lab() as lab:
        for size in ("4K", "64K"):
            with pytest.raises(Gone, match="a start takes up to 1M"):
                lab.run(["true"], limits=Limits(memory=size))
            assert lab.run(["echo", "on"]).stdout == "on\n"
        many = ["true", *["x" * 100_000] * 19]
        for size in ("200K", "1M", "4M", "8M"):
            with suppress(Gone):
                lab.run(many, limits=Limits(memory=size))
            assert lab.run(["echo", "on"]).stdout == "on\n"


def test_closed_twice_and_used_afterwards() -> None:
    lab = Lab()
    box, host = lab.container("box"), lab.host
    pids = [box.machine_pid, host.machine_pid]
    assert Lab.current() is lab
    lab.close()
    lab.close()
    assert [proc.state(pid) for pid in pids] == ["-", "-"], "ended, and reaped"
    assert Lab.current() is not lab
    asks: list[Callable[[], object]] = [
        lambda: lab.run(["true"]), lambda: lab.container("x"), lambda: box.run(["true"]), box.view, host.view,
        lambda: box.apply(steps.NewNamespace("uts")),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(Gone) as why:
            ask()
        assert "\n" not in str(why.value)
    box.kill()


def test_a_lab_that_nobody_holds_ends() -> None:
    lab = Lab()
    pidfd = os.pidfd_open(lab.host.machine_pid)
    box = lab.container("box")
    del lab
    gc.collect()
    assert readable(pidfd, 5)
    os.close(pidfd)
    with pytest.raises(Gone):
        box.run(["true"])


def test_a_launcher_that_was_killed_is_told_clearly() -> None:
    with Lab() as lab:
        box = lab.container("box")
        pidfd = os.pidfd_open(box.machine_pid)
        os.kill(lab.host.machine_pid, signal.SIGKILL)
        assert readable(pidfd, 5), "all that was inside goes with it"
        os.close(pidfd)
        for ask in (lambda: lab.run(["true"]), lambda: box.run(["true"]), lambda: lab.container("y"), box.view):
            with pytest.raises(Gone) as why:
                ask()
            assert "\n" not in str(why.value)
        box.kill()


FORKED = """
import os, sys, time
from pyctr_lab import Lab
lab = Lab()
program = lab.start(["sleep", "600"])
if os.fork() == 0:
    time.sleep(600)
print(lab.launcher.machine_pid, program.machine_pid, flush=True)
sys.stdin.read()
"""


def test_a_process_that_the_holder_has_forked_does_not_keep_the_lab() -> None:
    """multiprocessing does that, in a notebook."""
    with subprocess.Popen([sys.executable, "-c", FORKED], stdin=-1, stdout=-1, text=True, process_group=0) as holder:
        assert holder.stdout
        pids = list(map(int, holder.stdout.readline().split()))
        holder.kill()
        assert len(pids) == 2 and all(ended(pid, 60) for pid in pids)
        os.killpg(holder.pid, signal.SIGKILL)  # the forked one


def test_several_labs_are_strangers() -> None:
    with Lab() as one, Lab() as two:
        one.container("box").apply(steps.NewNamespace("uts"))
        assert "box" not in two.containers and Lab.current() is two
        assert not set(one.host.view().namespaces.items()) & set(two.host.view().namespaces.items()) - {
            ("time", proc.namespace("self", "time"))
        }
        one.close()
        assert two.run(["true"]).returncode == 0


def test_threads_may_use_one_lab_at_once(lab: Lab) -> None:
    found: list[str] = []

    def work(number: int) -> None:
        for turn in range(5):
            with lab.container(f"t{number}") as box:
                box.apply(steps.NewNamespace("uts"))
                box.apply(steps.SetHostname(f"n{number}-{turn}"))
                found.append(box.run(["hostname"]).stdout.strip())
            found.append(lab.run(["echo", f"r{number}-{turn}"]).stdout.strip())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = [f"{what}{number}-{turn}" for what in "nr" for number in range(6) for turn in range(5)]
    assert sorted(found) == sorted(wanted)


@pytest.mark.timeout(900)
@pytest.mark.repeat(few=100, many=1000)
def test_hundreds_alive_at_once(repeats: int) -> None:
    with Lab() as lab:
        boxes = [lab.container(f"c{number}") for number in range(repeats)]
        for box in boxes[::10]:
            box.apply(steps.NewNamespace("uts"))
        assert len(lab.host.view().processes) == repeats + 1 and all(box.alive for box in boxes)
        assert len({box.view().namespaces["uts"] for box in boxes}) == repeats // 10 + 1
        boxes[repeats // 2].kill()
        assert len(lab.containers) == repeats - 1
    assert not any(box.alive for box in boxes)


def interrupted(by: Callable[[], object], when: Callable[[], bool]) -> None:
    """Sends SIGINT to ourselves once `when` is true: what Jupyter's button does."""
    reached = threading.Event()

    def press() -> None:
        while not when():
            pass
        reached.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presser = threading.Thread(target=press)
    try:
        with pytest.raises(KeyboardInterrupt):
            presser.start()
            by()
            reached.wait(10)
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)


def named(pid: int, name: str) -> bool:
    try:
        return proc.text_of(pid, "comm") == f"{name}\n"
    except ProcessLookupError:
        return False


def test_an_interrupted_run_leaves_nothing_and_a_usable_lab(lab: Lab, box: Container) -> None:
    before = lab.host.view().processes
    parents = [lab.host.machine_pid, box.machine_pid]
    known = {pid for parent in parents for pid in proc.children(parent)}

    def asleep() -> bool:
        return any(proc.state(pid) == "S" and named(pid, "sleep") for one in parents for pid in proc.children(one))

    for who in (box, lab):
        interrupted(lambda who=who: who.run(["sleep", "1000"]), asleep)  # type: ignore[misc]
        assert who.run(["echo", "on"]).stdout == "on\n"
        for pid in {pid for parent in parents for pid in proc.children(parent)} - known:
            assert ended(pid, 60), "one that was just born, and that nobody talks to any more, ends by itself"
        lab.reaper.reap(lab.launcher)
        lab.reaper.reap(box.carrier)
        assert lab.host.view().processes == before


def test_an_interrupted_call_is_busy_until_it_is_killed(lab: Lab, box: Container) -> None:
    file = Path(f"/proc/{box.machine_pid}/syscall")  # the number of the call that it is in, or "running"
    while proc.state(box.machine_pid) != "S":  # until it sleeps where it waits for its next list, and nowhere else
        pass
    idle = {file.read_text().split()[0], "running"}
    interrupted(lambda: box.call(Call("pause")), lambda: file.read_text().split()[0] not in idle)
    with pytest.raises(Busy, match="pause"):
        box.run(["true"])
    box.kill()
    with lab.container("box") as fresh:
        assert fresh.run(["true"]).returncode == 0


def descriptors(pid: int | str) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def everything(lab: Lab) -> dict[str, object]:
    """What a run could leave behind, here and in the lab."""
    lab.reaper.reap(lab.launcher)
    seen = lab.host.view()
    return {
        "ours": descriptors("self"),
        "launcher": descriptors(lab.host.machine_pid),
        "processes": seen.processes,
        "lab's mounts": seen.mounts,
        "our mounts": mounts(),
        "namespaces": lab.host.run(["sh", "-c", "readlink /proc/[0-9]*/ns/* | sort -u | wc -l"]).stdout,
        "files": names("/mnt") | names("/run"),
        "children": len(proc.children(os.getpid())),
    }


@pytest.mark.timeout(600)
@pytest.mark.repeat(few=20, many=1000)
def test_runs_leave_everything_as_it_was(repeats: int) -> None:
    with Lab() as lab, lab.container("box") as box:
        lab.run(["true"])
        box.run(["true"])
        before = everything(lab)
        for number in range(repeats):
            assert lab.run(["sh", "-c", f"exit {number % 200}"]).returncode == number % 200
            assert box.run(["true"]).returncode == 0
            with lab.container("other") as other:
                other.apply(steps.NewNamespace("pid"))
        after = everything(lab)
    assert {name: (value, after[name]) for name, value in before.items() if value != after[name]} == {}


def test_orphans_are_reaped(lab: Lab, box: Container) -> None:
    before = {process.pid for process in lab.host.view().processes}
    known = set(proc.children(lab.host.machine_pid))  # other tests' containers among them
    for _ in range(5):
        box.run(["sh", "-c", "(exit 3) & exec true"])
        lab.host.run(["sh", "-c", "sh -c 'exit 4' & exec true"])
    assert all(ended(pid, 60) for pid in set(proc.children(lab.host.machine_pid)) - known)
    lab.reaper.reap(lab.launcher)
    assert {process.pid for process in lab.host.view().processes} == before


KEEPER = """
import ctypes, os, random, select, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: whoever loses its parent becomes ours
dice = random.Random(int(sys.argv[1]))
builder = subprocess.Popen([sys.executable, "-c", sys.argv[2]], stdout=subprocess.PIPE)
for _ in range(dice.randrange(40)):
    builder.stdout.readline()
select.select([], [], [], dice.random() * 0.02)  # somewhere between two lines
builder.kill()
signal.alarm(5)
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        break
"""
BUILDER = """
print("begin", flush=True)
from pyctr_lab import Lab
while True:
    with Lab() as lab:
        print("open", flush=True)
        lab.start(["sleep", "1000"])
        box = lab.container("box")
        for step in lab.recipe():
            box.apply(step)
            print(step.title, flush=True)
        box.start(["sleep", "1000"])
        print(lab.run(["true"]), flush=True)
"""


@pytest.mark.repeat(few=3, many=200)
def test_sudden_death_at_any_moment_leaves_no_process(repetition: int) -> None:
    """The keeper is the parent of all that is left over; it must be without children within five seconds."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", KEEPER, str(repetition), BUILDER], timeout=60, env=env)
    assert done.returncode == 0, "something was still alive after five seconds"


def test_what_is_the_machines_is_shown_for_reading_only(lab: Lab) -> None:
    shown = [line.split() for line in lab.run(["cat", "/proc/self/mountinfo"]).stdout.splitlines()]
    of_disks = {line[4]: line[5] for line in shown if line[3] != "/" and line[line.index("-") + 1] != "devtmpfs"}
    assert "/usr" in of_disks
    assert all({"ro", "nosuid", "nodev"} <= set(flags.split(",")) for flags in of_disks.values()), of_disks


def test_a_lab_inside_a_whole_container(lab: Lab) -> None:
    """The package goes in by standard input; there is nothing else that it needs."""
    package = str(Path(pyctr_lab.__file__).parent)
    packed = subprocess.run(["tar", "-C", package, "-c", "."], capture_output=True, check=True)
    code = "from pyctr_lab import Lab; lab = Lab(); print(*(who.run(['hostname']).stdout for who in (lab, lab.host)))"
    inside = ["sh", "-c", f'mkdir /tmp/pyctr_lab; tar -C /tmp/pyctr_lab -x; cd /tmp; exec /usr/bin/python3 -c "{code}"']
    refused = lab.run(inside, stdin=packed.stdout, timeout=60)
    assert "Unsupported: this machine refuses the lab's outer world: unshare(" in refused.stderr
    open_to_it = lab.recipe().without(steps.Seccomp, steps.MaskPaths, steps.ReadOnlyPaths)  # masks bar a second /proc
    run = lab.run(inside, recipe=open_to_it, stdin=packed.stdout, timeout=60)
    assert run.stdout.split() == ["demo", "lab"], run.stderr


def test_a_lab_inside_a_lab(lab: Lab) -> None:
    if not os.access(Path(sys.executable).resolve(), os.X_OK):
        pytest.skip("no interpreter")
    code = "import sys; sys.path.insert(0, '/tmp/p')\nfrom pyctr_lab import Lab\nprint(Lab().run(['id', '-u']).stdout)"
    package = Path(__file__).parents[2] / "pyctr_lab"
    done = lab.host.run(["sh", "-c", f"test -r {package}/__init__.py && test -x /usr/bin/python3"])
    if done.returncode:
        pytest.skip("the lab's host cannot read the package where it lies")
    done = lab.host.run(["/usr/bin/python3", "-c", code.replace("/tmp/p", str(package.parent))], timeout=30)
    assert done.stdout.strip() == "0", done.stderr
