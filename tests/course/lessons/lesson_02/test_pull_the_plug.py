"""2.2: what is on the disk is read as a file system, and every message is true of what was done."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Ground, Verdict
from pyctr_lab.course.lessons.kit.ext2 import small_files
from pyctr_lab.machines import Machine

pytestmark = pytest.mark.skipif(not shutil.which("busybox"), reason="the guest runs busybox")
MADE = "mke2fs /dev/vda && mount -t ext4 /dev/vda /mnt && sync"


def done(ground: Ground, script: str, *, end: str = "kill", lab: Lab | None = None) -> Verdict:
    """A machine that runs a script with the ground's disk; how the check sees what is left."""
    machine = Machine(memory="96M", disk=ground.facts["disk"], lab=lab or ground.lab)
    try:
        machine.run(["sh", "-c", script.format(**ground.values)])
        if end:
            getattr(machine, end)()
        return exercises.check("2.2")
    finally:
        machine.kill()


def test_bytes_that_no_machine_has_written_do_not_pass(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    disk = bytearray(2 << 20)
    disk[1080:1082] = b"\x53\xef"
    disk[8192:8292] = ground.values["kept"].encode().ljust(100)
    Path(ground.facts["disk"]).write_bytes(disk)
    verdict = exercises.check("2.2")
    assert verdict.state.failed and "no file there contains it" in str(verdict)


def test_nothing_that_any_lab_still_runs_is_said_to_have_ended(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    with Lab(private=True) as other:
        verdict = done(ground, f"{MADE}; echo {{kept}} > /mnt/a; sync; echo {{lost}} > /mnt/b", end="", lab=other)
    assert verdict.state.failed and verdict.misconception == "M4", verdict


@pytest.mark.parametrize(
    ("script", "said", "not_said"),
    [
        ("touch /mnt/{kept}; sync", "no file there contains it", "neither word"),
        ("echo {lost} > /mnt/b; sync; echo {kept} > /mnt/a", "does not hold this word", "neither word"),
        ("echo {kept} > /mnt/a; umount /mnt", "mounted, and unmounted in good order", "no kernel has mounted"),
    ],
)
def test_the_words_are_true_of_what_was_done(lab: Lab, script: str, said: str, not_said: str) -> None:
    ground = exercises.start("2.2", lab)
    verdict = done(ground, f"{MADE}; {script}")
    words = " ".join(str(verdict).split())
    assert verdict.state.failed and said in words and not_said not in words, words
    assert "✗ no machine has the disk any more" not in words


def test_old_bytes_on_the_disk_do_not_hide_that_nothing_was_synced(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    old = f"{ground.values['kept']} {ground.values['lost']}".encode()
    Path(ground.facts["disk"]).write_bytes(old.ljust(2 << 20, b"\0"))  # as of an earlier try
    verdict = done(ground, f"{MADE}; echo {{kept}} > /mnt/a; echo {{lost}} > /mnt/b")
    assert verdict.misconception == "M2" and "earlier try" in verdict.message, verdict


def test_an_orderly_end_is_no_pulled_plug_even_if_the_second_word_was_never_written(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    verdict = done(ground, f"{MADE}; echo {{kept}} > /mnt/a; sync", end="power_off")
    assert verdict.state.failed and "unmounted in good order" in str(verdict).replace("\n            ", " ")


def test_a_raw_write_by_the_guest_is_not_called_one_from_outside(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    verdict = done(ground, "echo {kept} > /dev/vda; sync")
    assert verdict.misconception == "M1" and "from outside" not in str(verdict)
    assert "✓ no machine has the disk any more" in str(verdict)


def test_the_last_hint_can_be_pasted(lab: Lab) -> None:
    ground = exercises.start("2.2", lab)
    hint = exercises.named("2.2").hint(3, ground.values)
    exec(hint, {"Machine": Machine, "ground": ground, "lab": lab})
    assert exercises.check("2.2").passed


def test_an_empty_or_a_damaged_disk_has_no_files(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(2 << 20))
    subprocess.run(["busybox", "mke2fs", "-F", str(disk)], check=True, capture_output=True)
    assert list(small_files(disk.read_bytes())) == []
    assert list(small_files(b"\xff" * (2 << 20))) == []
