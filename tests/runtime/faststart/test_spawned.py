"""Starts by the loop of machine code: the same as by a Python child, in all that can be seen, failures included."""

from __future__ import annotations

import os
import random
import re
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EACCES, EINVAL, ENOENT, ENOSYS, EPERM
from pathlib import Path
from threading import Thread, main_thread
from typing import Any, TypeAlias

import pytest

from pyctr_lab import Lab, Limits, Recipe, Run, steps
from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.arguments import Ref, Struct, Subject
from pyctr_lab.kernel.calls import (
    Call,
    CallError,
    chdir,
    close,
    fork,
    mkdirat,
    openat,
    prctl,
    setresgid,
    setresuid,
    write,
)
from pyctr_lab.kernel.constants import FUTEX_WAIT_PRIVATE, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS
from pyctr_lab.runtime.carrier import ended
from pyctr_lab.runtime.faststart import loop
from pyctr_lab.runtime.faststart.spawned import has_called_exec, laid_out, pid_of, unfit
from pyctr_lab.steps import Birth, Step

Both: TypeAlias = Callable[[Callable[[Lab], Run]], tuple[object, ...]]
WISH = "the lab was made so"
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOOK = """hostname; id; pwd; umask; ulimit -n; env | sort; ls -l /proc/self/fd | grep -c pipe
grep -vE '^(Pid|Tgid|Ngid|PPid|NSpid|NStgid|NSpgid|NSsid|Vm|Rss|voluntary|nonvol|Cpus|Mems|Kthread)' /proc/self/status
cat /proc/self/uid_map /proc/self/gid_map /proc/self/limits /proc/self/cgroup; cut -d' ' -f4- /proc/self/mountinfo
cat /proc/1/comm; set -- /proc/[0-9]*; echo $#; ls -l --time-style=+ /dev
for one in /proc/self/ns/*; do echo ${one##*/}; done"""


@pytest.fixture(scope="module")
def quick() -> Iterator[Lab]:
    """A lab whose starts go by the loop."""
    with Lab() as made:
        made.run(["/bin/true"])
        assert made.starter.why_slow == "", made.starter.why_slow
        yield made


@pytest.fixture(scope="module")
def plain() -> Iterator[Lab]:
    """A lab whose starts go by a Python child."""
    with Lab(start="fork") as made:
        yield made


def normal(text: str) -> str:
    """Without what no two starts have in common: numbers of mounts, peer groups, devices and groups."""
    text = re.sub(r"\b(shared|master):\d+", r"\1", text)
    text = re.sub(r"\d+:\d+ (/\S* /)", r"\1", text)
    text = re.sub(r"^(SigQ:\s+)\d+", r"\1", text, flags=re.M)
    return re.sub(r"pyctr-lab-\d+|start-?\d+|run-?\d+|\b(Seccomp_filters|x86_Thread).*", "", text)


def outcome(start: Callable[[Lab], Run], lab: Lab) -> tuple[object, ...]:
    """What became of a start: what was said, or what was refused."""
    try:
        run = start(lab)
    except CallError as why:
        return (why.errno, why.filename, why.call.bare(), why.hint, str(why))
    return (run.returncode, normal(run.stdout), run.stderr, [each.file for each in run.reached])


@pytest.fixture
def both(quick: Lab, plain: Lab) -> Callable[[Callable[[Lab], Run]], tuple[object, ...]]:
    """Starts something both ways, sees that it came to the same, and hands that over."""

    def alike(start: Callable[[Lab], Run]) -> tuple[object, ...]:
        one, other = outcome(start, quick), outcome(start, plain)
        assert one == other
        assert (quick.starter.why_slow, plain.starter.why_slow) == ("", WISH)
        return one

    return alike


