"""A filter of system calls, for the process and all that it becomes. See seccomp(2)."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from difflib import get_close_matches
from errno import EACCES
from functools import lru_cache, partial

from ..errors import BadInput
from ..kernel.arguments import LazilySpelled, Struct
from ..kernel.calls import Call, prctl
from ..kernel.checks import check_each, short_repr
from ..kernel.constants import PR_SET_SECCOMP, SECCOMP_MODE_FILTER
from ..kernel.filters import (
    AUDIT_ARCHITECTURES,
    FilterAction,
    FilterPolicy,
    Instruction,
    check_program,
    compile_policy,
    decide,
    encode_program,
    run_filter,
    seccomp_data,
    spell_program,
)
from ..kernel.syscall_table import SYSCALLS
from .step import Step

HINT = "kernel.filters.docker_policy(), or a program of Instructions"
KNOWN = frozenset(name for table in SYSCALLS.values() for name in table)
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
            self._refuse_unknown_calls(self.policy)
        elif isinstance(self.policy, tuple):
            check_program(check_each(self.policy, Instruction, "a program", hint=HINT))
        else:
            raise BadInput(f"{short_repr(self.policy)} is no policy", hint=HINT)
        for name in NEEDED:
            action = self.decide(name)
            if action.name not in ("allow", "log"):
                raise BadInput(f"this filter answers {name} with {action}: no program could start under it",
                               hint=f"a rule that allows {name}")  # fmt: skip

    def _refuse_unknown_calls(self, policy: FilterPolicy) -> None:
        """A rule for no call at all is a slip. Beside others a name may be another processor's, or newer than ours."""
        for rule in policy.rules:
            if KNOWN.isdisjoint(rule.names):
                near = get_close_matches(rule.names[0], KNOWN, 1)
                raise BadInput(f"there is no system call {short_repr(rule.names[0])}", hint=" ".join(["as", *near]))

    def decide(self, name: str) -> FilterAction:
        """What the filter answers to a call of this name, all its arguments being 0."""
        if isinstance(self.policy, FilterPolicy):
            return decide(self.policy, name)
        here = platform.machine()
        return run_filter(self.policy, seccomp_data(AUDIT_ARCHITECTURES[here], SYSCALLS[here][name]))

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"filter allowed"})

    @property
    def provides(self) -> frozenset[str]:
        """A policy says whether a mount or a new namespace is refused behind it; of a program by hand it is unknown."""
        policy = self.policy
        if not isinstance(policy, FilterPolicy):
            return frozenset()
        return frozenset({"mounting refused"} if refuses_mounting(policy) else ())

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
def refuses_mounting(policy: FilterPolicy) -> bool:
    """Whether nothing can be mounted under a policy: asked of it once, for each recipe with it is checked anew."""
    return any(decide(policy, call).name not in ("allow", "log") for call in ("mount", "unshare"))


@lru_cache(maxsize=32)
def compiled(policy: FilterPolicy) -> tuple[Instruction, ...]:
    """A policy's program for this processor: compiled once."""
    return tuple(compile_policy(policy))


__all__ = ["Seccomp"]
