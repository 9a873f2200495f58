"""Where the course keeps what it can get again. See the XDG Base Directory Specification."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Unsupported


def folder() -> Path:
    """The course's folder; it may not be there yet. Raises Unsupported for somebody without a home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "pyctr-lab"
    except RuntimeError:  # neither HOME nor an entry in the table of users
        hint = "set HOME, or XDG_CACHE_HOME, to a folder that is yours"
        raise Unsupported("nobody knows where your home is", hint=hint) from None
