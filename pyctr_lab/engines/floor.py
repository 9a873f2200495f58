"""The floor: a C program of a page that does the least that a container takes, compiled on the spot."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import LabError
from .engine import Engine

SOURCE = Path(__file__).with_suffix(".c")


class Floor(Engine):
    """Namespaces, another root, a /proc: what no start of a container does without."""

    name = "floor"
    title = "the least, in C"
    about = "the least that a container takes, in C: clone3, pivot_root, /proc, exec"
    commands = ("cc",)
    package = "gcc libc6-dev"

    def prepare(self) -> None:
        self.program = self.place / "floor"
        compiled(SOURCE, self.program)

    def command(self, argv: Sequence[str]) -> list[str]:
        return [str(self.program), str(self.rootfs), *argv]


def compiled(source: Path, program: Path) -> None:
    """Without shared libraries where that can be: to find them is no part of it. Raises LabError."""
    words = ["cc", "-O2", "-o", str(program), str(source)]
    for more in (["-static"], []):
        done = subprocess.run([*words, *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise LabError(f"the C compiler refuses {source.name}: {done.stderr.strip()[-300:]}", hint="is libc6-dev there?")
