"""Commands and options of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from .. import __version__
from ..errors import BadInput
from . import commands
from .image import image, image_options
from .network import network_command, network_words
from .run import run
from .run_network import FORM
from .volume import volume, volume_options

PROG = "pyctr-lab"
MEASURED = ("startup", "memory", "density", "overhead", "images", "network", "walls", "all")
QUICK = 4.0  # seconds for each experiment: enough to see the order, not to quote
NO_EXPOSE = "all ports of a container can be reached from its network; -p PORT:PORT publishes one"
NO_NAMES = "a network of `run` has this one container; in Python, lab.start(..., network=..., aliases=...)"
NO_DEVICES = "a lab has no power over this machine's devices"
ENDS = "a container ends with its lab, and this lab ends with `run`; in a notebook, lab.start(...) does not wait"
IN_PYTHON = "in Python: Limits({}) of a start"
NOT_YET: dict[tuple[str, ...], str] = {
    ("-d", "--detach"): ENDS,
    ("--restart",): ENDS,
    ("-P", "--publish-all"): "no port is chosen at random; -p PORT:PORT names each",
    ("--expose",): NO_EXPOSE,
    ("--add-host",): NO_NAMES,
    ("--link",): NO_NAMES,
    ("--ip6", "--mac-address"): "in Python, lab.network(..., ipv6=True); hardware addresses follow from addresses",
    ("--device",): NO_DEVICES,
    ("--gpus",): NO_DEVICES,
    ("--privileged",): f"{NO_DEVICES}; --cap-add ALL is power over the container's own world",
    ("--mount",): "say -v FOLDER:PLACE or -v NAME:PLACE, with :ro behind it for reading only",
    ("--tmpfs",): "/tmp and /dev/shm are in memory already",
    ("--pull",): "`pyctr-lab image pull NAME` fetches one before",
    ("--platform",): "an image is of this machine's platform",
    ("--memory-swap",): IN_PYTHON.format("memory_swap=..."),
    ("-c", "--cpu-shares"): IN_PYTHON.format("cpu_weight=..."),
    ("--cpuset-cpus",): IN_PYTHON.format("cpuset=..."),
    **dict.fromkeys(
        (("--pid",), ("--ipc",), ("--uts",), ("--userns",), ("--cgroupns",)),
        "each container has its own; in Python, lab.recipe().without(...) shares one",
    ),
}
"""Options of `docker run` that `run` knows and does not have, with the reason. Others are unknown."""


class Misused(BadInput):
    """An unknown command or option. `status` is the exit status: Docker's for `run`, argparse's for others."""

    def __init__(self, message: str, *, hint: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and without abbreviated options."""

    def __init__(self, **words: object) -> None:
        super().__init__(allow_abbrev=False, **words)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Raise Misused; argparse itself would print the usage and exit."""
        status = 125 if self.prog == f"{PROG} run" else 2
        raise Misused(message, hint=f"{self.prog} --help lists the words", status=status)


class NotYet(argparse.Action):
    """An option of Docker's that `run` does not have: its `const` says why."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, __: object, option: str | None = None) -> NoReturn:
        raise BadInput(f"{option} is not here yet: {self.const}")


def parse_words(argv: Sequence[str] | None) -> argparse.Namespace:
    """The parsed command line. `command` is its function; the attribute is missing if no command was named.

    Raises BadInput for an unknown word, SystemExit after --help and --version.
    """
    top = parser()
    words, unknown = top.parse_known_args(argv)
    if unknown:
        getattr(words, "parser", top).error(f"unknown option or word: {unknown[0]}")
    if getattr(words, "argv", [])[:1] == ["--"]:
        del words.argv[0]
    return words


def parser() -> Parser:
    """All commands and their options."""
    top = Parser(prog=PROG, description="Build a container by hand, and look inside.")
    top.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    added = top.add_subparsers(title="commands", metavar="COMMAND")

    def add(
        name: str, function: Callable[[argparse.Namespace], int], help: str, *, add_help: bool = True
    ) -> argparse.ArgumentParser:
        made = added.add_parser(name, help=help, description=help, add_help=add_help)
        made.set_defaults(command=function, parser=made)
        return made

    run_options(add("run", run, "run a program in a container of its own", add_help=False))
    recipe_options(add("recipe", commands.print_recipe, "print the default recipe"))
    bench_options(add("bench", commands.bench, "measure, side by side with the engines that are here"))
    image_options(add("image", image, "build, import, push and pull images, and look into them"), image)
    volume_options(add("volume", volume, "list volumes, look at them and remove them"), volume)
    about = "list the networks of your labs that run now, and look at them"
    network_words(add("network", network_command, about), network_command)
    add("clean", commands.clean_up, "remove the control groups of labs that were killed together with their guard")
    add("doctor", commands.run_doctor, "say what this machine can do, what is missing, and what mends it")
    made = add("progress", commands.show_progress, "show how far you have come")
    made.add_argument("--reset", metavar="WHAT", help="begin 3.1, 03 or all anew; the old is kept")
    made = add("check", commands.check_exercise, "check an exercise again, as its cell does")
    made.add_argument("exercise", help="its number, as 3.1")
    made.add_argument("answer", nargs="*", help="your answer, if it is to be another than the cell's")
    return top


