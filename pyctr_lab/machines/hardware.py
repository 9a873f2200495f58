"""The hardware of a guest as data, and QEMU's command line. Sources: qemu(1), kernel-parameters.rst."""

from __future__ import annotations

import os
from dataclasses import dataclass

CHANNELS = ("ask", "out", "err")  # the guest's serial ports, numbered from 1 in this order
QEMU = {"x86_64": "qemu-system-x86_64", "aarch64": "qemu-system-aarch64"}
BOARD = {"x86_64": "microvm,acpi=on,rtc=on", "aarch64": "virt,gic-version=max"}  # boards without PC slots and firmware
TESTS = "cryptomgr.notests"  # skip the self-tests of ciphers, a sixth of the boot
# Off under TCG, where they cost a fifth of the boot: mitigations of speculative execution (TCG has none), zeroed pages,
# rep movsb, 5-level page tables.
TCG_OPTIONS = ("mitigations=off", "init_on_alloc=0")
TCG_PROCESSOR = {"x86_64": "max,erms=off,fsrm=off,la57=off", "aarch64": "max"}
CONSOLE = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}


@dataclass(frozen=True)
class Hardware:
    """The hardware of a guest. `memory` in bytes; `accelerator` is "kvm" or "tcg".

    `tsc_khz` is the rate of the host's time-stamp counter: see tsc.py.
    """

    memory: int
    cpus: int
    accelerator: str = "tcg"
    disk: bool = False
    tsc_khz: int | None = None
    machine: str = os.uname().machine

    @property
    def program(self) -> str:
        """The name of the emulator."""
        return QEMU[self.machine]

    def kernel_line(self) -> str:
        """The kernel's command line. A panic ends the machine: the kernel reboots, and QEMU has -no-reboot."""
        clock = [f"tsc_early_khz={self.tsc_khz}", "tsc=reliable"] if self.tsc_khz else []
        emulated = [*clock, *TCG_OPTIONS] if self.accelerator == "tcg" else []
        return " ".join([f"console={CONSOLE[self.machine]}", "panic=-1", "reboot=t", *emulated, TESTS])

    def command(self, files: dict[str, int]) -> list[str]:
        """The emulator and its options. `files` are the descriptors of kernel, initramfs, disk and channels."""
        return [
            *(self.program, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-machine", BOARD[self.machine], "-accel", self.accelerator, "-cpu", self._cpu()),
            *("-m", f"{self.memory // 1024}K", "-smp", str(self.cpus)),
            *("-kernel", f"/proc/self/fd/{files['kernel']}", "-initrd", f"/proc/self/fd/{files['initramfs']}"),
            *("-append", self.kernel_line(), "-serial", "stdio"),
            *self._ports(files),
            *("-netdev", "user,id=net,restrict=on", "-device", "virtio-net-device,netdev=net"),
            *(self._disk(files["disk"]) if self.disk else ()),
        ]

    def _cpu(self) -> str:
        return "host" if self.accelerator == "kvm" else TCG_PROCESSOR[self.machine]

    def _ports(self, files: dict[str, int]) -> list[str]:
        options = ["-device", "virtio-serial-device"]
        for name in CHANNELS:
            options += ["-chardev", f"socket,id={name},fd={files[name]}"]
            options += ["-device", f"virtserialport,chardev={name},name={name}"]
        return options

    @staticmethod
    def _disk(fd: int) -> list[str]:
        file = "driver=file,filename=/dev/fdset/1,node-name=file,locking=on"
        raw = "driver=raw,file=file,node-name=disk"
        device = "virtio-blk-device,drive=disk"
        return ["-add-fd", f"fd={fd},set=1", "-blockdev", file, "-blockdev", raw, "-device", device]
