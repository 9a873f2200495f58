"""crun and runc with the walls of a recipe of ours: /proc shows the same of all three."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.cgroups.places import delegation
from pyctr_lab.engines import Sandbox, wall_differences
from pyctr_lab.engines.equal import NO_LIMIT, equal_configuration
from pyctr_lab.engines.record import Record
from pyctr_lab.steps import Limits, NewNamespace, Recipe, ResourceLimit, default

HERE = Path(__file__).parent
SPEC: dict[str, Any] = {
    "process": {"rlimits": [1], "capabilities": {"bounding": ["CAP_KILL"]}, "cwd": "/"},
    "mounts": [{"destination": "/proc"}, {"destination": "/sys"}, {"destination": "/dev"}],
    "linux": {"namespaces": [], "resources": {"devices": []}, "maskedPaths": ["/sys/firmware"]},
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """A record of each, by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        with Sandbox("generators:equal_walls") as sandbox:
            return dict(sandbox)


@pytest.mark.skipif(os.geteuid() != 0, reason="a user's crun has no control groups")
@pytest.mark.parametrize("name", ["crun", "runc", "crun limits", "runc limits"])
def test_the_walls_are_equal_but_for_the_clock(found: dict[str, Any], name: str) -> None:
    if name not in found:
        pytest.skip(f"{name.split()[0]} is not installed")
    if "limits" in name and not delegation().places:
        pytest.skip("no control groups here")
    record, ours = Record.from_json(found[name]), Record.from_json(found["ours"])
    differences = wall_differences(record, ours)
    assert differences.pop("time namespace") == ("-", "own")
    if "limits" in name:
        assert {wall.split(".")[0] for wall in differences} == {"memory", "cpu", "pids"}
    else:
        assert differences == {}
    assert found[f"{name} said"] == "said\n"


def test_a_runtime_that_does_not_start_is_said_in_a_line(found: dict[str, Any]) -> None:
    if "bad" not in found:
        pytest.skip("crun is not installed")
    assert found["bad"].startswith("crun failed: ") and "\n" not in found["bad"]


def test_a_configuration_has_the_walls_of_the_steps_and_no_others() -> None:
    made = equal_configuration(SPEC, default())
    assert [each["destination"] for each in made["mounts"]] == ["/proc", "/dev"]
    assert len(made["process"]["capabilities"]["effective"]) == 14 and made["process"]["cwd"] == "/"
    assert made["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}]
    assert "/proc/keys" in made["linux"]["maskedPaths"] and "/sys/firmware" not in made["linux"]["maskedPaths"]
    assert made["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    plain = equal_configuration(SPEC, Recipe([NewNamespace("uts"), ResourceLimit("core", None)]))
    assert plain["linux"] == {"namespaces": [{"type": "uts"}], "resources": {"devices": []}}
    assert plain["process"]["rlimits"][0]["hard"] == NO_LIMIT
    assert SPEC["process"]["rlimits"] == [1], "the proposal stays as it is"


def test_limits_as_oci_writes_them() -> None:
    limits = Limits(memory="64M", cpus=0.5, pids=32)
    assert equal_configuration(SPEC, (), limits)["linux"]["resources"] == {
        "devices": [], "memory": {"limit": 64 << 20}, "pids": {"limit": 32},
        "cpu": {"quota": 50_000, "period": 100_000},
    }  # fmt: skip
    assert equal_configuration(SPEC, (), Limits(pids="max"))["linux"]["resources"] == {"devices": []}
