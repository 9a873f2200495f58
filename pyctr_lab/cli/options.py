"""The options of `run`, named as Docker's, as a recipe, limits and an environment. Starts nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from errno import EACCES
from posixpath import isabs, normpath
from typing import Any

from ..errors import BadInput
from ..images import ImageWords
from ..images.users import User, check_ids, find_user
from ..images.volumes import is_named
from ..kernel.calls import Call
from ..kernel.checks import short_repr
from ..kernel.constants import AT_FDCWD
from ..lab import Lab
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
    Step,
    Volume,
    WorkingDirectory,
)
from ..steps.powers import PowerWords, with_powers
from ..steps.privileges import with_ids
from ..steps.roots import ETC
from .run_network import check_network_words, with_network

SECURITY_OPTIONS = "seccomp=unconfined, seccomp=builtin, seccomp=FILE, no-new-privileges=false, systempaths=unconfined"
NO_ACCESS = (
    "nor may you"
    if os.getuid()
    else ("the ids of a lab that root opens own no files outside: open it as an ordinary user, or grant others access")
)


def program_argv(words: argparse.Namespace) -> list[str]:
    """The program and its arguments. Raises BadInput if there is none, and no image that may name one."""
    argv = [*([words.entrypoint] if words.entrypoint else []), *words.argv]
    if not argv and not words.image:
        raise BadInput("no program to run: the command is empty", hint="name one: pyctr-lab run -- hostname")
    return argv


def container_name(words: argparse.Namespace) -> str:
    """The container's name, shown by --explain and --init. Raises BadInput for a wrong one."""
    if not NAME.fullmatch(words.name) or not words.name.isascii():
        raise BadInput(
            f"{short_repr(words.name)} is no name for a container", hint="up to 63 letters, digits, _ . and -"
        )
    return str(words.name)


def chosen_limits(words: argparse.Namespace) -> Limits | None:
    """The limits; None without an option for one, and then without a control group."""
    pids = "max" if words.pids == "-1" else words.pids  # Docker's word for no limit
    if (words.memory, words.cpus, pids) == (None, None, None):
        return None
    return Limits(memory=words.memory, cpus=words.cpus, pids=pids)


# --- environment
def program_environment(words: argparse.Namespace) -> dict[str, str]:
    """The program's environment: the default, then files, then -e."""
    home = own_user("0" if words.image else words.user or "0").home
    lines = [line for file in words.env_file for line in lines_of(file)]
    return {**ENVIRONMENT, "HOME": home, **dict(parse_variables([*lines, *words.env]))}


