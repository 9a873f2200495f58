"""A filter of system calls, for the process and all that it becomes. See seccomp(2)."""

from __future__ import annotations

from dataclasses import dataclass
from errno import EACCES
from functools import lru_cache, partial

from ..errors import BadInput
from ..kernel.arguments import LazilySpelled, Struct
from ..kernel.calls import Call, prctl
from ..kernel.checks import check_each, short_repr
from ..kernel.constants import PR_SET_SECCOMP, SECCOMP_MODE_FILTER
from ..kernel.filters import (
    FilterPolicy,
    Instruction,
    check_program,
    compile_policy,
    decide,
    encode_program,
    spell_program,
)
from .step import Step

HINT = "kernel.filters.docker_policy(), or a program of Instructions"
NEEDED = ("execve", "dup3")  # calls that come behind the filter: streams are put in their places, then exec


@dataclass(frozen=True)
class Seccomp(Step):
    """Have the kernel ask a filter at each system call from now on, whether it may be made. The last step before exec.

    `policy` is compiled for this machine's processor; or it is a program of instructions, written by hand. Raises
    BadInput for a policy under which no program could start.
    """

    policy: FilterPolicy | tuple[Instruction, ...]

    def __post_init__(self) -> None:
        if isinstance(self.policy, FilterPolicy):
            self._refuse_without_exec(self.policy)
        elif isinstance(self.policy, tuple):
            check_program(check_each(self.policy, Instruction, "a program", hint=HINT))
        else:
            raise BadInput(f"{short_repr(self.policy)} is no policy", hint=HINT)

    def _refuse_without_exec(self, policy: FilterPolicy) -> None:
        for name in NEEDED:
            action = decide(policy, name)
            if action.name not in ("allow", "log"):
                raise BadInput(f"this policy answers {name} with {action}: no program could start under it",
                               hint=f"a rule that allows {name}")  # fmt: skip

    @property
    def program(self) -> tuple[Instruction, ...]:
        """The instructions that the kernel runs at each call."""
        return compiled(self.policy) if isinstance(self.policy, FilterPolicy) else self.policy

    def calls(self) -> list[Call]:
        program = self.program
        filter = LazilySpelled(encode_program(program), partial(spell_program, program))
        return [prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Struct(len=len(program), filter=filter))]

    def describe(self) -> str:
        what = str(self.policy) if isinstance(self.policy, FilterPolicy) else f"{len(self.program)} instructions"
        return f"Have the kernel ask a filter at each system call: {what}."

    def advice(self, errno: int) -> str:
        return "NoNewPrivileges() before it, or CAP_SYS_ADMIN" if errno == EACCES else ""

    @property
    def title(self) -> str:
        return "filter of system calls"


@lru_cache(maxsize=32)
def compiled(policy: FilterPolicy) -> tuple[Instruction, ...]:
    """A policy's program for this processor: compiled once."""
    return tuple(compile_policy(policy))


__all__ = ["Seccomp"]
