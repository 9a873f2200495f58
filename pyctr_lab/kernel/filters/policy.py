"""A policy for system calls as data: a default action, and rules that name calls and compare arguments.

The first rule that matches a call decides; without one the default does. A rule's comparisons hold all together;
alternatives are further rules. Arguments are unsigned numbers of 64 bits. See seccomp(2).
"""

from __future__ import annotations

import errno as errnos
import re
from dataclasses import dataclass

from ...errors import BadInput
from ..checks import check_count, short_repr

RETURN_VALUES = {
    "allow": 0x7FFF0000, "errno": 0x00050000, "kill": 0x80000000, "kill_thread": 0x00000000, "log": 0x7FFC0000,
    "notify": 0x7FC00000, "trap": 0x00030000,
}  # fmt: skip
SYSCALL_NAME = re.compile(r"[a-z0-9_]{1,64}")
MOST_ERRNO = 4095  # the kernel cuts a larger one
OPERATORS = ("EQ", "NE", "LT", "LE", "GE", "GT", "MASKED_EQ")
ALL_BITS, LOW_BITS = (1 << 64) - 1, (1 << 32) - 1
FLAGS = ("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW")


@dataclass(frozen=True)
class FilterAction:
    """What the kernel does with a call: allow, errno, kill (the process), kill_thread, log, notify, trap (SIGSYS)."""

    name: str
    errno: int = 0

    def __post_init__(self) -> None:
        if self.name not in RETURN_VALUES:
            raise BadInput(f"no action is called {short_repr(self.name)}", hint=f"one of {', '.join(RETURN_VALUES)}")
        check_count(self.errno, "an action's errno", least=0, most=MOST_ERRNO)
        if self.errno and self.name != "errno":
            raise BadInput(f"the action {self.name} has no errno: {self.errno}")

    @property
    def value(self) -> int:
        """What the filter returns to the kernel."""
        return RETURN_VALUES[self.name] | self.errno

    def __str__(self) -> str:
        return errnos.errorcode.get(self.errno, f"errno {self.errno}") if self.name == "errno" else self.name


ALLOW, KILL = FilterAction("allow"), FilterAction("kill")


def refuse(errno: int = errnos.EPERM) -> FilterAction:
    """The action that makes a call fail with this errno, without making it."""
    return FilterAction("errno", errno)


def action_of(value: int) -> FilterAction:
    """The action of a filter's return value, as the kernel reads it."""
    name = next((name for name, bits in RETURN_VALUES.items() if bits == value & 0xFFFF0000), None)
    if name is None:
        raise BadInput(f"no action has the return value {value:#x}")
    return FilterAction(name, min(value & 0xFFFF, MOST_ERRNO) if name == "errno" else 0)


@dataclass(frozen=True)
class Comparison:
    """Argument `index` (from 0) compared with `value`; MASKED_EQ: argument & value == value_two.

    `low_word` compares the low 32 bits only. Choose it where a rule refuses by an argument that the kernel takes for an
    int: the kernel drops the high word, so a rule of 64 bits lets socket(38 | 1 << 32) through.
    """

    index: int
    op: str
    value: int
    value_two: int = 0
    low_word: bool = False

    def __post_init__(self) -> None:
        check_count(self.index, "the index of an argument", least=0, most=5)
        if self.op not in OPERATORS:
            raise BadInput(f"no comparison is called {short_repr(self.op)}", hint=f"one of {', '.join(OPERATORS)}")
        most = LOW_BITS if self.low_word else ALL_BITS
        check_count(self.value, "the value of a comparison", least=0, most=most)
        check_count(self.value_two, "the second value of a comparison", least=0, most=most)
        if self.op != "MASKED_EQ" and self.value_two:
            raise BadInput(f"{self.op} has one value; only MASKED_EQ has a second: {self.value_two}")
        if self.op == "MASKED_EQ" and self.value_two & ~self.value:
            raise BadInput(f"argument & {self.value:#x} is never {self.value_two:#x}")

    def holds(self, argument: int) -> bool:
        """Whether it holds for this argument of 64 bits."""
        word = argument & (LOW_BITS if self.low_word else ALL_BITS)
        if self.op == "MASKED_EQ":
            return word & self.value == self.value_two
        less, equal = word < self.value, word == self.value
        return {"EQ": equal, "NE": not equal, "LT": less, "LE": less or equal, "GE": not less}.get(
            self.op, not less and not equal
        )


@dataclass(frozen=True)
class FilterRule:
    """What happens to these calls if all comparisons hold: one comparison an argument at most, as in libseccomp."""

    names: tuple[str, ...]
    action: FilterAction
    comparisons: tuple[Comparison, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise BadInput("a rule names at least one system call")
        for name in self.names:
            if not isinstance(name, str) or not SYSCALL_NAME.fullmatch(name):
                raise BadInput(f"no system call is called {short_repr(name)}")
        indexes = [comparison.index for comparison in self.comparisons]
        if len(set(indexes)) < len(indexes):
            raise BadInput(
                f"a rule for {self.names[0]} compares one argument twice",
                hint="write two rules for 'or', MASKED_EQ or one bound for 'and'",
            )

    def matches(self, args: tuple[int, ...]) -> bool:
        """Whether all comparisons hold for these arguments; missing ones are 0."""
        return all(each.holds(args[each.index] if each.index < len(args) else 0) for each in self.comparisons)


@dataclass(frozen=True)
class FilterPolicy:
    """A default action and rules. `processors` that it is for, empty for any; `flags` of seccomp(2)."""

    default: FilterAction
    rules: tuple[FilterRule, ...] = ()
    processors: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for flag in self.flags:
            if flag not in FLAGS:
                raise BadInput(f"no flag of a filter is called {short_repr(flag)}", hint=f"one of {', '.join(FLAGS)}")
        for name, rules in self.by_name().items():
            _refuse_contradictions(name, rules)

    def by_name(self) -> dict[str, tuple[FilterRule, ...]]:
        """The rules for each call, in their order."""
        rules: dict[str, list[FilterRule]] = {}
        for rule in self.rules:
            for name in dict.fromkeys(rule.names):
                rules.setdefault(name, []).append(rule)
        return {name: tuple(several) for name, several in rules.items()}

    def __str__(self) -> str:
        return f"{len(self.by_name())} system calls in {len(self.rules)} rules, all others: {self.default}"


def _refuse_contradictions(name: str, rules: tuple[FilterRule, ...]) -> None:
    """Refuse different actions for the same comparisons; a rule without comparisons covers every call."""
    actions: dict[frozenset[Comparison], FilterAction] = {}
    for rule in rules:
        actions.setdefault(frozenset(rule.comparisons), rule.action)
    for rule in rules:
        first = actions.get(frozenset()) or actions[frozenset(rule.comparisons)]
        if rule.action != first:
            raise BadInput(
                f"two rules for {name} contradict each other: {first} and {rule.action}",
                hint="a rule without comparisons covers every call of that name",
            )
