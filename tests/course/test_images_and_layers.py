"""What lesson 06 uses beside the lab: folders that go, a small distribution, a place for marks, memory, a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.course import images_and_layers as kit
from pyctr_lab.kernel import proc

SMAPS = """00400000-00401000 r--p 00000000 00:4a 15427844                           /bin/busybox
Size:                  4 kB
Rss:                   4 kB
Pss:                   1 kB
00401000-00585000 r-xp 00001000 00:4a 15427844                           /bin/busybox
Size:               1552 kB
KernelPageSize:        4 kB
Rss:                 800 kB
Pss:                  80 kB
00585000-00587000 r-xp 00185000 00:4a 15427844                           /bin/busybox
Size:                  8 kB
Rss:                   8 kB
Pss:                   2 kB
00587000-00589000 rw-p 00187000 00:4a 15427844                           /bin/busybox
Size:                  8 kB
Rss:                   8 kB
Pss:                   8 kB
01c0f000-01c10000 rw-p 00000000 00:00 0                                  [heap]
Size:                  4 kB
Rss:                   4 kB
Pss:                   4 kB
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
Size:                  4 kB
Rss:                   4 kB
Pss:                   4 kB
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kit, "PLACES", (str(tmp_path),))
    return tmp_path


def test_a_folder_is_open_to_the_lab_and_goes_with_its_process(temporary: Path) -> None:
    assert kit.temporary_folder().stat().st_mode & 0o777 == 0o755
    script = f"import sys; sys.path[:0] = {sys.path!r}; from pyctr_lab.course import images_and_layers as kit; "
    script += f"kit.PLACES = ({str(temporary)!r},); print(kit.temporary_folder())"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert Path(made).parent == temporary
    assert not Path(made).exists()


def test_what_dead_notebooks_have_left_goes_and_not_what_others_use(temporary: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used = (temporary / f"{kit.PREFIX}{pid}-x" for pid in (ended.pid, 1))
    for folder in (left, used):
        (folder / "work" / "work").mkdir(parents=True)
        (folder / "work" / "work").chmod(0)
    kit.temporary_folder()
    assert not left.exists()
    assert used.exists()


def test_no_folder_on_an_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("layered", "plain"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(kit, "PLACES", (str(tmp_path / "layered"), str(tmp_path / "plain")))
    monkeypatch.setattr(kit, "file_system_kind", lambda folder: "overlay" if folder.endswith("layered") else "ext4")
    assert kit.temporary_folder().parent.name == "plain"


def test_the_kind_of_a_file_system_is_that_of_the_nearest_mount() -> None:
    assert kit.file_system_kind("/proc/self") == "proc"
    assert kit.file_system_kind("/dev/shm") == "tmpfs"


def test_a_small_distribution_runs(lab: Lab) -> None:
    folder = kit.small_distribution(kit.temporary_folder())
    images = kit.new_images(lab)
    assert images.import_(str(folder), "pocket").name == "pocket:latest"
    said = lab.host.run(["chroot", str(folder), "/bin/sh", "-c", ". /usr/lib/os-release; echo $PRETTY_NAME"])
    assert said.stdout == "Pocket Linux 1\n"


@pytest.mark.parametrize("in_memory", [True, False])
def test_overlayfs_can_leave_its_marks(lab: Lab, monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    def refuse(*words: object) -> None:
        raise OSError

    if not in_memory:
        monkeypatch.setattr(os, "setxattr", refuse)
    box = lab.container("marks")
    for step in (steps.NewNamespace("mnt"), steps.PrivatePropagation()):
        box.apply(step)
    kit.place_for_layers(lab, box)
    script = """cd /mnt && mkdir lower upper work merged lower/docs && touch lower/docs/one
        mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work overlay merged
        rm -r merged/docs && mkdir merged/docs && ls merged/docs"""
    done = box.run(["sh", "-ec", script])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert os.getxattr(f"/proc/{box.machine_pid}/root/mnt/upper/docs", "user.overlay.opaque") == b"y"


def test_code_in_memory_is_summed_over_its_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "text_of", lambda pid, name: SMAPS)
    assert kit.mapped_code(1, "/bin/busybox") == (808 << 10, 82 << 10), "neither its data nor its headers"
    assert kit.mapped_code(1, "/bin/other") == (0, 0)


def test_a_registry_answers_and_a_second_one_takes_its_place() -> None:
    if not shutil.which("docker-registry"):
        pytest.skip("not installed: docker-registry (./lab packages test)")
    address = kit.start_registry()
    with urllib.request.urlopen(f"http://{address}/v2/") as answer:
        assert answer.status == 200
    (server,) = kit.SERVERS
    kit.start_registry()
    assert server.wait() < 0 and len(kit.SERVERS) == 1
    kit.end_registries()


def test_without_a_registry_a_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert kit.start_registry() == ""
    assert capsys.readouterr().out.startswith("Not run here: docker-registry is not installed")
