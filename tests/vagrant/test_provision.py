"""provision.sh and what it installs, as far as an ordinary user can try it: `./lab test vm` runs it in a machine."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
VAGRANT = TOP / "vagrant"
SCRIPT = VAGRANT / "provision.sh"

Done = subprocess.CompletedProcess[str]


def run(words: list[str | Path], **options: object) -> Done:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def functions(commands: str, *, folder: Path, by: tuple[str, ...] = (), **env: str) -> Done:
    """The script's functions without its last word, which calls them all; then `commands`."""
    text = SCRIPT.read_text()
    assert text.endswith("\nmain\n")
    (folder / "functions.sh").write_text(text.removesuffix("main\n") + commands)
    return run([*by, "sh", folder / "functions.sh"], env={**os.environ, "PYCTR_FROM": str(folder), **env}, cwd=folder)


def test_only_root_can_provision() -> None:
    asked = {"user": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = run(["sh", "-c", SCRIPT.read_text()], **asked)
    assert done.returncode == 1
    assert done.stderr == "provision: only root can provision a machine\n"


def test_its_groups_are_groups_of_the_one_list() -> None:
    (groups,) = re.findall(r"^all_groups='(.*)'", SCRIPT.read_text(), re.M)
    known = {line.split()[0] for line in (TOP / "packages.txt").read_text().splitlines() if line.split()[:1] != ["#"]}
    assert {*groups.split(), "guest"} <= known


def test_a_file_is_written_once(tmp_path: Path) -> None:
    script = "echo text >new; for i in 1 2; do put made/file 640 <new; echo $changes; done"
    assert functions(script, folder=tmp_path).stdout.splitlines() == ["provision: wrote made/file", "1", "1"]
    assert (tmp_path / "made/file").read_text() == "text\n"
    assert stat.S_IMODE((tmp_path / "made/file").stat().st_mode) == 0o640


def test_no_change_is_counted_where_it_is_lost() -> None:
    # What a pipe leads to runs in a shell of its own, and so does its counter.
    assert not re.findall(r"\| (?:put|put_link|own|changed)\b", SCRIPT.read_text())


@pytest.mark.parametrize("spoil", ["echo other >made", "chmod 600 made"])
def test_a_file_that_differs_is_mended(tmp_path: Path, spoil: str) -> None:
    done = functions(f"echo text >new; put made 644 <new; {spoil}; put made 644 <new; echo $changes", folder=tmp_path)
    assert done.stdout.splitlines()[-1] == "2"
    assert (tmp_path / "made").read_text() == "text\n"


def test_a_link_is_made_once_and_led_elsewhere(tmp_path: Path) -> None:
    done = functions("put_link a l; put_link a l; echo $changes; put_link b l; readlink l", folder=tmp_path)
    assert [line for line in done.stdout.splitlines() if "leads" not in line] == ["1", "b"]


def pack(folder: Path, **files: str) -> None:
    with tarfile.open(folder / "pyctr_lab.tar", "w") as tar:
        for name, text in {"lab": "#!/bin/sh\n", **files}.items():
            path = folder / "packed"
            path.write_text(text)
            path.chmod(0o755)
            tar.add(path, name)


# Where the course goes is a place of root's; here another one.
UNPACK = "course=$PWD/opt; course_tree; echo $changes"


def test_the_course_is_unpacked_once_and_its_environment_outlives_a_new_version(tmp_path: Path) -> None:
    pack(tmp_path, old="1")
    assert functions(UNPACK, folder=tmp_path).stdout.splitlines()[-1] == "1"
    (tmp_path / "opt/.venv").mkdir()
    (tmp_path / "opt/__pycache__").mkdir()
    assert functions(UNPACK, folder=tmp_path).stdout == "0\n"
    pack(tmp_path, new="2")
    assert functions(UNPACK, folder=tmp_path).stdout.splitlines()[-1] == "1"
    assert sorted(path.name for path in (tmp_path / "opt").iterdir()) == [".venv", "lab", "new"]


def test_what_is_no_course_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    pack(tmp_path)
    functions(UNPACK, folder=tmp_path)
    with tarfile.open(tmp_path / "pyctr_lab.tar", "w") as tar:
        tar.add(tmp_path / "packed", "else")
    done = functions(UNPACK, folder=tmp_path)
    assert done.returncode == 1 and "does not hold the course" in done.stderr
    assert (tmp_path / "opt/lab").exists()


def test_without_a_course_it_says_so(tmp_path: Path) -> None:
    done = functions(UNPACK, folder=tmp_path)
    assert done.returncode == 1 and "there is no course" in done.stderr


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_a_folder_of_packages_gets_an_index(tmp_path: Path) -> None:
    control = tmp_path / "tree/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: stub\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: none\n"
    )
    (tmp_path / "pyctr-debs").mkdir()
    run(["dpkg-deb", "--build", tmp_path / "tree", tmp_path / "pyctr-debs/stub_1_all.deb"], check=True)
    index = functions("index_debs", folder=tmp_path).stdout
    size = (tmp_path / "pyctr-debs/stub_1_all.deb").stat().st_size
    assert "Package: stub\n" in index and "Filename: ./stub_1_all.deb\n" in index and f"Size: {size}\n" in index
    assert re.search(r"^SHA256: [0-9a-f]{64}$", index, re.M)