def parse_variables(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """NAME=VALUE; NAME alone copies a variable of our own environment, if it is set."""
    for line in lines:
        name, given, value = line.partition("=")
        if not name or any(letter.isspace() for letter in name):
            raise BadInput(f"{short_repr(line)} is no variable", hint="write NAME=VALUE, or the NAME of one of yours")
        if given or name in os.environ:
            yield name, value if given else os.environ[name]


def lines_of(file: str) -> list[str]:
    """The lines of a file of variables, without empty lines and comments (#)."""
    with open(file, encoding="utf-8", errors="surrogateescape") as opened:
        lines = (line.strip("\n").lstrip() for line in opened)
        return [line for line in lines if line and not line.startswith("#")]


# --- user
def own_user(text: str) -> User:
    """The user of USER[:GROUP] in a container without an image."""
    return find_user(text, ETC["passwd"], ETC["group"])


# --- recipe
def chosen_recipe(lab: Lab, words: argparse.Namespace) -> Recipe:
    """The default recipe, changed by the options, or an image's. Raises BadInput for a wrong option."""
    user = own_user("0" if words.image else words.user or "0")
    check_ids(user, lab.ids)
    check_network_words(words)
    shown = volume_words(words.volume)
    base = with_powers(lab.recipe(words.hostname), power_words(words))
    made = Recipe((step for part in base for step in change_step(part, words, user)), shared=base.shared)
    made = lab.images.recipe(words.image, made, image_words(words)) if words.image else made
    made = lab.images.volumes.recipe(made, shown) if shown else made
    return with_network(lab, made, words)


def image_words(words: argparse.Namespace) -> ImageWords:
    """What the options change of what an image says."""
    env = dict(parse_variables([*(line for file in words.env_file for line in lines_of(file)), *words.env]))
    folder = container_folder(words.workdir, "-w") if words.workdir else None
    entrypoint = [words.entrypoint] if words.entrypoint else None
    return ImageWords(words.user, folder, entrypoint, env, words.read_only)


def change_step(step: Step, words: argparse.Namespace, user: User) -> list[Step]:
    """The steps that replace a step of the default recipe."""
    match step:
        case ReadOnlyRoot():
            below = [ReadOnlyRoot(f"{ROOT}/tmp")] if words.read_only and not words.image else []
            return [*below, step]
        case PivotRoot():
            folder = words.workdir if not words.image else None
            return [step, *([WorkingDirectory(container_folder(folder, "-w"))] if folder else [])]
        case ResourceLimit(name=name):
            asked = {made.name: made for made in map(ulimit, words.ulimit)}
            return list({name: step, **asked}.values())
        case DropCapabilities():
            return with_ids(step.keep, user.uid, user.gid)
    return [step]


def power_words(words: argparse.Namespace) -> PowerWords:
    """The words about capabilities, and each --security-opt. Raises BadInput."""
    said: dict[str, Any] = {}
    for option in words.security_opt:
        said.update([security_option(option)])
    return PowerWords(words.cap_add, words.cap_drop, **said)


def security_option(option: str) -> tuple[str, object]:
    """What one --security-opt says, as a word of PowerWords and its value."""
    name, _, value = option.replace(":", "=", 1).partition("=") if "=" not in option else option.partition("=")
    match name, value:
        case "seccomp", str() if value:
            return "seccomp", value
        case "no-new-privileges", "" | "true" | "false":
            return "no_new_privs", value != "false"
        case "systempaths", "unconfined":
            return "masks", False
        case ("apparmor" | "label"), _:
            raise BadInput(f"--security-opt {short_repr(option)} is not here: a lab has no power over {name}'s rules")
    raise BadInput(f"--security-opt {short_repr(option)} is no option", hint=SECURITY_OPTIONS)


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


def container_folder(text: str, option: str) -> str:
    """An absolute path in the container. Raises BadInput."""
    if not isabs(text):
        raise BadInput(f"{option}: {short_repr(text)} is no folder of the container", hint="it begins with /")
    return normpath("/" + text.lstrip("/"))


# --- volumes
def volume_words(words: Sequence[str]) -> list[tuple[str, str]]:
    """Source and place of each -v: SOURCE:PLACE, SOURCE:PLACE:ro or SOURCE:PLACE:rw. Raises BadInput."""
    pairs = [(source, place) for source, _, place in (word.partition(":") for word in words)]
    for word, (source, place) in zip(words, pairs, strict=True):
        if not source or not place:
            raise BadInput(
                f"-v {short_repr(word)} is no volume", hint="write FOLDER:PLACE, NAME:PLACE, or :ro behind it"
            )
    return pairs


def unwritable(lab: Lab, recipe: Recipe) -> Iterator[str]:
    """Folders that should be writable but are not, found by access checks. Raises BadInput for an unreadable one."""
    for step in recipe:
        if isinstance(step, Volume) and not is_named(step):
            if not may(lab, step.source, os.R_OK | os.X_OK):
                raise BadInput(f"-v {step.source}: the lab may not read it", hint=NO_ACCESS)
            if not step.readonly and not may(lab, step.source, os.W_OK):
                yield step.source


def may(lab: Lab, source: str, mode: int) -> bool:
    """Whether the lab has this access to a folder outside: faccessat(2), called by the launcher."""
    (answer,) = lab.outside([Call("faccessat", (AT_FDCWD, source, mode, 0))])
    return answer.errno != EACCES
