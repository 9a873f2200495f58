"""A recipe as a POSIX script for util-linux and iproute2.

Commands (mount, ip, hostname) and wrappers that start a program (unshare, setpriv, env) do not simply concatenate:
behind a wrapper, the rest must be a program of its own. So the script is cut into stages, and each wrapper starts the
script again at the next stage. What is written from outside (id maps) is done by the stage before, while the next one
waits in the background.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import BadInput
from .filters import Seccomp
from .ids import OwnIds
from .namespaces import IdMaps
from .network import Veth
from .privileges import Environment, Exec
from .step import Step

HEAD = """#!/bin/sh
# Run it from a file. Each stage is this same file, started again by the wrapper that ends the stage before.
set -eu
stage=${CONTAINER_STAGE:-0}
"""

LEFT_OUT = (Environment, Exec, Seccomp)  # what the last exec does, and what no command does
NO_COMMAND = (OwnIds, Seccomp)
REFUSED = (
    "these id maps are refused: root may write them, or a user with as many ids in /etc/subuid and /etc/subgid;"
    " ./lab recipe --shell --ids 1 needs none"
)
AWAIT_MAPS = 'until [ -n "$(cat /proc/self/gid_map)" ]; do sleep 0.01; done  # the last thing written from outside'


@dataclass
class Stage:
    """Commands, then wrappers that start the next stage, while `outside` is written for it."""

    commands: list[str] = field(default_factory=list)
    wrappers: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


def script(steps: Sequence[Step], argv: Sequence[str], env: Mapping[str, str]) -> str:
    """The whole script, which at its end becomes `argv`. Raises BadInput for a cable: the lab alone has its bridge.

    Two things are left out, and the script says so, for util-linux has no command for them: a filter of system calls,
    and ids that are not those of the script's own user.
    """
    if cable := next((step for step in steps if isinstance(step, Veth)), None):
        raise BadInput(f"a script has no {cable.title}: a network is its lab's", hint="leave the network out")
    kept = [step.shared if isinstance(step, OwnIds) else step for step in steps if not isinstance(step, LEFT_OUT)]
    stages = cut(kept)
    blocks = [block(number, stage) for number, stage in enumerate(stages[:-1])]
    last = stages[-1]
    become = ["exec", *last.wrappers, Environment(env).shell(), shlex.join(argv)]
    blocks.append(f"{len(stages) - 1})\n" + indented([*last.commands, "\\\n    ".join(become)]) + "\n;;")
    missing = [
        f"# Left out, for no command does it: {step.describe()}\n" for step in steps if isinstance(step, NO_COMMAND)
    ]
    return f'{HEAD}{"".join(missing)}case "$stage" in\n' + "\n".join(blocks) + "\nesac\n"


def cut(steps: Sequence[Step]) -> list[Stage]:
    """Stages: a command behind a wrapper begins a new one, as does a wrapper behind what is written from outside."""
    stages = [Stage()]
    for step in steps:
        now = stages[-1]
        if step.shell_form == "outside":
            now.outside += outside_commands(step)
        elif step.shell_form == "wrapper" and not now.outside:
            now.wrappers.append(step.shell())
        elif step.shell_form == "command" and not now.wrappers:
            now.commands.append(shell_command(step))
        else:
            fresh = Stage([AWAIT_MAPS] if now.outside else [])
            if step.shell_form == "wrapper":
                fresh.wrappers.append(step.shell())
            else:
                fresh.commands.append(shell_command(step))
            stages.append(fresh)
    if stages[-1].outside:
        stages.append(Stage([AWAIT_MAPS]))
    return stages


def shell_command(step: Step) -> str:
    """A step's commands. The failure of a command before the last && does not end a script, for all its set -e."""
    text = step.shell()
    return f"{text} || exit" if "&&" in text else text


def outside_commands(step: Step) -> list[str]:
    """What is written from outside; maps that are refused end the script, with a line."""
    if not isinstance(step, IdMaps):
        return [shell_command(step)]
    refused = f"2>/dev/null || {{ echo {shlex.quote(REFUSED)} >&2; exit 1; }}"
    if step.setgroups == "deny":
        return [f"{{ {step.shell()}; }} {refused}"]
    ways = (f"    {step.shell()}", "else", f"    {step.shell_of_user()}")
    return ['if [ "$(id -u)" = 0 ]; then', *ways, f"fi {refused}"]


def block(number: int, stage: Stage) -> str:
    """One stage of the script but the last."""
    start = " ".join([*stage.wrappers, f'env CONTAINER_STAGE={number + 1} sh "$0"'])
    if not stage.outside:
        return f"{number})\n" + indented([*stage.commands, f"exec {start}"]) + "\n;;"
    lines = [
        *stage.commands,
        "exec 3<&0  # a shell gives its background programs no input of their own",
        f"{start} <&3 3<&- &",
        "pid=$!",
        "trap 'kill $pid 2>/dev/null || :' EXIT  # if a map is refused, the background process ends too",
        'while [ "$(readlink /proc/$pid/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done',
        *stage.outside,
        "status=0; wait $pid || status=$?; trap - EXIT; exit $status",
    ]
    return f"{number})\n" + indented(lines) + "\n;;"


def indented(lines: Sequence[str]) -> str:
    """Lines of a stage."""
    return "\n".join(f"    {line}" for line in lines)
