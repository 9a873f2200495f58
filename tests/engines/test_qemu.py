"""A machine as an engine: started and stopped, one that hangs, and who is not root has one too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ordinary import rows

from pyctr_lab.engines import ALL, Sandbox
from pyctr_lab.engines.survey import with_kernel
from pyctr_lab.machines import accelerator, cache, guest_kernel, machine_options
from pyctr_lab.machines.hardware import Hardware

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def generators() -> None:
    """Sandboxes that find the tests' generators, and a kernel for their guests."""
    if not shutil.which(Hardware(1, 1).program):
        pytest.skip("QEMU is not installed")
    with_kernel(["qemu"])


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


def lived(told: list[list[Any]]) -> None:
    """Checks what the generator `machine_life` has told."""
    life = {what: rest for what, *rest in told}
    if "why" in life:
        pytest.skip(life["why"][0])
    processes, payload, emulated, kind = life["instance"]
    assert [name.startswith("qemu-system") for name in processes] == [True], "one process is the whole machine"
    assert payload is None and kind == "machine"
    known = accelerator.known_kvm()
    assert emulated or (known is not None and known.works)
    assert life["stopped"] == [[]]
    assert life["hung"] == [["0000", "0001", "0002"], []], "what it said is kept, and the machine is ended"
    assert life["closed"] == [[], False]


def test_its_life() -> None:
    with Sandbox("generators:machine_life") as sandbox:
        lived(list(sandbox))


@pytest.mark.complete
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_one_too_with_a_kernel_that_can_be_read(readable: Path) -> None:
    more = {}
    if not guest_kernel.of_host():
        kernels = readable / "cache/pyctr-lab/kernels"
        shutil.copytree(cache.cache_folder() / "kernels", kernels, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", readable / "cache"], check=True)
        more["XDG_CACHE_HOME"] = str(readable / "cache")
    lived(rows(readable, [("generators:machine_life", {})], **more))


def test_without_a_kernel_the_reason_and_the_way_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_kernel, "BOOT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = ALL["qemu"](tmp_path, tmp_path).available()
    assert not found and found.why == "there is no kernel for a guest" and "Machine()" in found.hint


def test_without_qemu_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = ALL["qemu"](tmp_path, tmp_path).available()
    assert not found and "needs QEMU" in found.why and machine_options.INSTALL[os.uname().machine] in found.hint


def test_one_that_is_interrupted_as_it_starts_does_not_go_on() -> None:
    with Sandbox("generators:machine_fails") as sandbox:
        assert list(sandbox) == [[]]
