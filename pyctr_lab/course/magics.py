"""`%load_ext pyctr_lab`: two points of view, one word each, and errors as one clear line.

    %%host                      the cell is a shell script on the host of the course
    ip link

    %%inside demo               the cell is a shell script in the container `demo`
    hostname

Both take the newest open lab. What the script prints is the cell's output; a status other than 0 is said in a line.
A first line `# needs: memory` keeps a cell from running where memory cannot be limited: see `needs`.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from . import needs
from .grading.session import current_lab
from .tracebacks import show_error
from .whereabouts import first_cell, is_made_here

if TYPE_CHECKING:
    from ..runtime import Container, Lab, Run

def load(shell: Any) -> None:
    """Register the magics with an IPython shell. Twice is fine."""
    shell.register_magic_function(host, "cell", "host")
    shell.register_magic_function(inside, "cell", "inside")
    for name in ("host", "inside"):  # behind another line IPython looks for a line magic of the name "%host"
        shell.register_magic_function(partial(not_first, name), "line", f"%{name}")
    shell.set_custom_exc((Exception, KeyboardInterrupt), show_error)
    needs.watch_cells(shell)


def host(line: str, cell: str) -> None:
    """%%host: run the cell as a shell script on the host of the course."""
    _refuse_words(line, "%%host takes no word; the container's view is %%inside NAME")
    show_run(open_lab().host.run(["/bin/sh", "-c", cell]))


def inside(line: str, cell: str) -> None:
    """%%inside NAME: run the cell as a shell script in a container of the newest open lab."""
    show_run(container(line.strip()).run(["/bin/sh", "-c", cell]))


def not_first(name: str, _: str) -> None:
    """Refuse a cell magic that is not the first line of its cell. Raises BadInput."""
    raise BadInput(f"%%{name} must be the first line of its cell", hint="put comments below it")


def show_run(run: Run) -> None:
    """Print the output of a script, and its end if that is not exit status 0."""
    print(run.stdout, end="")
    print(run.stderr, end="", file=sys.stderr)
    if run.signal:
        print(f"killed by {run.signal}")
    elif run.returncode:
        print(f"exit status {run.returncode}")


def container(name: str) -> Container:
    """A live container of the newest open lab. Raises BadInput that lists the live ones."""
    lab = open_lab()
    found = lab.containers.get(name)
    if found is None or not found.alive:
        there = ", ".join(each for each, box in lab.containers.items() if box.alive) or "none yet"
        asked = f"no container {name[:40]!r}" if name else "no container named after %%inside"
        raise BadInput(f"there is {asked} in the lab", hint=f'there are: {there}; lab.container("NAME") makes one')
    return found


def open_lab() -> Lab:
    """The newest open lab. Raises BadInput that names the lesson's cell which opens one, where there is such a cell."""
    from IPython import get_ipython

    try:
        return current_lab()
    except BadInput as why:
        if not is_made_here("lab"):
            raise
        first = first_cell(get_ipython())
        raise BadInput(why.message, hint=f"after a restart of the kernel, run {first} again") from None


def _refuse_words(line: str, hint: str) -> None:
    if line.strip():
        raise BadInput(f"%%host does not know {line.strip()[:40]!r}", hint=hint)
