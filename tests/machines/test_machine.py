"""A real guest: commands in it, its numbers, its disk, and its many ways to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import BadInput, Gone, Lab, Machine, TimeExpired
from pyctr_lab.errors import Busy
from pyctr_lab.kernel import proc
from pyctr_lab.machines.hardware import Hardware
from pyctr_lab.runtime.carrier import readable

pytestmark = pytest.mark.usefixtures("lab")


def has_ended(pid: int) -> bool:
    """Waits for a process to be gone or dead."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return readable(pidfd, 20)
    finally:
        os.close(pidfd)


@pytest.mark.complete
def test_its_ports_are_found_whatever_number_their_device_has(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another one on arm64's board, which counts its devices from the other end."""
    plain = Hardware._ports

    def of_a_second_device(self: Hardware, files: dict[str, int]) -> list[str]:
        ports = [option.replace("virtserialport,", "virtserialport,bus=ours.0,") for option in plain(self, files)[2:]]
        return ["-device", "virtio-serial-device,id=empty", "-device", "virtio-serial-device,id=ours", *ports]

    monkeypatch.setattr(Hardware, "_ports", of_a_second_device)
    with Machine(lab=lab, memory="128M") as other:
        assert "vport1p1" in other.run(["ls", "/dev"]).stdout.split()


# --- commands
def test_a_guest_has_a_kernel_of_its_own(vm: Machine) -> None:
    release = vm.run(["uname", "-r"]).stdout.strip()
    assert vm.boot_log[0].text.startswith(f"Linux version {release} ")
    assert (
        vm.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != Path("/proc/sys/kernel/random/boot_id").read_text()
    )


@pytest.mark.parametrize(
    "argv, returncode, stdout, stderr",
    [
        (["echo", "a  b", "'", '"$HOME"'], 0, 'a  b \' "$HOME"\n', ""),
        (["sh", "-c", "echo out; echo err >/dev/stderr; exit 137"], 137, "out\n", "err\n"),
        (["sh", "-c", "kill -9 $$"], -9, "", ""),
        (["sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV, "", ""),
        (["printf", "no end"], 0, "no end", ""),
        (["printf", "two\n\n"], 0, "two\n\n", ""),
        (["printf", "%s", "wörd\n"], 0, "wörd\n", ""),
        (["printf", r"\377\000"], 0, "\ufffd\0", ""),
        (["cat"], 0, "", ""),
        (["A=b"], 127, "", "time: can't execute 'A=b': No such file or directory\n"),
        (["-o", "/tmp/x", "echo"], 127, "", "time: can't execute '-o': No such file or directory\n"),
    ],
)
def test_what_a_command_says_comes_back(
    vm: Machine, argv: list[str], returncode: int, stdout: str, stderr: str
) -> None:
    run = vm.run(argv)
    assert (run.args, run.returncode, run.stdout, run.stderr) == (tuple(argv), returncode, stdout, stderr)


def test_long_output_comes_back_whole(vm: Machine) -> None:
    run = vm.run(["sh", "-c", "seq 1 100000; seq 1 20000 >&2"])
    assert run.stdout == "".join(f"{number}\n" for number in range(1, 100001))
    assert run.stderr == "".join(f"{number}\n" for number in range(1, 20001))


def test_the_console_does_not_disturb_a_command(vm: Machine) -> None:
    assert vm.run(["sh", "-c", "echo noise >/dev/kmsg; echo noise >/dev/console; echo said"]).stdout == "said\n"
    assert vm.console.count("noise") >= 2 and vm.boot_log[-1].text == "noise"


def test_a_command_that_never_ends_is_ended_and_the_machine_goes_on(vm: Machine) -> None:
    with pytest.raises(TimeExpired, match=r"sh -c .* had not ended after 0.5 s \(it was killed\)") as why:
        vm.run(["sh", "-c", "echo so far; sleep 1000 & sleep 1000"], timeout=0.5)
    assert (why.value.run.stdout, why.value.run.returncode) == ("so far\n", -9)
    assert "sleep" not in vm.run(["ps"]).stdout


def test_an_endless_talker_is_ended_too(vm: Machine) -> None:
    with pytest.raises(TimeExpired) as why:
        vm.run(["yes"], timeout=0.3)
    assert set(why.value.run.stdout) == {"y", "\n"}
    assert vm.run(["echo", "here"]).stdout == "here\n"


def test_what_stays_in_the_background_is_not_waited_for(vm: Machine) -> None:
    assert vm.run(["sh", "-c", "{ sleep 0.2; echo late; } & echo now"]).stdout == "now\n"
    assert vm.run(["sleep", "0.4"]).stdout in ("", "late\n")  # it may come with what is said next
    assert vm.run(["echo", "next"]).stdout == "next\n"


def test_an_interrupted_cell_ends_its_command(vm: Machine) -> None:
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        vm.run(["sleep", "1000"])
    assert "sleep" not in vm.run(["ps"]).stdout


def test_interrupted_twice_the_machine_is_ended(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command says now would come with the output of the next one."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with Machine(lab=lab, memory="128M") as other:
        monkeypatch.setattr(other._emulator.channels, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            other.run(["sleep", "1000"])
        assert not other.alive


@pytest.mark.complete
def test_a_command_that_takes_all_memory_is_killed_and_the_machine_goes_on(lab: Lab) -> None:
    with Machine(lab=lab, memory="128M") as other:
        greedy = other.run(["sh", "-c", "x=0123456789; while :; do x=$x$x; done"], timeout=60)
        assert greedy.signal == "SIGKILL" and "Out of memory: Killed process" in other.console
        assert other.run(["echo", "well"]).stdout == "well\n"


@pytest.mark.complete
def test_a_full_run_folder_changes_no_status(lab: Lab) -> None:
    with Machine(lab=lab) as other:
        assert "No space left" in other.run(["dd", "if=/dev/zero", "of=/run/x", "bs=64k"], timeout=60).stderr
        for argv, status in ((["true"], 0), (["sh", "-c", "exit 77"], 77), (["sh", "-c", "kill -9 $$"], -9)):
            run = other.run(argv)
            assert (run.returncode, run.stderr) == (status, "")


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "5", True])
def test_a_time_that_cannot_be_waited_is_refused(vm: Machine, timeout: float) -> None:
    with pytest.raises(BadInput, match="seconds"):
        vm.run(["true"], timeout=timeout)
    assert vm.run(["true"], timeout=3e6).returncode == 0


@pytest.mark.parametrize("argv", ["uname -r", [], [""], ["a\0b"]])
def test_what_is_no_command_is_refused(vm: Machine, argv: object) -> None:
    with pytest.raises(BadInput):
        vm.run(argv)  # type: ignore[arg-type]
    assert vm.run(["true"]).returncode == 0


# --- its numbers
def test_qemu_is_a_process_like_any_other(vm: Machine, lab: Lab) -> None:
    assert proc.nspid(vm.machine_pid)[1] == vm.pid
    assert any(process.pid == vm.pid for process in lab.host.view().processes)
    assert 64 << 20 < vm.memory < 1 << 30 and vm.cpu_seconds > 0 and vm.boot_seconds > 0
    assert vm.accelerator in ("kvm", "tcg") and (vm.kvm.works or vm.kvm.reason)
    assert repr(vm) == 'Machine(memory="256M", cpus=2)'


def test_its_hardware_is_another(vm: Machine) -> None:
    assert vm.run(["nproc"]).stdout == "2\n"
    assert vm.run(["ls", "/sys/class/net"]).stdout == "eth0\nlo\n" and vm.run(["ls", "/sys/block"]).stdout == ""
    assert int(vm.run(["sh", "-c", "grep MemTotal /proc/meminfo | tr -dc 0-9"]).stdout) < 256 << 10


# --- two at once, and their ends
@pytest.mark.complete
def test_a_disk_keeps_what_was_synced_when_the_plug_is_pulled(lab: Lab, tmp_path: Path) -> None:
    write = "mke2fs /dev/vda >/dev/null; mount -t ext2 /dev/vda /mnt; echo a >/mnt/kept; sync; echo b >/mnt/lost"
    disk = tmp_path / "disk"
    tmp_path.chmod(0o700)
    with Machine(lab=lab, disk=disk, disk_size="16M") as first:
        assert first.run(["sh", "-c", write]).returncode == 0
        with pytest.raises(Busy, match="another machine has this disk"):
            Machine(lab=lab, disk=disk)
        assert first.run(["ls", "/mnt"]).stdout == "kept\nlost\nlost+found\n"
        first.kill()
        assert has_ended(first.machine_pid) and not first.alive
    with Machine(lab=lab, disk=disk) as second:
        assert second.run(["sh", "-c", "mount -t ext2 /dev/vda /mnt; ls /mnt"]).stdout == "kept\nlost+found\n"
        second.run(["touch", "/mnt/late"])
        second.power_off()
        assert "reboot: Power down" in second.console
    assert b"late" in disk.read_bytes()


def test_files_of_the_host_are_copied_in_and_what_is_there_stays(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/word").write_text("hello")
    (tmp_path / "init").write_text("not yours")
    with Machine(memory="128M", lab=lab, files=tmp_path) as machine:
        assert machine.run(["cat", "/data/word"]).stdout == "hello"
        assert machine.run(["head", "-n", "1", "/init"]).stdout == "#!/bin/sh\n"
    with pytest.raises(BadInput, match="no folder"):
        Machine(lab=lab, files=tmp_path / "data/word")


def test_a_guest_that_switches_itself_off_is_gone(lab: Lab, vm: Machine) -> None:
    with Machine(lab=lab, memory="128M") as other:
        assert other.machine_pid != vm.machine_pid and vm.run(["true"]).returncode == 0
        with pytest.raises(Gone, match="the machine ended during poweroff -f, after these last words:"):
            other.run(["poweroff", "-f"])
        assert not other.alive and repr(other) == 'Machine(memory="128M", cpus=1, switched off)'
        for ask in (lambda: other.run(["true"]), lambda: other.memory, lambda: other.cpu_seconds):
            with pytest.raises(Gone, match="this machine is switched off"):
                ask()
    other.power_off()
    other.kill()
    assert "Linux version" in other.console


def test_a_machine_ends_with_its_lab_and_with_an_error(tmp_path: Path) -> None:
    with Lab() as lab, pytest.raises(ZeroDivisionError), Machine(lab=lab) as one:
        lab.close()
        assert has_ended(one.machine_pid) and not one.alive
        with pytest.raises(Gone):
            one.run(["true"])
        raise ZeroDivisionError
    assert not one.alive


@pytest.mark.complete
def test_an_interrupted_power_off_pulls_the_plug(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Machine(lab=lab, memory="128M") as one:
        monkeypatch.setattr(one._emulator.channels, "power_off", interrupted)
    assert not one.alive


@pytest.mark.complete
def test_a_command_of_a_machine_that_another_thread_ends(lab: Lab) -> None:
    one = Machine(lab=lab, memory="128M")
    timer = threading.Timer(0.5, one.kill)
    timer.start()
    with pytest.raises(Gone, match="the machine ended during sleep 1000, by SIGKILL"):
        one.run(["sleep", "1000"])
    timer.join()
    for ask in (lambda: one.run(["true"]), lambda: one.memory):
        with pytest.raises(Gone):
            ask()


def test_two_machines_without_a_lab_have_one_each(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyctr_lab.runtime.lab._open", [])
    with Machine(memory="128M") as one:
        with Machine(memory="128M") as two:
            assert one.lab is not two.lab and Lab.current() is None
        assert one.alive and two.lab.closed
    assert one.lab.closed


HOLDER = """
import sys
from pyctr_lab import Machine
vm = Machine()
print(vm.machine_pid, vm.lab.launcher.machine_pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.kill()


def test_a_machine_of_its_own_lab_ends_with_its_holder(holder: subprocess.Popen[str]) -> None:
    assert holder.stdout
    pids = list(map(int, holder.stdout.readline().split()))
    assert len(pids) == 2
    holder.kill()
    assert all(map(has_ended, pids))


def test_one_that_nobody_refers_to_any_more_is_ended(lab: Lab) -> None:
    """A cell that is run again leaves its first machine behind."""
    pid = Machine(lab=lab).machine_pid
    assert has_ended(pid)
    lab.host.run(["true"])  # whoever starts something there buries the dead before
    assert "defunct" not in lab.host.run(["ps", "ax"]).stdout


def test_an_interrupted_boot_leaves_nothing(lab: Lab) -> None:
    before = lab.host.view().processes
    timer = threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Machine(lab=lab, timeout=1000)
    assert lab.host.view().processes == before
