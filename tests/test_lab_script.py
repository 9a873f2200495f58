"""The script ./lab, run for real: on a small clone with a package of its own, and once on this one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
NOBODY = 65534

# A whole project that needs no download: it builds itself.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "pyctr_lab"
version = "1"
"""
BACKEND = """
import zipfile
def get_requires_for_build_editable(config_settings=None): return []
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "pyctr_lab-1-py3-none-any.whl"
    info = "pyctr_lab-1.dist-info/"
    files = {info + "METADATA": "Metadata-Version: 2.1\\nName: pyctr_lab\\nVersion: 1\\n",
             info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
             info + "entry_points.txt": "[console_scripts]\\npyctr-lab = pyctr_stub:main\\n",
             "pyctr_stub.py": "import sys\\ndef main(): print(sys.argv[1:]); return 7\\n", info + "RECORD": ""}
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        for path, text in files.items(): wheel.writestr(path, text)
    return name
"""


def make_clone(folder: Path) -> Path:
    """A clone with the script as it is, and nothing to install."""
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(TOP / "lab", folder)
    (folder / "packages.txt").write_text("course python3-venv module:ensurepip\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    for name in ("course", "test"):
        (folder / "requirements" / f"{name}.txt").write_text("# none\n")
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path / "a clone")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up."""
    clone = make_clone(tmp_path_factory.mktemp("ready") / "clone")
    assert lab(clone, "setup").returncode == 0
    return clone


@pytest.fixture
def unfinished(ready: Path) -> Iterator[Path]:
    """The same clone with an environment that was made and not filled, which saves most of a set-up's time."""
    files = [ready / name for name in ("packages.txt", "requirements/course.txt", ".venv/lab-course")]
    kept = [file.read_text() for file in files]
    for name in ("lab-course", "lab-test"):
        (ready / ".venv" / name).unlink(missing_ok=True)
    yield ready
    for file, text in zip(files, kept, strict=True):
        file.write_text(text)


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    folder = tmp_path / "stubs"
    folder.mkdir()
    return folder


