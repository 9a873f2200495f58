"""What a program may do, in Docker's words: capabilities added and dropped, and the filter of its system calls."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ..errors import BadInput
from ..kernel.checks import check_file_name, check_kind, check_list, short_repr
from ..kernel.constants import CAP_NAMES, CAPABILITIES
from ..kernel.filters import FilterPolicy, Instruction, docker_policy, from_json
from .filters import Seccomp
from .masks import MaskPaths, ReadOnlyPaths
from .privileges import DropCapabilities, NoNewPrivileges, SetIds
from .recipe import Recipe
from .step import Step

Policy: TypeAlias = FilterPolicy | tuple[Instruction, ...] | str | os.PathLike[str]
"""A policy, a program, "builtin" (Docker's default), "unconfined" (no filter), or a file of Docker's or OCI's JSON."""
EVERY = tuple(repr(each).removeprefix("CAP_") for each in CAPABILITIES)
WHICH = '"builtin", "unconfined", or a file of JSON'
MOST_BYTES = 1 << 20  # of a policy's file; Docker's own has 13 kB


@dataclass(frozen=True)
class PowerWords:
    """What a caller says of a container's powers. Capabilities are named with or without CAP_, in any case, or ALL."""

    cap_add: Iterable[str] = ()
    cap_drop: Iterable[str] = ()
    seccomp: Policy | None = None
    no_new_privs: bool = True
    masks: bool = True

    def __post_init__(self) -> None:
        for name in ("cap_add", "cap_drop"):
            words = check_list(getattr(self, name), name, hint=f'{name}=["NET_RAW"]')
            object.__setattr__(self, name, tuple(map(capability, words)))

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self.seccomp is not None or self != PowerWords()

    def kept(self, before: tuple[str, ...]) -> tuple[str, ...]:
        """The capabilities to keep, where a recipe keeps those of `before`. As in Docker, what is added wins."""
        more, less = set(self.cap_add), set(self.cap_drop)
        if "ALL" in more:
            return tuple(name for name in EVERY if name not in less)
        base = set() if "ALL" in less else {*before} - less
        return tuple(name for name in EVERY if name in base | more)

    def policy(self, keep: tuple[str, ...]) -> FilterPolicy | tuple[Instruction, ...] | None:
        """The policy for these capabilities; None for no filter. Raises BadInput for a file that has none."""
        wanted = self.seccomp
        if wanted in ("builtin", "unconfined"):
            return builtin(keep) if wanted == "builtin" else None
        if isinstance(wanted, str | os.PathLike):
            return from_json(policy_text(wanted), capabilities=with_prefix(keep))
        return wanted


def capability(word: object) -> str:
    """A capability's name, without CAP_, or ALL. Raises BadInput."""
    name = word.upper().removeprefix("CAP_") if isinstance(word, str) else ""
    if name != "ALL" and f"CAP_{name}" not in CAP_NAMES:
        raise BadInput(f"there is no capability {short_repr(word)}", hint="names are as in capabilities(7), or ALL")
    return name


def with_prefix(names: Iterable[str]) -> list[str]:
    """Names of capabilities as Docker's profiles have them."""
    return [f"CAP_{name}" for name in names]


@lru_cache(maxsize=32)
def builtin(keep: tuple[str, ...]) -> FilterPolicy:
    """Docker's default policy for a container that keeps these capabilities."""
    return docker_policy(capabilities=with_prefix(keep))


def policy_text(file: str | os.PathLike[str]) -> str:
    """The text of a policy's file. Raises BadInput."""
    path = check_file_name(file, "a policy's file")
    try:
        with path.open(encoding="utf-8") as opened:
            text = opened.read(MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as why:
        said = why.strerror if isinstance(why, OSError) else "it is no text"
        raise BadInput(f"no policy can be read from {short_repr(str(path))}: {said}", hint=WHICH) from None
    if len(text) > MOST_BYTES:
        raise BadInput(f"{short_repr(str(path))} is too long for a policy: over {MOST_BYTES} characters", hint=WHICH)
    return text


def with_powers(recipe: Recipe, words: PowerWords) -> Recipe:
    """The recipe with these powers: other capabilities, and the filter for them.

    Without a word about the filter, Docker's default is made for the capabilities that there are now; another policy of
    the recipe's stays. Without no_new_privs the filter comes before the capabilities go: it needs CAP_SYS_ADMIN then.
    """
    if not words.given:
        return recipe
    check_kind(recipe, Recipe, "a recipe", hint="lab.recipe() is the default one")
    before, keep, made = _with_capabilities(list(recipe), words)
    filters = [step for step in made if isinstance(step, Seccomp)]
    if words.seccomp is None:
        filters = [Seccomp(builtin(keep)) if step.policy == builtin(before) else step for step in filters]
    else:
        policy = words.policy(keep)
        filters = [] if policy is None else [Seccomp(policy)]
    unwanted = (Seccomp, *(() if words.no_new_privs else (NoNewPrivileges,)),
                *(() if words.masks else (MaskPaths, ReadOnlyPaths)))  # fmt: skip
    made = [step for step in made if not isinstance(step, unwanted)]
    sure = any(isinstance(step, NoNewPrivileges) for step in made)
    place = len(made) if sure else first_of(made, DropCapabilities)
    return Recipe([*made[:place], *filters, *made[place:]], shared=recipe.shared)


def _with_capabilities(
    steps: list[Step], words: PowerWords
) -> tuple[tuple[str, ...], tuple[str, ...], list[Step]]:
    """The capabilities kept before and now, and the steps that keep them."""
    place = first_of(steps, DropCapabilities)
    old = steps[place] if place < len(steps) else None
    before = old.keep if isinstance(old, DropCapabilities) else EVERY
    if not (words.cap_add or words.cap_drop):
        return before, before, steps
    keep = words.kept(before)
    if old is None:
        place = min(first_of(steps, NoNewPrivileges), first_of(steps, Seccomp))
        return before, keep, [*steps[:place], DropCapabilities(keep), *steps[place:]]
    leaves = any(isinstance(step, SetIds) and step.uid for step in steps[place:])  # it drops all, and needs two for it
    needed = tuple(dict.fromkeys([*keep, "SETUID", "SETGID"])) if leaves else keep
    return before, keep, [*steps[:place], DropCapabilities(needed), *steps[place + 1 :]]


def first_of(steps: list[Step], kind: type[Step]) -> int:
    """The place of the first step of a kind; behind all where there is none."""
    return next((place for place, step in enumerate(steps) if isinstance(step, kind)), len(steps))


__all__ = ["PowerWords", "with_powers"]
