"""A view is the truth: commands that run inside say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.kernel import proc
from pyctr_lab.runtime import view
from pyctr_lab.runtime.container import Container

pytestmark = pytest.mark.machine


@pytest.fixture(params=["walls", "no walls", "host"])
def seen(request: pytest.FixtureRequest, lab: Lab, box: Container) -> Container:
    if request.param == "host":
        return lab.host
    if request.param == "walls":
        for step in lab.recipe():
            box.apply(step)
    return box


def said(box: Container, script: str) -> list[str]:
    return box.run(["sh", "-c", script]).stdout.splitlines()


def comparable(mount: proc.Mount) -> proc.Mount:
    """The root of a cgroup mount, and an automounter's group, are told as the reader's own namespaces see them."""
    if mount.kind == "autofs":
        return replace(mount, super_options=tuple(one for one in mount.super_options if not one.startswith("pgrp=")))
    return replace(mount, root="") if mount.kind.startswith("cgroup") else mount


def test_each_field_is_what_a_command_inside_says(seen: Container) -> None:
    found = seen.view()
    assert [found.hostname] == said(seen, "hostname")
    assert [str(found.uid), str(found.gid)] == said(seen, "id -u; id -g")
    assert [f"{kind}:[{inode}]" for kind, inode in found.namespaces.items()] == said(
        seen, f"for k in {' '.join(found.namespaces)}; do readlink /proc/self/ns/$k; done"
    )
    inside_mounts = map(proc.parse_mount, said(seen, "cat /proc/self/mountinfo"))
    assert list(map(comparable, found.mounts)) == list(map(comparable, inside_mounts))
    assert [interface.name for interface in found.interfaces] == said(
        seen, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"
    )
    maps = [tuple(map(int, line.split())) for line in said(seen, "cat /proc/self/uid_map")]
    assert [(one.inside, one.count) for one in found.uid_map] == [(inside, count) for inside, _, count in maps]
    status = dict(line.split(":\t") for line in said(seen, "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status"))
    assert found.no_new_privs == (status["NoNewPrivs"] == "1") and found.seccomp == int(status["Seccomp"])
    assert found.bounding == view.capability_names(status["CapBnd"])
    assert found.limits["Max open files"][0] == int(said(seen, "ulimit -n")[0])
    assert [found.cgroup] == said(seen, "sed -n 's/^0:://p' /proc/self/cgroup") or "0::" not in "".join(
        said(seen, "cat /proc/self/cgroup")
    )
    inside = float(said(seen, "cat /proc/uptime")[0].split()[0])
    assert found.uptime <= inside + 1 and inside <= seen.view().uptime + 1


def test_processes_are_numbered_as_inside(lab: Lab, box: Container) -> None:
    for step in lab.recipe():
        box.apply(step)
    program = box.start(["sleep", "1000"])
    numbers = [process.pid for process in box.view().processes]
    listed = said(box, "echo /proc/[0-9]*")[0].replace("/proc/", "").split()
    assert numbers == [1, proc.nspid(program.machine_pid)[-1]]
    assert set(map(str, numbers)) < set(listed)
    program.kill()
    program.wait()


def test_the_host_sees_what_containers_run(lab: Lab, box: Container) -> None:
    box.apply(steps.NewNamespace("pid"))
    program = box.start(["sleep", "1000"])
    assert program.pid in {process.pid for process in lab.host.view().processes}
    program.kill()
    program.wait()


def test_loopback_down_and_up(box: Container) -> None:
    box.apply(steps.NewNamespace("net"))
    assert box.view().interfaces == (view.Interface("lo", False),)
    box.apply(steps.LoopbackUp())
    assert box.view().interfaces == (view.Interface("lo", True, ("127.0.0.1",)),)


def test_system_v_objects_are_counted(box: Container) -> None:
    before = box.view().ipc
    box.apply(steps.NewNamespace("ipc"))
    assert box.view().ipc == view.Ipc()
    made = box.run(["ipcmk", "-M", "4096", "-Q", "-S", "3"])
    assert made.returncode == 0, made.stderr
    assert box.view().ipc == view.Ipc(1, 1, 1) and before == view.Ipc()


def test_capabilities_by_name() -> None:
    assert view.capability_names("0") == frozenset()
    assert view.capability_names("0000000000000021") == {"CAP_CHOWN", "CAP_KILL"}


@pytest.mark.parametrize(
    ("path", "root", "inside"),
    [("/", "/", "/"), ("/a/b", "/a", "/b"), ("/a", "/a", "/"), ("/ab", "/a", "/ab"), ("/x", "/", "/x")],
)
def test_a_cgroup_path_as_a_namespace_shows_it(path: str, root: str, inside: str) -> None:
    assert view.within(path, root) == inside
