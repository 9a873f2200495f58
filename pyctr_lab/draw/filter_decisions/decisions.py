"""What a filter decides, as data: each number of the processor's table followed through the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...errors import BadInput
from ...kernel.checks import check_count, check_each, check_list, check_text, short_repr
from ...kernel.filters import (
    ALLOW,
    AUDIT_ARCHITECTURES,
    FilterAction,
    FilterPolicy,
    FilterStep,
    Instruction,
    action_of,
    check_program,
    compile_policy,
    follow_filter,
    seccomp_data,
)
from ...kernel.filters.bpf import (
    AND,
    ARCHITECTURE,
    ARGUMENTS,
    CONDITIONS,
    JEQ,
    JGE,
    JGT,
    JSET,
    LD_ABS,
    NUMBER,
    RET,
    Instructions,
)
from ...kernel.filters.compiler import check_processor
from ...kernel.filters.simulator import call_number
from ...kernel.syscall_table import SYSCALLS
from ..svg import clean_text

MOST_CALLS, MOST_COSTS = 12, 8
HINT = "kernel.filters.docker_policy(), or a program of Instructions"
CALLS_HINT = 'calls=("write", "mount", ("personality", 8))'
NS_HINT = 'ns={"getppid, no filter": 198.0, "with the filter": 226.0}'
SIGNS = {JEQ: "=≠", JGE: "≥<", JGT: ">≤"}

FilterCall = str | int | tuple[str | int, ...]
"""A call by name or number, or with its arguments behind it: `("personality", 8)`."""


@dataclass(frozen=True)
class Compared:
    """One comparison: what it says, and which numbers are still possible behind it."""

    said: str
    least: int
    most: int
    argument: bool = False


@dataclass(frozen=True)
class Fall:
    """A call's way through the program. `action` is None where an argument decides and none was followed."""

    call: str
    number: int
    compared: tuple[Compared, ...]
    action: FilterAction | None

    @property
    def numbers(self) -> int:
        """How many comparisons of its number."""
        return sum(not each.argument for each in self.compared)

    @property
    def arguments(self) -> int:
        """How many comparisons of its arguments."""
        return len(self.compared) - self.numbers


@dataclass(frozen=True)
class Decisions:
    """All that is drawn: a fall for each call of the table, ranges with one action, and the calls asked for."""

    program: Instructions
    table: tuple[Fall, ...]
    ranges: tuple[tuple[int, int, str], ...]
    falls: tuple[Fall, ...]
    costs: tuple[tuple[str, float], ...]

    @property
    def last(self) -> int:
        """The largest number of the table."""
        return self.ranges[-1][1]

    @property
    def most(self) -> int:
        """The largest count of comparisons that a number of the table takes."""
        return max(each.numbers for each in self.table)

    def count(self, word: str) -> int:
        """How many calls of the table end so."""
        return sum(verdict_word(each.action) == word for each in self.table)


FilterSource = FilterPolicy | Sequence[Instruction]


def decisions(
    policy_or_program: FilterSource,
    calls: Iterable[FilterCall] = (),
    ns: Mapping[str, float] | None = None,
    *,
    processor: str = "",
) -> Decisions:
    """The data, checked."""
    check_text(processor, "a processor")
    if isinstance(policy_or_program, FilterPolicy):
        processor = check_processor(policy_or_program, processor)
        program = compile_policy(policy_or_program, processor=processor)
    else:
        processor = check_processor(FilterPolicy(ALLOW), processor)
        program = check_program(check_each(policy_or_program, Instruction, "a filter", hint=HINT))
    table = [followed(program, processor, name, number) for name, number in SYSCALLS[processor].items()]
    last = max(each.number for each in table)
    words = [verdict_word(followed(program, processor, "", number).action) for number in range(last + 1)]
    asked = check_list(calls, "calls", hint=CALLS_HINT)
    if len(asked) > MOST_CALLS:
        raise BadInput(f"at most {MOST_CALLS} calls are drawn, not {len(asked)}", hint=CALLS_HINT)
    falls = tuple(_asked(program, processor, call) for call in asked)
    return Decisions(program, tuple(table), tuple(_ranges(words)), falls, _costs(ns))


