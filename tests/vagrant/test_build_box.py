"""build-box.sh refuses what cannot become a box before anything is made; `./lab test vm` makes one."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

VAGRANT = Path(__file__).parents[2] / "vagrant"
SCRIPT = VAGRANT / "build-box.sh"


def build(*words: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    asked = {} if user is None else {"user": user, "extra_groups": []}
    text = SCRIPT.read_text()  # another user may not be able to read the file
    return subprocess.run(["sh", "-c", text, str(SCRIPT), *words], capture_output=True, text=True, timeout=60, **asked)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--sise", "9"], "--sise"), (["now"], "now"), (["--size"], "--size"), (["--size", "many"], "many"),
        (["--size", "-3"], "-3"), (["--size", "5"], "too few"), (["--size", "99999"], "99999"),
        (["--provider", "libvirt,hyperv"], "hyperv"),
    ],
)  # fmt: skip
def test_words_that_cannot_be_right_are_refused(words: list[str], why: str) -> None:
    done = build(*words)
    assert done.returncode == 1
    assert why in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_only_root_can_build() -> None:
    done = build(user=65534 if os.geteuid() == 0 else None)
    assert done.returncode == 1 and "only root" in done.stderr and done.stderr.count("\n") == 1


def test_its_help_names_every_option() -> None:
    text = build("--help").stdout
    options = SCRIPT.read_text().split("--output | ")[1].split(")")[0].replace("\\", "").replace("\n", "").split("|")
    assert all(f"  {option.strip()} " in text for option in options)


def test_the_machine_for_virtualbox_is_well_formed() -> None:
    root = ElementTree.parse(VAGRANT / "virtualbox.ovf").getroot()
    assert root.tag.endswith("Envelope")
    text = (VAGRANT / "virtualbox.ovf").read_text()
    assert "box-disk001.vmdk" in text and "box-disk001.vmdk" in SCRIPT.read_text()
