"""All groups of a lab: many at once, killed at any moment, and nothing of them stays behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from pyctr_lab import Cgroup, Lab, Limits, steps
from pyctr_lab.cgroups import clean, controllers
from pyctr_lab.cgroups.files import write_file
from pyctr_lab.cgroups.lab_groups import HOST
from pyctr_lab.cgroups.leftovers import leftovers
from pyctr_lab.cgroups.places import PREFIX, delegation
from pyctr_lab.errors import BadInput, Gone, LabError
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.runtime.carrier import readable

pytestmark = pytest.mark.machine

SMALL = Limits(memory="32M", cpus=1, pids=16)


@pytest.mark.parametrize("value", ["0-1", ""])
def test_an_empty_value_is_written_too(tmp_path: Path, value: str) -> None:
    """As `echo` would: without the end of the line no call would be made at all."""
    write_file(str(tmp_path), "cpuset.cpus", value)
    assert (tmp_path / "cpuset.cpus").read_bytes() == f"{value}\n".encode()


def below(lab: Lab) -> set[str]:
    """The folders of a lab's groups, in all trees, without that of its own processes."""
    places = lab.groups.where.everywhere
    found = {entry.path for place in places for entry in os.scandir(lab.groups.folder(place)) if entry.is_dir()}
    return {path for path in found if os.path.basename(path) != HOST}


def own(lab: Lab) -> list[str]:
    """The lab's own folder in each tree."""
    return [lab.groups.folder(place) for place in lab.groups.where.everywhere]


def there(folders: list[str]) -> list[str]:
    return [folder for folder in folders if os.path.exists(folder)]


# --- names
def test_a_lab_without_limits_has_no_groups_and_no_guard(delegated: None) -> None:
    with Lab() as lab:
        lab.run(["true"])
        name = f"pyctr-lab-{lab.host.machine_pid}"
        assert lab.world._groups is None and not any(name in path for path in leftovers(delegation()))


def test_two_threads_may_ask_for_the_first_group_at_once(delegated: None) -> None:
    for _ in range(3):
        with Lab() as lab, ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda number, lab=lab: lab.cgroup(f"g{number}"), range(4)))
            assert sorted(group.name for group in made) == ["g0", "g1", "g2", "g3"]


