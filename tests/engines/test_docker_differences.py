"""A container of Docker's beside `docker_like()`, on one root file system: they differ where the list says, only there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pyctr_lab.engines import DOCKER_DIFFERENCES, Sandbox, wall_differences
from pyctr_lab.engines.docker_differences import APPARMOR, NONE, OLD_GROUPS, UNSEEN
from pyctr_lab.engines.record import Record

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    """Those of Docker's container and of ours, by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        with Sandbox("generators:docker_beside_ours") as sandbox:
            return {name: Record.from_json(record) for name, record in sandbox}


needs_docker = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs root and Debian's package docker.io"
)


@needs_docker
def test_dockers_container_and_ours_differ_where_the_list_says(records: dict[str, Record]) -> None:
    elsewhere = {UNSEEN}
    if not os.path.isdir("/sys/fs/cgroup/memory"):
        elsewhere.add(OLD_GROUPS)
    if not records["docker"].profile:
        elsewhere.add(APPARMOR)
    listed = {each.wall: (each.docker, each.ours) for each in DOCKER_DIFFERENCES if each.where not in elsewhere}
    assert wall_differences(records["docker"], records["docker_like"]) == listed


@needs_docker
def test_what_both_have_is_in_both_records(records: dict[str, Record]) -> None:
    for name in ("docker", "docker_like", "default"):
        record = records[name]
        assert record.seccomp == 2 and record.filters in (0, 1), "an older kernel does not tell how many"
        assert {"/proc/keys", "/proc/timer_list"} & set(record.masked) == {
            path for path in ("/proc/keys", "/proc/timer_list") if os.path.exists(path)
        }
        assert {"/proc/sys", "/proc/irq"} <= set(record.read_only) and not record.inheritable and not record.ambient
        assert record.bounding == record.capabilities and len(record.capabilities) == (13 if "_" in name else 14)


def test_each_difference_has_its_reason_and_is_one() -> None:
    walls = [each.wall for each in DOCKER_DIFFERENCES]
    assert len(walls) == len({*walls})
    for each in DOCKER_DIFFERENCES:
        assert each.reason and each.docker and each.ours and each.docker != each.ours


def test_a_wall_more_is_a_difference_either_way() -> None:
    plain = Record(("mnt",), (), "/", (), ("CAP_KILL",), 2, False, 3, (), "full", 1)
    strict = Record(("mnt", "net"), (), "/", ("pids.max 5",), (), 2, True, 3, (), "full", 1, masked=("/proc/keys",))
    assert wall_differences(plain, strict) == {
        "net namespace": (NONE, "own"), "CAP_KILL": ("kept", NONE), "no_new_privs": (NONE, "on"),
        "/proc/keys": (NONE, "masked"), "pids.max": (NONE, "5"),
    }  # fmt: skip
    turned = {wall: (theirs, ours) for wall, (ours, theirs) in wall_differences(plain, strict).items()}
    assert wall_differences(strict, plain) == turned and wall_differences(plain, plain) == {}
