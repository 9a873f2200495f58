"""The command line: a thin front of the rooms. Every error is one line, and never a traceback."""

from __future__ import annotations

import argparse
import os
import pty
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from errno import ENOENT
from types import FrameType

from . import __version__
from .errors import BadInput, CallError, LabError
from .kernel.calls import Call
from .kernel.proc import status
from .runtime import Lab, Program, Run, loop
from .runtime import clean as clean_up
from .runtime.carrier import EXECS
from .runtime.step_result import costed, folded
from .runtime.streams import Streams
from .steps import ControlGroup, Limits, MinimalDev, Recipe, default

MEASURED = ("startup", "memory", "density", "overhead", "all")
QUICK = 4.0  # seconds for each experiment: enough to see the order, not to quote
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status.

    As with `docker run`, 125 means that the lab itself failed."""
    arguments = parser().parse_args(argv)
    if getattr(arguments, "argv", [])[:1] == ["--"]:
        del arguments.argv[0]
    if not hasattr(arguments, "command"):
        parser().print_help()
        return 2
    try:
        return int(arguments.command(arguments))
    except BrokenPipeError:  # `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130
    except LabError as why:
        return told(why)


def told(why: LabError) -> int:
    """Says what went wrong in one line. As shells have it, 127: no such program, 126: it cannot be started."""
    call = getattr(why, "call", None)
    if not isinstance(why, CallError) or call is None or call.name not in EXECS:
        print(f"pyctr-lab: {why}", file=sys.stderr)
        return 125
    print(f"pyctr-lab: {why.filename}: {why.strerror} ({why.hint or 'in the container'})", file=sys.stderr)
    return 127 if why.errno == ENOENT else 126


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="pyctr-lab", description="Build a container by hand, and look inside.")
    top.add_argument("--version", action="version", version=f"pyctr-lab {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(command=function)
        return made

    made = add("run", run, "run a program in a container of its own")
    made.add_argument("-i", "--interactive", action="store_true", help="pass standard input on")
    made.add_argument("-t", "--terminal", action="store_true", help="give it a terminal")
    made.add_argument("--explain", action="store_true", help="tell each step, its system calls and their cost, first")
    made.add_argument("--hostname", default="demo", help="its host name (default: demo)")
    made.add_argument("--memory", metavar="SIZE", help="how much memory it may use: 64M")
    made.add_argument("--cpus", metavar="CORES", help="how much processor time: 0.5, or 50%%")
    made.add_argument("--pids", metavar="COUNT", help="how many processes and threads: 32")
    made.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...", help="the program and its arguments")

    made = add("recipe", recipe, "print the default recipe")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--calls", action="store_true", help="its system calls, and who makes each")
    form.add_argument("--shell", action="store_true", help="a POSIX script that does the same")
    made.add_argument("--hostname", default="demo", help="the container's host name (default: demo)")
    made.add_argument("--ids", type=int, default=0, help="how many user ids (default: as many as a lab has here)")
    made.add_argument("argv", nargs="*", metavar="-- PROGRAM", help="what it becomes (default: /bin/sh)")

    made = add("bench", bench, "measure, side by side with the engines that are here")
    bench_words(made)

    add("clean", clean, "remove the control groups of labs that were killed together with their guard")
    add("doctor", doctor, "say what this machine can do, what is missing, and what mends it")
    made = add("progress", progress, "show how far you have come")
    made.add_argument("--reset", metavar="WHAT", help="begin 3.1, 03 or all anew; the old is kept")
    made = add("check", check, "check an exercise again, as its cell does")
    made.add_argument("exercise", help="its number, as 3.1")
    made.add_argument("answer", nargs="*", help="your answer, if it is to be another than the cell's")
    return top


def bench_words(made: argparse.ArgumentParser) -> None:
    """The words of `bench`; what it does is imported when it is asked for."""
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


# --- run
def run(arguments: argparse.Namespace) -> int:
    """`pyctr-lab run`: exit status, signals, pipes and terminal as users of other runtimes expect."""
    if not arguments.argv:
        raise BadInput("no program to run: the command is empty", hint="name one: pyctr-lab run -- hostname")
    limits = limits_of(arguments)
    with Lab() as lab:
        made = lab.recipe(arguments.hostname)
        if arguments.explain:
            return explained(lab, arguments, limits)
        if arguments.terminal:
            return in_terminal(lab, arguments, limits)
        streams = Streams(0 if arguments.interactive else None, 1, 2)
        return exit_status(passing_signals(lambda: lab.launch(arguments.argv, streams, recipe=made, limits=limits)))


def limits_of(arguments: argparse.Namespace) -> Limits | None:
    """What was asked for; None where nothing was: then there is no control group either."""
    words = {name: getattr(arguments, name) for name in ("memory", "cpus", "pids")}
    return Limits(**words) if any(value is not None for value in words.values()) else None


def passing_signals(start: Callable[[], Program]) -> Run:
    """Starts a program and waits for it; what is sent to us is sent on to it, also what comes while it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    program = start()

    def send_on(number: int, _: FrameType | None) -> None:
        program.kill(number)

    for number in PASSED_ON:
        signal.signal(number, send_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    return program.wait()


def exit_status(run: Run) -> int:
    """As a shell tells it: 128 and the signal's number for a program that was killed. Says which limits have acted."""
    if run.reached:
        print(f"pyctr-lab: {'; '.join(map(str, run.reached))}", file=sys.stderr)
    return run.returncode if run.returncode >= 0 else 128 - run.returncode


def in_terminal(lab: Lab, arguments: argparse.Namespace, limits: Limits | None) -> int:
    """The program gets a terminal of its own; ours is laid over it."""
    from .runtime.terminal import relay

    ours, theirs = pty.openpty()
    try:
        os.fchown(theirs, int(status(lab.host.host_pid)["Uid"].split()[0]), -1)  # it is root's, inside
        streams, made = Streams(terminal=theirs), with_console(lab.recipe(arguments.hostname), os.ttyname(theirs))
        os.close(theirs)
        program = lab.launch(arguments.argv, streams, recipe=made, limits=limits)
        return exit_status(relay(program, ours, 0 if arguments.interactive else os.open(os.devnull, os.O_RDONLY)))
    finally:
        os.close(ours)


def with_console(recipe: Recipe, terminal: str) -> Recipe:
    """The same, and its /dev shows a terminal: programs that ask for the name of theirs, as tty(1) does, find it."""
    return Recipe(replace(step, console=terminal) if isinstance(step, MinimalDev) else step for step in recipe)


def explained(lab: Lab, arguments: argparse.Namespace, limits: Limits | None) -> int:
    """The story of a container, told while it is made: each step on a live process, then the program in it."""
    box = lab.container("explained")
    total = 0.0
    group = [ControlGroup(limits, box.name)] if limits is not None else []  # first, as in a real start
    for number, step in enumerate([*group, *lab.recipe(arguments.hostname)], 1):
        result = box.apply(step)
        total += result.seconds
        print(f"{number:>2}. {step.describe()}  [{result.seconds * 1e6:.0f} µs]")
        for line in map(costed, folded(result.calls)):
            print(f"      {line}")
    print(f"    {counted(sum(len(result.calls) for result in box.history), total)}, one at a time.\n")
    really_started(lab, arguments, limits)
    print("    Now the program, in the container that was made step by step:\n")
    sys.stdout.flush()
    streams = Streams(0 if arguments.interactive else None, 1, 2)
    run = passing_signals(lambda: box.launch(arguments.argv, streams))
    return exit_status(replace(run, reached=box.cgroup.reached(run.victim)) if box.cgroup else run)


def really_started(lab: Lab, arguments: argparse.Namespace, limits: Limits | None) -> None:
    """Another container of the same recipe, made as every start is: in one go, of a program that does nothing."""
    program = lab.start(["true"], recipe=lab.recipe(arguments.hostname), limits=limits)
    program.wait()
    by = f"a child that Python forks ({lab.slow})" if lab.slow else f"a loop of {len(loop.here())} bytes"
    print(f"The same as a start really is: the list in one go, its process carried from call to call by {by}.")
    for line in folded(program.story):
        print(f"      {maker(line[0].call) + ':':<10}{costed(line)}")
    print(f"    {counted(len(program.story), sum(answer.seconds for answer in program.story))}.\n")


def maker(call: Call) -> str:
    """Who makes it, as in `recipe --calls`."""
    return "launcher" if call.name == "fork" else "outside" if call.outside else "process"


def counted(calls: int, seconds: float) -> str:
    """How many, and how long."""
    return f"{calls} system calls, {seconds * 1e3:.2f} ms in the kernel"


# --- the other rooms
def recipe(arguments: argparse.Namespace) -> int:
    """`pyctr-lab recipe`: the default recipe as steps, as calls, or as a script."""
    made = default(arguments.hostname, ids=arguments.ids or ids_here())
    if arguments.calls:
        print(made.listing(arguments.argv or ["/bin/sh"]))
    elif arguments.shell:
        print(made.shell(arguments.argv or ["/bin/sh"]), end="")
    else:
        for number, step in enumerate(made, 1):
            print(f"{number:>2}. {step.title:<24}{step.describe()}")
    return 0


def ids_here() -> int:
    """How many ids a lab has on this machine: found by opening one."""
    with Lab() as lab:
        return lab.ids


def bench(arguments: argparse.Namespace) -> int:
    """`pyctr-lab bench`: medians and spread of one interleaved run, ratios, pictures."""
    from .bench import run as measured

    return measured(arguments)


def clean(_: argparse.Namespace) -> int:
    """`pyctr-lab clean`: one line. 1 where something is in use that nobody takes care of."""
    removed, kept = clean_up(patience=1.0)
    labs = sorted({os.path.basename(folder) for folder in removed})
    print(f"removed the control groups of {', '.join(labs)}" if labs else "there was nothing to remove")
    if kept:
        print(f"pyctr-lab: still in use: {' '.join(kept)}", file=sys.stderr)
    return 1 if kept else 0


def doctor(_: argparse.Namespace) -> int:
    """`pyctr-lab doctor`."""
    from .course import cli_doctor

    return cli_doctor()


def progress(arguments: argparse.Namespace) -> int:
    """`pyctr-lab progress`."""
    from .course import cli_progress, cli_reset

    return cli_reset(arguments.reset) if arguments.reset else cli_progress()


def check(arguments: argparse.Namespace) -> int:
    """`pyctr-lab check 3.1`: 0 passed, 1 not yet, 3 not started, 4 cannot be checked here."""
    from .course import cli_check

    return cli_check(arguments.exercise, tuple(arguments.answer))


if __name__ == "__main__":
    sys.exit(main())
