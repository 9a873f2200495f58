"""The records of all engines, against what is known of each."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict

import pytest

from pyctr_lab.cgroups.places import delegation
from pyctr_lab.engines.record import Record, spell_uid_map
from pyctr_lab.engines.survey import Survey, known_engines, survey
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel.proc import IdRange

ROOT = os.getuid() == 0
FACTS = {  # shared with the surroundings, seccomp, no_new_privs, user map: as root
    "exec": ({"mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"}, 0, False, "full"),
    "unshare": ({"time", "user"}, 0, False, "full"),
    "bubblewrap": ({"time"}, 0, True, "one id"),
    "nspawn": ({"time", "user"}, 2, False, "full"),
    "crun": ({"time", "user"}, 0, True, "full"),
    "runc": ({"time", "user"}, 0, True, "full"),
    "podman": ({"time", "user", "cgroup"}, 2, False, "full"),
    "docker": ({"time", "user", "cgroup"}, 2, False, "full"),
    "lxc": ({"time", "user"}, 2, False, "full"),
}


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey()


@pytest.mark.parametrize("name", FACTS)
def test_facts(found: Survey, name: str) -> None:
    if name in found.missing:
        pytest.skip(found.missing[name])
    record = found.records[name]
    assert record is not None
    shared, seccomp, no_new_privs, uid_map = FACTS[name]
    if name == "docker" and os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        shared = shared - {"cgroup"}  # Docker's default on version 2
    assert set(record.shared) == shared or (name in ("podman", "lxc") and not ROOT)
    assert record.no_new_privs == no_new_privs
    if ROOT:
        assert (record.seccomp, record.uid_map) == (seccomp, uid_map)
    assert set(record.own) | set(record.shared) == FACTS["exec"][0]


CAPABILITIES = {"nspawn": 26, "crun": 3, "runc": 3, "podman": 11, "docker": 14}
GROUPS = {
    "lxc": r"/lxc\.payload\.pyctr\d+",
    "crun": r"/pyctr\d+",
    "runc": r"/pyctr\d+",
    "podman": r"/libpod_parent/libpod-[0-9a-f]{64}.*",
    "docker": r"/docker/[0-9a-f]{64}",
}


@pytest.mark.skipif(not ROOT, reason="a user's are another's facts: see test_user.py")
@pytest.mark.parametrize("name", sorted({*CAPABILITIES, *GROUPS}))
def test_facts_of_roots_containers(found: Survey, name: str) -> None:
    if name in found.missing:
        pytest.skip(found.missing[name])
    record = found.records[name]
    assert record is not None
    if name in CAPABILITIES:
        assert len(record.capabilities) == CAPABILITIES[name]
    if name in GROUPS and delegation().places:
        assert re.fullmatch(GROUPS[name], record.cgroup)
        assert record.limits == (("pids.max 2048",) if name == "podman" else ())
    several = {"nspawn": record.filters > 1}.get(name, record.filters == (record.seccomp == 2))
    assert several or record.filters == 0, "one program of rules each, nspawn some; an older kernel does not tell"


def test_ours_has_all_walls_but_the_clock(found: Survey) -> None:
    record = found.records["ours"]
    assert record is not None and record.shared == ("time",) and record.no_new_privs
    assert len(record.capabilities) == 14 and record.limits == ()


@pytest.mark.parametrize("name", ["crun", "runc", "podman", "docker"])
def test_what_these_cover_of_proc(found: Survey, name: str) -> None:
    record = found.records.get(name)
    if record is None:
        pytest.skip(found.missing.get(name, "it is not here"))
    assert {"/proc/sys", "/proc/bus", "/proc/irq", "/sys/firmware"} <= set(record.covered)


def test_limits_are_read_where_they_hold(found: Survey) -> None:
    limited = found.records.get("ours+limits")
    if limited is None:
        pytest.skip(found.missing["ours+limits"])
    assert len(limited.limits) == 3 and "pids.max 32" in limited.limits


@pytest.mark.parametrize("name", ["gvisor", "qemu"])
def test_two_have_no_process_on_the_host(found: Survey, name: str) -> None:
    if name in found.missing:
        pytest.skip(found.missing[name])
    assert found.records[name] is None
    assert "no process of the host" in str(found) and "no process of the host" in found._repr_html_()


def test_all_are_told_and_html_is_escaped(found: Survey) -> None:
    assert set(found.records) | set(found.missing) == set(known_engines(None))
    assert "\nours (this course) " in str(found) and "\nbubblewrap " in str(found)
    shown = Survey({}, {"runc": "<b>not</b>"})._repr_html_()
    assert "&lt;b&gt;not" in shown and "runc: not here: <b>not</b>" in str(Survey({}, {"runc": "<b>not</b>"}))


@pytest.mark.parametrize("wrong", [["nope"], [], ["runc", "<b>"]])
def test_what_is_no_engine(wrong: list[str]) -> None:
    with pytest.raises(BadInput, match="engine"):
        survey(wrong)


def test_shapes_of_maps() -> None:
    assert spell_uid_map((IdRange(0, 0, (1 << 32) - 1),)) == "full"
    assert spell_uid_map((IdRange(0, 1000, 1),)) == "one id"
    assert spell_uid_map((IdRange(0, 1000, 1), IdRange(1, 100000, 65536))) == "a range"
    assert spell_uid_map(()) == "none"


def test_a_record_survives_json() -> None:
    record = Record(("mnt",), ("time",), "/a", ("pids.max 5",), ("CAP_KILL",), 2, True, 3, (), "full", 1)
    assert Record.from_json(json.loads(json.dumps(asdict(record)))) == record
