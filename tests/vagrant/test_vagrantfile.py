"""The Vagrantfile as Vagrant reads it: each provider's block, and a wrong word or value in it."""

from __future__ import annotations

import json
import socket

import pytest
from rotation import in_turn

PROVIDERS = ("libvirt", "virtualbox", "parallels", "vmware_desktop", "qemu")


# Each call of Vagrant takes seconds: by default one block beside that of the course's own tests has its turn.
@pytest.mark.parametrize(
    "provider",
    [pytest.param(name, marks=in_turn(name, PROVIDERS[1:]) if name != "libvirt" else []) for name in PROVIDERS],
)
def test_each_block_is_valid(vagrant, provider: str) -> None:
    valid = vagrant("validate", PYCTR_PROVIDER=provider, PYCTR_NODES="2")
    assert valid.returncode == 0, valid.stdout + valid.stderr


@pytest.mark.parametrize(
    "provider", [pytest.param(name, marks=[pytest.mark.complete] * (name != "libvirt")) for name in PROVIDERS]
)
def test_a_wrong_word_in_a_block_is_caught(vagrant, provider: str) -> None:
    block = provider.removesuffix("_desktop")
    file = vagrant.clone / "vagrant" / "Vagrantfile"
    file.write_text(file.read_text().replace(f"    {block}.memory =", f"    {block}.memmory ="))
    wrong = vagrant("validate", PYCTR_PROVIDER=provider)
    assert wrong.returncode != 0
    assert "memmory" in wrong.stdout + wrong.stderr


def test_a_wrong_value_is_told_without_a_traceback(vagrant) -> None:
    wrong = vagrant("validate", PYCTR_MEMORY="abc")
    assert wrong.returncode != 0
    said = (wrong.stdout + wrong.stderr).strip().splitlines()
    assert said[-1] == "PYCTR_MEMORY=abc: a whole number from 512 to 1048576 is meant (MiB)"
    assert len(said) <= 3


@pytest.mark.parametrize("provider", ["libvirt", "parallels"])
def test_coming_up_takes_the_next_port_and_tells_the_machine(vagrant, provider: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        done = vagrant("up", "--provider", provider, PYCTR_PORT=str(taken), PYCTR_UID="1234")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Port {taken} of this host is taken" in done.stdout
    seen = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert seen["port"]["host"] > taken
    assert seen["port"]["host_ip"] == "127.0.0.1"
    assert seen["port"].get("disabled", False) == (provider == "parallels")
    assert [env["PYCTR_PORT"] for env in seen["told"]] == [str(seen["port"]["host"])] * 2
    assert seen["told"][0]["PYCTR_UID"] == "1234"
    assert [env["PYCTR_TUNNEL"] for env in seen["told"]] == ["yes" if provider == "parallels" else "no"] * 2
    kept = next(vagrant.clone.rglob("pyctr-port"))
    assert kept.read_text() == str(seen["port"]["host"]), "a machine that runs is asked for under this one"
    assert (vagrant.clone / "vagrant" / "work").stat().st_uid in (1234, vagrant.clone.stat().st_uid)
