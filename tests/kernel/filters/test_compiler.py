"""Compiled programs agree with the policy for every call, with the real kernel, and with libseccomp's compiler."""

from __future__ import annotations

import ctypes
import os
import platform
import random
import subprocess
import sys
from ctypes.util import find_library
from errno import ENOSYS
from itertools import product
from pathlib import Path
from signal import SIGSEGV, SIGSYS

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel.filters import (
    ALLOW,
    AUDIT_ARCHITECTURES,
    KILL,
    Comparison,
    FilterAction,
    FilterPolicy,
    FilterRule,
    Instruction,
    compile_policy,
    decide,
    decode_program,
    docker_policy,
    encode_program,
    refuse,
    run_filter,
    seccomp_data,
)
from pyctr_lab.kernel.filters.bpf import JA
from pyctr_lab.kernel.filters.policy import OPERATORS
from pyctr_lab.kernel.syscall_table import SYSCALLS

HERE = platform.machine()
PROGRAM = Path(__file__).with_name("under_filter.py")
# They take no arguments, so that any may be given to them.
HARMLESS = ["getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "gettid", "sched_yield"]
EDGES = (0, 1, 4, 5, 6, 38, 0xFFFFFFFF, 1 << 32, (1 << 32) + 5, (5 << 32) + 4, (5 << 32) + 6, (1 << 63) + 38, 2**64 - 1)
NUMBERS = (*range(480), 0x3FFFFFFF, 0x40000000, 0x40000027, 0x7FFFFFFF, 0xFFFFFFFF)


def random_comparison(dice: random.Random, index: int) -> Comparison:
    op, low = dice.choice(OPERATORS), dice.random() < 0.3
    value = dice.choice((*EDGES, dice.getrandbits(64))) & (0xFFFFFFFF if low else 2**64 - 1)
    return Comparison(index, op, value, value & dice.getrandbits(64) if op == "MASKED_EQ" else 0, low_word=low)


def random_policy(dice: random.Random, names: list[str], *, rules_each: int = 3) -> FilterPolicy:
    """Rules for a few calls, each with one to three comparisons and an errno of its own."""
    rules = []
    for place, name in enumerate(names):
        for _ in range(dice.randint(1, rules_each)):
            indexes = dice.sample(range(6), dice.randint(1, 3))
            tests = tuple(random_comparison(dice, index) for index in indexes)
            rules.append(FilterRule((name,), refuse(100 + len(rules)), tests))
        if place % 3 == 0:
            rules.append(FilterRule((name,), refuse(100 + len(rules)), (Comparison(0, "EQ", dice.choice(EDGES)),)))
    return FilterPolicy(ALLOW, tuple(rules))


def random_arguments(dice: random.Random) -> tuple[int, ...]:
    return tuple(dice.choice((*EDGES, dice.getrandbits(64), dice.getrandbits(8))) for _ in range(6))


def agree(policy: FilterPolicy, processor: str, calls: list[tuple[int, tuple[int, ...]]]) -> None:
    program = compile_policy(policy, processor=processor)
    for number, args in calls:
        said = run_filter(program, seccomp_data(AUDIT_ARCHITECTURES[processor], number, args))
        assert said == decide(policy, number, args, processor=processor), (number, args)


@pytest.mark.parametrize("processor", SYSCALLS)
def test_policy_and_program_agree_on_every_call(processor: str) -> None:
    for capabilities in ([], ["CAP_SYS_ADMIN"]):
        policy = docker_policy(capabilities=capabilities, processor=processor)
        agree(policy, processor, list(product(NUMBERS, [(), (12,), (40,), (0x7E020000,), (1 << 32,)])))


@pytest.mark.parametrize("processor", SYSCALLS)
@pytest.mark.parametrize("seed", range(5))
def test_policy_and_program_agree_on_random_arguments(processor: str, seed: int) -> None:
    dice = random.Random(seed)
    names = dice.sample(sorted(SYSCALLS[processor]), 12)
    numbers = [SYSCALLS[processor][name] for name in names]
    calls = [(dice.choice(numbers), random_arguments(dice)) for _ in range(600)]
    agree(random_policy(dice, names), processor, calls)


def test_another_architecture_is_killed_and_x32_is_enosys_whatever_the_policy_says() -> None:
    program = compile_policy(FilterPolicy(ALLOW), processor="x86_64")
    i386 = 0x40000003
    assert run_filter(program, seccomp_data(i386, 20)) == KILL
    assert decide(FilterPolicy(ALLOW), 20, processor="x86_64", architecture=i386) == KILL
    assert run_filter(program, seccomp_data(AUDIT_ARCHITECTURES["x86_64"], 0x40000000)) == refuse(ENOSYS)


def test_jumps_longer_than_255_lead_where_they_should() -> None:
    """Each call has up to twenty rules of its own: what one call needs is longer than a condition can skip."""
    dice = random.Random(21)
    names = sorted(SYSCALLS["x86_64"])[:25]
    policy = random_policy(dice, names, rules_each=20)
    program = compile_policy(policy, processor="x86_64")
    assert len(program) > 2000 and any(instruction.code == JA for instruction in program)
    calls = [(SYSCALLS["x86_64"][name], random_arguments(dice)) for name in names for _ in range(40)]
    agree(policy, "x86_64", calls)


def test_more_than_4096_instructions_are_refused() -> None:
    rules = [FilterRule(("socket",), refuse(1), (Comparison(0, "EQ", family),)) for family in range(1100)]
    assert len(compile_policy(FilterPolicy(ALLOW, tuple(rules[:1000])))) <= 4096
    with pytest.raises(BadInput, match="needs more than 4096 instructions"):
        compile_policy(FilterPolicy(ALLOW, tuple(rules)))


def test_a_policy_for_another_processor_is_refused() -> None:
    with pytest.raises(BadInput, match="the policy is for aarch64, not for x86_64"):
        compile_policy(docker_policy(processor="aarch64"), processor="x86_64")
    with pytest.raises(BadInput, match="no table of system calls for 'riscv64'"):
        compile_policy(FilterPolicy(ALLOW), processor="riscv64")


# --- the real kernel


def really(program: tuple[Instruction, ...] | None, calls: list[str]) -> tuple[int, list[tuple[int, int]]]:
    """Make calls under the program in a child: its exit status, and (result, errno) of each call."""
    lines = "\n".join([encode_program(program).hex() if program else "", *calls])
    command = [sys.executable, "-I", "-S", str(PROGRAM)]
    done = subprocess.run(command, input=lines + "\n", capture_output=True, text=True, timeout=60)
    ready, *answers = done.stdout.splitlines()
    assert ready == "ready" and not done.stderr
    return done.returncode, [(int(result), int(errno)) for result, errno in (line.split() for line in answers)]


@pytest.mark.machine
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_agrees_on_random_arguments(seed: int) -> None:
    dice = random.Random(seed)
    policy = random_policy(dice, HARMLESS)
    calls = [(name, random_arguments(dice)) for name in HARMLESS for _ in range(400)]
    lines = [f"{SYSCALLS[HERE][name]} {' '.join(map(str, args))}" for name, args in calls]
    status, answers = really(compile_policy(policy), lines)
    assert status == 0
    for (name, args), (result, errno) in zip(calls, answers, strict=True):
        decided = decide(policy, name, args)
        assert (result >= 0, errno) == (decided == ALLOW, decided.errno), (name, args)


MARKS = (0x5EC0FFEE5EC0FFEE, 0x0DDBA11500DDBA11)  # the last two arguments of the calls that are asked about
MADE = refuse(201)  # in place of "allow"


def marked(policy: FilterPolicy, processor: str) -> FilterPolicy:
    """The policy for calls with the marks alone, and so that none of them is made: it is MADE where it was allowed."""
    marks = tuple(Comparison(4 + place, "EQ", mark) for place, mark in enumerate(MARKS))

    def rule(each: FilterRule) -> FilterRule:
        return FilterRule(each.names, MADE if each.action == ALLOW else each.action, (*each.comparisons, *marks))

    decided = {name for each in policy.rules if not each.comparisons for name in each.names}
    others = FilterRule(tuple(name for name in SYSCALLS[processor] if name not in decided), policy.default)
    return FilterPolicy(ALLOW, tuple(map(rule, (*policy.rules, others))), policy.processors)


def every_call(processor: str) -> list[tuple[str, tuple[int, ...]]]:
    """Each call of the table, with first arguments that Docker's policy tells apart.

    Not uretprobe and uprobe: newer kernels ask no filter about them (6.14 the first, 6.18 both).
    """
    firsts = (0, 8, 12, 40, 45, 0x20008, 0x7E020000, 1 << 32)
    return [(name, (first, 0, 0, 0, *MARKS)) for name in SYSCALLS[processor] for first in firsts
            if name not in ("uretprobe", "uprobe")]  # fmt: skip


@pytest.mark.machine
@pytest.mark.parametrize("capabilities", [[], ["CAP_SYS_ADMIN"]])
def test_the_kernel_agrees_on_every_call(capabilities: list[str]) -> None:
    policy = marked(docker_policy(capabilities=capabilities), HERE)
    calls = every_call(HERE)
    lines = [f"{SYSCALLS[HERE][name]} {' '.join(map(str, args))}" for name, args in calls]
    status, answers = really(compile_policy(policy), lines)
    assert status == 0 and len(answers) == len(calls) > 2500
    for (name, args), answer in zip(calls, answers, strict=True):
        assert answer == (-1, decide(policy, name, args).errno), (name, args)


@pytest.mark.machine
@pytest.mark.parametrize(
    ("action", "status", "errno"),
    [("allow", 0, 0), ("log", 0, 0), ("errno", 0, 99), ("notify", 0, ENOSYS), ("kill", -SIGSYS, None),
     ("kill_thread", -SIGSYS, None), ("trap", -SIGSYS, None)],
)  # fmt: skip
def test_the_kernel_does_each_action(action: str, status: int, errno: int | None) -> None:
    chosen = refuse(99) if action == "errno" else FilterAction(action)
    policy = FilterPolicy(ALLOW, (FilterRule(("getppid",), chosen, (Comparison(0, "EQ", 7),)),))
    lines = [f"{SYSCALLS[HERE]['getppid']} {first}" for first in (7, 8)]
    ended, answers = really(compile_policy(policy), lines)
    assert ended == status
    mine = (os.getpid(), 0)
    assert answers == ([] if errno is None else [(-1, errno) if errno else mine, mine])


@pytest.mark.machine
@pytest.mark.skipif(HERE != "x86_64", reason="i386 and x32 are processors of x86-64")
def test_the_kernel_runs_neither_i386_nor_x32() -> None:
    program = compile_policy(FilterPolicy(ALLOW))
    assert really(program, [f"{0x40000000 + SYSCALLS[HERE]['getpid']}"]) == (0, [(-1, ENOSYS)])
    status, answers = really(None, ["int80"])
    if status == -SIGSEGV:
        pytest.skip("this kernel has no calls of i386")
    assert status == 0 and answers[0][0] > 0
    assert really(program, ["int80"]) == (-SIGSYS, [])


# --- libseccomp

UNKNOWN = -1  # __NR_SCMP_ERROR
SCMP_OPERATORS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}


