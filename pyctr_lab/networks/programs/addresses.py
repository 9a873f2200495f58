"""Addresses of IPv4 and IPv6 as text, and targets: an address and a port."""

from __future__ import annotations

import socket

TYPE_CHECKING = False  # without the module: programs stay in memory
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Target: TypeAlias = tuple[str, int] | None


def family_of(address: str) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def canonical(address: str) -> str:
    """An address as the kernel prints it. Raises OSError."""
    return socket.inet_ntop(family_of(address), socket.inet_pton(family_of(address), address))


def checked_target(target: Any) -> Target:
    """An address and a port, or None. Raises ValueError, TypeError, OSError."""
    if target is None:
        return None
    address, port = target
    socket.inet_pton(family_of(address), address)
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return address, port
