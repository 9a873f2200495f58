"""The house's own rules, each a test like others: lint, types, layers, and one list of what the project needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())
LOCKS = {"course": ("course", "images"), "test": ("course", "images", "test")}


def passes(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP, timeout=240)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    passes(sys.executable, "-m", "ruff", "check", "--quiet", ".")


def test_types_are_strict() -> None:
    passes(sys.executable, "-m", "mypy")


def test_rooms_import_downwards_only() -> None:
    passes(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    files = [path for folder in ("vagrant", "vagrant/service") for path in (TOP / folder).iterdir() if path.is_file()]
    scripts = [str(path) for path in files if path.read_bytes().startswith(b"#!/bin/sh")]
    passes("shellcheck", "lab", ".ci/run", "requirements/lock", *scripts)


def test_each_folder_of_tests_is_entered(pytestconfig: pytest.Config) -> None:
    """pytest passes over folders whose names are those of outputs: build, dist, ..."""
    passed_over = pytestconfig.getini("norecursedirs")
    folders = {folder for path in (TOP / "tests").rglob("test_*.py") for folder in path.relative_to(TOP).parents}
    assert [str(folder) for folder in folders if any(fnmatch(folder.name, name) for name in passed_over)] == []


def test_the_package_itself_needs_nothing() -> None:
    assert PROJECT["project"]["dependencies"] == []


def locked(name: str) -> dict[str, set[str]]:
    """The packages of a locked list, with their versions: several where Pythons differ."""
    text = (TOP / "requirements" / f"{name}.txt").read_text()
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


@pytest.mark.parametrize("name", LOCKS)
def test_what_the_project_names_is_locked(name: str) -> None:
    named = list(PROJECT["build-system"]["requires"])
    for extra in LOCKS[name]:
        named += PROJECT["project"]["optional-dependencies"][extra]
    missing = {re.split(r"[<>=!~;\[ ]", word)[0].replace(".", "-") for word in named} - set(locked(name))
    assert not missing, f"requirements/lock was not run since these came: {missing}"


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_hashes_and_no_list_has_an_address(name: str) -> None:
    text = (TOP / "requirements" / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.M).strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", text)


def test_a_learner_gets_the_versions_that_the_tests_saw() -> None:
    tested = locked("test")
    assert {name: versions for name, versions in locked("course").items() if tested.get(name) != versions} == {}


def test_conda_is_given_no_list_of_its_own() -> None:
    lines = [line.strip() for line in (TOP / "environment.yml").read_text().splitlines()]
    listed = [line for line in lines[lines.index("dependencies:") + 1 :] if line]
    assert listed == ["- python >=3.11", "- pip", "- pip:", "- -e .[course,images,test]"]
