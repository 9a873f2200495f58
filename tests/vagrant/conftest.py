"""A copy of vagrant/ that a test may spoil, and a home of Vagrant's own with stand-ins for the providers' plugins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]
SCRIPTS = ("Vagrantfile", "settings.rb", "parcel.rb", "provision.sh", "address.sh", "vm", "doctor.sh", "bundle.sh")


@pytest.fixture(scope="session")
def vagrant_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("vagrant-home")
    shutil.copy(Path(__file__).with_name("providers.rb"), home / "Vagrantfile")
    return home


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small clone: what the machine is made from, and a course of one file."""
    folder = tmp_path / "a clone"
    (folder / "vagrant").mkdir(parents=True)
    for name in SCRIPTS:
        if (TOP / "vagrant" / name).exists():
            shutil.copy(TOP / "vagrant" / name, folder / "vagrant")
    for name in ("lab", "packages.txt"):
        shutil.copy(TOP / name, folder)
    return folder


class Vagrant:
    """The command vagrant, run in a clone without a user's settings."""

    def __init__(self, clone: Path, home: Path):
        self.clone, self.home = clone, home

    def __call__(self, *words: str, **asked: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYCTR_", "VAGRANT_"))}
        env |= {"VAGRANT_HOME": str(self.home), "VAGRANT_CHECKPOINT_DISABLE": "1"} | asked
        command = ["vagrant", *words]
        return subprocess.run(command, cwd=self.clone / "vagrant", env=env, capture_output=True, text=True, timeout=120)


# Enough of Vagrant for the two files that are plain Ruby: a run takes a tenth of a second, one of Vagrant many.
RUBY = """
module Vagrant; module Errors; class VagrantError < StandardError; end; end; end
require "json"
require "pathname"
require "./settings"
require "./parcel"
"""


@pytest.fixture(scope="session")
def ruby() -> Callable[..., list[Any]]:
    """Runs Ruby beside the course's own files, and gives what each line says in JSON."""
    if not shutil.which("ruby"):
        pytest.skip("Ruby is not installed; it comes with vagrant: ./lab packages vm")

    def run(script: str, *words: str | Path) -> list[Any]:
        command = ["ruby", "-e", RUBY + script, "--", *map(str, words)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYCTR_")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=TOP / "vagrant", env=env)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture
def vagrant(clone: Path, vagrant_home: Path) -> Vagrant:
    if not shutil.which("vagrant"):
        pytest.skip("vagrant is not installed: ./lab packages vm")
    return Vagrant(clone, vagrant_home)
