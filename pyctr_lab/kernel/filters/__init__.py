"""Filters for system calls (seccomp): policies as data, and their programs. Nothing here decides which policy holds.

`policy` is a policy, `oci` its JSON, `docker` Docker's default; `compiler` makes a program of `bpf` instructions, which
`simulator` runs without the kernel. Install one as the last call before exec:
`prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (len(program), encode_program(program)))`.
"""

from . import bpf
from .bpf import Instruction, check_program, decode_program, encode_program, spell_program
from .compiler import AUDIT_ARCHITECTURES, compile_policy
from .docker import docker_policy
from .notify import NOTIFY, check_syscall_names, notify_program
from .oci import from_json, to_json
from .policy import ALLOW, KILL, Comparison, FilterAction, FilterPolicy, FilterRule, action_of, refuse
from .simulator import FilterStep, decide, follow_filter, run_filter, seccomp_data

__all__ = [
    "ALLOW", "AUDIT_ARCHITECTURES", "KILL", "NOTIFY", "Comparison", "FilterAction", "FilterPolicy", "FilterRule",
    "FilterStep", "Instruction", "action_of", "bpf", "check_program", "check_syscall_names", "compile_policy", "decide",
    "decode_program", "docker_policy", "encode_program", "follow_filter", "from_json", "notify_program", "refuse",
    "run_filter", "seccomp_data", "spell_program", "to_json",
]  # fmt: skip
