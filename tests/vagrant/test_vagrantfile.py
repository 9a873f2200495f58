"""The Vagrantfile as Vagrant reads it: each provider's block, and a wrong word or value in it."""

from __future__ import annotations

import pytest

PROVIDERS = ("libvirt", "virtualbox", "parallels", "vmware_desktop", "qemu")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_block_is_valid_and_a_wrong_word_in_it_is_caught(vagrant, provider: str) -> None:
    valid = vagrant("validate", PYCTR_PROVIDER=provider, PYCTR_NODES="2")
    assert valid.returncode == 0, valid.stdout + valid.stderr
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
