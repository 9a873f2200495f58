"""Where the course keeps what it must remember: files of the learner's own, as the XDG base directories say."""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOLCK, EOPNOTSUPP
from pathlib import Path

from ...errors import Unsupported

ELSEWHERE = "XDG_STATE_HOME=DIR names another place"


def state_dir() -> Path:
    """The folder of what is kept: progress and predictions. $XDG_STATE_HOME/pyctr_lab, else ~/.local/state/pyctr_lab.

    Raises Unsupported where there is neither: a user without a passwd entry, and no HOME.
    """
    try:
        return (_absolute("XDG_STATE_HOME") or Path.home() / ".local/state") / "pyctr_lab"
    except RuntimeError:
        why = f"no place to keep your progress: HOME is not set, and user {os.getuid()} has no passwd entry"
        raise Unsupported(why, hint="set HOME or XDG_STATE_HOME to a folder of yours") from None


def live_dir() -> Path:
    """The folder of running notebooks' files. $XDG_RUNTIME_DIR/pyctr_lab, else a folder beside the progress.

    The variable may name another user's folder (su keeps it), or one that is not there.
    """
    folder = _absolute("XDG_RUNTIME_DIR")
    usable = folder and os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    return (folder if folder and usable else state_dir() / "live") / "pyctr_lab-ground"


def _absolute(variable: str) -> Path | None:
    """The specification has relative paths ignored."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock on a file that is there for this only: a second holder waits."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as why:  # which names no file
            raise OSError(why.errno, why.strerror, str(file)) from None
        yield


def trouble(why: OSError, path: Path, elsewhere: str = ELSEWHERE) -> str:
    """Why a file of the learner's cannot be used, and the way out. `elsewhere` says how to use another place."""
    file = Path(why.filename) if isinstance(why.filename, str) else path
    if why.errno in (ENOLCK, EOPNOTSUPP):
        return f"{file}: its file system keeps no locks ({why.strerror}), as some network folders do; {elsewhere}"
    foreign = owned_by_another(file) if isinstance(why, PermissionError) else None
    if foreign is None:
        return f"{file}: {why.strerror}; {elsewhere}"
    command = f"chown -R {os.getuid()}:{os.getgid()} {shlex.quote(str(foreign))}"
    return f"{file}: {why.strerror}: {foreign} belongs to {user_name(foreign.lstat().st_uid)}; as root: {command}"


def owned_by_another(file: Path) -> Path | None:
    """The topmost of a file and its folders that another user owns within a folder of ours; None if there is none."""
    foreign = None
    for place in (file, *file.parents):
        try:
            owner = place.lstat().st_uid
        except OSError:  # not there, or in a folder that is closed to us
            continue
        if owner == os.getuid():
            break
        foreign = place
    else:
        return None
    return foreign


def user_name(uid: int) -> str:
    """A user's name, or the number where there is none. $USER may be missing, or name another user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
