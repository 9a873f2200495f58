"""What the pictures of lesson 07 are made from, by hand: the usual cases and the extreme ones."""

from __future__ import annotations

from draw.machines import history
from draw.stores import HOSTILE
from pyctr_lab import steps
from pyctr_lab.draw import capability_grid, filter_decisions, start_waterfall
from pyctr_lab.kernel.calls import Answer, dup3, execve
from pyctr_lab.kernel.capabilities import CapabilitySets, names_in_mask
from pyctr_lab.kernel.filters import (
    ALLOW,
    KILL,
    Comparison,
    FilterAction,
    FilterPolicy,
    FilterRule,
    docker_policy,
    refuse,
)
from pyctr_lab.kernel.filters.bpf import ARGUMENTS, JEQ, JSET, NUMBER, jump_if, load_word, return_value

ALL = names_in_mask((1 << 41) - 1)
KEPT = names_in_mask(0xA80425FB)
FULL = CapabilitySets(ALL, ALL, ALL)
DROPPED = CapabilitySets(KEPT, KEPT, KEPT)
BY_CAPSET = CapabilitySets(KEPT, KEPT, ALL)
BY_BOUNDING = CapabilitySets(ALL, ALL, KEPT)
AMBIENT = CapabilitySets(("CHOWN",), ("CHOWN",), KEPT, ("CHOWN",), ("CHOWN",))
STRANGE = CapabilitySets((HOSTILE, "63"), (), (HOSTILE,))

DOCKER = docker_policy(processor="x86_64")
ASKED = FilterPolicy(ALLOW, (FilterRule(("mkdir",), FilterAction("notify")), FilterRule(("ptrace",), KILL),
                             FilterRule(("personality",), refuse(), (Comparison(0, "NE", 8, low_word=True),))))
BY_HAND = (load_word(NUMBER), jump_if(JEQ, 165, 0, 1), return_value(refuse().value), load_word(ARGUMENTS + 4),
           jump_if(JSET, 1 << 31, 0, 1), return_value(KILL.value), return_value(ALLOW.value))  # fmt: skip
LONG = (load_word(NUMBER), *(jump_if(JEQ, 300 - n, 200 - n, 0) for n in range(200)), return_value(ALLOW.value),
        return_value(refuse(38).value))  # fmt: skip
CALLS = ("write", "mount", "clone", ("personality", 8))
COSTS = {"getppid, no filter": 198.0, "this filter, 206 instructions": 226.0, "the same as a list, 637": 237.0}


def story_of(recipe: steps.Recipe) -> list[Answer]:
    """What a start tells: the process, the recipe's own calls, streams and exec; a call in place n takes n µs."""
    birth = recipe.birth
    calls = [birth.fork, *birth.calls, *(dup3(number + 3, number) for number in range(3)), execve(["true"], {})]
    return [Answer(call, 0, seconds=number * 1e-6) for number, call in enumerate(calls, 1)]


STORY = story_of(steps.default())


def pictures():
    """Pictures drawn by hand, by name."""
    return {
        "capabilities": capability_grid(BY_CAPSET, FULL), "capabilities, kept": capability_grid(DROPPED, DROPPED),
        "capabilities, going": capability_grid(BY_BOUNDING, DROPPED), "capabilities, now": capability_grid(BY_CAPSET),
        "capabilities, all": capability_grid(FULL), "capabilities, none": capability_grid(CapabilitySets()),
        "capabilities, strange": capability_grid(STRANGE, AMBIENT),
        "filter": filter_decisions(DOCKER, CALLS, COSTS, processor="x86_64"),
        "filter, asked": filter_decisions(ASKED, ("mkdir", "ptrace", 460, 5000, 1 << 30, "personality"),
                                          processor="x86_64"),
        "filter, by hand": filter_decisions(BY_HAND, [("mount", 1), ("read", 1 << 63)], {HOSTILE: 3, "x" * 99: 0},
                                            processor="x86_64"),
        "filter, long": filter_decisions(LONG, ["read", 101, 300], processor="x86_64"),
        "filter, arm64": filter_decisions(docker_policy(processor="aarch64"), ["mount"], processor="aarch64"),
        "start": start_waterfall(history()), "start, one": start_waterfall(history()[0]),
        "start, none": start_waterfall([]), "start, medians": start_waterfall([history()] * 3),
        "filter, none": filter_decisions((return_value(ALLOW.value),), processor="x86_64"),
    }  # fmt: skip
