"""Limits: what they refuse, and the files in which they are written."""

from __future__ import annotations

import pytest

from pyctr_lab.cgroups import Setting, Tree
from pyctr_lab.cgroups.limits import Limits, places_of, settings_in
from pyctr_lab.cgroups.places import LIMITED, Delegation, Place
from pyctr_lab.errors import BadInput, Unsupported
from pyctr_lab.steps import ControlGroup

pytestmark = pytest.mark.machine

TWO = Place(Tree(2, LIMITED, "/cg", "/"), "/cg/me", LIMITED)
V2 = Delegation("v2", (TWO,), None, frozenset(LIMITED))
ONES = tuple(Place(Tree(1, (name,), f"/cg/{name}", "/"), f"/cg/{name}", (name,)) for name in ("memory", "cpu", "pids"))
V1 = Delegation("v1", ONES, None, frozenset(LIMITED))
NONE = Delegation("v2", (), None, frozenset(LIMITED))


# --- limits
def test_limits_are_read_as_people_write_them() -> None:
    limits = Limits(memory="64M", cpus="50%", pids="32", memory_swap="0", io_write="1M", cpuset="0")
    assert (limits.memory, limits.cpus, limits.pids, limits.memory_swap) == (64 << 20, 0.5, 32, 0)
    assert limits == Limits(memory=64 << 20, cpus=0.5, pids=32, memory_swap=0, io_write=1 << 20, cpuset="0")
    assert repr(limits) == ('Limits(memory="64M", cpus=0.5, pids=32, memory_swap="0", io_write="1M", cpuset="0")')
    assert repr(Limits()) == "Limits()" and repr(Limits(memory="max", pids="max")) == 'Limits(memory="max", pids="max")'


def test_what_is_not_said_is_not_settings_in() -> None:
    assert Limits().settings() == ()
    assert Limits(memory="1M", cpus=1.5).settings() == (
        Setting("memory.max", "1048576"),
        Setting("cpu.max", "150000 100000"),
    )
    assert Limits(cpus="max", pids="max", cpuset="max").settings() == (
        Setting("pids.max", "max"),
        Setting("cpuset.cpus", ""),
        Setting("cpu.max", "max 100000"),
    )
    assert Limits(io_read="1M", io_write="max", disk="8:0").settings() == (
        Setting("io.max", "8:0 rbps=1048576 wbps=max"),
    )


BAD = [
    *({"memory": value} for value in (0, -1, 96, "1K", "-1", "64 MB", 1.5, True, "", b"1M", [], 1 << 63, "9" * 3000)),
    *({"cpus": value} for value in (0, -0.5, "0%", "half", True, 1e12, float("nan"), [])),
    *({"pids": value} for value in (0, -1, 1.5, "many", "-3", True, 1 << 23, "9" * 3000, "٥")),
    *({"cpu_weight": value} for value in (0, 10_001, "max", 1.0)),
    *({"cpuset": value} for value in ("", "a", "1-0", "0-", "0,,1", "9999", 0, "0 1", "0-99999", "1" * 3000)),
    *({"disk": value} for value in ("sda", "", None, 5, "x" * 3000)),
    {"memory_high": 0}, {"memory_high": 4095}, {"memory_swap": "-1"}, {"io_read": 0}, {"io_write": "fast"},
]  # fmt: skip


@pytest.mark.parametrize("words", BAD, ids=lambda words: str(words)[:40])
def test_what_is_no_limit_is_refused_in_one_line(words: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        Limits(**words)  # type: ignore[arg-type]
    said = str(refused.value)
    assert said.startswith(next(iter(words))) and "\n" not in said and len(said) < 200


@pytest.mark.parametrize("disk", ["/no/such/place", "/proc"])
def test_what_is_on_no_disk_is_refused_when_it_is_to_be_limited(disk: str) -> None:
    with pytest.raises(BadInput, match="on no disk"):
        Limits(io_read="1M", disk=disk).settings()


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", ".x", "-x", "a b", "a\0", "x" * 64, "memory.max", "host", None, 5, "é"]
)
def test_a_name_that_cannot_be(name: object) -> None:
    with pytest.raises(BadInput) as refused:
        ControlGroup(Limits(), name)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("limits", [None, 5, "64M", {"memory": "64M"}])
def test_what_are_no_limits_is_refused_with_the_way_out(limits: object) -> None:
    with pytest.raises(BadInput, match=r'Limits\(memory="64M"'):
        ControlGroup(limits)  # type: ignore[arg-type]


# --- where it is written
def test_on_version_2_all_is_written_in_one_folder() -> None:
    assert list(settings_in(Limits(memory="1M", pids=5), V2)) == [
        (TWO, Setting("memory.max", "1048576")),
        (TWO, Setting("pids.max", "5")),
    ]
    assert places_of(Limits(), V2) == (TWO,)


def test_on_version_1_each_controller_has_its_tree_and_names() -> None:
    assert list(settings_in(Limits(memory="1M", cpus=0.5), V1)) == [
        (ONES[0], Setting("memory.limit_in_bytes", "1048576")),
        (ONES[1], Setting("cpu.cfs_period_us", "100000")),
        (ONES[1], Setting("cpu.cfs_quota_us", "50000")),
    ]
    swap = list(settings_in(Limits(memory="1M", memory_swap="2M"), V1))
    assert swap[-1] == (ONES[0], Setting("memory.memsw.limit_in_bytes", str(3 << 20))), "counted together there"


@pytest.mark.parametrize("words", [{"memory_swap": "1M"}, {"memory_high": "1M"}])
def test_what_version_1_cannot_do_is_refused_in_one_line(words: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="version 1") as refused:
        list(settings_in(Limits(**words), V1))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_what_nobody_has_given_us_is_refused_with_the_command() -> None:
    with pytest.raises(Unsupported, match=r"cpuset\.cpus cannot be set: no cgroup with") as refused:
        list(settings_in(Limits(cpuset="0"), V1))
    assert refused.value.hint == V1.grant and "\n" not in str(refused.value)
    old = Delegation("v1", ONES, None, frozenset({"memory"}))
    with pytest.raises(Unsupported, match="this kernel offers no io controller") as missing:
        list(settings_in(Limits(io_read=1, disk="8:0"), old))
    assert "doctor" in missing.value.hint
