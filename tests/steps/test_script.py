"""The shell forms are executed, and /proc shows the same as after the step."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ranges import as_user_with, needs_range

from pyctr_lab import Lab, kernel, steps
from pyctr_lab.kernel import KINDS, proc
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import Recipe, Step

pytestmark = pytest.mark.skipif(not (shutil.which("ip") and shutil.which("setpriv")), reason="needs ip and setpriv")
LOOK = """echo @name; hostname; echo @folder; pwd; echo @user; id -u; id -g; echo @kinds
for k in mnt uts ipc pid net user cgroup time; do readlink /proc/self/ns/$k; done
echo @mounts; cat /proc/self/mountinfo; echo @limits; cat /proc/self/limits; echo @powers
grep -E '^(CapEff|CapPrm|CapInh|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; echo @links; ip -o addr
echo @clock; cat /proc/self/timens_offsets; echo @maps; cat /proc/self/uid_map /proc/self/gid_map
echo @devices; ls -1 /dev /mnt /mnt/dev 2>/dev/null; echo @files; ls -1 / /etc
echo @processes; set -- /proc/[0-9]*; echo $#; echo @end"""


def read(text: str, shared: dict[str, int]) -> dict[str, object]:
    """What LOOK said, without numbers that differ from one container to the next."""
    parts = dict(re.findall(r"^@(\w+)\n(.*?)(?=^@)", text, re.M | re.S))
    assert len(parts) == 13, text
    mounts = [proc.parse_mount(line) for line in parts["mounts"].splitlines()]
    seen: dict[str, object] = {**parts}
    kinds = dict(zip(KINDS, map(int, re.findall(r"\[(\d+)\]", parts["kinds"])), strict=True))
    seen["kinds"] = {kind: inode == shared[kind] for kind, inode in kinds.items()}
    seen["mounts"] = [
        (one.root, one.target, sorted(one.options), one.kind, one.source, sorted(one.super_options),
         [re.sub(r"\d+", "", word) for word in one.propagation])
        for one in mounts
    ]  # fmt: skip
    return seen


@pytest.fixture
def shared(lab: Lab) -> dict[str, int]:
    return proc.namespaces(lab.host.machine_pid)


BASE = ("mnt", "uts", "ipc", "net", "pid")
UNSHARE = "unshare --mount --propagation unchanged --uts --ipc --net --pid --fork"
P, T, M = steps.PrivatePropagation(), steps.HostTree(), steps.Proc("/mnt/proc")
COMMANDS: list[tuple[Step, ...]] = [
    (P,), (P, steps.Tmpfs("/mnt")), (P, steps.Tmpfs("/mnt", size="1m", mode="700")),
    (P, steps.Tmpfs("/mnt"), steps.Bind("/usr", "/mnt/usr")),
    (P, steps.Tmpfs("/mnt"), steps.Bind("/usr/bin", "/mnt/a b", readonly=False)),
    (P, steps.Proc("/proc")), (P, steps.Sysfs("/sys")), (P, steps.MinimalDev("/dev")), (P, T),
    (P, T, steps.MinimalDev("/mnt/dev")), (P, T, steps.ReadOnlyRoot()), (P, T, M, steps.PivotRoot()),
    (P, T, M, steps.Sysfs("/mnt/sys"), steps.MinimalDev("/mnt/dev"), steps.ReadOnlyRoot(), steps.PivotRoot()),
    (steps.SetHostname("a-b.c"),), (steps.LoopbackUp(),), (steps.WorkingDirectory("/usr/bin"),),
]  # fmt: skip


@pytest.mark.parametrize("some", COMMANDS, ids=lambda some: some[-1].title.replace(" ", "_"))
def test_a_command_does_what_the_step_does(
    some: tuple[Step, ...], lab: Lab, box: Container, shared: dict[str, int]
) -> None:
    for step in (*map(steps.NewNamespace, BASE), *some):
        box.apply(step)
    ours = box.run(["sh", "-c", LOOK])
    script = " && ".join(step.shell() for step in some) + f" && {{\n{LOOK}\n}}"
    theirs = lab.host.run([*UNSHARE.split(), "sh", "-c", script])
    if "Operation not permitted" in theirs.stderr and not ours.stdout:
        pytest.fail(theirs.stderr)
    ours_seen, theirs_seen = read(ours.stdout, shared), read(theirs.stdout, shared)
    for seen in (ours_seen, theirs_seen):  # there, the shell itself is PID 1; here, the process that obeys is
        seen.pop("processes")
    assert ours_seen == theirs_seen, theirs.stderr