# --- the same
WITHOUT: dict[str, tuple[str | type[steps.Step], ...]] = {
    "nothing": (),
    "a host name of its own": ("uts", steps.SetHostname),
    "ipc": ("ipc",),
    "a network": ("net", steps.LoopbackUp),
    "its groups as root": ("cgroup",),
    "walls for powers": (steps.DropCapabilities, steps.NoNewPrivileges),
    "a wall for writing": (steps.ReadOnlyRoot,),
    "a limit": (steps.ResourceLimit,),
}
MORE: dict[str, tuple[steps.Step, ...]] = {
    "a variable": (steps.Environment(PATH="/bin:/usr/bin", WORD="said"),),
    "somebody": (steps.SetIds(0, 0),),
    "elsewhere": (steps.WorkingDirectory("/tmp"),),
}
LOOSE: dict[str, tuple[steps.Step, ...]] = {
    "no step": (),
    "a user namespace": (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny")),
    "a pid namespace too": (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"),
                            steps.NewNamespace("pid")),
    "a change of clocks": (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"),
                           steps.NewNamespace("time"), steps.ClockOffset(86400)),
}  # fmt: skip


@pytest.mark.parametrize("part", WITHOUT)
def test_a_container_without_a_part(part: str, both: Both) -> None:
    assert both(lambda lab: lab.run(["sh", "-c", LOOK], recipe=lab.recipe().without(*WITHOUT[part])))[0] == 0


@pytest.mark.parametrize("part", MORE)
def test_a_container_with_one_step_more(part: str, both: Both) -> None:
    """A change of ids is not for the loop: that start goes by a Python child on both sides."""

    def more(lab: Lab) -> Recipe:
        whole = list(lab.recipe())
        place = next(number for number, step in enumerate(whole) if isinstance(step, steps.ResourceLimit))
        return Recipe([*whole[:place], *MORE[part], *whole[place:]])

    assert both(lambda lab: lab.run(["sh", "-c", LOOK], recipe=more(lab)))[0] == 0


@pytest.mark.parametrize("part", LOOSE)
def test_less_than_a_container(part: str, both: Both) -> None:
    both(lambda lab: lab.run(["sh", "-c", LOOK], recipe=Recipe(LOOSE[part])))


PROGRAMS = {
    "a bare name": ["echo", "said"],
    "a path": ["/bin/echo", "said"],
    "a status": ["sh", "-c", "exit 3"],
    "a signal": ["sh", "-c", "kill -9 $$"],
    "no such name": ["no-such-program"],
    "no such path": ["/no/such/program"],
    "a folder": ["/bin"],
    "no program": ["/etc/passwd"],
    "many words": ["echo", *map(str, range(2000))],
    "strange words": ["echo", "", "ä\n\t'\"", "\udc80"],
    "too many words": ["echo", "x" * 140_000],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_become_the_same_program(name: str, both: Both) -> None:
    both(lambda lab: lab.run(PROGRAMS[name]))


@pytest.mark.parametrize("kind", ["a script", "a folder", "not to be executed"])
def test_what_is_found_along_path(kind: str, both: Both, tmp_path: Path) -> None:
    """As execvpe(3): a script without a first line is read by a shell, and who may not is told so in the end."""
    found = tmp_path / "hello"
    found.mkdir() if kind == "a folder" else found.write_text("echo from a script\n")
    found.chmod(0o644 if kind == "not to be executed" else 0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == tmp_path.owner():
            folder.chmod(folder.stat().st_mode | 0o055)
    walls = [*LOOSE["a user namespace"], steps.NewNamespace("mnt"), steps.PrivatePropagation()]
    recipe = Recipe([*walls, steps.Bind(str(tmp_path), "/usr/local/sbin")])
    told = both(lambda lab: lab.run(["hello"], recipe=recipe))
    assert told[:2] == (0, "from a script\n") if kind == "a script" else told[0] == EACCES


@pytest.mark.parametrize("words", [{"stdin": "fed"}, {"env": {"PATH": "/bin", "WORD": "said"}}, {"timeout": 20}])
def test_streams_and_variables(words: dict[str, object], both: Both) -> None:
    assert both(lambda lab: lab.run(["sh", "-c", "cat; env | sort"], **words))[0] == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [Limits(memory="64M", cpus=0.5, pids=20), Limits(pids=2)], ids=["many", "one"])
def test_limits(limits: Limits, both: Both, delegated: None) -> None:
    both(lambda lab: lab.run(["sh", "-c", LOOK], limits=limits))


# --- failures
def with_rest(lab: Lab, rest: Sequence[Call]) -> Recipe:
    """The default recipe, with another list behind the birth."""
    made = Recipe(lab.recipe())
    made.__dict__["birth"] = Birth(lab.recipe().birth.fork, list(rest))
    return made


def with_call(lab: Lab, place: int, call: Call) -> Recipe:
    """The default recipe, with one more call of the process itself."""
    rest = lab.recipe().birth.rest
    return with_rest(lab, [*rest[:place], call, *rest[place:]])


def own(lab: Lab) -> range:
    """The places in the list where the process's own calls are."""
    rest = lab.recipe().birth.rest
    return range(sum(call.outside for call in rest), len(rest) + 1)


def test_a_failing_call_is_told_wherever_it_stands(quick: Lab, both: Both) -> None:
    for place in own(quick)[:: len(own(quick)) // 12]:
        bad = openat(f"/nowhere/{place}")
        told = both(lambda lab, place=place, bad=bad: lab.run(["true"], recipe=with_call(lab, place, bad)))  # type: ignore[misc]
        assert told[:2] == (ENOENT, f"/nowhere/{place}")


def test_an_error_has_what_was_done_before_it(quick: Lab) -> None:
    with pytest.raises(CallError) as failed:
        quick.run(["true"], recipe=with_call(quick, own(quick)[-1], chdir("/nowhere")))
    made = failed.value.answers
    assert [each.failed for each in made[:-1]] == [False] * (len(made) - 1) and made[-1].name == "chdir"
    assert made[0].name == "fork" and sum(each.name == "mount" for each in made) > 5


@pytest.mark.repeat(few=100, many=2000)
@pytest.mark.timeout(600)
def test_thousands_of_starts_leave_nothing(repeats: int) -> None:
    """One in ten fails, at a random call."""
    dice = random.Random(7)
    with Lab() as lab:
        lab.run(["true"])
        begun: tuple[object, ...] = ()
        for number in range(repeats):
            if dice.random() < 0.1:
                with pytest.raises(CallError, match=f"/nowhere/{number}"):
                    lab.run(["true"], recipe=with_call(lab, dice.choice(own(lab)), chdir(f"/nowhere/{number}")))
            else:
                assert lab.run(["true"]).returncode == 0
            if number == repeats // 10:
                begun = held(lab)
        left = held(lab)
    assert left[:3] == begun[:3]
    assert left[3] - begun[3] < 2048, "kB of the launcher"  # type: ignore[operator]


def held(lab: Lab) -> tuple[object, ...]:
    """Descriptors of both, and the launcher's children and memory (kB)."""
    pid = lab.launcher.machine_pid
    ours, theirs = (len(os.listdir(f"/proc/{who}/fd")) for who in ("self", pid))
    return ours, theirs, proc.children(pid), int(proc.status(pid)["VmRSS"].split()[0])


def test_a_list_longer_than_a_page(both: Both) -> None:
    """Each of its entries has 88 bytes; the texts of its calls are elsewhere."""
    more = [mkdirat(f"/tmp/{number:0200}", 0o755) for number in range(300)]
    told = both(
        lambda lab: lab.run(["sh", "-c", "ls /tmp | wc -l"], recipe=with_rest(lab, [*lab.recipe().birth.rest, *more]))
    )
    assert told[1] == "300\n"


def test_an_accepted_errno_is_told_and_passed(quick: Lab) -> None:
    program = quick.start(["true"], recipe=with_call(quick, own(quick)[-1], mkdirat("/proc/self").accepting(17)))
    program.wait()
    (made,) = (each for each in program.story if each.call.args[1:2] == ("/proc/self",))
    assert (made.result, made.errno, made.failed) == (-1, 17, False)


def test_a_result_is_an_argument_of_a_later_call(both: Both) -> None:
    calls = [openat("/tmp/made", os.O_CREAT | os.O_WRONLY, 0o600), write(Ref("fd"), "by the loop")]
    told = both(lambda lab: lab.run(["cat", "/tmp/made"], recipe=with_rest(lab, [*lab.recipe().birth.rest, *calls])))
    assert told[1] == "by the loop"


def test_many_threads_start_at_once(quick: Lab) -> None:
    said: list[str] = []
    words = "abcdefgh"
    threads = [Thread(target=lambda word=word: said.append(quick.run(["echo", word]).stdout)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [f"{word}\n" for word in words]


# --- sudden ends
def test_whoever_was_reaped_has_no_number() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    pidfd = os.pidfd_open(child.pid)
    try:
        assert pid_of(pidfd) == child.pid
        child.kill()
        child.wait()
        with pytest.raises(Gone, match="has ended with its lab"):
            pid_of(pidfd)
    finally:
        os.close(pidfd)


def stuck(lab: Lab) -> Recipe:
    """Its process never becomes a program: the last call waits for a word that nobody changes."""
    return with_rest(lab, [*lab.recipe().birth.rest, Call("futex", (Struct(word=0), FUTEX_WAIT_PRIVATE, 0, None))])


def in_its_list(lab: Lab) -> int:
    """The launcher's child, once it is there: by its number as we see it."""
    until = time.monotonic() + 10
    while not (children := proc.children(lab.launcher.machine_pid)) and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.05)
    return children[0]


@pytest.mark.parametrize("kind", ["load", "results"])
def test_a_launcher_that_ends_instead_of_answering(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab() as lab:
        program = lab.start(["true"]) if kind == "results" else None
        request = lab.launcher.request

        def killed(asked: str, *words: object, **more: Any) -> list[str]:
            if asked == kind:
                os.kill(lab.launcher.machine_pid, signal.SIGKILL)
                ended(lab.launcher.machine_pid)
            return request(asked, *words, **more) if asked != kind else []

        monkeypatch.setattr(lab.launcher, "request", killed)
        with pytest.raises(Gone, match="the launcher has ended"):
            program.story if program else lab.start(["true"])


def test_the_launcher_is_killed_while_a_child_shares_its_memory() -> None:
    with Lab() as lab:
        lab.run(["true"])
        with ThreadPoolExecutor() as pool:
            started = pool.submit(lab.run, ["true"], recipe=stuck(lab))
            child = in_its_list(lab)
            os.kill(lab.launcher.machine_pid, signal.SIGKILL)
            assert ended(child, 60)
            with pytest.raises(Gone):
                started.result(20)


def test_nobody_has_called_exec_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_called_exec(2**22 + 1)
    with subprocess.Popen(["sleep", "60"]) as gone:
        while not has_called_exec(gone.pid):
            time.sleep(0.001)
        monkeypatch.chdir(f"/proc/{gone.pid}")
        gone.kill()
    assert not has_called_exec("self/cwd")  # looked up, and cannot be opened any more


def test_a_child_that_is_killed_in_its_list_is_told_and_buried(quick: Lab) -> None:
    with ThreadPoolExecutor() as pool:
        started = pool.submit(quick.run, ["true"], recipe=stuck(quick))
        os.kill(in_its_list(quick), signal.SIGKILL)
        with pytest.raises(Gone, match="inside futex"):
            started.result(20)
    assert not proc.children(quick.launcher.machine_pid)
    assert quick.run(["echo", "well"]).stdout == "well\n"


@pytest.mark.parametrize("after", [0, 0.001, 0.002, 0.2])
def test_an_interrupted_start_leaves_nothing(after: float, quick: Lab) -> None:
    """Pressed at any moment; also by whoever waits for a start that never ends."""
    recipe = stuck(quick) if after == 0.2 else None

    def press() -> None:
        time.sleep(after)
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for _ in range(1 if recipe else 10):
            pressed = Thread(target=press)
            with suppress(KeyboardInterrupt):
                pressed.start()
                quick.run(["sleep", "60"], recipe=recipe)
            pressed.join()
    finally:
        signal.signal(signal.SIGINT, old)
    assert quick.run(["echo", "well"]).stdout == "well\n"
    until = time.monotonic() + 10
    while proc.children(quick.launcher.machine_pid) and time.monotonic() < until:  # one of which nobody knew the number
        quick.reaper.reap(quick.launcher)
    assert not proc.children(quick.launcher.machine_pid)


# --- its story
def test_the_story_has_every_call_with_its_time(quick: Lab) -> None:
    program = quick.start(["/bin/true"])
    program.wait()
    told = [str(each.call) for each in program.story]
    numbers = re.compile(r"\bfd\b|\d+")  # the story knows what a name came to
    listed = [numbers.sub("N", line.split(None, 1)[1]) for line in quick.recipe().listing(["/bin/true"]).splitlines()]
    assert [numbers.sub("N", call) for call in told if not call.startswith(("clone3", "futex", "dup3"))] == listed[1:]
    assert told[0].startswith("clone3({flags=CLONE_VM|CLONE_PIDFD|") and told[-1].startswith("execve(")
    assert [each for each in told if each.startswith("dup3")] == [
        f"dup3({name}, {fd}, 0)" for fd, name in enumerate(("stdin", "stdout", "stderr"))
    ]
    inside = [each for each in program.story if each.name == "mount"]
    assert all(each.seconds > 0 for each in inside) and sum(each.seconds for each in program.story) < 1


def test_a_python_child_has_a_story_too(plain: Lab) -> None:
    program = plain.start(["/bin/true"])
    program.wait()
    assert program.story[0].name == "fork" and program.story[-1].name == "execve"


# --- why not
class Astray(Step):
    """A step of somebody's own, with a slip in it."""

    def calls(self) -> list[Call]:
        return [close(Ref("elsewhere"))]


class HalfChanged(Step):
    """A change of the group, which hides the memory that is shared, and then one of the user that fails."""

    def calls(self) -> list[Call]:
        return [setresgid(0), setresuid(70_000), prctl(PR_SET_DUMPABLE, 1)]


def test_a_start_that_ends_amid_a_change_of_ids_hides_nothing(quick: Lab) -> None:
    if quick.ids == 1:
        pytest.skip("one id cannot become another")
    user = steps.NewNamespace("user")
    recipe = Recipe([user, steps.OwnIds(quick.ids, quick.world.cuts).maps, steps.NewNamespace("pid"), HalfChanged()])
    with pytest.raises(CallError, match="setresuid") as why:
        quick.start(["true"], recipe=recipe)
    assert why.value.errno == EINVAL and quick.starter.why_slow == ""
    with quick.container("next") as box:
        box.apply(user)
        assert box.apply(steps.IdMaps(count=1, setgroups="deny")), "its /proc files are its own user's"


UNFIT = {
    "setresuid(0, 0, 0) hides the memory": [setresuid(0)],
    "hides the memory that it shares": [prctl(PR_SET_DUMPABLE, 1), setresuid(0)],
    "fork is not one of the calls": [fork()],
    "may concern the memory that it shares": [prctl(PR_SET_DUMPABLE, 0)],
    "a result within a structure": [openat("/"), Call("ioctl", (1, 2, Struct(fd=Ref("fd"))))],
    "more ways than the loop can tell": [chdir("/").accepting(130)],
    "in the midst of its own calls": [chdir("/").from_outside()],
}


@pytest.mark.parametrize("why", UNFIT)
def test_what_the_loop_cannot_carry_a_python_child_does(why: str) -> None:
    assert why in unfit([], UNFIT[why])
    assert why in laid_out((), tuple(UNFIT[why]))[0]


def test_a_reference_to_nothing_is_refused_before_anything_is_born(quick: Lab) -> None:
    with pytest.raises(BadInput, match="a result named elsewhere"):
        quick.run(["true"], recipe=Recipe([*quick.recipe(), Astray()]))
    assert quick.run(["echo", "well"]).stdout == "well\n"


def test_a_number_that_is_told_from_outside_must_be_known() -> None:
    assert "its number" in unfit([write(Ref("fd"), Subject()).from_outside()], [])


def test_what_the_default_recipe_does_it_can_carry(quick: Lab) -> None:
    rest = quick.recipe().birth.rest
    assert unfit([call for call in rest if call.outside], [call for call in rest if not call.outside]) == ""


def test_on_a_processor_without_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "code_here", bytes)
    with Lab() as lab:
        assert lab.run(["echo", "well"]).stdout == "well\n"
        assert lab.starter.why_slow == "the loop is not written for this kind of processor yet"


def forbidding(lab: Lab, number: int, argument: int, bits: int, errno: int) -> None:
    """A real filter for the launcher: a system call, with these bits in an argument, is refused. See seccomp(2)."""
    program = [
        (0x20, 0, 0, 0),  # load the number
        (0x15, 0, 3, number),  # is it this call?
        (0x20, 0, 0, 16 + 8 * argument),  # load the argument
        (0x45, 0, 1, bits),  # has it one of these bits?
        (0x06, 0, 0, 0x00050000 | errno),  # SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    ]
    code = b"".join(struct.pack("HBBI", *each) for each in program)
    set_filter = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Struct(len=len(program), filter=code))
    made = lab.launcher.ask([prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), set_filter])
    assert not made[-1].failed, made


def test_where_memory_may_not_be_executable() -> None:
    mmap = {"x86_64": 9, "aarch64": 222}[os.uname().machine]
    with Lab() as lab:
        forbidding(lab, mmap, 2, 4, EPERM)  # PROT_EXEC
        assert lab.run(["busybox", "echo", "well"]).stdout == "well\n"  # which needs no linker, that needs such memory
        assert lab.starter.why_slow == "memory may not be executable: Operation not permitted"


@pytest.mark.parametrize("errno", [ENOSYS, EINVAL])
def test_where_clone3_is_refused(errno: int) -> None:
    """ENOSYS as Docker says it, EINVAL as a kernel does that is too old for one of the flags."""
    with Lab() as lab:
        forbidding(lab, 435, 1, 88, errno)  # its second argument is the size of the first
        if errno == ENOSYS:
            assert lab.run(["echo", "well"]).stdout == "well\n"
            assert not lab.starter.clone3
        else:  # and then the Python child is refused too, and tells it
            with pytest.raises(CallError):
                lab.run(["echo", "well"])
        assert lab.starter.why_slow == f"clone3: {os.strerror(errno)}"


def test_an_old_story_is_forgotten(quick: Lab) -> None:
    old = quick.start(["/bin/true"])
    old.wait()
    for _ in range(70):
        quick.run(["/bin/true"])
    with pytest.raises(Gone, match="too many others"):
        _ = old.story
