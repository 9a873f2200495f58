"""Mounts as lists of calls, and on the kernel."""

from __future__ import annotations

import pytest

from pyctr_lab import steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import KINDS, O_RDONLY, chroot, fchdir, openat
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.runtime.container import Container

pytestmark = pytest.mark.machine


def names(step: steps.Step) -> list[str]:
    return [call.name for call in step.calls()]


def test_private_propagation_is_one_call() -> None:
    assert [str(call) for call in steps.PrivatePropagation().calls()] == [
        'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)'
    ]


def test_a_bind_is_recursive_and_its_attributes_too() -> None:
    calls = [str(call) for call in steps.Bind("/usr", "/mnt/usr").calls()]
    assert calls[1] == 'mount("/usr", "/mnt/usr", NULL, MS_BIND|MS_REC, NULL)'
    assert "AT_RECURSIVE" in calls[2] and "MOUNT_ATTR_RDONLY" in calls[2]
    assert len(steps.Bind("/usr", "/mnt/usr", readonly=False).calls()) == 2


def test_pivot_root_lets_the_old_root_go() -> None:
    assert [str(call) for call in steps.PivotRoot("/new").calls()] == [
        'chdir("/new")', 'pivot_root(".", ".")', 'umount2(".", MNT_DETACH)', 'chdir("/")'
    ]  # fmt: skip


def test_no_container_makes_a_device() -> None:
    calls = steps.MinimalDev("/d").calls()
    assert {call.name for call in calls} == {"mkdirat", "mount", "openat", "close", "symlinkat"}
    assert {call.args[1] for call in calls if call.name == "mount"} >= {"/d/null", "/d/tty", "/d/pts", "/d/shm"}


@pytest.mark.parametrize(("target", "source"), [("/d", "/dev/pts/7"), ("/dev", "pts/7")])
def test_a_terminal_is_shown_as_the_console(target: str, source: str) -> None:
    step = steps.MinimalDev(target, console="/dev/pts/7")
    bound = {call.args[1]: call.args[0] for call in step.calls() if call.name == "mount"}
    assert bound[f"{target}/console"] == source
    assert f"pts/7 {target}/console" in step.shell() and "console" not in steps.MinimalDev(target).shell()


@pytest.mark.parametrize("wrong", ["pts/7", "/etc/passwd", "/dev/\0", None])
def test_a_terminal_that_is_none(wrong: str) -> None:
    with pytest.raises(BadInput):
        steps.MinimalDev(console=wrong or 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["", "a\0b", "x" * 4096, None, 5])
def test_a_place_that_cannot_be(target: str) -> None:
    for make in (
        steps.Tmpfs, steps.Proc, steps.Sysfs, steps.MinimalDev, steps.HostTree, steps.PivotRoot, steps.Chroot,
        steps.ReadOnlyRoot, lambda word: steps.Bind(word, "/x"), lambda word: steps.Bind("/x", word),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            make(target)


@pytest.mark.parametrize(
    "wrong", [{"size": "a\0"}, {"mode": "\0"}, {"size": "1," * 3000}, {"size": "1m,mode=777"}, {"size": None}]
)
def test_options_that_cannot_be(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        steps.Tmpfs("/x", **wrong)


@pytest.fixture
def own(box: Container) -> Container:
    """A live process with every namespace but the user's, and private mounts."""
    for kind in KINDS:
        if kind != "user":
            box.apply(steps.NewNamespace(kind))
    box.apply(steps.PrivatePropagation())
    return box


def test_a_device_is_a_device_also_where_the_old_ones_were(own: Container) -> None:
    own.apply(steps.MinimalDev())
    done = own.run(["sh", "-c", "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo no $d; done"])
    assert done.stdout == ""


def test_devices_in_a_new_root_work(own: Container) -> None:
    own.apply(steps.HostTree())
    own.apply(steps.MinimalDev("/mnt/dev"))
    script = "cd /mnt/dev; echo x > null; head -c 3 zero | od -An -c; readlink fd stdin ptmx; ls -d s*"
    done = own.run(["sh", "-c", script])
    assert done.stderr == ""
    links = ["/proc/self/fd", "fd/0", "pts/ptmx"]
    assert done.stdout.split() == [*[r"\0"] * 3, *links, "shm", "stderr", "stdin", "stdout"]


def test_a_read_only_bind_is_so_below_too(own: Container) -> None:
    own.apply(steps.Tmpfs("/mnt"))
    assert own.run(["sh", "-c", "mkdir /mnt/a /mnt/a/b /mnt/c"]).returncode == 0
    own.apply(steps.Tmpfs("/mnt/a/b"))
    own.apply(steps.Bind("/mnt/a", "/mnt/c"))
    assert own.run(["touch", "/mnt/a/b/x"]).returncode == 0
    done = own.run(["touch", "/mnt/c/x", "/mnt/c/b/y"])
    assert done.stderr.count("Read-only") == 2


def test_a_mount_holds_what_it_promised(own: Container) -> None:
    own.apply(steps.Tmpfs("/mnt", size="1m", mode="700"))
    mount = own.view().mounts[-1]
    assert (mount.target, mount.kind) == ("/mnt", "tmpfs")
    assert {"nosuid", "nodev"} <= set(mount.options) and {"size=1024k", "mode=700"} <= set(mount.super_options)
    assert own.run(["sh", "-c", "head -c 2000000 /dev/zero > /mnt/x"]).stderr.count("No space left") == 1


def test_a_chroot_is_no_wall(own: Container) -> None:
    before = own.run(["ls", "/"]).stdout
    own.apply(steps.WorkingDirectory("/"))
    inside = own.call(openat("/", O_RDONLY)).result  # a folder above the new root, still open
    own.apply(steps.Chroot("/usr"))
    with pytest.raises(CallError, match="ENOENT"):
        own.call(openat("/usr", O_RDONLY))
    own.call(fchdir(inside))
    own.call(chroot("."))
    assert own.run(["ls", "/"]).stdout == before
