"""The same probes against other people's engines, each with its own defaults: what reaches the sandbox they run in.

print(measure_engines_isolation(["bubblewrap", "runc"]))
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...engines import ALL, Engine, Sandbox
from ...engines.engine import kill_new_processes, processes
from ...engines.rootfs import make_rootfs
from ...engines.sandbox import WORK, make_calls
from ...engines.survey import known_engines, with_kernel
from ...errors import LabError
from ...kernel.calls import mount, umount2
from ...kernel.checks import check_function
from ...kernel.constants import MNT_DETACH
from ..network.senders import program_words
from .matrix import Outcome
from .probes import AMOUNTS, ONLY_THEIR_WALLS, PROBES, PROGRAM, Probe, known_probes
from .running import PYTHON
from .victim import JsonLines, Start, Victim

OTHERS = ("bubblewrap", "runc", "crun", "podman", "docker", "gvisor", "qemu")
UNSHARED = ("write_shared_folder", "plant_setuid_file", "run_setuid_program")
"""Probes of a folder that is shared: none is given to an engine's container."""
THE_MACHINES = ("lower_lab_quota",)
"""Probes that would change the machine itself where root has opened the sandbox."""
FOLDER = f"{WORK}/outer"
LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
MAJOR = re.compile(r"lib[^/]+\.so\.\d+(?=\.)")
SHARED_FILE = "/bin/busybox"
LOADED = """import json, re, sys
exec(compile(open(sys.argv[1]).read(), "probes", "exec"), {"__name__": "probes"})
files = {module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
files |= set(re.findall(r"(/\\S+)\\n", open("/proc/self/maps").read()))
print(json.dumps(sorted(name for name in files if name.startswith("/"))))"""
"""Prints the files of an interpreter that has loaded a program: its own, libraries, modules."""


@dataclass(repr=False)
class EnginesIsolation:
    """What became of each probe in a container of each engine; `missing` has the reasons why the others were not tried.

    The engines have their own defaults: no limits, and files of their own. A door of gVisor's kernel or a machine's is
    not the host's: that it opens is no way out.
    """

    probes: tuple[Probe, ...]
    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def escaped(self, engine: str) -> list[str]:
        """The names of probes that got out of an engine's container."""
        return [each.probe for each in self.outcomes[engine] if each.out]

    def __str__(self) -> str:
        answers = {name: {each.probe: "OUT" if each.out else each.answer for each in found}
                   for name, found in self.outcomes.items()}  # fmt: skip
        lines = [f"{'probe':<28}" + "".join(f"{name:<13}" for name in answers)]
        for probe in self.probes:
            lines.append(f"{probe.name:<28}" + "".join(f"{said[probe.name][:12]:<13}" for said in answers.values()))
        return "\n".join([*map(str.rstrip, lines), *(f"{name}: not here: {why}" for name, why in self.missing.items())])

    __repr__ = __str__


