"""How a program starts in a container of its own: by the loop of machine code, or where that cannot be, more slowly."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from errno import ENOSYS, EPERM
from typing import TYPE_CHECKING

from ..kernel.calls import Answer, execve, fork
from ..steps import Birth, ControlGroup, Recipe, Step
from . import newborn
from .carrier import Carrier
from .container import Container
from .newborn import Newborn, Refused
from .program import Program
from .streams import Streams

if TYPE_CHECKING:
    from .lab import Lab

TIGHT = 8 << 20  # bytes: more than the words of an execve can take (6 MiB, see execve(2))


def started(
    lab: Lab,
    recipe: Recipe,
    group: ControlGroup | None,
    command: Sequence[str],
    streams: Streams,
    env: Mapping[str, str],
    began: float,
) -> Program:
    """A program in a container of its own. Which way it was started shows in its story, and in nothing else."""
    birth = birth_of(lab, recipe, group)
    made = make_groups(lab, birth)
    streams.theirs |= opened(lab, birth)
    try:
        have_loop(lab)
        have_room(*recipe.steps, *([group] if group is not None else []))
        newborn = Newborn(lab.launcher, resolved(lab, birth), [*streams.calls(), execve(command, env)], made)
        return by_loop(lab, newborn, command, streams, began)
    except Refused as why:
        lab.slow = str(why) if why.here else lab.slow
        birth, carrier, answers = born(lab, recipe, group)
        return lab.become(carrier, lab.launcher, command, streams, birth.calls, env, began, (*made, *answers))


def make_groups(lab: Lab, birth: Birth) -> list[Answer]:
    """Make the control groups of a start, in the launcher, and protect them before a process enters."""
    if not birth.before:
        return []
    answers = lab.outside(birth.before)
    if answers[-1].failed:
        raise answers[-1].error(answers)
    lab.groups.protect_made(answers)
    return answers


def opened(lab: Lab, birth: Birth) -> dict[str, int]:
    """A descriptor of each file by which the process enters version 1's cgroups; exec closes them."""
    paths = [file.within(lab.groups.name) for file in birth.given]
    return {path: os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in paths}


def resolved(lab: Lab, birth: Birth) -> Birth:
    """The list, with the name of the lab's own control group where one is used."""
    return birth.resolved(lab.groups.name) if birth.before else birth


def have_loop(lab: Lab) -> None:
    """Gives the launcher the loop, once. Raises Refused where there can be none."""
    if lab.slow is None:
        newborn.load(lab.launcher)
        lab.slow = ""
    if lab.slow:
        raise Refused(lab.slow, here=True)


def have_room(*steps: Step) -> None:
    """Raises Refused where memory is tight: the kernel kills for it whoever shares the memory, the launcher, too.

    Until it is a program, the child takes from its group what the kernel keeps for it, and the words of an execve.
    """
    for step in steps:
        if isinstance(step, ControlGroup) and isinstance(step.limits.memory, int) and step.limits.memory < TIGHT:
            raise Refused("it may have so little memory that the kernel may kill it while it shares the launcher's")


def by_loop(lab: Lab, child: Newborn, command: Sequence[str], streams: Streams, began: float) -> Program:
    """One message, and the program runs. However this ends otherwise, nothing is left of it."""
    try:
        child.start(streams.theirs)
        box = Container(lab, "newborn", child.carrier, lab.launcher)
        return lab.running(box, command, streams, began, child.story)
    except BaseException:
        child.give_up()
        lab.no_longer_expected(child.carrier.host_pid)
        raise


def birth_of(lab: Lab, recipe: Recipe, group: ControlGroup | None) -> Birth:
    """The list of a start, as the launcher can carry it out.

    Without clone3 (in Docker, say) it is a plain fork, and the launcher moves the process to its group.
    """
    if not lab.clone3:
        making, entering = (group.making(), group.entering()) if group is not None else ([], [])
        return Birth(fork(), [*(call.from_outside() for call in entering), *recipe.calls()], tuple(making))
    return recipe.birth.into(group) if group is not None else recipe.birth


def born(lab: Lab, recipe: Recipe, group: ControlGroup | None) -> tuple[Birth, Carrier, list[Answer]]:
    """A Python child, with what is still to be done, and what was."""
    birth = resolved(lab, birth_of(lab, recipe, group))
    answers, carrier = lab.launcher.fork([birth.fork])
    if answers[-1].errno in (ENOSYS, EPERM) and lab.clone3:
        lab.clone3 = False
        return born(lab, recipe, group)
    if answers[-1].failed:
        raise answers[-1].error(answers)
    return birth, carrier, answers
