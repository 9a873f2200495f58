"""The machine that the doctor examines: a root folder to read from, and ways to ask. A test makes one of files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...cgroups import trees
from ...cgroups.places import Delegation, as_root, delegated
from ..learner.places import user_name
from .trials import (
    TrialStart,
    enter_groups,
    mapped_ids,
    missing_calls,
    open_file_limits,
    run_trial,
    start_lab,
    try_networks,
)


@dataclass(frozen=True)
class ExaminedMachine:
    """The machine under examination: files below `root`, commands by `ask`, programs by `which`."""

    root: Path = Path("/")
    ask: Callable[[Sequence[str]], tuple[int, str]] = run_trial
    which: Callable[[str], str | None] = shutil.which
    uid: int = field(default_factory=os.getuid)
    user: str = field(default_factory=lambda: user_name(os.getuid()))  # the number where it has no passwd entry
    system: str = sys.platform
    python: str = sys.executable
    readable: Callable[[str], bool] | None = None
    delegation: Callable[[], Delegation] = lambda: delegated(trees())
    free_bytes: Callable[[], int] = lambda: shutil.disk_usage(Path.home()).free
    started: Callable[[], TrialStart] = start_lab
    tried_networks: Callable[[], dict[str, str]] = try_networks
    mapped: Callable[[], tuple[int, str]] = mapped_ids
    entered: Callable[[Delegation], str] = enter_groups
    lacking: Callable[[], tuple[str, ...]] = missing_calls
    open_files: Callable[[], tuple[int, int]] = open_file_limits

    def read(self, path: str) -> str:
        """The text of a file; empty where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace")
        except OSError:
            return ""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path.lstrip("/")).exists()

    def number(self, path: str) -> int | None:
        """A file that holds one number."""
        text = self.read(path).strip()
        return int(text) if text.lstrip("-").isdigit() else None

    def install(self, packages: str) -> str:
        """The command that installs packages of Debian, or what to do elsewhere."""
        if self.which("apt-get") or self.has("/usr/bin/apt-get"):
            return self.sudo(f"apt-get install {packages}")
        return f"install, with your system's package manager (Debian's names): {packages}"

    def sudo(self, command: str) -> str:
        """A command that only root may give, as this user would give it."""
        return as_root(command, self.uid, sudo=bool(self.which("sudo")))

    @cached_property
    def start(self) -> TrialStart:
        """A container that was started, once for all diagnoses."""
        return self.started()
