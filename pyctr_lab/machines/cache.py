"""The cache folder of the course. See the XDG Base Directory Specification."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Unsupported


def cache_folder() -> Path:
    """The cache folder; it may not exist yet. Raises Unsupported for a user without a home directory."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(chosen) if chosen.startswith("/") else Path.home() / ".cache") / "pyctr-lab"
    except RuntimeError:  # neither HOME nor an entry in the table of users
        hint = "set HOME, or XDG_CACHE_HOME, to a folder that is yours"
        raise Unsupported("cannot find your home directory", hint=hint) from None
