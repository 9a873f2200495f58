"""Start a program for which nothing is copied: the launcher's memory, a loop of machine code, and one message.

Optional: where it cannot be, or with `Lab(start="fork")`, a Python child carries the list out (`runtime/starting.py`):
slower, with the same results. `loop` is what the process does, `launcher/spawner.py` the launcher's end, `spawned` the
notebook's end, `trace` what became of each call.
"""

from .loop import code_here
from .spawned import Refused, SpawnedProcess, load_loop

__all__ = ["Refused", "SpawnedProcess", "code_here", "load_loop"]
