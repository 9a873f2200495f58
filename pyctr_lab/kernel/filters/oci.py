"""Policies as JSON: `linux.seccomp` of OCI's config.json, and the profiles of Docker and podman.

Docker's profiles hold for many machines: `archMap` lists processors, and a rule's `includes` and `excludes` name
capabilities, processors and the oldest kernel. Reading resolves them for one machine and one set of capabilities, as
moby does. Podman's profiles spell errnos as names too. Reading is strict: what would not be enforced is refused, and so
is podman's own profile without CAP_SYS_ADMIN, which both allows and refuses setns (golang-github-containers-common
0.50).

Sources: config-linux.md of the OCI runtime specification; moby/profiles, seccomp/seccomp.go and seccomp_linux.go.
"""

from __future__ import annotations

import errno as errnos
import json
import platform
import re
from collections.abc import Collection, Mapping
from typing import Any

from ...errors import BadInput
from ..checks import short_repr
from .policy import Comparison, FilterAction, FilterPolicy, FilterRule

ACTIONS = {
    "SCMP_ACT_ALLOW": "allow", "SCMP_ACT_ERRNO": "errno", "SCMP_ACT_KILL_PROCESS": "kill", "SCMP_ACT_LOG": "log",
    "SCMP_ACT_KILL_THREAD": "kill_thread", "SCMP_ACT_NOTIFY": "notify", "SCMP_ACT_TRAP": "trap",
    "SCMP_ACT_KILL": "kill_thread",  # libseccomp's older name
}  # fmt: skip
SPELLED_ACTIONS = {ours: theirs for theirs, ours in reversed(ACTIONS.items())}
ARCHITECTURE_NAMES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}  # of a processor in includes and excludes

POLICY_FIELDS = ("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls")
RULE_FIELDS = ("names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
COMPARISON_FIELDS = ("index", "value", "valueTwo", "op")
CONDITION_FIELDS = ("caps", "arches", "minKernel")

Json = Mapping[str, Any]


def from_json(
    document: str | Json, *, capabilities: Collection[str] = (), processor: str = "", kernel: str = ""
) -> FilterPolicy:
    """The policy for these capabilities ("CAP_SYS_ADMIN"), processor and kernel release (default: this machine's).

    Takes the seccomp object itself or a whole config.json. Raises BadInput for unknown fields, actions and comparisons,
    wrong indexes of arguments, and contradicting rules.
    """
    content = parse_document(document)
    processor, kernel = processor or platform.machine(), kernel or platform.release()
    check_fields(content, POLICY_FIELDS, "a policy", needed=("defaultAction",))
    default = action_from(content["defaultAction"], content.get("defaultErrnoRet"), content.get("defaultErrno"))
    listed = [(each, rule_from(each)) for each in list_of(content, "syscalls")]  # what does not apply is read too
    rules = (rule for each, rule in listed if applies(each, frozenset(capabilities), processor, kernel))
    return FilterPolicy(default, tuple(rules), processors_of(content), texts(content, "flags"))


def to_json(policy: FilterPolicy) -> str:
    """The policy as `linux.seccomp` of OCI's config.json. Raises BadInput for a low-word comparison: OCI has none."""
    content: dict[str, Any] = spelled_action(policy.default, "defaultAction", "defaultErrnoRet")
    if policy.processors:
        content["architectures"] = [ARCHITECTURE_NAMES[name] for name in policy.processors]
    if policy.flags:
        content["flags"] = list(policy.flags)
    content["syscalls"] = [spelled_rule(rule) for rule in policy.rules]
    return json.dumps(content, indent=2)


def parse_document(document: str | Json) -> Json:
    """The seccomp object of a text, of an object, or of a whole config.json."""
    try:
        content = json.loads(document, object_pairs_hook=no_field_twice) if isinstance(document, str) else document
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"the policy is no JSON: {error}") from None
    content = object_of(content, "a policy")
    if "ociVersion" in content:
        content = object_of(object_of(content.get("linux"), "linux").get("seccomp"), "linux.seccomp")
    return content


def no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these fields; JSON would take the last of two that have one name."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadInput(f"an object of the policy has a field twice: {short_repr([name for name, _ in pairs])}")
    return fields


def processors_of(content: Json) -> tuple[str, ...]:
    """The processors, known to this package, that the policy is for; () for any."""
    if content.get("architectures") and content.get("archMap"):
        raise BadInput("a policy has either architectures or archMap")
    named = list(texts(content, "architectures"))
    for each in list_of(content, "archMap"):
        entry = check_fields(
            each, ("architecture", "subArchitectures"), "an entry of archMap", needed=("architecture",)
        )
        named += [entry["architecture"], *texts(entry, "subArchitectures")]
    for name in named:
        if not isinstance(name, str) or not name.startswith("SCMP_ARCH_"):
            raise BadInput(f"no architecture is called {short_repr(name)}", hint='for example "SCMP_ARCH_X86_64"')
    known = tuple(ours for ours, theirs in ARCHITECTURE_NAMES.items() if theirs in named)
    if named and not known:
        raise BadInput(
            f"the policy is for {short_repr(', '.join(named))}", hint=f"known: {', '.join(ARCHITECTURE_NAMES)}"
        )
    return known