def _ranges(words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first = 0
    for word, run in groupby(words):
        last = first + len(list(run)) - 1
        yield first, last, word
        first = last + 1


def _asked(program: Instructions, processor: str, call: object) -> Fall:
    """The way of a call; of one without arguments, up to where one decides."""
    name, *args = call if isinstance(call, tuple) and call else (call,)
    if isinstance(name, bool) or not isinstance(name, str | int) or len(args) > 6:
        raise BadInput(f"{short_repr(call)} is no call", hint=CALLS_HINT)
    number = call_number(name if isinstance(name, str) else check_count(name, "a call", least=0, most=2**32 - 1),
                         processor)  # fmt: skip
    names = {each: known for known, each in SYSCALLS[processor].items()}
    shown = names.get(number, "no such call") + (f"({', '.join(map(spelled, args))})" if args else "")
    return followed(program, processor, shown, number, tuple(map(_argument, args)) if isinstance(call, tuple) else None)


def _argument(value: object) -> int:
    return check_count(value, "an argument", least=-(1 << 63), most=(1 << 64) - 1)


def _costs(ns: Mapping[str, float] | None) -> tuple[tuple[str, float], ...]:
    if ns is not None and not isinstance(ns, Mapping):
        raise BadInput(f"costs are a mapping, not {short_repr(ns)}", hint=NS_HINT)
    costs = tuple((check_text(said, "what was measured"), _nanoseconds(value)) for said, value in (ns or {}).items())
    if len(costs) > MOST_COSTS:
        raise BadInput(f"at most {MOST_COSTS} costs are drawn, not {len(costs)}", hint=NS_HINT)
    return costs


def _nanoseconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise BadInput(f"{short_repr(value)} is no cost in nanoseconds", hint=NS_HINT)
    return float(value)


def followed(
    program: Instructions, processor: str, call: str, number: int, args: tuple[int, ...] | None = None
) -> Fall:
    """The way of a call through the program; without `args` it ends where one of them is looked at."""
    least, most = 0, max(SYSCALLS[processor].values())
    compared: list[Compared] = []
    mask = ""
    for step in follow_filter(program, seccomp_data(AUDIT_ARCHITECTURES[processor], number, args or ())):
        code, _, _, k = step.instruction
        if code == LD_ABS:
            mask = ""
            if args is None and k not in (NUMBER, ARCHITECTURE):
                return Fall(call, number, tuple(compared), None)
        elif code == AND:
            mask = f" & {k:#x}"
        elif code in CONDITIONS and step.offset != ARCHITECTURE:
            of_number = step.offset == NUMBER
            if of_number and not mask:
                least, most = _narrowed(step, least, most)
            compared.append(Compared(_said(step, mask, number), least, most, not of_number))
        elif code == RET:
            return Fall(call, number, tuple(compared), action_of(k))
    raise AssertionError("a checked program ends with RET")


def _narrowed(step: FilterStep, least: int, most: int) -> tuple[int, int]:
    """Which numbers are still possible behind a comparison."""
    code, _, _, k = step.instruction
    if code == JEQ:
        return (k, k) if step.holds else (least + (k == least), most - (k == most))
    if code not in (JGE, JGT):
        return least, most
    edge = k + (code == JGT)
    return (max(least, edge), most) if step.holds else (least, min(most, edge - 1))


def _said(step: FilterStep, mask: str, number: int) -> str:
    """A comparison as it came out: `165 ≥ 153`, `argument 0 & 0x7e020000 = 0`."""
    code, _, _, k = step.instruction
    if step.offset == NUMBER:
        what = spelled(number)
    elif step.offset >= ARGUMENTS:
        what = f"argument {(step.offset - ARGUMENTS) // 8}{', high half' if step.offset % 8 else ''}"
    else:
        what = "the caller's address"
    if code == JSET:
        return f"{what} & {k:#x} {'≠' if step.holds else '='} 0"
    return f"{what}{mask} {SIGNS[code][0 if step.holds else 1]} {spelled(k)}"


def spelled(number: object) -> str:
    """A number as it is read: large ones in hexadecimal."""
    return (str(number) if number < 10_000 else f"{number:#x}") if isinstance(number, int) else clean_text(number, 20)


WORDS = {"allow": "allowed", "log": "allowed", "errno": "refused", "kill": "killed", "kill_thread": "killed",
         "trap": "killed", "notify": "asked live"}  # fmt: skip
BY_ARGUMENT = "by argument"


def verdict_word(action: FilterAction | None) -> str:
    """What becomes of a call, in a word: allowed, refused, killed, asked live, by argument."""
    return BY_ARGUMENT if action is None else WORDS[action.name]