def stub(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def lab(
    clone: Path, *words: str, stubs: Path | None = None, user: int | None = None, by: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    """./lab WORDS, in a home of its own, with `stubs` before PATH."""
    path = os.environ["PATH"] if stubs is None else f"{stubs}:{os.environ['PATH']}"
    given = {"PATH": path, "HOME": str(clone / "home"), "LANG": "C.UTF-8", **env}
    return subprocess.run(
        [*by, str(clone / "lab"), *words], env=given, capture_output=True, text=True, timeout=120, user=user,
        extra_groups=None if user is None else [], stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_help_needs_no_set_up(clone: Path) -> None:
    done = lab(clone, "--help")
    assert done.returncode == 0 and "./lab reset LESSON" in done.stdout
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_script_reads_in_each_shell(shell: str) -> None:
    assert subprocess.run([shell, "-n", TOP / "lab"]).returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--prot", "1"], ["--port"], ["--port", ""], ["--port="], ["--port", "0"], ["--port=65536"], ["--port", "-1"],
        ["--port", "8 8"], ["--port", "9" * 30], ["--course"], ["--no-browser", "setup"], ["setup", "now"],
        ["reset"], ["reset", "1", "2"], ["reset", "--all"],
    ],
)  # fmt: skip
def test_words_that_cannot_be_right_are_refused_before_anything_happens(clone: Path, words: list[str]) -> None:
    done = lab(clone, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("lab: ") and done.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("words", [[], ["setup"], ["test"], ["doctor"]])
def test_off_linux_it_names_the_system_and_the_way_out(clone: Path, stubs: Path, words: list[str]) -> None:
    stub(stubs, "uname", "echo Darwin")
    done = lab(clone, *words, stubs=stubs)
    assert done.returncode == 1
    assert "Darwin" in done.stderr and "vagrant/" in done.stderr and done.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("words", [["--no-browser"], ["test"]])
def test_a_kernel_that_refuses_user_namespaces_is_named(ready: Path, words: list[str]) -> None:
    if words == ["test"]:
        shutil.copy(ready / ".venv" / "lab-course", ready / ".venv" / "lab-test")
    refusing = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" "$@"'  # that of this user namespace alone
    done = lab(ready, *words, by=("unshare", "--user", "--map-root-user", "sh", "-c", refusing))
    assert done.returncode == 1
    assert "user namespaces" in done.stderr and "./lab doctor" in done.stderr and done.stderr.count("\n") == 1


def test_what_is_allowed_to_the_courses_interpreter_alone_is_enough(ready: Path, stubs: Path) -> None:
    """AppArmor's profile that the doctor proposes names that program, and no other."""
    stub(stubs, "unshare", "exit 1")
    assert "user namespaces" not in lab(ready, "--no-browser", stubs=stubs).stderr


def test_a_refusing_kernel_keeps_nobody_from_the_doctor(ready: Path, stubs: Path) -> None:
    stub(stubs, "unshare", "exit 1")
    assert lab(ready, "doctor", stubs=stubs).stdout == "['doctor']\n"


def test_other_words_reach_the_command_as_they_are_and_its_status_comes_back(ready: Path) -> None:
    words = ["run", "--", "sh", "-c", 'echo "$HOME"  *', ""]
    done = lab(ready, *words)
    assert done.stdout == f"{words}\n"
    assert done.stderr == ""
    assert done.returncode == 7


def test_a_second_set_up_repeats_no_work(ready: Path, stubs: Path) -> None:
    stub(stubs, "flock", "echo locked >&2; exit 1")
    done = lab(ready, "setup", stubs=stubs)
    assert done.returncode == 0
    assert done.stderr == "lab: ready: ./lab opens the course\n"


def test_another_list_is_installed_into_the_same_environment(unfinished: Path) -> None:
    (unfinished / "requirements" / "course.txt").write_text("# another\n")
    again = lab(unfinished, "setup").stderr
    assert "installing" in again and "making a virtual environment" not in again


def test_an_interrupted_set_up_is_begun_anew(clone: Path) -> None:
    assert lab(clone, "setup").returncode == 0
    (clone / ".venv" / "lab-course").unlink()
    (clone / ".venv" / "lab-unfinished").touch()
    assert "making a virtual environment" in lab(clone, "setup").stderr
    assert lab(clone, "x").returncode == 7


def test_a_failed_installation_is_said_in_few_lines_and_is_no_set_up(clone: Path) -> None:
    (clone / "requirements" / "course.txt").write_text("no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    done = lab(clone, "setup", PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "no-such-package" in done.stderr and ".venv.log" in done.stderr and "Traceback" not in done.stderr
    assert lab(clone, "x", PIP_NO_INDEX="1").returncode == 1


def test_two_at_once_set_up_once(clone: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(clone)}
    call = [str(clone / "lab"), "setup"]
    both = [subprocess.Popen(call, env=env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("making a virtual environment" in text for text in said) == 1
    assert sum("waiting for it" in text for text in said) == 1


def test_a_folder_without_locks_is_named_with_the_way_out(clone: Path) -> None:
    done = lab(clone, "setup", by=(sys.executable, str(TOP / "tests/refusing.py"), "flock=ENOLCK", "--"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert ".venv.lock cannot be locked (No locks available)" in done.stderr and "PYCTR_LAB_VENV=DIR" in done.stderr


def test_a_user_is_told_the_one_command_and_nothing_is_installed(clone: Path, stubs: Path) -> None:
    for name in ("apt-get", "sudo"):
        stub(stubs, name, f"touch {clone}/called")
    stub(stubs, "id", "echo 1000")
    rows = ("course gone1 no-such-command", "course gone2 /no/such/file", "test gone3 no-such-command")
    (clone / "packages.txt").write_text("\n".join(rows) + "\n")
    done = lab(clone, "setup", stubs=stubs)
    assert done.returncode == 1
    (command,) = re.findall(r"^    (\S.*)$", done.stderr, re.MULTILINE)
    packages = "apt-get update && apt-get install --yes --no-install-recommends gone1 gone2"
    assert command == f'sudo sh -c "{packages}"'
    assert not (clone / "called").exists() and not (clone / ".venv").exists()


def test_root_installs_what_is_missing(unfinished: Path, stubs: Path) -> None:
    (unfinished / "packages.txt").write_text(f"course gone1 {stubs}/gone1\ncourse sh sh\n")
    stub(stubs, "id", "echo 0")
    stub(stubs, "apt-get", f'echo "$DEBIAN_FRONTEND $*" >>{stubs}/log; touch {stubs}/gone1')
    assert lab(unfinished, "setup", stubs=stubs).returncode == 0
    asked = (stubs / "log").read_text()
    assert asked == "noninteractive install --yes --no-install-recommends gone1\n"


def test_an_old_list_of_packages_is_fetched_anew(unfinished: Path, stubs: Path) -> None:
    (unfinished / "packages.txt").write_text(f"course gone1 {stubs}/gone1\n")
    stub(stubs, "id", "echo 0")
    stub(stubs, "apt-get", f"cd {stubs}; case $1 in update) touch new ;; *) [ -e new ] && touch gone1 ;; esac")
    assert lab(unfinished, "setup", stubs=stubs).returncode == 0


def test_an_installation_that_did_not_bring_it_is_no_success(clone: Path, stubs: Path) -> None:
    (clone / "packages.txt").write_text("course gone1 no-such-command\n")
    stub(stubs, "id", "echo 0")
    stub(stubs, "apt-get", "exit 0")
    done = lab(clone, "setup", stubs=stubs)
    assert done.returncode == 1 and "still missing" in done.stderr and "gone1" in done.stderr


def test_a_package_that_came_to_the_list_later_is_asked_for(unfinished: Path, stubs: Path) -> None:
    stub(stubs, "id", "echo 1000")
    assert lab(unfinished, "setup", stubs=stubs).returncode == 0
    (unfinished / "packages.txt").write_text("course gone1 no-such-command\n")
    assert "gone1" in lab(unfinished, "setup", stubs=stubs).stderr


ROWS = """# group package there-when only
course one sh
engines two no-such-command
engines three no-such-command sparc
engines four no-such-command amd64
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--list", "course", "engines"], ["four", "one", "two"]),
        (["--missing", "course", "engines"], ["two", "four"]),
        (["--missing", "course"], []),
    ],
)
def test_packages_are_named_by_groups_for_this_architecture(
    clone: Path, stubs: Path, words: list[str], said: list[str]
) -> None:
    (clone / "packages.txt").write_text(ROWS)
    stub(stubs, "dpkg", "echo amd64")
    done = lab(clone, "packages", *words, stubs=stubs)
    assert done.stdout.split() == said and done.returncode == 0


@pytest.mark.parametrize("words", [[], ["--list"], ["nothing"], ["--all", "course"], ["course", "#"]])
def test_groups_that_are_not_in_the_list_are_refused(clone: Path, words: list[str]) -> None:
    done = lab(clone, "packages", *words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_a_group_is_installed_by_its_name(clone: Path, stubs: Path) -> None:
    (clone / "packages.txt").write_text(f"course sh sh\nengines two {stubs}/two\n")
    stub(stubs, "id", "echo 0")
    stub(stubs, "apt-get", f'echo "$*" >>{stubs}/log; touch {stubs}/two')
    assert lab(clone, "packages", "engines", stubs=stubs).returncode == 0
    assert (stubs / "log").read_text() == "install --yes --no-install-recommends two\n"


def test_a_package_of_another_group_asks_for_no_new_set_up(ready: Path, stubs: Path) -> None:
    with (ready / "packages.txt").open("a") as rows:
        rows.write("engines two no-such-command\n")
    stub(stubs, "flock", "exit 1")
    assert lab(ready, "setup", stubs=stubs).stderr == "lab: ready: ./lab opens the course\n"


@pytest.mark.parametrize(
    ("words", "script", "rest"),
    [(["vm", "address"], "vm", "address"), (["test", "vm", "--keep", "x"], "test.sh", "--keep x")],
)
def test_words_about_the_machine_go_to_its_scripts(clone: Path, words: list[str], script: str, rest: str) -> None:
    (clone / "vagrant").mkdir()
    stub(clone / "vagrant", script, 'echo "$*"; exit 3')
    done = lab(clone, *words)
    assert (done.stdout, done.returncode) == (f"{rest}\n", 3)
    assert not (clone / ".venv").exists()


def test_going_on_without_packages_is_possible(unfinished: Path, stubs: Path) -> None:
    stub(stubs, "id", "echo 1000")
    (unfinished / "packages.txt").write_text("course gone1 no-such-command\n")
    assert lab(unfinished, "setup", stubs=stubs, PYCTR_LAB_PACKAGES="skip").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_clone_that_cannot_be_written_is_said() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o755)
        clone = make_clone(Path(folder) / "clone")
        done = lab(clone, "setup", user=NOBODY)
    assert done.returncode == 1 and "PYCTR_LAB_VENV" in done.stderr and done.stderr.count("\n") == 1


def test_without_a_home_it_asks_for_a_folder(clone: Path) -> None:
    done = lab(clone, "--no-browser", HOME="")
    assert done.returncode == 1 and "--course DIR" in done.stderr


# ------------------------------------------------------------------------------------------------- the course, served


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str, Path]]:
    """This clone's course on a port of its own: the port, what was said until it was open, the learner's folder."""
    if Path(sys.prefix) != TOP / ".venv":
        pytest.skip("these tests run by ./lab test, in its environment")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("served")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "JUPYTER_TOKEN": ""}
    call = [str(TOP / "lab"), "--no-browser", f"--port={port}", "--course", str(folder / "course")]
    with (folder / "said").open("w+") as said, subprocess.Popen(call, env=env, stdout=said, stderr=said) as server:
        deadline = time.monotonic() + 60
        while "token=" not in (text := (folder / "said").read_text()):
            assert server.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.1)  # a file has no event to wait for
        opened = re.search(r"127\.0\.0\.1:(\d+)/", text)  # another one, if somebody has taken ours meanwhile
        yield int(opened[1]) if opened else port, text, folder / "course"
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def test_the_course_is_served_only_with_the_token(served: tuple[int, str, Path]) -> None:
    port, text, _ = served
    (token,) = set(re.findall(r"token=(\w+)", text))
    page = f"http://127.0.0.1:{port}/api/contents"
    assert len(token) >= 32
    assert status(page) == 403
    assert status(f"{page}?token=wrong") == 403
    assert status(page, Authorization=f"token {token}") == 200
    assert status(f"http://127.0.0.1:{port}/lab/tree/00_start_here.ipynb?token={token}") == 200
    assert "/lab/tree/00_start_here.ipynb?token=" in text


def test_no_foreign_origin_is_let_in(served: tuple[int, str, Path]) -> None:
    port, text, _ = served
    (token,) = set(re.findall(r"token=(\w+)", text))
    page = f"http://127.0.0.1:{port}/api/contents"
    with urllib.request.urlopen(urllib.request.Request(page, headers={"Authorization": f"token {token}"})) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") in (None, "")
    assert status(page, Host="elsewhere.example", Authorization=f"token {token}") == 403


def test_it_listens_on_loopback_only(served: tuple[int, str, Path]) -> None:
    port = served[0]
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert listening == {"0100007F"}


def test_the_learner_works_on_a_copy(served: tuple[int, str, Path]) -> None:
    course = served[2]
    lessons = {path.name for path in (TOP / "notebooks").glob("*.ipynb")}
    assert lessons <= {path.name for path in course.iterdir()}


def test_jupyterlab_asks_no_question_about_news(served: tuple[int, str, Path]) -> None:
    port, text, _ = served
    (token,) = set(re.findall(r"token=(\w+)", text))
    page = f"http://127.0.0.1:{port}/lab/api/settings/@jupyterlab/apputils-extension:notification"
    with urllib.request.urlopen(urllib.request.Request(page, headers={"Authorization": f"token {token}"})) as answer:
        asked = json.load(answer)["schema"]["properties"]
    assert asked["fetchNews"]["default"] == "false"
    assert asked["checkForUpdates"]["default"] is False


def test_a_port_in_use_is_said(served: tuple[int, str, Path], tmp_path: Path) -> None:
    done = subprocess.run(
        [str(TOP / "lab"), "--no-browser", "--port", str(served[0]), "--course", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0 and "not available" in done.stderr and "Traceback" not in done.stderr
