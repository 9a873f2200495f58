"""Landlock: a wall of rules about files that a process puts up for itself, without privilege. See landlock(7).

As in `calls`, a function returns a Call and makes none; `landlock_abi` alone asks the kernel.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache, reduce
from operator import or_

from .arguments import Ref, Struct
from .calls import Call
from .checks import check_number
from .constants import LANDLOCK_ACCESS_FS, LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH, Named
from .syscall_table import SYSCALLS

KNOWN_SINCE = {"REFER": 2, "TRUNCATE": 3, "IOCTL_DEV": 5}  # ABI versions; the others: 1, Linux 5.13
OF_READING = ("EXECUTE", "READ_FILE", "READ_DIR")
OF_FILES = ("EXECUTE", "WRITE_FILE", "READ_FILE", "TRUNCATE", "IOCTL_DEV")  # the others make sense for folders only


@lru_cache
def landlock_abi() -> int:
    """The version of Landlock that this kernel has; 0 if it has none, or it is switched off."""
    libc = ctypes.CDLL(None)
    number = SYSCALLS["x86_64"]["landlock_create_ruleset"]  # one number on every processor
    return max(0, int(libc.syscall(number, None, 0, int(LANDLOCK_CREATE_RULESET_VERSION))))


def rights(abi: int, *, writing: bool, file: bool = False) -> Named:
    """The rights that this version knows: to read and execute, or all of them; `file` leaves out those of folders."""
    names = [name for name in LANDLOCK_ACCESS_FS if abi >= KNOWN_SINCE.get(name, 1)]
    wanted = [name for name in names if (writing or name in OF_READING) and (not file or name in OF_FILES)]
    return reduce(or_, (LANDLOCK_ACCESS_FS[name] for name in wanted))


def landlock_create_ruleset(handled: int) -> Call:
    """landlock_create_ruleset(2): open a ruleset that forbids these rights, where no rule of it allows one."""
    attributes = Struct(handled_access_fs=check_number(handled, "rights"))
    return Call("landlock_create_ruleset", (attributes, 8, 0), result="ruleset")


def landlock_add_rule(ruleset: int | Ref, allowed: int, folder: int | Ref) -> Call:
    """landlock_add_rule(2): allow these rights at an open folder and below, or at an open file."""
    rule = Struct(allowed_access=check_number(allowed, "rights"), parent_fd=check_number(folder, "a folder"))
    return Call("landlock_add_rule", (check_number(ruleset, "a ruleset"), LANDLOCK_RULE_PATH_BENEATH, rule, 0))


def landlock_restrict_self(ruleset: int | Ref) -> Call:
    """landlock_restrict_self(2): obey the ruleset from now on, with all children. It cannot be undone."""
    return Call("landlock_restrict_self", (check_number(ruleset, "a ruleset"), 0))
