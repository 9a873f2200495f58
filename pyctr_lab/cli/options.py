"""What Docker's words mean here: the options of `run` as a recipe, limits and an environment. Nothing is started."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from errno import EACCES
from posixpath import isabs, normpath

from ..errors import BadInput
from ..kernel.calls import Call
from ..kernel.checks import short_repr
from ..kernel.constants import AT_FDCWD, CAP_NAMES, CAPABILITIES
from ..runtime import Lab
from ..runtime.lab import NAME
from ..steps import (
    ENVIRONMENT,
    ROOT,
    DropCapabilities,
    Limits,
    PivotRoot,
    ReadOnlyRoot,
    Recipe,
    ResourceLimit,
    SetIds,
    Step,
    Volume,
    WorkingDirectory,
)
from ..steps.mounts import ETC
from ..steps.privileges import KEPT

OURS = ("/", "/proc", "/dev")  # of the container: no volume takes their place
NOBODY = "outside, the ids of a lab that root opens are nobody's: open it as an ordinary user, or let others in"
NO_ACCESS = "nor may you" if os.getuid() else NOBODY


def command(words: argparse.Namespace) -> list[str]:
    """The program and its arguments. Raises BadInput where there is none."""
    argv = [*([words.entrypoint] if words.entrypoint else []), *words.argv]
    if not argv:
        raise BadInput("no program to run: the command is empty", hint="name one: pyctr-lab run -- hostname")
    return argv


def name(words: argparse.Namespace) -> str:
    """The container's name. Raises BadInput for one that can be none; it is seen in --explain and with --init."""
    if not NAME.fullmatch(words.name) or not words.name.isascii():
        raise BadInput(
            f"{short_repr(words.name)} is no name for a container", hint="up to 63 letters, digits, _ . and -"
        )
    return str(words.name)


def limits(words: argparse.Namespace) -> Limits | None:
    """What may be used; None where no option says so: then there is no control group either."""
    pids = "max" if words.pids == "-1" else words.pids  # Docker's word for no limit
    if (words.memory, words.cpus, pids) == (None, None, None):
        return None
    return Limits(memory=words.memory, cpus=words.cpus, pids=pids)


# --- environment
def environment(words: argparse.Namespace) -> dict[str, str]:
    """What the program finds in its environment: ours, then files, then -e."""
    _, _, home = user(words.user or "0")
    lines = [line for file in words.env_file for line in lines_of(file)]
    return {**ENVIRONMENT, "HOME": home, **dict(variables([*lines, *words.env]))}


