"""Docker's words: what each does, as a program in the container sees it, or the one line that says why not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from errno import EROFS
from pathlib import Path
from typing import TypeAlias

import pytest
from entry import Here, is_one_line

from pyctr_lab import Lab, cli
from pyctr_lab.cli import parser
from pyctr_lab.kernel.filters import ALLOW, FilterPolicy, FilterRule, refuse, to_json

ROOT = os.getuid() == 0
Said: TypeAlias = Callable[..., str]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read, and write; not in pytest's, which each run of pytest shuts again."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        made = Path(place, "shown")
        made.mkdir()
        made.chmod(0o777)
        (made / "file").write_text("from outside\n")
        yield made


@pytest.fixture
def several_ids(lab: Lab) -> None:
    if lab.ids == 1:
        pytest.skip("a lab has one id here")


@pytest.fixture
def said(here: Here) -> Said:
    def all_that_is_said(*words: str) -> str:
        done = here("run", *words)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return done.stdout.strip()

    return all_that_is_said


# --- environment, folder, name
def test_variables_of_files_of_ours_and_of_the_words(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "variables"
    file.write_text("# none\n\nFIRST=1 # a value\nSECOND=2\nOURS\nNOT_HERE\n")
    words = ["--env-file", str(file), "-e", "SECOND=two", "--env", "EMPTY=", "-e", "NOT_HERE"]
    monkeypatch.setenv("OURS", "ours")
    done = here("run", *words, "--", "env")
    lines = done.stdout.splitlines()
    assert {"FIRST=1 # a value", "SECOND=two", "OURS=ours", "EMPTY=", "HOME=/root"} <= set(lines)
    assert not any(line.startswith("NOT_HERE") for line in lines)


def test_where_it_starts_and_what_it_is_called(said: Said) -> None:
    assert said("-w", "/usr/../tmp", "-h", "web", "--name", "web-1", "--", "sh", "-c", "pwd; hostname") == "/tmp\nweb"


def test_an_entrypoint_comes_before_the_words(said: Said) -> None:
    assert said("--entrypoint", "echo", "--", "a", "b") == "a b"
    assert said("--entrypoint", "hostname") == "demo"


def test_what_is_always_so_is_accepted(said: Said) -> None:
    assert said("--rm", "--network", "none", "--net=none", "--", "echo", "on") == "on"


def test_limits_of_a_container(here: Here, delegated: None) -> None:
    forks = ["sh", "-c", "for each in 1 2 3 4 5 6; do sleep 0.1 & done"]
    done = here("run", "-m", "64MiB", "--cpus", "1.5", "--pids-limit", "5", "--", *forks)
    assert "Cannot fork" in done.stderr and "pyctr-lab: pids.max 5" in done.stderr
    assert here("run", "--pids-limit=-1", "--", *forks).stderr == ""


def test_options_end_at_the_program(said: Said) -> None:
    assert said("echo", "-e", "--rm", "-it") == "--rm -it"


# --- user and powers
@pytest.mark.usefixtures("several_ids")
@pytest.mark.parametrize(
    ("user", "ids"),
    [("1000", "1000 0 /"), ("1000:1001", "1000 1001 /"), ("nobody", "65534 65534 /"), ("0:5", "0 5 /root"),
     ("nobody:tty", "65534 5 /"), ("root", "0 0 /root")],
)  # fmt: skip
def test_a_user_by_number_and_by_name(user: str, ids: str, said: Said) -> None:
    assert said("-u", user, "--", "sh", "-c", "echo $(id -u) $(id -g) $HOME") == ids


@pytest.mark.usefixtures("several_ids")
def test_another_user_has_no_power(said: Said) -> None:
    for words in ([], ["--init"], ["--cap-drop", "ALL"]):
        assert "CapEff:\t0000000000000000" in said("-u", "1000", *words, "--", "grep", "Cap", "/proc/self/status")


def test_capabilities_go_and_come(said: Said) -> None:
    asked = ("--", "grep", "CapBnd", "/proc/self/status")
    assert said("--cap-drop", "ALL", *asked).endswith("\t0000000000000000")
    assert said("--cap-drop", "all", "--cap-add", "CAP_CHOWN", *asked).endswith("\t0000000000000001")
    less = int(said("--cap-drop", "chown", *asked).split()[1], 16)
    assert int(said(*asked).split()[1], 16) == less | 1


STATUS = ("--", "grep", "-E", "^(NoNewPrivs|Seccomp|CapBnd):", "/proc/self/status")


def test_a_filter_by_name_by_file_and_none(tmp_path: Path, said: Said, here: Here) -> None:
    file = tmp_path / "policy.json"
    file.write_text(to_json(FilterPolicy(ALLOW, (FilterRule(("mkdir", "mkdirat"), refuse(EROFS)),))))
    assert "Seccomp:\t2" in said("--security-opt", "seccomp=builtin", *STATUS)
    assert "Seccomp:\t0" in said("--security-opt", "seccomp=unconfined", *STATUS)
    done = here("run", "--security-opt", f"seccomp={file}", "--", "mkdir", "/tmp/new")
    assert done.returncode == 1 and "Read-only file system" in done.stderr


def test_no_new_privs_goes_and_the_filter_stays(said: Said) -> None:
    words = ("--security-opt", "seccomp=builtin", "--security-opt")
    for word, flag in (("no-new-privileges", 1), ("no-new-privileges:false", 0), ("no-new-privileges=false", 0)):
        shown = said(*words, word, "--cap-drop", "ALL", *STATUS).split()
        assert shown == ["CapBnd:", "0" * 16, "NoNewPrivs:", str(flag), "Seccomp:", "2"]


def test_limits_of_a_process(said: Said) -> None:
    words = ["--ulimit", "nofile=64:128", "--ulimit", "core=0", "--", "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"]
    assert said(*words).split() == ["64", "128", "0"]


# --- files
def test_a_volume_is_shown_and_nothing_in_it_changes_its_owner(folder: Path, said: Said) -> None:
    before = [(path, path.stat().st_uid, path.stat().st_gid, path.stat().st_mode) for path in (folder, folder / "file")]
    assert said("-v", f"{folder}:/srv/data", "--", "cat", "/srv/data/file") == "from outside"
    assert said("-v", f"{folder}:/srv/data", "--", "sh", "-c", "echo new > /srv/data/new; cat /srv/data/new") == "new"
    assert (folder / "new").read_text() == "new\n"
    assert [(path, path.stat().st_uid, path.stat().st_gid, path.stat().st_mode) for path, *_ in before] == before


@pytest.mark.skipif(not ROOT, reason="the files are root's outside: for a user, they are his own inside too")
def test_what_is_roots_outside_stays_so(folder: Path, here: Here) -> None:
    script = "chown 1 /data/file; chown 1 /data; chmod 777 /data/file; echo x >/data/file; true"
    here("run", "-v", f"{folder}:/data", "--", "sh", "-c", script)
    assert (folder / "file").stat().st_uid == folder.stat().st_uid == 0
    assert (folder / "file").read_text() == "from outside\n"


def test_a_volume_for_reading_only_is(folder: Path, here: Here) -> None:
    script = (
        "echo x >/data/new; rm /data/file; chown 0 /data/file; mount -o remount,rw /data; echo x >>/data/file; ls /data"
    )
    done = here("run", "-v", f"{folder}:/data:ro", "--cap-add", "SYS_ADMIN", "--", "sh", "-c", script)
    assert done.stdout == "file\n" and done.stderr.count("Read-only file system") >= 3, done.stderr
    assert (folder / "file").read_text() == "from outside\n"


@pytest.mark.parametrize("way", [[], ["--init"]])
def test_a_volume_gives_no_devices_and_no_ids(folder: Path, way: list[str], said: Said) -> None:
    for only in ("", ":ro"):
        words = [*way, "-v", f"{folder}:/data{only}", "--", "grep", " /data ", "/proc/self/mountinfo"]
        flags = said(*words).split()[5].split(",")
        assert {"nosuid", "nodev"} <= set(flags) and ("ro" in flags) == bool(only)


@pytest.mark.skipif(not ROOT, reason="a user's lab may do what the user may")
def test_what_a_volume_does_not_allow_is_said(folder: Path, here: Here) -> None:
    folder.chmod(0o755)
    done = here("run", "-v", f"{folder}:/data", "--", "cat", "/data/file")
    assert (done.returncode, done.stdout) == (0, "from outside\n") and is_one_line(done, "only for reading")
    folder.chmod(0o700)
    done = here("run", "-v", f"{folder}:/data", "--", "cat", "/data/file")
    assert done.returncode == 125 and is_one_line(done, "the lab may not read it")
    folder.chmod(0o777)


def test_a_root_for_reading_only(folder: Path, here: Here) -> None:
    script = "touch /tmp/x /root/x /dev/shm/x /data/x; ls /tmp /root /dev/shm /data"
    done = here("run", "--read-only", "-v", f"{folder}:/data", "--", "sh", "-c", script)
    assert done.stderr.count("Read-only file system") == 2
    assert done.stdout.split() == ["/data:", "file", "x", "/dev/shm:", "x", "/root:", "/tmp:"]


# --- what cannot be
@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-e =x", "is no variable"),
        ("--env-file /no/such", "/no/such: No such file or directory"),
        ("-w tmp", "begins with /"),
        ("-w /no/such", "No such file or directory"),
        ("-u someone", "is no user of the container"),
        ("-u 4294967295", "this lab has"),
        ("--cap-drop FLY", "there is no capability 'FLY'"),
        ("--cap-add CAP_", "there is no capability 'CAP_'"),
        ("--security-opt seccomp=/no/such", "no policy can be read from '/no/such': No such file"),
        ("--security-opt seccomp=/", "no policy can be read from '/': Is a directory"),
        ("--security-opt seccomp=/etc/passwd", "the policy is no JSON"),
        ("--security-opt seccomp=", "is no option"),
        ("--security-opt seccomp", "is no option"),
        ("--security-opt no-new-privileges=maybe", "is no option"),
        ("--security-opt systempaths=x", "is no option"),
        ("--security-opt apparmor=unconfined", "no power over apparmor's rules"),
        ("--ulimit nofile=x", "is no limit"),
        ("--ulimit nothing=1", "there is no resource limit 'nothing'"),
        ("-v /usr", "is no volume"),
        ("-v /usr:/x:rx", "is no place for a volume"),
        ("-v ,data:/x", "is no name for a volume"),
        ("-v /no/such:/x", "there is no folder"),
        ("-v /etc/passwd:/x", "there is no folder"),
        ("-v /usr:x", "begins with /"),
        ("-v /usr:/", "is the container's own"),
        ("-v /usr:/proc/sys", "is the container's own"),
        ("-v /usr:/x -v /bin:/x/y", "two volumes"),
        ("-v /usr:/usr/new:ro", "Read-only file system"),
        ("--network host", "no power over this machine's network"),
        ("--network container:a", "not this run's"),
        ("--network none -p 8080:80", "no port to publish"),
        ("--network a,b", "is no name for a network"),
        ("-p 80", "no port of this machine is chosen at random"),
        ("-p 127.0.0.1::80", "no port of this machine is chosen at random"),
        ("-p 80-81:80-81", "ranges of ports"),
        ("-p 8080:80/sctp", "publishes nothing"),
        ("-p 8080:0", "publishes nothing"),
        ("-p [::1]:8080:80", "is no IPv4 address"),
        ("-p 8080:80 -p 127.0.0.1:8080:81", "published twice"),
        ("--ip 10.77.5.1", "is no address for a container"),
        ("--dns name", "is no IPv4 address"),
        ("--name a/b", "is no name for a container"),
        ("--memory 99999999T", "it is less than"),
        ("--cpus 65537", "65536 cores at most"),
    ],
)
def test_what_cannot_be_is_one_line(words: str, line: str, here: Here) -> None:
    done = here("run", *words.split(), "--", "true")
    assert done.returncode == 125 and is_one_line(done, line), done.stderr


@pytest.mark.parametrize("option", [option for options_ in parser.NOT_YET for option in options_])
def test_what_is_not_here_yet_says_why(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([option], [option, "value"]):
        assert cli.main(["run", *words, "--", "true"]) == 125
        line = capsys.readouterr().err
        assert line.startswith(f"pyctr-lab: {option} is not here yet: ") and line.count("\n") == 1


def test_every_option_is_in_the_readme() -> None:
    text = (Path(cli.__file__).parents[2] / "README.md").read_text()
    made = parser.Parser(prog="x", add_help=False)
    parser.run_options(made)
    for option in (option for action in made._actions for option in action.option_strings):
        assert f"`{option}`" in text or option == "--help", option
