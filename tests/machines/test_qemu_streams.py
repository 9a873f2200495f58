"""A process gets more descriptors than three, and each arrives under its number."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.machines.hardware import CHANNELS
from pyctr_lab.machines.qemu_streams import QemuStreams
from pyctr_lab.runtime.output import drain

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(autouse=True)
def drained() -> None:
    """The thread that reads outputs has an epoll of its own, opened for the first of them and kept."""
    drain()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_the_lab_may_not_open_by_name_it_is_given(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("on disk")
    tmp_path.chmod(0o700)
    before = open_files()
    with (tmp_path / "disk").open("r+b") as disk:
        streams = QemuStreams({"kernel": b"in memory"}, {"disk": disk.fileno()})
    numbers = streams.numbers
    assert set(numbers) == {"kernel", "disk", *CHANNELS}
    script = f"cat /proc/self/fd/{numbers['kernel']}; cat <&{numbers['disk']}; echo port >&{numbers['ask']}"
    program = lab.host.launch(["bash", "-c", script], streams)
    assert program.wait().stdout == "in memory" + "on disk"
    assert streams.ours["ask"].recv(10) == b"port\n"
    streams.hang_up()
    assert open_files() == before


def test_what_cannot_be_passed_leaves_nothing_open() -> None:
    before = open_files()
    with pytest.raises(OSError):
        QemuStreams({"kernel": b"x"}, {"disk": 99_999})
    assert open_files() == before
