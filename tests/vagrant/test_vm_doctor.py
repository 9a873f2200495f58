"""./lab vm doctor, with planted facts: files below a root, commands on PATH. Each hindrance has a way out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
LINE = "flags\t\t: fpu vme de pse{} sse4_2\n"
TOOLS = ("sh", "dirname", "basename", "sed", "grep", "awk", "cat", "cut", "tr", "id", "df")


class Computer:
    """Facts as files below a root, and commands as scripts; at first a Linux on which nothing hinders."""

    def __init__(self, folder: Path):
        self.root, self.bin = folder / "root", folder / "bin"
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which("dash" if tool == "sh" else tool) or f"/bin/{tool}")
        self.fact("proc/cpuinfo", LINE.format(" vmx"))
        self.fact("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\n")
        self.fact("proc/net/tcp", "  sl  local_address rem_address   st\n")
        self.fact("proc/modules", "")
        self.fact("dev/kvm", "")
        self.command("uname", "case $1 in -m) echo x86_64 ;; *) echo Linux ;; esac")
        self.command(
            "vagrant", 'case $1 in --version) echo Vagrant 2.4.9 ;; *) echo "vagrant-libvirt (0.12, global)" ;; esac'
        )
        self.command("virsh", "exit 0")
        self.command("df", "echo Filesystem; echo disk 0 0 99000000 0% /")

    def fact(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def command(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def without(self, name: str) -> None:
        (self.bin / name).unlink()

    def doctor(self, *words: str, **asked: str) -> tuple[int, str]:
        env = {"PATH": str(self.bin), "HOME": str(self.root), "PYCTR_DOCTOR_ROOT": str(self.root)} | asked
        command = [str(self.bin / "sh"), str(TOP / "vagrant" / "doctor.sh"), *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def mac(computer: Computer, *, hv: str = "1") -> Computer:
    computer.command("uname", "case $1 in -m) echo arm64 ;; *) echo Darwin ;; esac")
    computer.command("sysctl", f"case $2 in kern.hv_support) echo {hv} ;; *) echo 17179869184 ;; esac")
    computer.command("netstat", "echo tcp4 0 0 127.0.0.1.9000 *.* LISTEN")
    computer.command("vagrant", 'case $1 in --version) echo Vagrant 2.4.9 ;; *) echo "No plugins installed." ;; esac')
    computer.command("VBoxManage", "exit 0")
    computer.without("virsh")
    return computer


def found(told: str, what: str) -> str:
    """The finding about one thing, with its way out."""
    lines = told.splitlines()
    number = next(n for n, line in enumerate(lines) if line[10:].startswith(what + " "))
    return " ".join(" ".join(lines[number : number + 2]).split())


def test_where_nothing_hinders_it_says_so(computer: Computer) -> None:
    status, told = computer.doctor()
    assert (status, told.splitlines()[-1]) == (0, "nothing hinders: ./lab vm brings the machine up")
    assert "way out" not in told


def test_on_a_mac_as_well(computer: Computer) -> None:
    status, told = mac(computer).doctor()
    assert status == 0, told
    assert "ok virtualbox is here" in found(told, "virtualbox")


def plant(computer: Computer, case: str) -> dict[str, str]:
    """One hindrance; what must be asked to see it."""
    match case:
        case "no vagrant":
            computer.without("vagrant")
        case "old vagrant":
            computer.command("vagrant", "echo Vagrant 2.2.19")
        case "no plugin":
            computer.command("vagrant", "case $1 in --version) echo Vagrant 2.4.9 ;; esac")
        case "no provider":
            computer.without("virsh")
        case "libvirt is silent":
            computer.command("virsh", "exit 1")
        case "unknown provider":
            return {"PYCTR_PROVIDER": "vmware; reboot"}
        case "asked for another":
            return {"PYCTR_PROVIDER": "virtualbox"}
        case "firmware":
            computer.fact("proc/cpuinfo", LINE.format(""))
            computer.command("VBoxManage", "exit 0")
            return {"PYCTR_PROVIDER": "virtualbox"}
        case "mac without":
            mac(computer, hv="0")
        case "kvm holds":
            computer.command("VBoxManage", "exit 0")
            computer.fact("proc/modules", "kvm_intel 487424 0 - Live 0x0\nkvm 1409024 1 kvm_intel, Live 0x0\n")
            computer.fact("sys/module/kvm/parameters/enable_virt_at_load", "Y\n")
            return {"PYCTR_PROVIDER": "virtualbox"}
        case "kvm in use":
            computer.command("VBoxManage", "exit 0")
            computer.fact("proc/modules", "kvm_amd 487424 4 - Live 0x0\n")
            return {"PYCTR_PROVIDER": "virtualbox"}
        case "memory":
            computer.fact("proc/meminfo", "MemAvailable:    1000000 kB\n")
        case "three machines":
            computer.fact("proc/meminfo", "MemAvailable:    4000000 kB\n")
            return {"PYCTR_NODES": "3"}
        case "disk":
            computer.command("df", "echo Filesystem; echo disk 0 0 1000000 0% /")
        case "numbers":
            return {"PYCTR_MEMORY": "2G"}
    return {}


HINDRANCES = {
    "no vagrant": ("vagrant", "not installed", "package"),
    "old vagrant": ("vagrant", "2.2.19 is too old", "2.3 or newer"),
    "no plugin": ("libvirt", "the plugin is missing", "vagrant plugin install vagrant-libvirt"),
    "no provider": ("provider", "none is whole", "one of these lines"),
    "libvirt is silent": ("libvirt", "does not answer you", "systemctl start"),
    "unknown provider": ("provider", "not one the course knows", "PYCTR_PROVIDER"),
    "asked for another": ("virtualbox", "VirtualBox is missing", "install it"),
    "firmware": ("virtualisation", "switched off in the firmware", "VT-x or AMD-V"),
    "mac without": ("virtualisation", "kern.hv_support", "nested"),
    "kvm holds": ("hypervisors", "KVM holds", "modprobe --remove kvm_intel kvm"),
    "kvm in use": ("hypervisors", "KVM holds", "modprobe --remove kvm_amd kvm"),
    "memory": ("memory", "976 MB free", "PYCTR_MEMORY=1024"),
    "three machines": ("memory", "4396 needed", "close programs"),
    "disk": ("disk", "976 MB free", "make room"),
    "numbers": ("settings", "PYCTR_MEMORY=2G", "whole numbers"),
}


@pytest.mark.parametrize("case", HINDRANCES)
def test_what_hinders_is_named_with_a_way_out(computer: Computer, case: str) -> None:
    status, told = computer.doctor(**plant(computer, case))
    what, finding, way = HINDRANCES[case]
    line = found(told, what)
    assert status == 1
    assert finding in line
    assert "way out: " in line
    assert way in line.partition("way out: ")[2]
    assert told.splitlines()[-1] == "something hinders: see above"


def note(computer: Computer, case: str) -> dict[str, str]:
    match case:
        case "emulation":
            computer.fact("proc/cpuinfo", LINE.format(" hypervisor"))
        case "no kvm":
            (computer.root / "dev/kvm").unlink()
        case "port":
            computer.fact("proc/net/tcp", "  0: 0100007F:22B8 00000000:0000 0A 0 0 0 0 0 1\n")
        case "wsl":
            computer.fact("proc/version", "Linux version 5.15.1-microsoft-standard-WSL2\n")
        case "mac's port":
            mac(computer)
            return {"PYCTR_PORT": "9000"}
    return {}


NOTES = {
    "emulation": ("virtualisation", "itself a virtual machine", "nested"),
    "no kvm": ("virtualisation", "there is no /dev/kvm", "modprobe kvm_intel"),
    "port": ("port", "8888 is taken", "next free one"),
    "wsl": ("system", "WSL", "PowerShell"),
    "mac's port": ("port", "9000 is taken", "next free one"),
}


@pytest.mark.parametrize("case", NOTES)
def test_what_only_slows_or_changes_is_a_note(computer: Computer, case: str) -> None:
    status, told = computer.doctor(**note(computer, case))
    what, finding, way = NOTES[case]
    line = found(told, what)
    assert status == 0, told
    assert finding in line
    assert way in line.partition("way out: ")[2]


def test_a_port_that_somebody_only_visits_is_free(computer: Computer) -> None:
    computer.fact("proc/net/tcp", "  0: 0100007F:22B8 0100007F:9999 01 0 0 0 0 0 1\n")
    assert "8888 is free" in computer.doctor()[1]


def test_words_are_refused(computer: Computer) -> None:
    assert computer.doctor("now")[0] == 2
