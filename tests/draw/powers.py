"""What the pictures of lesson 07 are made from, by hand: the usual cases and the extreme ones."""

from __future__ import annotations

from draw.machines import history
from draw.stores import HOSTILE
from pyctr_lab import steps
from pyctr_lab.draw import capability_grid, filter_decisions, isolation_matrix, start_waterfall
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
from pyctr_lab.measure.isolation import PROBES, WALLS, IsolationMatrix, Outcome, Probe

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


def matrix_of(*rows: tuple[Probe, str], walls: tuple[str, ...] = tuple(WALLS), always: str = "") -> IsolationMatrix:
    """A matrix as its probes say: each wall left out alone, and each set of theirs; `always` is out with all up."""
    outcomes = []
    for probe, answer in rows:
        outs = (*probe.out, frozenset()) if probe.name == always else probe.out
        tried = [frozenset(), *(frozenset((wall,)) for wall in walls), *(each for each in outs if len(each) > 1)]
        outcomes += [
            Outcome(probe.name, tuple(missing), any(out <= missing for out in outs), answer) for missing in tried
        ]
    return IsolationMatrix(walls, tuple(probe for probe, _ in rows), tuple(outcomes), "docker_like()", 12.0)


def probe(name: str, group: str, *out: str) -> tuple[Probe, str]:
    sets = tuple(frozenset(each.split()) for each in out)
    return Probe(name, "tries", "known", "fault", group, "works", sets), "EPERM"


ROWS = (probe("read_file", "files", "mnt"), probe("read_private", "files", "mnt user", "mnt ids"),
        probe("write_terminal", "files", "mnt user", "mnt ids", "dev user", "dev ids"),
        probe("kill", "doors", "seccomp"), probe("odd", "doors", "mnt user", "caps net pid"), probe("lock", "doors"),
        probe("never", "doors"))  # fmt: skip
MATRIX = matrix_of(*ROWS, always="lock")
WHOLE = matrix_of(*((each, "ECONNREFUSED") for each in PROBES.values()), always="watch_shared_file")
ODD = matrix_of(probe(HOSTILE, HOSTILE, f"{HOSTILE} mnt"), walls=("mnt", HOSTILE))


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
        "matrix": isolation_matrix(MATRIX), "matrix, whole": isolation_matrix(WHOLE),
        "matrix, odd": isolation_matrix(ODD), "matrix, none": isolation_matrix(matrix_of()),
        "filter, none": filter_decisions((return_value(ALLOW.value),), processor="x86_64"),
    }  # fmt: skip
