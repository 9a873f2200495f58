"""Virtual machines: a guest with a kernel of its own, as a process of the lab."""

from .boot_log import Message
from .machine import Machine

__all__ = ["Machine", "Message"]
