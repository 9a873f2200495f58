"""What the process may still do, and what it becomes. See capabilities(7), getrlimit(2), prctl(2), execve(2)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import BadInput
from ..kernel.calls import Call, chdir, execve, prctl, prlimit64, setresgid, setresuid
from ..kernel.checks import check_environment, check_list, check_path, check_text, short_repr
from ..kernel.constants import (
    CAPABILITIES,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    RLIM_INFINITY,
    RLIMITS,
    SUID_DUMP_USER,
)
from .capabilities import BoundingSet, SetCapabilities, check_capability_names
from .step import Step

KEPT = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SYS_CHROOT",
    "MKNOD",
    "AUDIT_WRITE",
    "SETFCAP",
)  # fmt: skip  the fourteen that Docker keeps
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "TERM": "xterm",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class ResourceLimit(Step):
    """Set one resource limit of the process, soft and hard. `name` as in prlimit(1); None means no limit."""

    name: str
    soft: int | None
    hard: int | None = -1
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in RLIMITS:
            raise BadInput(f"there is no resource limit {short_repr(self.name)}", hint=f"they are {', '.join(RLIMITS)}")
        if self.hard == -1:
            object.__setattr__(self, "hard", self.soft)
        for value in (self.soft, self.hard):
            if value is not None and (type(value) is not int or not 0 <= value < 1 << 63):
                raise BadInput(f"a limit is a number from 0 up, or None for no limit; not {short_repr(value)}")
        if self.hard is not None and (self.soft is None or self.soft > self.hard):
            raise BadInput(f"the soft limit on {self.name} may not be above the hard one, {self.hard}")

    def calls(self) -> list[Call]:
        soft, hard = (RLIM_INFINITY if value is None else value for value in (self.soft, self.hard))
        return [prlimit64(RLIMITS[self.name], soft, hard)]

    def describe(self) -> str:
        return f"Set the limit on {self.name} to {'none' if self.soft is None else self.soft}."

    def shell(self) -> str:
        soft, hard = ("unlimited" if value is None else value for value in (self.soft, self.hard))
        return f"prlimit --{self.name}={soft}:{hard}"

    @property
    def title(self) -> str:
        return f"limit {self.name}"


@dataclass(frozen=True)
class NoNewPrivileges(Step):
    """Let no exec give back what was given up."""

    shell_form = "wrapper"

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"no_new_privs"})

    def calls(self) -> list[Call]:
        return [prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)]

    def shell(self) -> str:
        return "setpriv --no-new-privs"

    @property
    def title(self) -> str:
        return "no_new_privs"


@dataclass(frozen=True)
class DropCapabilities(Step):
    """Give up all capabilities but a few, for good."""

    keep: tuple[str, ...] = KEPT
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        check_capability_names(self.keep, "what is kept")

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"capabilities dropped"})

    def calls(self) -> list[Call]:
        return [*BoundingSet(self.keep).calls(), *SetCapabilities(self.keep).calls()]

    def describe(self) -> str:
        return f"Give up {len(CAPABILITIES) - len(self.keep)} of {len(CAPABILITIES)} capabilities, for good."

    def shell(self) -> str:
        return BoundingSet(self.keep).shell().replace("setpriv", "setpriv --inh-caps -all")

    @property
    def title(self) -> str:
        return "drop capabilities"


@dataclass(frozen=True)
class SetIds(Step):
    """Become a user and a group, as the user namespace numbers them."""

    uid: int
    gid: int
    shell_form = "wrapper"
    touches = ("user",)

    def __post_init__(self) -> None:
        self.calls()

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"mapped ids"})

    def calls(self) -> list[Call]:
        # a change of ids hides the process's /proc files from its own user until an exec; a step has none, so it asks
        return [setresgid(self.gid), setresuid(self.uid), prctl(PR_SET_DUMPABLE, SUID_DUMP_USER)]

    def shell(self) -> str:
        return f"setpriv --reuid {self.uid} --regid {self.gid} --keep-groups"

    @property
    def title(self) -> str:
        return f"uid {self.uid}, gid {self.gid}"


@dataclass(frozen=True)
class WorkingDirectory(Step):
    """Go to a folder."""

    path: str

    def __post_init__(self) -> None:
        check_path(self.path)

    def calls(self) -> list[Call]:
        return [chdir(self.path)]

    def shell(self) -> str:
        return f"cd {shlex.quote(self.path)}"

    @property
    def title(self) -> str:
        return f"go to {self.path}"


class Environment(Step):
    """Set what the program finds in its environment. It makes no call by itself: execve(2) hands it over."""

    shell_form = "wrapper"

    def __init__(self, variables: Mapping[str, str] | None = None, /, **more: str) -> None:
        given = {**check_environment({} if variables is None else variables), **more}
        self.variables: tuple[tuple[str, str], ...] = tuple(check_environment(given).items())

    def calls(self) -> list[Call]:
        return []

    def shell(self) -> str:
        return "env -i " + " ".join(f"{name}={shlex.quote(value)}" for name, value in self.variables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and self.variables == other.variables

    def __hash__(self) -> int:
        return hash(self.variables)

    def __repr__(self) -> str:
        return f"Environment({dict(self.variables)!r})"

    @property
    def title(self) -> str:
        return "environment"


class Exec(Step):
    """Become a program. The process stays the same one: its number, its walls and its limits remain."""

    shell_form = "wrapper"

    def __init__(self, argv: Iterable[str], env: Mapping[str, str] | None = None) -> None:
        if isinstance(argv, str):
            raise BadInput(f"a command is a list of words, not one text: {short_repr(argv)}", hint='["ls", "-l"]')
        self.argv = tuple(check_text(word, "an argument") for word in check_list(argv, "a command"))
        self.env = tuple(check_environment(ENVIRONMENT if env is None else env).items())
        self.calls()

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"capabilities at exec"})

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"exec"})

    def calls(self) -> list[Call]:
        return [execve(self.argv, dict(self.env))]

    def describe(self) -> str:
        return f"Become {shlex.join(self.argv)}: the same process, another program."

    def shell(self) -> str:
        return f"exec {shlex.join(self.argv)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exec) and (self.argv, self.env) == (other.argv, other.env)

    def __hash__(self) -> int:
        return hash((self.argv, self.env))

    def __repr__(self) -> str:
        return f"Exec({list(self.argv)!r})"

    @property
    def title(self) -> str:
        return f"exec {self.argv[0].rpartition('/')[2]}"


def with_ids(keep: tuple[str, ...], uid: int, gid: int) -> list[Step]:
    """Steps for capabilities and ids. Leaving uid 0 needs SETUID and SETGID, and drops all capabilities."""
    if (uid, gid) == (0, 0):
        return [DropCapabilities(keep)]
    if uid == 0:
        return [SetIds(uid, gid), DropCapabilities(keep)]
    return [DropCapabilities(tuple(dict.fromkeys([*keep, "SETUID", "SETGID"]))), SetIds(uid, gid)]


__all__ = [
    "ENVIRONMENT",
    "DropCapabilities",
    "Environment",
    "Exec",
    "NoNewPrivileges",
    "ResourceLimit",
    "SetIds",
    "WorkingDirectory",
    "with_ids",
]