WRAPPERS: list[Step] = [
    *map(steps.NewNamespace, KINDS), steps.ClockOffset(86400), steps.ClockOffset(-1),
    steps.ResourceLimit("nofile", 100),
    steps.ResourceLimit("core", 0, None), steps.ResourceLimit("nproc", 5000, 6000), steps.NoNewPrivileges(),
    steps.DropCapabilities(), steps.DropCapabilities(("CHOWN",)), steps.SetIds(0, 0),
]  # fmt: skip


@pytest.mark.parametrize("step", WRAPPERS, ids=lambda step: step.title.replace(" ", "_"))
def test_a_wrapper_does_what_the_step_does(step: Step, lab: Lab, box: Container, shared: dict[str, int]) -> None:
    if isinstance(step, steps.ResourceLimit) and step.hard is None and box.view().limits["Max core file size"][1] == 0:
        pytest.skip("this machine has a hard limit on core")
    box.apply(step)
    ours = box.run(["sh", "-c", LOOK])
    theirs = lab.host.run([*shlex.split(step.shell()), "sh", "-c", LOOK])
    ours_seen, theirs_seen = read(ours.stdout, shared), read(theirs.stdout, shared)
    for seen in (ours_seen, theirs_seen):
        seen.pop("processes")  # the box itself is one more
    assert ours_seen == theirs_seen, theirs.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_to_join_in_the_shell_is_to_join(kind: str, lab: Lab, box: Container) -> None:
    with lab.container("other") as other:
        for step in lab.recipe()[:2] if kind == "user" else [steps.NewNamespace(kind)]:
            other.apply(step)
        step = steps.JoinNamespace(kind, other.pid)
        box.apply(step)
        see = ["readlink", f"/proc/self/ns/{kind}"]
        if kind == "pid":
            see = ["sh", "-c", "readlink /proc/self/ns/pid"]
        ours, theirs = box.run(see), lab.host.run([*shlex.split(step.shell()), *see])
        assert ours.stdout == theirs.stdout == f"{kind}:[{other.view().namespaces[kind]}]\n", theirs.stderr
        if kind == "pid":
            box.kill()


def test_the_environment(box: Container, lab: Lab) -> None:
    step = steps.Environment({"A": "1 '2", "PATH": "/usr/bin:/bin"})
    box.apply(step)
    theirs = lab.host.run([*shlex.split(step.shell()), "env"])
    assert sorted(box.run(["env"]).stdout.splitlines()) == sorted(theirs.stdout.splitlines())


def test_chroot(box: Container, lab: Lab) -> None:
    tree = (*map(steps.NewNamespace, BASE), P, T)
    for step in (*tree, steps.Chroot()):
        box.apply(step)
    theirs = lab.host.run([*UNSHARE.split(), "sh", "-c", f"{P.shell()} && {T.shell()} && chroot /mnt ls -1a / /etc"])
    assert box.run(["ls", "-1a", "/", "/etc"]).stdout == theirs.stdout != ""


def test_exec(lab: Lab) -> None:
    assert lab.host.run(["sh", "-c", steps.Exec(["echo", "a  b", "$HOME"]).shell()]).stdout == "a  b $HOME\n"


@pytest.mark.parametrize("maps", [steps.IdMaps(count=1, setgroups="deny"), steps.IdMaps(count=1, more=((1, 1, 99),))])
def test_id_maps_written_from_outside(maps: steps.IdMaps, lab: Lab, box: Container) -> None:
    if lab.ids == 1 and maps.more:
        pytest.skip("this lab has one id")
    box.apply(steps.NewNamespace("user"))
    box.apply(maps)
    show = "cat /proc/$pid/uid_map /proc/$pid/gid_map /proc/$pid/setgroups"
    script = f"""unshare --user sleep 1000 & pid=$!
while [ "$(readlink /proc/$pid/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do :; done
{maps.shell()}; {show}; kill $pid"""
    theirs = lab.host.run(["sh", "-c", script])
    ours = lab.host.run(["sh", "-c", show.replace("$pid", str(box.pid))])
    assert ours.stdout.split() == theirs.stdout.split() != [], theirs.stderr


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def written(recipe: Recipe, folder: Path) -> str:
    file = folder / "container.sh"
    file.write_text(recipe.shell(["sh", "-c", LOOK]))
    file.chmod(0o755)
    return str(file)


