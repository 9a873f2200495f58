"""The learner's own copy of the course: delivered, brought up to date, never overwritten.

The repository's notebooks stay as its tests saw them; a learner works on a copy. It is delivered without the outputs:
who can read the answer under the question does not guess. For each file the copy remembers what was last delivered
(`.pyctr-lab/delivered.json`), and a new version meets one of four:

  untouched     the new version takes its place
  only run      (a notebook whose cells read as delivered, with other outputs or counts: running is no change) the new
                version takes its place, and the run one is kept beside it: its outputs are the learner's work too
  changed       it stays; the new version is put beside it, under a name that says so, and one line says it
  gone          delivered again

All names beside a lesson are free names: nothing that lies there is ever written over, but for an offered new version
that is still as offered. Files are put in place whole, by rename: a reader sees the old or the new, never a half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pyctr_lab.course.learner.places import locked, trouble
from pyctr_lab.errors import BadInput, LabError

OWN = ".pyctr-lab"


@dataclass
class Delivered:
    """The record of one file: the version it stands on, and the one last put beside it."""

    digest: str = ""  # of the file's bytes
    cells: str = ""  # of a notebook's cells without outputs and counts
    offered: str = ""  # digest of the newest version that was put beside a changed file
    offered_as: str = ""  # its name there


@dataclass
class Manifest:
    """All that was delivered, by path below the course."""

    files: dict[str, Delivered] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read it back. One that cannot be read counts as empty: every file that differs is then a changed one."""
        try:
            data = json.loads(path.read_text())
            return cls({str(name): Delivered(**entry) for name, entry in data["files"].items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Write it whole."""
        files = {name: vars(entry) for name, entry in sorted(self.files.items())}
        put(json.dumps({"files": files}, indent=1).encode(), path)


def update(course: Path, source: Path) -> list[str]:
    """Deliver what is new in `source` into `course`; return one line for each thing the learner should know."""
    refuse_own_notebooks(course, source)
    with opened(course) as manifest, to_deliver(source) as fresh:
        said = [line for path in files_of(fresh) for line in deliver(course, fresh, path, manifest)]
    return said


def reset(course: Path, source: Path, lesson: str) -> Path | None:
    """Put a fresh copy of `lesson` ("3", "03_namespaces") in place.

    Return where the old one is kept, beside it; None if there was none, or it was fresh.
    """
    refuse_own_notebooks(course, source)
    path = find_lesson(source, lesson)
    with opened(course) as manifest, to_deliver(source) as fresh:
        new, target = fresh / path, course / path
        kept = keep(target, "kept") if target.exists() and digest(target) != digest(new) else None
        place(new, target, path, manifest)
    return kept


@contextmanager
def to_deliver(source: Path) -> Iterator[Path]:
    """All that belongs to the course as a learner gets it, in a folder for the time being."""
    with tempfile.TemporaryDirectory(prefix="pyctr-lab-") as folder:
        for path in files_of(source):
            put(without_outputs(source / path), Path(folder) / path)
        yield Path(folder)


def without_outputs(path: Path) -> bytes:
    """A file's bytes; of an executed notebook without what its cells have said."""
    data = path.read_bytes()
    if not cells(path):
        return data
    book = json.loads(data)
    ran = [cell for cell in book["cells"] if cell.get("outputs") or cell.get("execution_count")]
    for cell in ran:
        cell.update(outputs=[], execution_count=None)
    return (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode() if ran else data


def find_lesson(source: Path, lesson: str) -> str:
    """Return the path below `source` of the lesson meant: by name, with or without .ipynb, or by number."""
    notebooks = [path for path in files_of(source) if path.endswith(".ipynb")]
    wanted = lesson.removesuffix(".ipynb")
    digits = re.fullmatch(r"0*(\d{1,4})", wanted, re.ASCII)
    opening = re.compile(rf"0*{digits[1]}_" if digits else r"(?!)")
    found = [path for path in notebooks if path.removesuffix(".ipynb") == wanted or opening.match(path)]
    if len(found) != 1:
        raise BadInput(f"there is no lesson {lesson[:60]!r}", hint="lessons: " + ", ".join(p[:-6] for p in notebooks))
    return found[0]


def deliver(course: Path, source: Path, path: str, manifest: Manifest) -> Iterator[str]:
    """Bring one file up to date; say what the learner should know."""
    new, target, last = source / path, course / path, manifest.files.setdefault(path, Delivered())
    if not target.exists():
        if last.digest:
            yield f"{path} was gone: delivered again"
        place(new, target, path, manifest)
    elif same(new, target):
        manifest.files[path] = Delivered(digest(new), cells(new))
    elif digest(new) not in (last.digest, last.offered):
        yield from renew(new, target, path, manifest)


def renew(new: Path, target: Path, path: str, manifest: Manifest) -> Iterator[str]:
    """Meet a version that is new to this course, with the learner's file in its place."""
    last = manifest.files[path]
    if digest(target) == last.digest:
        place(new, target, path, manifest)
        yield f"{path} is a newer version now"
    elif last.cells and cells(target) == last.cells:
        kept = keep(target, "run")
        place(new, target, path, manifest)
        yield f"{path} is a newer version now; the one that you ran is kept as {kept.name}"
    else:
        beside = offer(new, target, last)
        yield f"{path} has a newer version, put beside yours as {beside.name}; yours stays as it is"


def offer(new: Path, target: Path, last: Delivered) -> Path:
    """Put the new version beside the learner's file, over an earlier offer only if that is untouched."""
    earlier = target.with_name(last.offered_as) if last.offered_as else None
    if earlier and earlier.exists() and digest(earlier) == last.offered:
        put(new.read_bytes(), earlier)
        beside = earlier
    else:
        beside = write_beside(new.read_bytes(), target, "new-version")
    last.offered, last.offered_as = digest(new), beside.name
    return beside


def place(new: Path, target: Path, path: str, manifest: Manifest) -> None:
    """Put a version in the learner's place for it, and remember that it was delivered."""
    data = new.read_bytes()
    put(data, target)
    manifest.files[path] = Delivered(digest(new), cells(new))


def keep(target: Path, what: str) -> Path:
    """Copy the learner's file beside itself, under a free name with today's date."""
    return write_beside(target.read_bytes(), target, f"{what}-{date.today().isoformat()}")


def write_beside(data: bytes, target: Path, what: str) -> Path:
    """Write `data` beside `target`, under the first free name: 03_namespaces.kept-2026-01-31.ipynb, ...-2.ipynb."""
    count = 1
    while True:
        beside = target.with_name(f"{target.stem}.{what}{'' if count == 1 else f'-{count}'}{target.suffix}")
        try:
            file = beside.open("xb")
        except FileExistsError:
            count += 1
            continue
        with file, removed_on_failure(beside):
            file.write(data)
            file.flush()
        return beside


def put(data: bytes, target: Path) -> None:
    """Write a file whole or not at all: beside its place first, then renamed into it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    with removed_on_failure(Path(name)):
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(name, target)


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Leave no half-written file behind, whatever went wrong: a full disk, an interrupt."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def same(new: Path, target: Path) -> bool:
    """Tell whether the learner's file is this version: byte for byte, or a notebook with the same cells."""
    return digest(new) == digest(target) or (cells(new) != "" and cells(new) == cells(target))


def digest(path: Path) -> str:
    """Return the digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cells(path: Path) -> str:
    """Return the digest of a notebook's cells, kinds and texts in order; "" if it is no readable notebook."""
    if path.suffix != ".ipynb":
        return ""
    try:
        texts = [[cell["cell_type"], text(cell["source"])] for cell in json.loads(path.read_bytes())["cells"]]
    except (ValueError, TypeError, KeyError):
        return ""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def text(source: Any) -> str:
    """Return a cell's text, which a notebook holds as one string or as a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def files_of(source: Path) -> list[str]:
    """Return the paths below `source` of all that belongs to the course, sorted; hidden files and caches do not."""
    if not source.is_dir():
        raise BadInput(f"there are no lessons in {source}", hint="is this a complete clone of the repository?")
    paths = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return sorted(str(p) for p in paths if not any(part.startswith((".", "__pycache__")) for part in p.parts))


def refuse_own_notebooks(course: Path, source: Path) -> None:
    """Refuse to work on the repository's own notebooks, or on what is no folder."""
    inside = course.resolve()
    if inside == source.resolve() or source.resolve() in inside.parents:
        raise BadInput(f"{course} holds the repository's own notebooks", hint="name another folder: --course DIR")
    if course.exists() and not course.is_dir():
        raise BadInput(f"{course} is not a folder", hint="name another one: --course DIR")


@contextmanager
def opened(course: Path) -> Iterator[Manifest]:
    """Open the course's memory, alone: a second update waits. What was done is remembered also when the rest fails."""
    own = course / OWN
    own.mkdir(parents=True, exist_ok=True)
    with locked(own / "lock"):
        manifest = Manifest.read(own / "delivered.json")
        try:
            yield manifest
        finally:
            manifest.write(own / "delivered.json")


def main() -> int:
    """Do what `./lab` asks: `update` or `reset LESSON`; one line for each thing to know."""
    parser = argparse.ArgumentParser(prog="copies", description="the learner's copy of the course")
    parser.add_argument("what", choices=("update", "reset"))
    parser.add_argument("lesson", nargs="?", default="")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--course", type=Path, required=True)
    words = parser.parse_args()
    try:
        for line in tell(words.what, words.course, words.source, words.lesson):
            print(f"lab: {line}", file=sys.stderr)
    except OSError as error:
        print(f"lab: {trouble(error, words.course, '--course DIR names another place')}", file=sys.stderr)
        return 1
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def tell(what: str, course: Path, source: Path, lesson: str) -> list[str]:
    """Do it; return the lines to print."""
    if what == "update":
        return update(course, source)
    kept = reset(course, source, lesson)
    fresh = course / find_lesson(source, lesson)
    return [f"{fresh} is fresh" + (f"; the old one is kept as {kept.name}" if kept else "")]


if __name__ == "__main__":
    sys.exit(main())
