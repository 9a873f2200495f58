"""Virtual machines: a guest with a kernel of its own, as a process of the lab."""

from .boot_log import Message
from .hardware import BOARD, QEMU
from .machine import Machine
from .machine_options import check_emulator

__all__ = ["BOARD", "QEMU", "Machine", "Message", "check_emulator"]
