"""./lab vm, with a stand-in for vagrant: which of its commands are called, and what is said when one fails.

A stand-in, because a real machine takes minutes: vagrant/test.sh brings one up.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SCRIPTS = [TOP / "vagrant" / name for name in ("vm", "doctor.sh", "bundle.sh", "address.sh")]
RUNNING = 'case "$*" in *machine-readable*) echo 1,course,state,running ;; esac\n'
ADDRESS = "http://127.0.0.1:8899/lab?token=abc"

Done = subprocess.CompletedProcess[str]


class Host:
    """A computer with the commands that a test plants, and a clone."""

    def __init__(self, clone: Path, bin: Path):
        self.clone, self.bin = clone, bin

    def plant(self, name: str, script: str) -> None:
        file = self.bin / name
        file.write_text("#!/bin/sh\n" + script)
        file.chmod(0o755)

    def vm(self, *words: str, **asked: str) -> Done:
        env = {"PATH": str(self.bin), "HOME": str(self.clone)} | asked
        command = [str(self.bin / "sh"), str(self.clone / "vagrant" / "vm"), *words]
        done = subprocess.run(command, env=env, capture_output=True, timeout=60, cwd=self.clone)
        # Not as text, which would hide a carriage return.
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    @property
    def asked_of_vagrant(self) -> list[str]:
        return (self.clone / "asked").read_text().splitlines()


TOOLS = ("sh", "dirname", "basename", "uname", "sed", "grep", "awk", "cat", "cut", "tr", "id", "df")


@pytest.fixture
def host(clone: Path, tmp_path: Path) -> Host:
    """With the tools of any Unix, and no vagrant."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which("dash" if tool == "sh" else tool) or f"/bin/{tool}")
    return Host(clone, folder)


@pytest.fixture
def up(host: Host) -> Host:
    """With a vagrant that writes down what it is asked, and has a machine that runs."""
    host.plant("vagrant", f'echo "$*" >>{host.clone.as_posix()!r}/asked\n' + RUNNING + ANSWER)
    return host


ANSWER = f"""case "$*" in *address*) printf '{ADDRESS}\\r\\n' ;; esac\n"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("words", [(), ("up",)])
def test_up_brings_it_up_and_prints_the_address_alone(up: Host, words: tuple[str, ...]) -> None:
    done = up.vm(*words)
    assert (done.returncode, done.stdout) == (0, ADDRESS + "\n")
    assert up.asked_of_vagrant[0] == "up"


def test_down_stops_and_destroys_only_when_told(up: Host) -> None:
    assert up.vm("down").returncode == 0
    assert up.vm("down", "--destroy").returncode == 0
    assert up.asked_of_vagrant == ["halt", "destroy --force"]


def test_words_with_quotes_reach_pytest_whole(up: Host) -> None:
    assert up.vm("test", "tests/steps", "-k", "mount and not 'it'").returncode == 0
    words = up.asked_of_vagrant[-1].partition("guest-tests.sh")[2]
    shown = subprocess.run(["sh", "-c", f"printf '%s|' {words}"], capture_output=True, text=True, check=True).stdout
    assert shown == "tests/steps|-k|mount and not 'it'|"


def test_a_machine_without_what_tests_need_is_provisioned_for_them(host: Host) -> None:
    lacking = 'case "$*" in *"import pytest"*) exit 1 ;; esac\n'
    note = f'echo "$PYCTR_SETUP $*" >>{host.clone.as_posix()!r}/asked\n'
    host.plant("vagrant", note + RUNNING + lacking)
    assert host.vm("test").returncode == 0
    assert "test provision course" in host.asked_of_vagrant


WRONG = [("nonsense",), ("up", "now"), ("down", "--all"), ("address", "x"), ("status", "x"), ("",), ("x" * 2000,)]


@pytest.mark.parametrize("words", WRONG, ids=lambda words: " ".join(words)[:20])
def test_a_wrong_word_is_told_and_nothing_done(up: Host, words: tuple[str, ...]) -> None:
    done = up.vm(*words)
    assert done.returncode == 2
    assert "--help says how" in done.stderr
    assert not (up.clone / "asked").exists()


@pytest.mark.parametrize("word", ["up", "address", "down", "test", "ssh", "status"])
def test_without_vagrant_it_says_what_to_do(host: Host, word: str) -> None:
    done = host.vm(word)
    assert done.returncode == 1
    assert "vagrant is not installed; ./lab vm doctor says how" in done.stderr


def test_a_provider_that_fails_brings_the_doctor(host: Host) -> None:
    host.plant("vagrant", 'echo "The provider is broken" >&2; exit 3\n')
    done = host.vm("up")
    assert done.returncode == 1
    said = done.stderr
    assert (
        said.index("The provider is broken") < said.index("way out:") < said.index("after a repair, ./lab vm goes on")
    )


def test_the_line_of_a_tunnel_comes_with_the_address(up: Host) -> None:
    answer = f"""case "$*" in *address*) printf '{ADDRESS}\\r\\nopen it: ssh -L\\r\\n' ;; esac\n"""
    up.plant("vagrant", RUNNING + answer)
    done = up.vm("address")
    assert (done.stdout, done.stderr) == (ADDRESS + "\n", "open it: ssh -L\n")


def test_a_machine_that_does_not_run_has_no_address(host: Host) -> None:
    host.plant("vagrant", "exit 0\n")
    done = host.vm("address")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not running: ./lab vm brings it up" in done.stderr


def test_a_machine_that_was_not_set_up_says_so(host: Host) -> None:
    host.plant("vagrant", RUNNING)
    done = host.vm("address")
    assert done.returncode == 1
    assert "not set up to its end" in done.stderr


def test_help_names_each_word(host: Host) -> None:
    shown = host.vm("--help").stdout
    for word in ("up", "address", "down", "test", "doctor", "bundle", "ssh", "status"):
        assert f"./lab vm {word}" in shown or f"[{word}]" in shown


@pytest.mark.parametrize("tunnel", ["no", "yes"])
def test_at_each_start_the_address_gets_the_port_in_force(tmp_path: Path, tunnel: str) -> None:
    file = tmp_path / "address"
    file.write_text("http://127.0.0.1:8888/lab/tree/00_start_here.ipynb?token=abc\n")
    script = (TOP / "vagrant" / "address.sh").read_text().replace("/etc/pyctr-lab/address", str(file))
    env = {"PATH": "/usr/bin:/bin", "PYCTR_PORT": "8890", "PYCTR_TUNNEL": tunnel}
    said = subprocess.run(["dash", "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    address = "http://127.0.0.1:8890/lab/tree/00_start_here.ipynb?token=abc"
    assert said.splitlines()[-1] == f"JupyterLab: {address}"
    assert file.read_text() == address + "\n"
    assert ("-L 127.0.0.1:8890:127.0.0.1:8888" in said) == (tunnel == "yes") == (tmp_path / "tunnel").exists()


def test_another_project_that_vagrant_is_pointed_at_is_left_alone(host: Host) -> None:
    host.plant("vagrant", f'echo "$VAGRANT_CWD ${{VAGRANT_VAGRANTFILE-unset}}" >>{host.clone.as_posix()!r}/asked\n')
    assert host.vm("down", VAGRANT_CWD="/elsewhere", VAGRANT_VAGRANTFILE="Other").returncode == 0
    assert host.asked_of_vagrant == [f"{host.clone / 'vagrant'} unset"]