def run_options(made: argparse.ArgumentParser) -> None:
    """Options of `run`, named as Docker's if Docker has one."""
    made.add_argument("--help", action="help", help="show this text")
    made.add_argument("-i", "--interactive", action="store_true", help="pass standard input on")
    made.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    made.add_argument("--explain", action="store_true", help="print each step, its system calls and their cost first")
    made.add_argument("--init", action="store_true", help="an init as PID 1, which reaps; the program is another")
    made.add_argument("--rm", action="store_true", help="always so: nothing is left of a container")
    identity_options(made)
    file_options(made)
    network_options(made)
    limit_options(made)
    for options, why in NOT_YET.items():
        made.add_argument(*options, action=NotYet, nargs="?", const=why, dest="_", help=argparse.SUPPRESS)
    made.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...", help="the program and its arguments")


def identity_options(made: argparse.ArgumentParser) -> None:
    """Options for names, environment and user."""
    made.add_argument("-h", "--hostname", default="demo", metavar="NAME", help="its host name (default: demo)")
    made.add_argument("--name", default="demo", help="the container's name (default: demo)")
    made.add_argument("-e", "--env", action="append", default=[], metavar="NAME[=VALUE]", help="a variable, or ours")
    made.add_argument("--env-file", action="append", default=[], metavar="FILE", help="variables, one a line")
    made.add_argument("-u", "--user", metavar="USER[:GROUP]", help="its user and group: numbers, or names inside")
    made.add_argument("-w", "--workdir", metavar="FOLDER", help="the folder that it starts in")
    made.add_argument("--entrypoint", metavar="PROGRAM", help="the program; then all words are its arguments")


def file_options(made: argparse.ArgumentParser) -> None:
    """Options for files."""
    made.add_argument("--image", metavar="NAME", help="the files of an image, and what it says of itself")
    made.add_argument(
        "-v",
        "--volume",
        action="append",
        default=[],
        metavar="FOLDER:PLACE[:ro]",
        help="show a folder, or by NAME: a volume",
    )
    made.add_argument("--read-only", action="store_true", help="let it write to no file but in volumes and /dev/shm")


def network_options(made: argparse.ArgumentParser) -> None:
    """Options for a network of the run."""
    none = "none: its own loopback alone, the default without the options below"
    about = f"make a network of this name for this run; it ends with the run. {none}"
    made.add_argument("--network", "--net", metavar="NAME", help=about)
    many = {"action": "append", "default": []}
    publish = "a port of this machine's 127.0.0.1 leads to the container's"
    made.add_argument("-p", "--publish", metavar=FORM, help=publish, **many)  # type: ignore[arg-type]
    alias = "one more name of it in the network"
    made.add_argument("--network-alias", "--net-alias", metavar="NAME", help=alias, **many)  # type: ignore[arg-type]
    made.add_argument("--ip", metavar="ADDRESS", help="its address; the network is the /24 that has it")
    servers = "its name server, in place of the network's own"
    made.add_argument("--dns", metavar="ADDRESS", help=servers, **many)  # type: ignore[arg-type]


def limit_options(made: argparse.ArgumentParser) -> None:
    """Options for limits and capabilities."""
    made.add_argument("-m", "--memory", metavar="SIZE", help="how much memory it may use: 64M")
    made.add_argument("--cpus", metavar="CORES", help="how much processor time: 0.5, or 50%%")
    made.add_argument("--pids", "--pids-limit", metavar="COUNT", help="how many processes and threads: 32")
    made.add_argument(
        "--ulimit", action="append", default=[], metavar="NAME=SOFT[:HARD]", help="as ulimit(1): nofile=64"
    )
    made.add_argument("--cap-drop", action="append", default=[], metavar="NAME", help="a capability less, or ALL")
    made.add_argument("--cap-add", action="append", default=[], metavar="NAME", help="a capability more, or ALL")
    about = "seccomp=FILE (a policy in JSON), builtin or unconfined; no-new-privileges=false; systempaths=unconfined"
    made.add_argument("--security-opt", action="append", default=[], metavar="OPTION", help=about)


def recipe_options(made: argparse.ArgumentParser) -> None:
    """Options of `recipe`."""
    form = made.add_mutually_exclusive_group()
    form.add_argument("--calls", action="store_true", help="its system calls, and who makes each")
    form.add_argument("--shell", action="store_true", help="a POSIX script that does the same")
    made.add_argument("--hostname", default="demo", help="the container's host name (default: demo)")
    made.add_argument("--ids", help="how many user ids (default: as many as a lab has here)")
    made.add_argument("argv", nargs="*", metavar="-- PROGRAM", help="what it becomes (default: /bin/sh)")


def bench_options(made: argparse.ArgumentParser) -> None:
    """Options of `bench`."""
    made.add_argument("what", nargs="?", default="startup", choices=MEASURED, help="what is measured")
    made.add_argument("--engines", metavar="A,B", help="only these (default: all that are here)")
    made.add_argument("--runs", type=int, metavar="N", help="how often each (default: what the experiment needs)")
    made.add_argument("--count", type=int, metavar="N", help="how many instances at most, for density and memory")
    time = made.add_mutually_exclusive_group()
    time.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="time for each experiment")
    time.add_argument(
        "--quick", dest="budget", action="store_const", const=QUICK, help=f"the same as --budget {QUICK:g}"
    )
    made.add_argument("--seed", type=int, default=1, help="of the order of the turns (default: 1)")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a list of objects, one an engine")
    form.add_argument("--csv", action="store_true", help="every sample, one a line")
    form.add_argument("--report", metavar="DIR", help="a page with pictures, and the samples, in this folder")
