"""Where the course keeps what it can get again. See the XDG Base Directory Specification."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The course's folder; it may not be there yet."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "pyctr-lab"