@pytest.mark.parametrize("broken", [KeyboardInterrupt(), OSError(16, "Device or resource busy")])
def test_a_first_group_that_fails_leaves_all_as_it_was(
    broken: BaseException, delegated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted, or refused for a moment: the next attempt works."""

    def fail(*_: object) -> None:
        raise broken

    with Lab() as lab:
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, LabError)):
            patch.setattr(lab.world, "see_groups_from", fail)
            lab.cgroup("first")
        assert PREFIX not in Path(f"/proc/{lab.launcher.machine_pid}/cgroup").read_text()
        assert not [path for path in leftovers(delegation()) if str(lab.launcher.machine_pid) in path]
        with lab.cgroup("second", pids=16) as group:
            assert group.pids_max == 16


def test_a_group_whose_processes_fork_is_divided_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in: whoever is moved has left a child behind, twice."""
    (tmp_path / "cgroup.procs").write_text("7\n")
    late, refused = ["8\n", ""], [OSError(16, "busy")]

    def moved(folder: str, pids: object) -> None:
        (tmp_path / "cgroup.procs").write_text(late.pop(0) if late else "")

    def passed(folder: str, controllers: object) -> None:
        if refused:
            (tmp_path / "cgroup.procs").write_text("9\n")  # born in between
            raise refused.pop()

    monkeypatch.setattr(controllers, "enter_group", moved)
    monkeypatch.setattr(controllers, "enable", passed)
    controllers.enable_behind_leaf(str(tmp_path), "leaf", ("memory",))
    assert (tmp_path / "cgroup.procs").read_text() == "" and (tmp_path / "leaf").is_dir() and not refused


def test_limits_of_a_run_never_meet_a_group_with_a_name(lab: Lab, delegated: None) -> None:
    mine = [lab.cgroup(f"run-{number}") for number in range(1, 60)]
    assert lab.run(["true"], limits=SMALL).returncode == 0
    assert all(group.is_there for group in mine)
    for group in mine:
        group.remove()


@pytest.mark.parametrize("name", ["host", "", "a/b", "..", "a.b", None, 5, "x" * 64])
def test_a_name_that_cannot_be(name: str, lab: Lab, delegated: None) -> None:
    with pytest.raises(BadInput) as refused:
        lab.cgroup(name)
    assert "\n" not in str(refused.value)


def test_what_was_in_use_while_the_first_group_was_made_goes_on(delegated: None) -> None:
    with Lab() as lab:
        box, program = lab.container("early"), lab.start(["sleep", "1000"])
        walled = lab.container("walled")
        for step in lab.recipe():
            walled.apply(step)
        lab.cgroup("first", pids=50)
        assert [each.run(["echo", "on"]).stdout for each in (box, walled, lab.host)] == ["on\n"] * 3
        assert box.view().namespaces["cgroup"] == lab.host.view().namespaces["cgroup"]
        program.kill()
        assert program.wait(20).signal == "SIGKILL"


# --- nothing is left
def test_a_run_with_limits_leaves_nothing(lab: Lab, delegated: None) -> None:
    lab.run(["true"], limits=SMALL)
    lab.reaper.reap(lab.launcher)
    before = below(lab), len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{lab.host.machine_pid}/fd"))
    for number in range(10):
        assert lab.run(["sh", "-c", f"exit {number}"], limits=SMALL).returncode == number
    lab.reaper.reap(lab.launcher)
    assert (below(lab), len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{lab.host.machine_pid}/fd"))) == before


@pytest.mark.parametrize("argv", [["no-such-program"], ["/etc/passwd"], [], ["a\0b"]])
def test_a_failed_start_leaves_no_group(argv: list[str], lab: Lab, delegated: None) -> None:
    lab.groups  # noqa: B018
    before = below(lab)
    with pytest.raises(LabError):
        lab.run(argv, limits=SMALL)
    assert below(lab) == before and not any(name.startswith("run-") for name in lab.groups.made)


def test_a_start_into_limits_that_the_kernel_refuses_leaves_no_group(lab: Lab, delegated: None) -> None:
    if "io" in delegation().missing:
        pytest.skip(delegation().why("io"))
    lab.groups  # noqa: B018
    before = below(lab)
    with pytest.raises(CallError, match=r"ENODEV|No such device"):
        lab.run(["true"], limits=Limits(io_read=1, disk="4095:77"))
    assert below(lab) == before


@pytest.mark.parametrize("limits", [{"memory": "64M"}, "64M", 5])
def test_what_are_no_limits_is_refused_in_one_line(limits: Limits, lab: Lab, delegated: None) -> None:
    with pytest.raises(BadInput) as refused:
        lab.run(["true"], limits=limits)
    assert "\n" not in str(refused.value)


def test_what_a_program_leaves_running_ends_with_its_group(lab: Lab, delegated: None) -> None:
    """Without a PID namespace of its own a start may leave children: a group has no such hole."""
    recipe = steps.Recipe([])
    run = lab.run(["sh", "-c", "sleep 1000 & echo $!"], recipe=recipe, limits=SMALL, stdin=None)
    assert lab.host.run(["sh", "-c", f"kill -0 {run.stdout.strip()}"]).returncode != 0


def test_a_closed_lab_leaves_nothing(delegated: None) -> None:
    with Lab() as lab:
        group = lab.cgroup("kept", memory="64M")
        inner = group.child("inner")
        with_box = lab.container("box")
        group_of_box = lab.cgroup("other")
        group_of_box.add(with_box)
        lab.start(["sleep", "1000"], limits=SMALL)
        folders = own(lab)
    assert there(folders) == []
    for ask in (group.stat, inner.stat, lambda: group.pids, lambda: group.limits, lambda: lab.cgroup("x"), group.watch):
        with pytest.raises(Gone) as why:
            ask()
        assert "\n" not in str(why.value)
    group.remove()
    with_box.kill()
    assert "removed" in repr(group)


@pytest.mark.timeout(600)
@pytest.mark.repeat(few=50, many=200)
def test_many_containers_with_limits(delegated: None, repeats: int) -> None:
    with Lab() as lab:
        programs = [lab.start(["sleep", "1000"], limits=SMALL) for _ in range(repeats)]
        made = [program.cgroup for program in programs if program.cgroup]
        assert len(made) == repeats
        assert all(group.pids == (p.machine_pid,) for group, p in zip(made, programs, strict=True))
        for group in made:
            group.kill()
        assert {program.wait(20).signal for program in programs} == {"SIGKILL"}
        assert below(lab) == set() and lab.groups.made == {}
        folders = own(lab)
    assert there(folders) == []


# --- sudden death
def busy(lab: Lab) -> None:
    """Makes and ends groups until there is no lab any more."""
    while True:
        with lab.cgroup("web", memory="64M", cpus=0.5, pids=32) as group, lab.container("box") as box:
            group.add(box)
            group.child("inner")
            box.run(["true"])
            lab.run(["true"], limits=SMALL)
            lab.start(["sleep", "1000"], limits=SMALL).kill()


@pytest.mark.timeout(600)
@pytest.mark.repeat(few=6, many=300)
def test_the_launcher_killed_at_any_moment_leaves_no_group(delegated: None, repeats: int) -> None:
    dice, folders = random.Random(27), []
    for _ in range(repeats):
        with Lab() as lab:
            folders += own(lab)
            pid, moment = lab.host.machine_pid, dice.random() * 0.15
            killer = threading.Timer(moment, os.kill, (pid, signal.SIGKILL))
            killer.start()
            with pytest.raises(LabError) as why:
                busy(lab)
            assert "\n" not in str(why.value)
            killer.join()
    clean(10)
    assert there(folders) == []


HOLDER = """
import sys, time
from pyctr_lab import Lab, Limits
lab = Lab()
group = lab.cgroup("web", memory="64M")
box = lab.container("box")
group.add(box)
exec(sys.argv[1])
lab.start(["sleep", "1000"], limits=Limits(pids=9))
places = lab.groups.where.everywhere
print(lab.host.machine_pid, lab.groups.reaper.pid, *(lab.groups.folder(place) for place in places), flush=True)
time.sleep(1000)
"""


@contextmanager
def held(more: str = "") -> Iterator[tuple[subprocess.Popen[str], int, int, list[str]]]:
    """A process that holds a lab with groups: itself, and descriptors of the launcher and of the guard.

    It has ended at the end, also when the test has failed.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with ExitStack() as stack:
        words = [sys.executable, "-c", HOLDER, more]
        holder = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env))
        stack.callback(holder.kill)
        assert holder.stdout
        launcher, guarding, *folders = holder.stdout.readline().split()
        descriptors = [os.pidfd_open(int(pid)) for pid in (launcher, guarding)]
        for each in descriptors:
            stack.callback(os.close, each)
        yield holder, *descriptors, folders


def ended(pidfd: int) -> bool:
    """Waits for a process that is not our child."""
    return readable(pidfd, 20)


def test_the_holder_killed_leaves_it_to_the_guard(delegated: None) -> None:
    with held() as (holder, launcher, guarding, folders):
        assert there(folders) == folders and len(folders) >= 1
        holder.kill()
        assert ended(launcher) and ended(guarding)
        assert there(folders) == []


def test_the_holder_killed_while_a_group_stands_still_leaves_nothing(delegated: None) -> None:
    with held("group.freeze()") as (holder, launcher, guarding, folders):
        holder.kill()
        assert ended(launcher) and ended(guarding)
        assert there(folders) == []


def test_a_lab_is_closed_while_a_group_stands_still(delegated: None) -> None:
    with Lab() as lab, lab.cgroup("cold") as group:
        group.add(lab.container("cold"))
        group.freeze()
        folders = own(lab)
        lab.close()
    assert there(folders) == []


def test_the_guard_killed_too_leaves_it_to_whoever_cleans(delegated: None) -> None:
    with held() as (holder, launcher, guarding, folders):
        signal.pidfd_send_signal(guarding, signal.SIGKILL)
        assert ended(guarding)
        holder.kill()
        assert ended(launcher)
    removed, _ = clean(10)  # another lab that begins just now may be the first to do it
    assert there(folders) == [] and not set(removed) & set(there(removed))


def test_a_lab_that_lives_is_left_alone_by_whoever_cleans(lab: Lab, group: Cgroup) -> None:
    removed, kept = clean()
    assert not set(own(lab)) & {*removed, *kept} and there(own(lab)) == own(lab)
    assert group.is_there


def test_a_lab_in_a_lab(lab: Lab, group: Cgroup) -> None:
    """As anybody who was given a group: the lab's host was."""
    package = Path(__file__).parents[2] / "pyctr_lab"
    if lab.host.run(["sh", "-c", f"test -r {package}/__init__.py && test -x /usr/bin/python3"]).returncode:
        pytest.skip("the lab's host cannot read the package where it lies")
    code = f"""import sys; sys.path.insert(0, {str(package.parent)!r})
from pyctr_lab import Lab, Limits, Unsupported
with Lab() as lab:
    try: print(lab.run(['echo', 'on'], limits=Limits(pids=9)).stdout)
    except Unsupported as why: print('Unsupported', why)
"""
    before = below(lab)
    done = lab.host.run(["/usr/bin/python3", "-c", code], timeout=60)
    assert done.stdout.split()[:1] in (["on"], ["Unsupported"]), done.stderr
    assert below(lab) == before


def test_threads_may_make_groups_at_once(lab: Lab, delegated: None) -> None:
    lab.groups  # noqa: B018
    before, failed = below(lab), []

    def work(number: int) -> None:
        for _ in range(3):
            with lab.cgroup(f"t{number}", pids=20) as group, lab.container(f"t{number}") as box:
                group.add(box)
                if box.run(["echo", "on"]).stdout != "on\n" or lab.run(["true"], limits=SMALL).returncode:
                    failed.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == [] and below(lab) == before


def test_an_interrupted_run_leaves_no_group(lab: Lab, delegated: None) -> None:
    lab.groups  # noqa: B018
    before = below(lab)
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = threading.Thread(target=press, args=(lab, before))
    pressed.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            lab.run(["sleep", "1000"], limits=SMALL)
    finally:
        pressed.join()
        signal.signal(signal.SIGINT, old)
    assert below(lab) == before


def press(lab: Lab, before: set[str]) -> None:
    """Ctrl-C, once the program runs in its group."""
    while True:
        with suppress(OSError):
            for folder in below(lab) - before:
                for pid in Path(folder, "cgroup.procs").read_text().split():
                    if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                        return