def measure_engines_isolation(
    engines: Iterable[str] | None = None,
    *,
    probes: Iterable[str] | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> EnginesIsolation:
    """Run the probes in a container of each engine (default: all but ours), against a victim in the engines' sandbox.

    `progress` is called with the next engine, how many are done, and how many there are. An engine that fails or is not
    installed is in `missing`, with its reason. Raises BadInput for an unknown engine or probe.
    """
    wanted = known_engines(OTHERS if engines is None else engines)
    check_function(progress, "progress")
    chosen = tuple(probe for probe in known_probes(probes) if probe.name not in (*UNSHARED, *THE_MACHINES))
    with_kernel(wanted)
    found = EnginesIsolation(chosen)
    words = {"engines": wanted, "probes": [probe.name for probe in chosen]}
    with Sandbox(f"{__name__}:isolation_rows", **words) as sandbox:
        for row in sandbox:
            if "next" in row and progress:
                progress(row["next"], len(found.outcomes) + len(found.missing), len(wanted))
            elif "why" in row:
                found.missing[row["engine"]] = row["why"]
            elif "engine" in row:
                found.outcomes[row["engine"]] = tuple(Outcome(**each) for each in row["outcomes"])
    return found


# ------------------------------------------------------------------------------------------------------- in the sandbox
def isolation_rows(engines: Sequence[str], probes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for each engine, made in the sandbox."""
    tree = make_rootfs(Path(WORK) / "rootfs", files=0)
    add_interpreter(tree)
    chosen = [PROBES[name] for name in probes]
    for name in engines:
        yield {"next": name}
        engine = ALL[name](Path(WORK) / name, tree)
        if not (here := engine.available()):
            yield {"engine": name, "why": f"{here.why} ({here.hint})"}
            continue
        try:
            with engine, outer_victim(tree) as victim:
                small = engine.kind == "machine"  # its memory is the limit: its kernel would kill the probes
                tried = [probe for probe in probes if not (small and probe in ONLY_THEIR_WALLS)]
                done = victim.round(starter_of(engine), words_in_tree, tried, 0)
            found = done.outcomes(chosen, ())
            found = list(map(behind_own_kernel, found)) if engine.kind in ("machine", "sandbox") else found
            yield {"engine": name, "outcomes": [asdict(each) for each in found]}
        except (LabError, OSError) as why:
            yield {"engine": name, "why": str(why)[:300]}


def behind_own_kernel(outcome: Outcome) -> Outcome:
    """The same where the kernel that has answered is not the host's: doors and amounts are that kernel's own."""
    probe = PROBES[outcome.probe]
    reached = probe.success not in ("works", "counts") and probe.group != AMOUNTS
    return replace(outcome, out=outcome.out and reached)


def add_interpreter(tree: Path) -> None:
    """Copy Python into a root file system, as far as the probes need it, and the probes."""
    (tree / "probes.py").write_text(PROGRAM.read_text())
    words = [PYTHON, "-I", "-S", "-c", LOADED, str(PROGRAM)]
    files = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    for name in [*files, PYTHON, *filter(os.path.exists, LOADERS)]:
        target = tree / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(name).read_bytes())
        target.chmod(0o755)
        if major := MAJOR.match(target.name):  # a program asks for libz.so.1, whatever lies behind it
            target.with_name(major[0]).symlink_to(target.name)


def words_in_tree(name: str, argument: str) -> list[str]:
    """The words that run the probes where `add_interpreter` has put them."""
    return [PYTHON, "-I", "-S", f"/{name}.py", argument]


def starter_of(engine: Engine) -> Start:
    """What starts a program in a container of an engine."""
    before = processes()

    def start(argv: Sequence[str], stdin: int, stdout: int, stderr: int) -> Callable[[], object]:
        if type(engine).command is Engine.command:  # no command line: its output comes at the end
            run = engine.run(argv)
            os.write(stdout, run.stdout.encode())
            os.write(stderr, run.stderr.encode()[-4096:])
            return lambda: None
        program = subprocess.Popen(engine.command(argv), stdin=stdin, stdout=stdout, stderr=stderr)

        def end() -> None:
            kill_new_processes(before)
            program.wait()

        return end

    return start


@contextmanager
def outer_victim(tree: Path) -> Iterator[Victim]:
    """A victim in the sandbox itself, with a folder that is a mount."""
    with ExitStack() as stack:
        os.makedirs(FOLDER, exist_ok=True)
        make_calls(mount("tmpfs", FOLDER, "tmpfs", 0, "mode=755"))
        stack.callback(make_calls, umount2(FOLDER, MNT_DETACH))
        environment = {**os.environ, "SECRET": secrets.token_hex(16)}
        words = program_words("victim", FOLDER, secrets.token_hex(16))

        def start(stdin: int, stdout: int, stderr: int) -> Callable[[], object]:
            program = subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=stderr, env=environment)

            def end() -> None:
                program.kill()
                program.wait()

            return end

        talk = JsonLines(start)
        stack.callback(talk.close)
        stack.callback(talk.ask, "end")
        yield Victim(talk, (SHARED_FILE, f"{tree}{SHARED_FILE}"))