# ------------------------------------------------------------------------------------------------------- the service


def unit(name: str) -> list[str]:
    return (VAGRANT / "service" / name).read_text().splitlines()


def test_the_service_is_the_students_with_groups_of_its_own() -> None:
    lines = unit("pyctr-lab.service")
    assert "ConditionPathExists=/etc/pyctr-lab/token" in lines, "else a fresh box starts it again every two seconds"
    assert {"User=student", "Delegate=cpu memory pids io", "KillMode=mixed", "OOMPolicy=continue"} <= set(lines)
    assert "Restart=on-failure" in lines


def test_the_token_is_on_no_command_line() -> None:
    lines = unit("pyctr-lab.service")
    assert "EnvironmentFile=/etc/pyctr-lab/token" in lines
    assert not [line for line in lines if line.startswith("Exec") and "oken" in line]
    assert "TOKEN" not in (VAGRANT / "service/serve").read_text()


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    for name, text in {
        "ip": 'case "$*" in *route*) cat "$ROUTES" ;; *) echo "2: eth0 inet 10.0.2.15/24 brd 10.0.2.255" ;; esac',
        "systemd-socket-activate": 'echo "$@"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def door(stubs: Path, routes: str) -> Done:
    (stubs / "routes").write_text(routes)
    env = {"PATH": f"{stubs}:{os.environ['PATH']}", "ROUTES": str(stubs / "routes"), "PYCTR_SERVICE_PORT": "8888"}
    return run([VAGRANT / "service/door"], env=env)


def test_the_door_is_at_the_card_behind_the_nat_alone(stubs: Path) -> None:
    done = door(stubs, "default via 10.0.2.2 dev eth0 proto dhcp src 10.0.2.15 metric 1024\n")
    assert done.stdout.split() == [
        "--listen=10.0.2.15:8888", "/lib/systemd/systemd-socket-proxyd", "127.0.0.1:8888",
    ]  # fmt: skip


def test_the_door_waits_for_a_card(stubs: Path) -> None:
    done = door(stubs, "")
    assert done.returncode == 1 and "no network card" in done.stderr  # systemd tries again


ROOM = """
cp -a /etc etc && mount --bind etc /etc && mount -t tmpfs tmpfs /tmp
mkdir /tmp/home && echo 'vagrant:x:54321:54321::/tmp/home:/bin/sh' >>/etc/passwd
touch /tmp/vagrant-shell /tmp/home/mine && chown 54321 /tmp/vagrant-shell /tmp/home /tmp/home/mine
make_room 54321
stat -c %u /tmp/vagrant-shell /tmp/home/mine
id -u vagrant
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_boxs_user_gives_way_with_all_that_is_his(tmp_path: Path) -> None:
    """Else Vagrant, which comes in as that user, cannot put its next script where its last one lies."""
    done = functions(ROOM, folder=tmp_path, by=("unshare", "--mount"))
    *_, script, mine, number = done.stdout.splitlines()
    assert script == mine == number != "54321", done.stderr