class ScmpComparison(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def by_libseccomp(library: ctypes.CDLL, policy: FilterPolicy, processor: str) -> tuple[Instruction, ...]:
    """The program that libseccomp makes of the policy for a processor.

    It takes numbers of its own machine; of another processor's calls, those that its table has by name.
    """
    context = library.seccomp_init(policy.default.value)
    if processor != HERE:
        assert library.seccomp_arch_add(context, AUDIT_ARCHITECTURES[processor]) == 0
        assert library.seccomp_arch_remove(context, AUDIT_ARCHITECTURES[HERE]) == 0
    for name, rules in policy.by_name().items():
        number = SYSCALLS[HERE].get(name) if processor == HERE else library.seccomp_syscall_resolve_name(name.encode())
        for rule in rules:
            tests = [ScmpComparison(t.index, SCMP_OPERATORS[t.op], t.value, t.value_two) for t in rule.comparisons]
            array = (ScmpComparison * len(tests))(*tests)
            answer = library.seccomp_rule_add_array(context, rule.action.value, number, len(tests), array)
            assert answer == 0 or (processor != HERE and number == UNKNOWN), (name, answer)
    with os.fdopen(os.memfd_create("program"), "rb") as file:
        assert library.seccomp_export_bpf(context, file.fileno()) == 0
        file.seek(0)
        library.seccomp_release(context)
        return decode_program(file.read())


def known_to(library: ctypes.CDLL, processor: str) -> list[str]:
    """The calls of our table that libseccomp knows too; all, where it is given numbers."""
    return [name for name in SYSCALLS[processor]
            if processor == HERE or library.seccomp_syscall_resolve_name(name.encode()) != UNKNOWN]  # fmt: skip


@pytest.fixture(scope="module")
def libseccomp() -> ctypes.CDLL:
    name = find_library("seccomp")
    if not name:
        pytest.skip("libseccomp2 is not installed")
    library = ctypes.CDLL(name)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_arch_add.argtypes = library.seccomp_arch_remove.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    )  # fmt: skip
    return library


