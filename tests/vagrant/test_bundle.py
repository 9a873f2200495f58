"""./lab vm bundle: which packages it takes, for which Python, processor and suite; nothing is fetched here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def load_wheels():
    spec = importlib.util.spec_from_file_location("wheels", TOP / "vagrant" / "wheels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LIST = """# made by a lock
both==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
new==2 ; python_full_version >= '3.12' and sys_platform == 'linux' \\
    --hash=sha256:cc
old==1 ; python_full_version < '3.12' and sys_platform == 'linux' \\
    --hash=sha256:dd
mac==1 ; sys_platform == 'darwin' \\
    --hash=sha256:ee
arm==1 ; platform_machine == 'aarch64' \\
    --hash=sha256:ff
"""


@pytest.mark.parametrize(
    ("python", "processor", "names"),
    [
        ("3.11", "x86_64", ["both", "old"]),
        ("3.13", "x86_64", ["both", "new"]),
        ("3.11", "aarch64", ["both", "old", "arm"]),
    ],
)
def test_conditions_are_judged_for_the_machine_and_not_for_this_computer(python, processor, names) -> None:
    chosen = load_wheels().chosen(LIST, python=python, processor=processor)
    assert [line.partition("==")[0] for line in chosen] == names
    assert chosen[0] == "both==1 --hash=sha256:aa --hash=sha256:bb"


@pytest.mark.parametrize("name", ["course", "test"])
def test_each_of_the_projects_own_lists_can_be_read(name: str) -> None:
    text = (TOP / "requirements" / f"{name}.txt").read_text()
    chosen = load_wheels().chosen(text, python="3.11", processor="x86_64")
    assert len(chosen) > 50
    assert all("--hash=sha256:" in line and ";" not in line for line in chosen)


CALL = '\nread_words "$@"\n'


def bundle(*words: str, script: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
    """The script, ended before it fetches; or a part of it, called by itself."""
    text = (TOP / "vagrant" / "bundle.sh").read_text().replace('"$0"', f"'{TOP}/vagrant/bundle.sh'")
    text = text[: text.index(CALL)] + CALL + script
    env = os.environ | {"PATH": path + os.environ["PATH"]}
    return subprocess.run(["dash", "-c", text, "sh", *words], capture_output=True, text=True, timeout=30, env=env)


def test_the_machines_packages_are_those_of_its_groups_and_processor() -> None:
    arm = bundle("--arch", "arm64", "--groups", "machine", script="packages").stdout.split()
    assert "qemu-system-arm" in arm
    assert "qemu-system-x86" not in arm
    assert "ca-certificates" in arm  # of the group that any machine takes


def test_the_groups_are_those_that_provisioning_installs() -> None:
    groups = bundle(script='echo "$groups"').stdout.split()
    assert "course" in groups
    assert "docker.io" in bundle(script="packages").stdout.split()


def test_wheels_are_looked_for_from_the_machines_c_library_downwards() -> None:
    words = bundle("--suite", "bookworm", script="platforms").stdout.split()
    tags = words[1::2]
    assert tags[0] == "manylinux_2_36_x86_64"  # Debian 12 has glibc 2.36
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(tags)
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(
    "words", [("--arch", "sparc"), ("--suite", "sid"), ("--suite",), ("everything",), ("--output",), ("-x",)]
)
def test_wrong_words_are_refused_before_anything_is_fetched(words: tuple[str, ...]) -> None:
    done = bundle(*words, script="echo fetched")
    assert done.returncode == 2
    assert "--help says how" in done.stderr
    assert "fetched" not in done.stdout


def test_a_fetch_that_fails_says_what_stays(tmp_path: Path) -> None:
    script = "with_progress wheels . 3 sh -c 'echo the reason; exit 4'"
    done = bundle("--output", str(tmp_path), script=script)
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "try again" in done.stderr


def test_names_are_those_that_a_folder_is_read_by(tmp_path: Path) -> None:
    archives = tmp_path / ".apt" / "archives"
    archives.mkdir(parents=True)
    (archives / "busybox-static_1%3a1.35_amd64.deb").write_text("x")
    done = bundle("--output", str(tmp_path), script="apt=$output/.apt; collect")
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path / "debs").iterdir()] == ["busybox-static_1_1.35_amd64.deb"]


def plant_vagrant(folder: Path, *, state: str) -> str:
    """A stand-in whose machine is in that state, and hands over one package as a tar."""
    harvest = folder / "harvest"
    harvest.mkdir()
    (harvest / "strace_6_amd64.deb").write_text("x")
    script = f"""#!/bin/sh
echo "$*" >>'{folder}/asked'
case "$*" in *status*) echo '1,course,state,{state}' ;; *tar*) tar -C '{harvest}' -cf - . ;; esac
"""
    (folder / "vagrant").write_text(script)
    (folder / "vagrant").chmod(0o755)
    return f"{folder}:"


WITHOUT_APT = "find_sources() { :; }; debs_of_machine"


def test_where_there_is_no_apt_the_machine_fetches_its_packages(tmp_path: Path) -> None:
    path = plant_vagrant(tmp_path, state="running")
    out = tmp_path / "out"
    out.mkdir()
    done = bundle("--output", str(out), "--arch", "amd64", "--suite", "trixie", script=WITHOUT_APT, path=path)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (out / "debs").iterdir()] == ["strace_6_amd64.deb"]
    assert "bundle.sh debs --arch amd64 --suite trixie" in (tmp_path / "asked").read_text()


def test_a_machine_that_must_fetch_must_run(tmp_path: Path) -> None:
    done = bundle("--suite", "trixie", script=WITHOUT_APT, path=plant_vagrant(tmp_path, state="poweroff"))
    assert done.returncode == 1
    assert "./lab vm, then this again" in done.stderr


def test_the_sources_of_others_do_not_hide_debians(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("deb http://deb.example bookworm main\n")
    (folder / "docker.sources").write_text("URIs: https://docker.example\nSuites: bookworm\nComponents: stable\n")
    (folder / "backports.list").write_text("deb http://deb.example bookworm-backports main\n")
    (folder / "old.list").write_text("# deb http://deb.example bookworm main\n")
    done = bundle(script=f"etc='{tmp_path}'; find_sources")
    assert done.stdout.splitlines() == [str(tmp_path / "sources.list"), str(folder / "backports.list")], done.stderr
