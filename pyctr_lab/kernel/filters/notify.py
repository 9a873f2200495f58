"""The filter that passes named calls to a listener, and lets all others go on. See seccomp_unotify(2)."""

from __future__ import annotations

import platform
from collections.abc import Collection
from difflib import get_close_matches

from ...errors import BadInput
from ..checks import short_repr
from ..syscall_table import SYSCALLS
from .bpf import ARCHITECTURE, JEQ, Instructions, check_program, jump_if, load_word, return_value
from .compiler import AUDIT_ARCHITECTURES, check_processor, compile_policy
from .policy import ALLOW, FilterAction, FilterPolicy, FilterRule

NOTIFY = FilterAction("notify")


def notify_program(names: Collection[str], *, processor: str = "") -> Instructions:
    """The program that answers these calls with SECCOMP_RET_USER_NOTIF, on `processor` (default: this machine's).

    Calls of another architecture (i386 programs) go on unseen. Raises BadInput for a name that the processor lacks.
    """
    policy = FilterPolicy(ALLOW, (FilterRule(check_syscall_names(names, processor=processor), NOTIFY),))
    native = AUDIT_ARCHITECTURES[check_processor(policy, processor)]
    others = (load_word(ARCHITECTURE), jump_if(JEQ, native, 1, 0), return_value(ALLOW.value))
    return check_program([*others, *compile_policy(policy, processor=processor)])


def check_syscall_names(names: Collection[str], *, processor: str = "") -> tuple[str, ...]:
    """Names of system calls of the processor. Raises BadInput for any other, with names that are alike."""
    known = SYSCALLS.get(processor or platform.machine(), {})
    for name in names:
        if not isinstance(name, str) or name not in known:
            alike = get_close_matches(str(name), known, 3)
            hint = f"alike: {', '.join(alike)}" if alike else "names as in strace: openat, mkdirat"
            raise BadInput(f"no system call is called {short_repr(name)} here", hint=hint)
    return tuple(dict.fromkeys(names))
