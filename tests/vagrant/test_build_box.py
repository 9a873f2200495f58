"""build-box.sh refuses what cannot become a box before anything is made; `./lab test vm` makes one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
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


FAKES = {  # program -> script: what takes minutes is a wait here, at the moment in which the build is interrupted
    "lab": "exit 0",
    "mmdebstrap": """for word; do
    case $word in --customize-hook=*) hook=${word#*=} ;; */root) root=$word ;; esac
done
mkdir -p "$root/etc" "$root/tmp"
[ "$MOMENT" = packages ] && touch "$REACHED" && sleep 60
sh -c "$hook" hook "$root"
""",
    "chroot": 'touch "$REACHED" && sleep 60',
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.skipif(not shutil.which("dpkg"), reason="boxes are built on Debian")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda sent: sent.name)
@pytest.mark.parametrize("moment", ["packages", "set-up"])
@pytest.mark.parametrize("to", ["group", "builder"])
def test_an_interrupted_build_leaves_no_mount_and_no_folder(
    sent: signal.Signals, moment: str, to: str, tmp_path: Path
) -> None:
    script, reached, work = tmp_path / "vagrant" / SCRIPT.name, tmp_path / "reached", tmp_path / "work"
    for folder in (script.parent, tmp_path / "bin", work):
        folder.mkdir()
    for source in ("build-box.sh", "provision.sh"):
        shutil.copy(VAGRANT / source, script.parent)
    for name, text in FAKES.items():
        fake = tmp_path / ("" if name == "lab" else "bin") / name
        fake.write_text(f"#!/bin/sh\n{text}\n")
        fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "TMPDIR": str(work), "MOMENT": moment,
                   "REACHED": str(reached)}  # fmt: skip
    with subprocess.Popen([script], env=environment, start_new_session=True, stderr=subprocess.PIPE) as building:
        while not reached.exists():
            assert building.poll() is None, building.communicate()
            time.sleep(0.01)
        (place,) = work.iterdir()
        (os.killpg if to == "group" else os.kill)(building.pid, sent)
        building.communicate(timeout=60)
    assert str(place) not in Path("/proc/self/mountinfo").read_text()
    assert list(work.iterdir()) == []
    assert building.returncode == 130
