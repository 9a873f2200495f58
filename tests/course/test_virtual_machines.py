"""What lesson 02 uses beside the lab: a guest's own memory, and what files of /proc say of a computer."""

from __future__ import annotations

import shutil

import pytest

from pyctr_lab import Lab, Machine
from pyctr_lab.course import virtual_machines as kit
from pyctr_lab.course.syllabus import QEMU

MIB = 1 << 20
AMD = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme {flag}svm\n\nprocessor\t: 1\nflags\t\t: fpu vme\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"


def test_a_flag_of_the_processor_says_whether_it_is_a_hypervisors() -> None:
    assert kit.of_a_hypervisor(AMD.format(flag="hypervisor ")) == "yes"
    assert kit.of_a_hypervisor(AMD.format(flag="")) == "no"
    assert kit.of_a_hypervisor(AMD.format(flag="no_hypervisor ")) == "no", "a word of its own"
    assert kit.of_a_hypervisor(ARM) == "unknown", "no flags, no answer"


def test_a_processor_is_called_by_its_name_or_by_its_makers_number() -> None:
    assert kit.named_processor(AMD) == "AMD EPYC"
    assert kit.named_processor(ARM) == "0x41"
    assert kit.named_processor("") == "unknown"


def test_the_memory_of_a_machine_is_in_mebibytes() -> None:
    assert kit.mebibytes_of("MemTotal:         262144 kB\nMemFree: 1 kB\n") == 256


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[    0.005385] CPU MTRRs all blank - virtualized system.", True),
        ("[    0.000000] Hypervisor detected: KVM", True),
        ("[    0.000000] Machine model: linux,dummy-virt", True),
        ("[    0.081859] Booting paravirtualized kernel on bare hardware", False),
        ("[    3.178078] virtio_ring: module verification failed", False),
    ],
)
def test_lines_of_a_log_that_speak_of_a_virtual_computer(line: str, said: bool) -> None:
    assert kit.said_of_virtual(f"[    0.1] other\n{line}\n") == ([line.partition("] ")[2]] if said else [])


def test_a_disk_in_memory_is_empty_and_no_other_machines() -> None:
    one, other = kit.disk_in_memory(), kit.disk_in_memory()
    one.write_bytes(b"x" * 10)
    assert other.read_bytes() == bytes(kit.DISK)


@pytest.mark.skipif(not (shutil.which(QEMU) and shutil.which("busybox")), reason="no virtual machine here")
def test_a_guest_touches_a_part_of_its_own_memory_and_never_more(lab: Lab) -> None:
    with Machine(memory="256M", lab=lab) as machine:
        before = kit.touched(machine)
        assert 16 * MIB < before < 256 * MIB
        machine.run(["dd", "if=/dev/zero", "of=/run/file", "bs=1M", "count=48"])
        assert before + 8 * MIB < kit.touched(machine) <= 256 * MIB
        assert kit.touched(machine) != machine.memory, "QEMU has memory of its own besides"
