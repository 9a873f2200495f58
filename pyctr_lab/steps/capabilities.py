"""What root may do, set by set: bounding, permitted, effective, inheritable, ambient. See capabilities(7).

`DropCapabilities` drops for good. Here is each set by itself, as an experiment wants it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from errno import EINVAL, EPERM
from functools import reduce
from operator import or_

from ..errors import BadInput
from ..kernel import constants as k
from ..kernel.calls import Call, capset, prctl
from ..kernel.checks import check_list, short_repr
from ..kernel.constants import CAP_NAMES, CAPABILITIES, Named
from .step import Step

SECUREBITS = {
    "noroot": k.SECBIT_NOROOT, "noroot_locked": k.SECBIT_NOROOT_LOCKED,
    "no_setuid_fixup": k.SECBIT_NO_SETUID_FIXUP, "no_setuid_fixup_locked": k.SECBIT_NO_SETUID_FIXUP_LOCKED,
    "keep_caps_locked": k.SECBIT_KEEP_CAPS_LOCKED,
}  # fmt: skip
"""As setpriv(1) names them."""


def check_capability_names(names: Iterable[str], what: str) -> tuple[Named, ...]:
    """Capabilities by their names in capabilities(7) without CAP_. Raises BadInput."""
    for name in (found := check_list(names, what)):
        if not isinstance(name, str) or f"CAP_{name}" not in CAP_NAMES:
            raise BadInput(
                f"there is no capability {short_repr(name)}", hint="names are as in capabilities(7), without CAP_"
            )
    return tuple(CAP_NAMES[f"CAP_{name}"] for name in found)


@dataclass(frozen=True)
class BoundingSet(Step):
    """Let no exec give more capabilities than these. The process itself keeps what it has."""

    keep: tuple[str, ...]
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        check_capability_names(self.keep, "what is kept")

    def calls(self) -> list[Call]:
        kept = check_capability_names(self.keep, "what is kept")
        return [prctl(k.PR_CAPBSET_DROP, each).accepting(EINVAL) for each in CAPABILITIES if each not in kept]

    def describe(self) -> str:
        return f"Let no exec give more than {len(self.keep)} of {len(CAPABILITIES)} capabilities."

    def shell(self) -> str:
        return f"setpriv --bounding-set {','.join(['-all', *(f'+{name.lower()}' for name in self.keep)])}"

    def advice(self, errno: int) -> str:
        return "CAP_SETPCAP is needed for it: drop it after this, not before" if errno == EPERM else ""

    @property
    def title(self) -> str:
        return "bounding set"


@dataclass(frozen=True)
class SetCapabilities(Step):
    """Set what the process may do now: permitted, effective (the same by default) and inheritable capabilities.

    By itself it does not last: an exec by uid 0 gives back what the bounding set has.
    """

    permitted: tuple[str, ...]
    effective: tuple[str, ...] | None = None
    inheritable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.calls()

    def calls(self) -> list[Call]:
        permitted = check_capability_names(self.permitted, "permitted capabilities")
        effective = (
            permitted if self.effective is None else check_capability_names(self.effective, "effective capabilities")
        )
        inheritable = check_capability_names(self.inheritable, "inheritable capabilities")
        return [capset(permitted, effective=effective, inheritable=inheritable)]

    @property
    def provides(self) -> frozenset[str]:
        acting = self.permitted if self.effective is None else self.effective
        return frozenset() if "SYS_ADMIN" in acting else frozenset({"capabilities dropped"})

    def describe(self) -> str:
        return f"Permit {len(self.permitted)} of {len(CAPABILITIES)} capabilities from now on, until an exec."

    def advice(self, errno: int) -> str:
        more = "; inheritable is only what the bounding set has" if self.inheritable else ""
        return f"what is not permitted cannot be permitted again{more}" if errno == EPERM else ""

    @property
    def title(self) -> str:
        return "set capabilities"


@dataclass(frozen=True)
class RaiseAmbient(Step):
    """Have capabilities survive an exec by a user who is not root. Each must be permitted and inheritable."""

    names: tuple[str, ...]
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        check_capability_names(self.names, "ambient capabilities")

    def calls(self) -> list[Call]:
        raised = check_capability_names(self.names, "ambient capabilities")
        return [prctl(k.PR_CAP_AMBIENT, k.PR_CAP_AMBIENT_RAISE, each, 0, 0) for each in raised]

    def shell(self) -> str:
        return f"setpriv --ambient-caps {','.join(['-all', *(f'+{name.lower()}' for name in self.names)])}"

    def advice(self, errno: int) -> str:
        return "first permitted and inheritable: SetCapabilities(..., inheritable=...)" if errno == EPERM else ""

    @property
    def title(self) -> str:
        return "ambient capabilities"


@dataclass(frozen=True)
class KeepCapabilities(Step):
    """Keep what is permitted when uid 0 becomes another user; an exec ends that."""

    def calls(self) -> list[Call]:
        return [prctl(k.PR_SET_KEEPCAPS, 1, 0, 0, 0)]

    @property
    def title(self) -> str:
        return "keep capabilities"


@dataclass(frozen=True)
class SecureBits(Step):
    """Set what uid 0 means at exec: with `noroot` nothing. A `_locked` bit is for good. Names are setpriv(1)'s."""

    bits: tuple[str, ...] = ("noroot", "noroot_locked", "no_setuid_fixup", "no_setuid_fixup_locked")
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        for bit in check_list(self.bits, "securebits"):
            if not isinstance(bit, str) or bit not in SECUREBITS:
                raise BadInput(f"there is no securebit {short_repr(bit)}", hint=f"they are {', '.join(SECUREBITS)}")

    def calls(self) -> list[Call]:
        return [prctl(k.PR_SET_SECUREBITS, reduce(or_, (SECUREBITS[bit] for bit in self.bits), 0), 0, 0, 0)]

    def shell(self) -> str:
        return f"setpriv --securebits {','.join(f'+{bit}' for bit in self.bits) or '-noroot'}"

    def advice(self, errno: int) -> str:
        return "CAP_SETPCAP is needed for it; a locked bit cannot be changed" if errno == EPERM else ""

    @property
    def title(self) -> str:
        return "securebits"


__all__ = ["BoundingSet", "KeepCapabilities", "RaiseAmbient", "SecureBits", "SetCapabilities"]
