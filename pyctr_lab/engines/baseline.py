"""The baseline: a C program of a page that makes the least calls a container needs, compiled on the spot."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import LabError
from .engine import Engine

SOURCE = Path(__file__).with_suffix(".c")


class Baseline(Engine):
    """Namespaces, another root, a /proc: what every start of a container needs."""

    name = "floor"
    title = "the least, in C"
    about = "the least that a container takes, in C: clone3, pivot_root, /proc, exec"
    commands = ("cc",)
    package = "gcc libc6-dev"

    def prepare(self) -> None:
        self.program = self.place / "baseline"
        compile_c(SOURCE, self.program)

    def command(self, argv: Sequence[str]) -> list[str]:
        return [str(self.program), str(self.rootfs), *argv]


def compile_c(source: Path, program: Path) -> None:
    """Compile it statically where that works: finding shared libraries is no part of a start. Raises LabError."""
    words = ["cc", "-O2", "-o", str(program), str(source)]
    for more in (["-static"], []):
        done = subprocess.run([*words, *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise LabError(f"the C compiler refuses {source.name}: {done.stderr.strip()[-300:]}", hint="is libc6-dev there?")