def without_outside_ids(seen: dict[str, object]) -> dict[str, object]:
    maps = [line.split() for line in str(seen["maps"]).splitlines()]
    mounts = re.sub(r"'[ug]id=\d+'", "'id'", str(seen["mounts"]))
    return {**seen, "maps": [(inside, count) for inside, _, count in maps], "mounts": mounts}


def test_a_whole_recipe_as_a_script_in_the_lab(lab: Lab, readable: Path, shared: dict[str, int]) -> None:
    recipe = lab.recipe("shell").with_shared_ids().without(steps.Seccomp)  # the script leaves both out
    theirs = lab.host.run(["sh", written(recipe, readable)], timeout=60)
    assert theirs.returncode == 0, theirs.stderr
    ours = lab.run(["sh", "-c", LOOK], recipe=recipe)
    ours_seen = read(ours.stdout, shared)
    assert ours_seen == read(theirs.stdout, shared)
    assert ours_seen["kinds"] == {kind: kind == "time" for kind in KINDS}
    assert ours_seen["name"] == "shell\n"


def test_a_whole_recipe_as_a_script_of_an_ordinary_user(lab: Lab, readable: Path) -> None:
    recipe = steps.default("shell", ids=1).without(steps.Seccomp)
    user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"] if os.getuid() == 0 else []
    argv = [*user, "sh", written(recipe, readable)]
    theirs = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL)
    assert theirs.returncode == 0, theirs.stderr
    ours = lab.run(["sh", "-c", LOOK], recipe=recipe)
    ours_seen = without_outside_ids(read(ours.stdout, proc.namespaces(lab.host.machine_pid)))
    theirs_seen = without_outside_ids(read(theirs.stdout, proc.namespaces("self")))
    assert ours_seen == theirs_seen


@needs_range
@pytest.mark.parametrize(
    ("ranges", "status", "said"),
    [
        ("jane.doe:321000000:65536", 0, "0 61236 1 1 321000000 65535 " * 2),
        ("61236:321000000:65536", 0, "0 61236 1 1 321000000 65535 " * 2),
        ("jane.doe:321000000:100", 1, ""),
        ("john.doe:321000000:65536", 1, ""),
    ],
)
def test_a_user_with_a_range_of_ids_maps_them_or_is_told(
    ranges: str, status: int, said: str, readable: Path, tmp_path: Path
) -> None:
    file = readable / "container.sh"
    file.write_text(steps.default(ids=65536).shell(["cat", "/proc/self/uid_map", "/proc/self/gid_map"]))
    argv = [*as_user_with(ranges, tmp_path), "timeout", "20", "sh", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout.split()) == (status, said.split()), done.stderr
    assert ("these id maps are refused" in done.stderr, done.stderr.count("\n")) == (status == 1, status)


def test_a_command_that_fails_in_the_midst_of_a_step_ends_the_script(lab: Lab, readable: Path) -> None:
    """`a && b` alone is no failure for set -e."""

    class Broken(Step):
        """Fail, and go on."""

        def calls(self) -> list[kernel.Call]:
            return []

        def shell(self) -> str:
            return "false && true"

    file = readable / "container.sh"
    file.write_text(Recipe([*lab.recipe()[:2], Broken()]).shell(["echo", "reached"]))
    done = lab.host.run(["sh", str(file)], timeout=20)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("status", [0, 7, 143])
def test_the_script_ends_as_its_program_does(status: int, lab: Lab, readable: Path) -> None:
    file = readable / "container.sh"
    file.write_text(lab.recipe().shell(["sh", "-c", f"cat; exit {status}"]))
    done = lab.host.run(["sh", str(file)], stdin="through", timeout=60)
    assert (done.returncode, done.stdout) == (status, "through")
