"""Compile a policy to a program of classic BPF.

The program checks the processor's architecture first (another one: kill), so that no number is read by the wrong table;
i386 and arm programs are refused with it. Then a binary search over ranges of numbers with equal rules: about seven
jumps for any call. x32 numbers (from 0x40000000 on x86-64) get ENOSYS, whatever the policy says.

The program is written from its end to its start: the target of a jump is there before the jump is.
"""

from __future__ import annotations

import platform
from errno import ENOSYS

from ...errors import BadInput
from ..checks import short_repr
from ..syscall_table import SYSCALLS
from .bpf import (
    ARCHITECTURE,
    ARGUMENTS,
    JEQ,
    JGE,
    JGT,
    MOST_INSTRUCTIONS,
    NUMBER,
    Instruction,
    Instructions,
    and_word,
    check_program,
    jump_always,
    jump_if,
    load_word,
    return_value,
)
from .policy import KILL, LOW_BITS, Comparison, FilterAction, FilterPolicy, FilterRule, refuse

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_NUMBERS = 0x40000000
REACH = 254  # a condition skips 255 instructions at most; one is kept for the long jump of its other side

Rules = tuple[FilterRule, ...]


def compile_policy(policy: FilterPolicy, *, processor: str = "") -> Instructions:
    """The program that enforces `policy` on `processor` ("x86_64", "aarch64"; default: this machine's).

    Names that the processor's table lacks are left out: policies list calls of all processors. Raises BadInput when the
    policy is for other processors, or needs more than 4,096 instructions.
    """
    processor = check_processor(policy, processor)
    program = Backwards()
    start = program.search(ranges_of(policy, processor), policy.default)
    start = program.put(load_word(NUMBER), then=start)
    program.condition(JEQ, AUDIT_ARCHITECTURES[processor], start, program.end(KILL))
    program.put(load_word(ARCHITECTURE))
    return check_program(program.code[::-1])


def check_processor(policy: FilterPolicy, processor: str) -> str:
    """The processor to compile for. Raises BadInput when its numbers are unknown or the policy is for others."""
    processor = processor or platform.machine()
    if processor not in SYSCALLS:
        raise BadInput(f"no table of system calls for {short_repr(processor)}", hint=f"one of {', '.join(SYSCALLS)}")
    if policy.processors and processor not in policy.processors:
        raise BadInput(f"the policy is for {', '.join(policy.processors)}, not for {processor}")
    return processor


def ranges_of(policy: FilterPolicy, processor: str) -> list[tuple[int, Rules]]:
    """(first number, its rules), ascending: neighbours with equal rules are one range; () stands for the default."""
    rules = {
        SYSCALLS[processor][name]: rules for name, rules in policy.by_name().items() if name in SYSCALLS[processor]
    }
    if processor == "x86_64":
        rules[X32_NUMBERS] = (FilterRule(("x32",), refuse(ENOSYS)),)
    ranges: list[tuple[int, Rules]] = []
    for number in sorted({0, *rules, *(number + 1 for number in rules if number != X32_NUMBERS)}):
        decisive = simplified(rules.get(number, ()))
        if not ranges or decisive != ranges[-1][1]:
            ranges.append((number, decisive))
    return ranges


def simplified(rules: Rules) -> Rules:
    """The rules without names; all else is dropped if one of them covers every call, so that neighbours are alike."""
    bare = tuple(FilterRule(("any",), rule.action, rule.comparisons) for rule in rules)
    return next(((rule,) for rule in bare if not rule.comparisons), bare)


class Backwards:
    """A program under construction, last instruction first. A position counts from the program's end."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self.ends: dict[FilterAction, int] = {}  # the newest RET of each action

    def put(self, instruction: Instruction, *, then: int | None = None) -> int:
        """Add an instruction in front of position `then` (default: of the newest); its position."""
        if then is not None and then != len(self.code) - 1:
            self.put(jump_always(len(self.code) - then - 1))
        if len(self.code) >= MOST_INSTRUCTIONS:
            raise BadInput(
                f"the policy needs more than {MOST_INSTRUCTIONS} instructions, the most that Linux takes",
                hint="compare fewer arguments",
            )
        self.code.append(instruction)
        return len(self.code) - 1

    def near(self, target: int) -> int:
        """A position that leads to `target` and is within a condition's reach."""
        return target if len(self.code) - target <= REACH else self.put(jump_always(len(self.code) - target - 1))

    def end(self, action: FilterAction) -> int:
        """A RET with this action within reach; a new one where the newest is too far."""
        known = self.ends.get(action)
        if known is None or len(self.code) - known > REACH:
            known = self.ends[action] = self.put(return_value(action.value))
        return known

    def condition(self, condition: int, k: int, yes: int, no: int) -> int:
        """A jump to one of two positions."""
        yes, no = self.near(yes), self.near(no)
        return self.put(jump_if(condition, k, len(self.code) - yes - 1, len(self.code) - no - 1))

    def search(self, ranges: list[tuple[int, Rules]], default: FilterAction) -> int:
        """Binary search for the range of the number in the accumulator, then the range's rules."""
        if len(ranges) == 1:
            return self.decision(ranges[0][1], default)
        middle = len(ranges) // 2
        right = self.search(ranges[middle:], default)
        left = self.search(ranges[:middle], default)
        return self.condition(JGE, ranges[middle][0], right, left)

    def decision(self, rules: Rules, default: FilterAction) -> int:
        """Try one rule after the other, in their order; then the default."""
        start = self.end(default)
        for rule in reversed(rules):
            otherwise, start = start, self.end(rule.action)
            for comparison in rule.comparisons:
                start = self.comparison(comparison, start, otherwise)
        return start

    def comparison(self, test: Comparison, yes: int, no: int) -> int:
        """Compare one argument: its high word first, its low word where the high one does not decide."""
        if test.op in ("NE", "LT", "LE"):
            test, yes, no = opposite(test), no, yes
        condition = {"GT": JGT, "GE": JGE}.get(test.op, JEQ)
        wanted = test.value_two if test.op == "MASKED_EQ" else test.value
        mask = test.value if test.op == "MASKED_EQ" else None
        offset = ARGUMENTS + 8 * test.index
        self.condition(condition, wanted & LOW_BITS, yes, no)
        low = self.load(offset, mask)
        if test.low_word:
            return low
        equal = self.condition(JEQ, wanted >> 32, low, no)
        if condition != JEQ:
            self.condition(JGT, wanted >> 32, yes, equal)
        return self.load(offset + 4, None if mask is None else mask >> 32)

    def load(self, offset: int, mask: int | None) -> int:
        """Load a word of an argument, masked, in front of the newest instruction."""
        if mask is not None:
            self.put(and_word(mask & LOW_BITS))
        return self.put(load_word(offset))


def opposite(test: Comparison) -> Comparison:
    """The comparison that holds where `test` does not."""
    op = {"NE": "EQ", "LT": "GE", "LE": "GT"}[test.op]
    return Comparison(test.index, op, test.value, low_word=test.low_word)
