"""Policies as JSON: what Docker's conditions leave for a machine, and what is refused, each with a line of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel.filters import (
    ALLOW,
    Comparison,
    FilterAction,
    FilterPolicy,
    FilterRule,
    docker_policy,
    from_json,
    refuse,
    to_json,
)

PODMANS = Path("/usr/share/containers/seccomp.json")
ALL_OPERATORS = tuple(Comparison(0, op, 5) for op in ("EQ", "NE", "LT", "LE", "GE", "GT"))


def rule(*names: str, action: str = "ALLOW", **fields: Any) -> dict[str, Any]:
    return {"names": list(names), "action": f"SCMP_ACT_{action}", **fields}


def policy(*rules: Any, **fields: Any) -> str:
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(rules), **fields})


def argument(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "value": 5, "op": "SCMP_CMP_EQ", **fields}


def test_it_comes_back_as_it_was() -> None:
    every = [FilterRule(("read", "write"), ALLOW)]
    every += [FilterRule((name,), FilterAction(name)) for name in ("kill", "kill_thread", "log", "notify", "trap")]
    every += [FilterRule(("open",), refuse(7 + place), (each,)) for place, each in enumerate(ALL_OPERATORS)]
    every += [FilterRule(("clone",), ALLOW, (Comparison(0, "MASKED_EQ", 0xFF, 0x0F), Comparison(5, "NE", 2**64 - 1)))]
    whole = FilterPolicy(refuse(38), tuple(every), ("aarch64",), ("SECCOMP_FILTER_FLAG_LOG",))
    assert from_json(to_json(whole)) == whole
    assert from_json(json.dumps({"ociVersion": "1.0.2", "linux": {"seccomp": json.loads(to_json(whole))}})) == whole
    assert from_json(to_json(docker_policy())) == docker_policy()


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"includes": {"caps": ["CAP_BPF"]}}, True),
        ({"includes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"includes": {"arches": ["amd64", "x32"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "4.8"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"excludes": {"minKernel": "4.8"}}, False),
        ({"excludes": {"minKernel": "6.2"}, "includes": {}}, True),
        ({"includes": None, "comment": "none"}, True),
    ],
)
def test_conditions_are_resolved_as_docker_does(conditions: dict[str, Any], holds: bool) -> None:
    text = policy(rule("bpf", **conditions))
    made = from_json(text, capabilities=["CAP_BPF"], processor="x86_64", kernel="6.1.0-18-amd64")
    assert bool(made.rules) == holds


def test_an_errno_that_is_not_given_is_eperm_and_podman_spells_it() -> None:
    made = from_json(policy(rule("a", action="ERRNO"), rule("b", action="ERRNO", errno="EINVAL"), defaultErrnoRet=38))
    assert [str(made.default), *(str(each.action) for each in made.rules)] == ["ENOSYS", "EPERM", "EINVAL"]


WRONG = [
    ("[]", "a policy is an object of JSON, not []"),
    ("{", "the policy is no JSON: "),
    ('{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_KILL"}', "an object of the policy has a field"),
    ("{}", "a policy lacks the field 'defaultAction'"),
    (policy(defaultActions=1), "a policy has no field 'defaultActions'"),
    (policy(listenerPath="/x"), "a policy has no field 'listenerPath'"),
    (policy(flags=["SECCOMP_FILTER_FLAG_X"]), "no flag of a filter is called 'SECCOMP_FILTER_FLAG_X'"),
    (policy(architectures=["SCMP_ARCH_S390X"]), "the policy is for 'SCMP_ARCH_S390X'"),
    (policy(architectures=["x86"]), "no architecture is called 'x86'"),
    (policy(defaultErrnoRet="EPERM"), "an action's errno cannot be 'EPERM'"),
    (policy(rule("read", action="ALOW")), "no action is called 'SCMP_ACT_ALOW'"),
    (policy(rule("read", action="TRACE")), "no action is called 'SCMP_ACT_TRACE'"),
    (policy(rule("read", errnoRet=1)), "the action allow has no errno: 1"),
    (policy(rule("read", action="ERRNO", errnoRet=4096)), "an action's errno cannot be 4096"),
    (policy(rule("read", action="ERRNO", errnoRet=1, errno="EINVAL")), "an action has two errnos: 1 and EINVAL"),
    (policy(rule("read", action="ERRNO", errno="ENONE")), "no errno is called 'ENONE'"),
    (policy(rule()), "a rule names at least one system call"),
    (policy(rule("a\nb")), "no system call is called 'a\\nb'"),
    (policy({"names": "read", "action": "SCMP_ACT_ALLOW"}), "names is a list, not 'read'"),
    (policy(rule("read", arg=[])), "a rule has no field 'arg'"),
    (policy("read"), "a rule is an object of JSON, not 'read'"),
    (policy(rule("read", includes={"cap": []})), "includes and excludes has no field 'cap'"),
    (policy(rule("read", includes={"minKernel": "new"})), "'new' is no kernel release"),
    (policy(rule("read", args=[argument(index=6)])), "the index of an argument cannot be 6"),
    (policy(rule("read", args=[argument(index=True)])), "the index of an argument cannot be True"),
    (policy(rule("read", args=[argument(value=-1)])), "the value of a comparison cannot be -1"),
    (policy(rule("read", args=[argument(value=1 << 64)])), "the value of a comparison cannot be 18446744073709551616"),
    (policy(rule("read", args=[argument(op="SCMP_CMP_IN")])), "no comparison is called 'IN'"),
    (policy(rule("read", args=[argument(op="EQ")])), "no comparison is called 'EQ'"),
    (policy(rule("read", args=[argument(valueTwo=3)])), "EQ has one value; only MASKED_EQ has a second: 3"),
    (policy(rule("read", args=[argument(op="SCMP_CMP_MASKED_EQ", valueTwo=3)])), "argument & 0x5 is never 0x3"),
    (policy(rule("read", args=[{"index": 0, "op": "SCMP_CMP_EQ"}])), "a comparison lacks the field 'value'"),
    (policy(rule("read", args=[argument(), argument(value=6)])), "a rule for read compares one argument twice"),
    (policy(rule("a", "read"), rule("read", action="KILL")), "two rules for read contradict each other: allow and"),
    (policy(rule("read", args=[argument()]), rule("read", action="LOG")), "two rules for read contradict each other: "),
    (policy(rule("a", args=[argument()]), rule("a", action="LOG", args=[argument()])), "two rules for a contradict"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message[:50] for _, message in WRONG])
def test_what_is_wrong_is_one_line(text: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        from_json(text)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within an object of JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("wrong", [None, True, -1, 1.5, 1 << 70, "", "\n", "\ud800", [], [None], [[]], {}, {"x": 1}])
def test_any_value_in_any_place_is_read_or_refused_in_one_line(wrong: Any) -> None:
    conditions = {"caps": ["CAP_BPF"], "arches": ["arm"], "minKernel": "99.9"}
    errno = {"errnoRet": 1, "errno": "EPERM", "args": [argument(valueTwo=0)], "name": "write", "comment": ""}
    whole = policy(
        rule("read", action="ERRNO", **errno, includes={}, excludes=conditions),
        defaultErrnoRet=1, defaultErrno="EPERM", flags=["SECCOMP_FILTER_FLAG_LOG"],
        archMap=[{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    )  # fmt: skip
    assert from_json(whole).rules
    for *way, last in places(json.loads(whole)):
        changed = json.loads(whole)
        reduce(getitem, way, changed)[last] = wrong
        try:
            from_json(changed)
        except BadInput as refused:
            assert "\n" not in str(refused)


def test_a_comparison_of_the_low_word_has_no_json() -> None:
    with pytest.raises(BadInput, match="no comparison of the low word"):
        to_json(FilterPolicy(ALLOW, (FilterRule(("socket",), refuse(), (Comparison(0, "GT", 40, low_word=True),)),)))


@pytest.mark.skipif(not PODMANS.exists(), reason="containers-common is not installed")
def test_podmans_profile_is_read_or_its_contradiction_named() -> None:
    """Its rules for setns contradict each other without CAP_SYS_ADMIN, in Debian 12's version at least."""
    assert from_json(PODMANS.read_text(), capabilities=["CAP_SYS_ADMIN", "CAP_AUDIT_WRITE"]).rules
    try:
        assert from_json(PODMANS.read_text()).rules
    except BadInput as refused:
        assert str(refused).startswith("two rules for setns contradict each other: allow and EPERM")