@pytest.mark.parametrize("processor", SYSCALLS)
def test_libseccomp_decides_the_same_for_dockers_policy(processor: str, libseccomp: ctypes.CDLL) -> None:
    """Its own table may be older than ours."""
    policy = docker_policy(processor=processor)
    theirs, ours = by_libseccomp(libseccomp, policy, processor), compile_policy(policy, processor=processor)
    names = known_to(libseccomp, processor)
    assert len(names) > 290
    numbers = range(480) if processor == HERE else [SYSCALLS[processor][name] for name in names]
    for number, args in product(numbers, [(), (12,), (40,), (45,), (46,), (0x7E020000,), (1 << 32,), (0x20008,)]):
        data = seccomp_data(AUDIT_ARCHITECTURES[processor], number, args)
        assert run_filter(theirs, data) == run_filter(ours, data), (number, args)


@pytest.mark.parametrize("processor", SYSCALLS)
@pytest.mark.parametrize("seed", range(5))
def test_libseccomp_decides_the_same_on_random_arguments(
    processor: str, seed: int, libseccomp: ctypes.CDLL
) -> None:
    """One rule a call: of several that match it may take another one. It has no comparison of the low word alone."""
    dice = random.Random(seed)
    rules = []
    for place, name in enumerate(HARMLESS):
        tests = tuple(
            Comparison(each.index, each.op, each.value, each.value_two)
            for each in (random_comparison(dice, index) for index in dice.sample(range(6), dice.randint(1, 3)))
        )
        rules.append(FilterRule((name,), refuse(100 + place), tests))
    policy = FilterPolicy(ALLOW, tuple(rules))
    theirs, ours = by_libseccomp(libseccomp, policy, processor), compile_policy(policy, processor=processor)
    for name in HARMLESS:
        for _ in range(200):
            number = SYSCALLS[processor][name]
            data = seccomp_data(AUDIT_ARCHITECTURES[processor], number, random_arguments(dice))
            assert run_filter(theirs, data) == run_filter(ours, data), name
