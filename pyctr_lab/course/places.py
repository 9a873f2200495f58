"""Where the course keeps what it must remember: files of the learner's own, as the XDG base directories say."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """What survives: progress and predictions. $XDG_STATE_HOME/pyctr_lab, else ~/.local/state/pyctr_lab."""
    return _absolute("XDG_STATE_HOME", Path.home() / ".local/state") / "pyctr_lab"


def live_dir() -> Path:
    """What belongs to running notebooks. $XDG_RUNTIME_DIR/pyctr_lab, else a folder beside the progress.

    The variable may name another user's folder (su keeps it), or one that is not there.
    """
    otherwise = state_dir() / "live"
    folder = _absolute("XDG_RUNTIME_DIR", otherwise)
    usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    return (folder if usable else otherwise) / "pyctr_lab-ground"


def _absolute(variable: str, otherwise: Path) -> Path:
    """The specification has relative paths ignored."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else otherwise