def applies(rule: Json, capabilities: frozenset[str], processor: str, kernel: str) -> bool:
    """Whether Docker's includes all hold, and none of its excludes. A rule of OCI has neither."""
    includes, excludes = (check_conditions(rule.get(field)) for field in ("includes", "excludes"))
    arch = GO_NAMES.get(processor, processor)
    if arch in excludes.get("arches", ()) or capabilities & set(excludes.get("caps", ())):
        return False
    if excludes.get("minKernel") and release_numbers(kernel) >= release_numbers(excludes["minKernel"]):
        return False
    if includes.get("arches") and arch not in includes["arches"]:
        return False
    return capabilities >= set(includes.get("caps", ())) and release_numbers(kernel) >= release_numbers(
        includes.get("minKernel") or "0.0"
    )


def check_conditions(conditions: Any) -> Json:
    """The `includes` or `excludes` of a rule, with None for lists that are missing taken away."""
    if conditions is None:
        return {}
    check_fields(conditions, CONDITION_FIELDS, "includes and excludes")
    kept = {field: texts(conditions, field) for field in ("caps", "arches")}
    if conditions.get("minKernel") is not None:
        release_numbers(conditions["minKernel"])
    return {**kept, "minKernel": conditions.get("minKernel")}


def release_numbers(text: Any) -> tuple[int, int]:
    """(kernel, major) of a release: 6.1 of "6.1.0-18-amd64"."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
    if not found:
        raise BadInput(f"{short_repr(text)} is no kernel release", hint='write "4.8"')
    return int(found[1]), int(found[2])


def rule_from(content: Json) -> FilterRule:
    """A rule of the document, whatever its conditions."""
    check_fields(content, RULE_FIELDS, "a rule", needed=("action",))
    names = texts(content, "names")
    if content.get("name"):
        names = (*names, *texts({"name": [content["name"]]}, "name"))
    action = action_from(content["action"], content.get("errnoRet"), content.get("errno"))
    return FilterRule(names, action, tuple(map(comparison_from, list_of(content, "args"))))


def comparison_from(content: Any) -> Comparison:
    """A comparison of the document. MASKED_EQ: argument & value == valueTwo, as libseccomp reads it."""
    check_fields(content, COMPARISON_FIELDS, "a comparison", needed=("index", "value", "op"))
    op = content["op"]
    if not isinstance(op, str) or not op.startswith("SCMP_CMP_"):
        raise BadInput(f"no comparison is called {short_repr(op)}", hint='for example "SCMP_CMP_EQ"')
    two = content.get("valueTwo", 0)
    return Comparison(content["index"], op.removeprefix("SCMP_CMP_"), content["value"], two)


def action_from(name: Any, number: Any, spelled: Any) -> FilterAction:
    """The action of the document; without an errno SCMP_ACT_ERRNO is EPERM."""
    if not isinstance(name, str) or name not in ACTIONS:
        raise BadInput(f"no action is called {short_repr(name)}", hint=f"one of {', '.join(ACTIONS)}")
    if spelled not in (None, "") and (not isinstance(spelled, str) or not hasattr(errnos, spelled)):
        raise BadInput(f"no errno is called {short_repr(spelled)}")
    named = getattr(errnos, spelled) if spelled else None
    if None not in (number, named) and number != named:
        raise BadInput(f"an action has two errnos: {short_repr(number)} and {spelled}")
    given = named if number is None else number
    if ACTIONS[name] == "errno" and given is None:
        given = errnos.EPERM
    return FilterAction(ACTIONS[name], 0 if given is None else given)


def spelled_action(action: FilterAction, field: str, errno_field: str) -> dict[str, Any]:
    """The fields of an action."""
    errno = {errno_field: action.errno} if action.name == "errno" else {}
    return {field: SPELLED_ACTIONS[action.name], **errno}


def spelled_rule(rule: FilterRule) -> dict[str, Any]:
    """A rule with OCI's fields."""
    content = {"names": list(rule.names), **spelled_action(rule.action, "action", "errnoRet")}
    if rule.comparisons:
        content["args"] = [spelled_comparison(each) for each in rule.comparisons]
    return content


def spelled_comparison(comparison: Comparison) -> dict[str, Any]:
    """A comparison with OCI's fields."""
    if comparison.low_word:
        raise BadInput(
            "OCI's JSON has no comparison of the low word alone", hint="compare 64 bits, or keep it in Python"
        )
    two = {"valueTwo": comparison.value_two} if comparison.op == "MASKED_EQ" else {}
    return {"index": comparison.index, "value": comparison.value, **two, "op": f"SCMP_CMP_{comparison.op}"}


def check_fields(content: Any, known: Collection[str], what: str, *, needed: Collection[str] = ()) -> Json:
    """An object with known fields only, and all that are needed."""
    for name in object_of(content, what):
        if name not in known:
            raise BadInput(f"{what} has no field {short_repr(name)}", hint=f"it has {', '.join(known)}")
    for name in needed:
        if content.get(name) is None:
            raise BadInput(f"{what} lacks the field {name!r}")
    return object_of(content, what)


def object_of(content: Any, what: str) -> Json:
    """An object of JSON."""
    if not isinstance(content, Mapping):
        raise BadInput(f"{what} is an object of JSON, not {short_repr(content)}")
    return content


def list_of(content: Json, field: str) -> list[Any]:
    """The list in a field; null and a missing field are an empty one."""
    value = content.get(field)
    if value is not None and not isinstance(value, list | tuple):
        raise BadInput(f"{field} is a list, not {short_repr(value)}")
    return list(value or ())


def texts(content: Json, field: str) -> tuple[str, ...]:
    """The texts of a list in a field."""
    values = list_of(content, field)
    for value in values:
        if not isinstance(value, str):
            raise BadInput(f"{field} holds texts, not {short_repr(value)}")
    return tuple(values)
