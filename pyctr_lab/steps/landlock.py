"""The wall that a program puts up for itself: Landlock. See landlock(7)."""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL, ENOSYS, EOPNOTSUPP, EPERM

from ..errors import BadInput
from ..kernel.arguments import Ref
from ..kernel.calls import Call, close, openat
from ..kernel.checks import check_list, check_path, short_repr
from ..kernel.constants import O_PATH
from ..kernel.landlock import (
    landlock_abi,
    landlock_add_rule,
    landlock_create_ruleset,
    landlock_restrict_self,
    rights,
)
from .step import Step

ADVICE = {
    EPERM: "NoNewPrivileges() before it, or CAP_SYS_ADMIN",
    ENOSYS: "this kernel has no Landlock: it came with Linux 5.13; go on without it",
    EOPNOTSUPP: "Landlock is switched off here (lsm= of the kernel's command line lacks it); go on without it",
}


@dataclass(frozen=True)
class Landlock(Step):
    """Refuse the process itself all files but these: to read and execute, and to write. It cannot be taken back.

    A path stands for all below it. What is not named is EACCES, also for root; open descriptors stay. Afterwards no
    mount can be changed. As of the kernel's version: what an older one does not know, it does not refuse.
    """

    read: tuple[str, ...] = ("/",)
    write: tuple[str, ...] = ("/tmp", "/dev")

    def __post_init__(self) -> None:
        for name in ("read", "write"):
            for path in check_list(getattr(self, name), f"{name}=", hint=f'{name}=("/tmp",)'):
                if not str(check_path(path)).startswith("/"):
                    raise BadInput(f"{short_repr(path)} is no place for a rule", hint="it begins with /")

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"landlock"})

    def calls(self) -> list[Call]:
        """A rule with a right of folders is EINVAL for a file: which of both a path is, is not known here."""
        abi, ruleset = max(1, landlock_abi()), Ref("ruleset")
        made = [landlock_create_ruleset(rights(abi, writing=True))]
        for path, writing in [*((path, False) for path in self.read), *((path, True) for path in self.write)]:
            of_folder, of_file = (rights(abi, writing=writing, file=file) for file in (False, True))
            made += [
                openat(path, O_PATH),
                landlock_add_rule(ruleset, of_folder, Ref("fd")).accepting(EINVAL),
                landlock_add_rule(ruleset, of_file, Ref("fd")),
                close(Ref("fd")),
            ]
        return [*made, landlock_restrict_self(ruleset), close(ruleset)]

    def describe(self) -> str:
        read, write = (", ".join(paths) or "nothing" for paths in (self.read, self.write))
        return f"Allow itself to read {read}, and to write {write}."

    def advice(self, errno: int) -> str:
        return ADVICE.get(errno, "")

    @property
    def title(self) -> str:
        return "Landlock"


__all__ = ["Landlock"]