def variables(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """NAME=VALUE as it stands; NAME alone is our own variable of that name, if we have it."""
    for line in lines:
        name, given, value = line.partition("=")
        if not name or any(letter.isspace() for letter in name):
            raise BadInput(f"{short_repr(line)} is no variable", hint="write NAME=VALUE, or the NAME of one of yours")
        if given or name in os.environ:
            yield name, value if given else os.environ[name]


def lines_of(file: str) -> list[str]:
    """The variables of a file; empty lines and those that begin with # are none."""
    with open(file, encoding="utf-8", errors="surrogateescape") as opened:
        lines = (line.strip("\n").lstrip() for line in opened)
        return [line for line in lines if line and not line.startswith("#")]


# --- user
def user(text: str) -> tuple[int, int, str]:
    """User id, group id and home of USER[:GROUP], by the container's /etc/passwd and /etc/group."""
    name, _, group = text.partition(":")
    people = {fields[0]: fields for fields in table("passwd")}
    found = people.get(name) or next((fields for fields in people.values() if fields[2] == name), None)
    uid = found[2] if found else name or "0"
    gid = {fields[0]: fields[2] for fields in table("group")}.get(group, group) or (found[3] if found else "0")
    for word in (uid, gid):
        if not (word.isascii() and word.isdigit() and len(word) <= 10):
            raise BadInput(
                f"-u {short_repr(text)} is no user of the container", hint=f"numbers, or {', '.join(people)}"
            )
    return int(uid), int(gid), found[5] if found else "/"


def table(name: str) -> list[list[str]]:
    """The lines of the container's /etc/passwd or /etc/group, in fields."""
    return [line.split(":") for line in ETC[name].splitlines()]


# --- recipe
def recipe(lab: Lab, words: argparse.Namespace) -> Recipe:
    """The default recipe with what the options change. Raises BadInput for what cannot be."""
    uid, gid, _ = user(words.user or "0")
    if max(uid, gid) >= lab.ids:
        has = "one id, 0" if lab.ids == 1 else f"the ids 0 to {lab.ids - 1}"
        raise BadInput(f"-u {words.user}: this lab has {has}", hint="pyctr-lab doctor says how a user gets more")
    if words.network not in (None, "none"):
        why = "a container has no network yet but its own loopback"
        raise BadInput(f"--network {short_repr(words.network)} is not here yet: {why}", hint="--network none")
    shown = [Volume(source, f"{ROOT}{place}", readonly) for source, place, readonly in volumes(words.volume)]
    return Recipe(step for part in lab.recipe(words.hostname) for step in changed(part, words, shown, uid, gid))


def changed(step: Step, words: argparse.Namespace, shown: Sequence[Volume], uid: int, gid: int) -> list[Step]:
    """A step of the default recipe, and what comes with it or in its place."""
    match step:
        case ReadOnlyRoot():
            return [*([ReadOnlyRoot(f"{ROOT}/tmp")] if words.read_only else []), *shown, step]
        case PivotRoot():
            return [step, *([WorkingDirectory(folder(words.workdir, "-w"))] if words.workdir else [])]
        case ResourceLimit(name=name):
            asked = {made.name: made for made in map(ulimit, words.ulimit)}
            return list({name: step, **asked}.values())
        case DropCapabilities():
            return with_ids(kept(words.cap_drop, words.cap_add), uid, gid)
    return [step]


def with_ids(keep: tuple[str, ...], uid: int, gid: int) -> list[Step]:
    """Capabilities and ids. To take another uid than 0 needs two of them, and loses them all."""
    if (uid, gid) == (0, 0):
        return [DropCapabilities(keep)]
    if uid == 0:
        return [SetIds(uid, gid), DropCapabilities(keep)]
    return [DropCapabilities(tuple(dict.fromkeys([*keep, "SETUID", "SETGID"]))), SetIds(uid, gid)]


def kept(drop: Sequence[str], add: Sequence[str]) -> tuple[str, ...]:
    """The capabilities that are kept, named as in capabilities(7), without CAP_. As in Docker, what is added wins."""
    less, more = ([capability(word) for word in words] for words in (drop, add))
    every = [repr(each).removeprefix("CAP_") for each in CAPABILITIES]
    base = [] if "ALL" in less else every if "ALL" in more else [*KEPT]
    wanted = {*(name for name in base if name not in less), *more}
    return tuple(name for name in every if name in wanted or ("ALL" in more and name not in less))


def capability(word: str) -> str:
    """A capability's name, without CAP_, or ALL. Raises BadInput."""
    name = word.upper().removeprefix("CAP_")
    if name != "ALL" and f"CAP_{name}" not in CAP_NAMES:
        raise BadInput(f"there is no capability {short_repr(word)}", hint="names are as in capabilities(7), or ALL")
    return name


def ulimit(text: str) -> ResourceLimit:
    """NAME=SOFT[:HARD], each a number, or -1 or `unlimited`."""
    name, _, values = text.partition("=")
    soft, _, hard = values.partition(":")
    numbers = [None if word in ("-1", "unlimited") else word for word in (soft, hard or soft)]
    if not all(word is None or (word.isascii() and word.isdigit() and len(word) < 19) for word in numbers):
        raise BadInput(
            f"--ulimit {short_repr(text)} is no limit", hint="write NAME=SOFT or NAME=SOFT:HARD: nofile=64:128"
        )
    return ResourceLimit(name, *(None if word is None else int(word) for word in numbers))


def folder(text: str, option: str) -> str:
    """A place in the container. Raises BadInput."""
    if not isabs(text):
        raise BadInput(f"{option}: {short_repr(text)} is no folder of the container", hint="it begins with /")
    return normpath("/" + text.lstrip("/"))


# --- volumes
def volumes(words: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Source, place in the container, and whether for reading only, of each -v. Raises BadInput."""
    found = [volume(word) for word in words]
    places = [place for _, place, _ in found]
    for place in places:
        if any(other.startswith(f"{place}/") for other in places) or places.count(place) > 1:
            raise BadInput(f"-v: two volumes at or below {place}", hint="give each a place of its own")
    return found


def volume(word: str) -> tuple[str, str, bool]:
    """FOLDER:PLACE, FOLDER:PLACE:ro or FOLDER:PLACE:rw."""
    source, *rest = word.split(":")
    if len(rest) not in (1, 2) or (rest[1:] or ["rw"])[0] not in ("ro", "rw") or not source:
        raise BadInput(f"-v {short_repr(word)} is no volume", hint="write FOLDER:PLACE or FOLDER:PLACE:ro")
    if "/" not in source and source not in (".", ".."):
        raise BadInput(
            f"-v {short_repr(source)}: volumes with a name are not here yet", hint="a folder is written ./NAME"
        )
    if not os.path.isdir(source):
        raise BadInput(
            f"-v: there is no folder {short_repr(source)}", hint="only folders can be shown, and none is made"
        )
    place = folder(rest[0], "-v")
    if place in OURS or place.startswith(("/proc/", "/dev/")):
        raise BadInput(f"-v: {place} is the container's own", hint="take another place: /data")
    return os.path.realpath(source), place, rest[1:] == ["ro"]


def unwritable(lab: Lab, words: argparse.Namespace) -> Iterator[str]:
    """The sources that were to be writable and are not, found by trying. Raises BadInput for what cannot be read."""
    for source, _, readonly in volumes(words.volume):
        if not may(lab, source, os.R_OK | os.X_OK):
            raise BadInput(f"-v {source}: the lab may not read it", hint=NO_ACCESS)
        if not readonly and not may(lab, source, os.W_OK):
            yield source


def may(lab: Lab, source: str, mode: int) -> bool:
    """Whether the lab has this access to a folder of the machine: faccessat(2), made by the launcher."""
    (answer,) = lab.outside([Call("faccessat", (AT_FDCWD, source, mode, 0))])
    return answer.errno != EACCES
