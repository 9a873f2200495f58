"""The program of a sandbox: `python -m pyctr_lab.engines.sandbox.worker MODULE:FUNCTION ARGUMENTS`.

Prints what the generator yields, a JSON line each: a kind ("row", "error", "end") and its content.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from ...errors import LabError


def send(kind: str, content: Any) -> None:
    """One line to the opener of the sandbox."""
    print(json.dumps([kind, content]), flush=True)


def main(target: str, arguments: dict[str, Any]) -> None:
    """Send all rows of the generator, and a LabError with its hint."""
    module, _, name = target.partition(":")
    try:
        for row in getattr(importlib.import_module(module), name)(**arguments):
            send("row", row)
        send("end", None)
    except LabError as why:
        send("error", [why.message, why.hint])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
