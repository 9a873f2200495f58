"""The command line, as data."""

from __future__ import annotations

from itertools import pairwise

from pyctr_lab.machines.hardware import CHANNELS, Hardware

FILES = {name: number for number, name in enumerate(["kernel", "initramfs", "disk", *CHANNELS], start=100)}


def options(hardware: Hardware, name: str) -> list[str]:
    command = hardware.command(FILES)
    return [value for option, value in pairwise(command) if option == name]


def test_an_emulated_guest_is_told_how_fast_its_clock_runs() -> None:
    hardware = Hardware(256 << 20, 3, tsc_khz=2600000, machine="x86_64")
    assert hardware.command(FILES)[0] == "qemu-system-x86_64"
    assert options(hardware, "-m") == ["262144K"] and options(hardware, "-smp") == ["3"]
    assert options(hardware, "-accel") == ["tcg"] and options(hardware, "-cpu") == ["max,erms=off,fsrm=off,la57=off"]
    assert "tsc_early_khz=2600000 tsc=reliable mitigations=off " in hardware.kernel_line()
    assert hardware.kernel_line().startswith("console=ttyS0 panic=-1 ")


def test_a_guest_on_the_processor_itself_asks_the_host() -> None:
    hardware = Hardware(256 << 20, 1, "kvm", tsc_khz=2600000, machine="x86_64")
    assert options(hardware, "-accel") == ["kvm"] and options(hardware, "-cpu") == ["host"]
    assert "tsc" not in hardware.kernel_line() and "mitigations" not in hardware.kernel_line()


def test_an_arm_has_its_own_board() -> None:
    hardware = Hardware(256 << 20, 1, machine="aarch64")
    assert hardware.command(FILES)[0] == "qemu-system-aarch64"
    assert options(hardware, "-machine") == ["virt,gic-version=max"]
    assert hardware.kernel_line().startswith("console=ttyAMA0 ")


def test_files_and_ports_are_descriptors() -> None:
    hardware = Hardware(256 << 20, 1, disk=True, machine="x86_64")
    assert options(hardware, "-kernel") == ["/proc/self/fd/100"] and options(hardware, "-initrd") == [
        "/proc/self/fd/101"
    ]
    assert options(hardware, "-add-fd") == ["fd=102,set=1"]
    assert options(hardware, "-chardev") == [f"socket,id={name},fd={FILES[name]}" for name in CHANNELS]


def test_a_guest_has_a_disk_only_when_it_is_given_one() -> None:
    command = " ".join(Hardware(256 << 20, 1).command(FILES))
    assert "virtio-blk" not in command and "virtio-net" in command
