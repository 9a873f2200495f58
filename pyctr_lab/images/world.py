"""Work on layers in a lab's world, where each file can belong to whom it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .. import errors
from ..errors import Gone, LabError
from ..kernel import proc
from ..runtime import Lab
from ..runtime.carrier import ended
from ..runtime.outer_world import OuterWorld
from .descriptors import BadImage

WORKER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("worker.py"))]


def run_as_root(
    lab: Lab | OuterWorld, folder: Path, target: str, given: Sequence[int] = (), **words: Any
) -> Iterator[Any]:
    """Run the generator `target` ("module:function") as root of the lab, in this folder; yield its rows.

    It inherits the descriptors `given`. Raises its LabError, and Gone where it ends before the generator does.
    Closing it early ends the process.
    """
    world = lab.world if isinstance(lab, Lab) else lab
    world.require_open()
    paths = json.dumps(list(filter(None, sys.path)))
    command = [*WORKER, str(world.machine_pid), str(folder), f"pyctr_lab.images.{target}", paths]
    with (
        words_file(words) as asked,
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=said, pass_fds=given, cwd="/") as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                what, content = json.loads(line)
                if what == "row":
                    yield content
                elif what == "error":
                    name, message, hint = content
                    kind = BadImage if name == "BadImage" else getattr(errors, name, LabError)
                    raise kind(message, hint=hint)
                else:
                    return
            process.wait()
        finally:
            process.terminate()
        if ended(world.machine_pid, 10):  # all in its PID namespace were killed before it
            world.require_open()
        said.seek(0)
        last = said.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        raise Gone(f"the work on a layer ended before it was done: {last or 'it said nothing'}")


@contextmanager
def words_file(words: Mapping[str, Any]) -> Iterator[IO[str]]:
    """A job's words as a file, of any size: an argument of a program has at most 128 KiB."""
    with tempfile.TemporaryFile("w+") as file:
        json.dump(words, file)
        file.seek(0)
        yield file


def map_name(lab: Lab) -> str:
    """A name for the lab's id maps: files of one map belong to strangers in another. `0-1000-1_1-100000-65535`."""
    lines = proc.uid_map(lab.launcher.machine_pid)
    return "_".join(f"{line.inside}-{line.outside}-{line.count}" for line in lines)


def make_folder_of(lab: Lab, folder: Path) -> None:
    """Make a folder that belongs to the lab's root."""
    folder.mkdir(parents=True, exist_ok=True)
    uids, gids = proc.uid_map(lab.launcher.machine_pid), proc.gid_map(lab.launcher.machine_pid)
    if os.stat(folder).st_uid != uids[0].outside:
        os.chown(folder, uids[0].outside, gids[0].outside)
