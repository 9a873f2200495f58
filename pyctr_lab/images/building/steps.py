"""The steps of a build, as data: what a Containerfile's lines become, and what a notebook may list by hand.

Words may hold variables and quotation marks, as in a Containerfile: they are expanded when the step is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ...errors import BadInput
from ...kernel.checks import check_text, short_repr
from .expansion import expand

Command: TypeAlias = str | tuple[str, ...]  # for a shell, or the words themselves

KINDS = {
    **dict.fromkeys(("ENV", "LABEL", "HEALTHCHECK"), "pairs"),
    **dict.fromkeys(("CMD", "ENTRYPOINT"), "command"),
    **dict.fromkeys(("EXPOSE", "VOLUME", "SHELL"), "words"),
    **dict.fromkeys(("WORKDIR", "USER", "STOPSIGNAL"), "text"),
}
EMPTY = ("CMD", "ENTRYPOINT")  # an empty list takes the base image's words away
LITERAL = ("CMD", "ENTRYPOINT", "SHELL", "HEALTHCHECK")  # variables in them are for the shell


@dataclass(frozen=True)
class BuildStep:
    """One line of a build. `place` is the file and line it stands in, `escape` the sign that makes others plain."""

    place: str = field(default="", compare=False, repr=False, kw_only=True)
    escape: str = field(default="\\", compare=False, repr=False, kw_only=True)

    def expanded(self, variables: Mapping[str, str]) -> BuildStep:
        """The same, without variables."""
        return self


@dataclass(frozen=True)
class BaseImage(BuildStep):
    """FROM: begin with an image of the store, by its name or digest, or with nothing at all ("scratch")."""

    image: str

    def __post_init__(self) -> None:
        check_text(self.image, "a base image")

    def expanded(self, variables: Mapping[str, str]) -> BaseImage:
        return replace(self, image=expand(self.image, variables, self.escape))

    def __str__(self) -> str:
        return f"FROM {self.image}"


@dataclass(frozen=True)
class BuildArgument(BuildStep):
    """ARG: a variable of the build, which the image does not keep."""

    name: str
    default: str | None = None

    def __post_init__(self) -> None:
        check_text(self.name, "an argument's name")
        if self.default is not None:
            check_text(self.default, "an argument's value")

    def __str__(self) -> str:
        return f"ARG {self.name}" + ("" if self.default is None else f"={self.default}")


@dataclass(frozen=True)
class RunCommand(BuildStep):
    """RUN: run a program in a container, and keep what it has written as a layer."""

    command: Command

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", command_in(self.command, "RUN"))

    def __str__(self) -> str:
        return f"RUN {in_a_line(self.command)}"


@dataclass(frozen=True)
class CopyFiles(BuildStep):
    """COPY: files of the context as a layer; with `unpack` (ADD), archives are unpacked. `owner` is USER[:GROUP]."""

    sources: tuple[str, ...]
    target: str
    owner: str = ""
    unpack: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", words_in(self.sources, "COPY"))
        for text in (self.target, self.owner):
            check_text(text, "a word of COPY")

    def expanded(self, variables: Mapping[str, str]) -> CopyFiles:
        sources = tuple(expand(source, variables, self.escape) for source in self.sources)
        target, owner = (expand(text, variables, self.escape) for text in (self.target, self.owner))
        return replace(self, sources=sources, target=target, owner=owner)

    def __str__(self) -> str:
        chown = f"--chown={self.owner} " if self.owner else ""
        return f"{'ADD' if self.unpack else 'COPY'} {chown}{' '.join([*self.sources, self.target])}"


@dataclass(frozen=True)
class ImageSetting(BuildStep):
    """A line that changes what the image says of itself: `ImageSetting("CMD", ["sh"])`, ("ENV", {"LANG": "C"})."""

    word: str
    value: Any

    def __post_init__(self) -> None:
        kind = KINDS.get(check_text(self.word, "a setting's name"))
        if kind is None:
            raise BadInput(f"{short_repr(self.word)} is no setting of an image", hint=", ".join(KINDS))
        object.__setattr__(self, "value", CHECKS[kind](self.value, self.word))

    def expanded(self, variables: Mapping[str, str]) -> ImageSetting:
        def plain(text: str) -> str:
            return expand(text, variables, self.escape)

        value = self.value
        if self.word in ("ENV", "LABEL"):
            value = tuple((plain(name), plain(text)) for name, text in value)
        elif self.word == "EXPOSE":
            value = tuple(port for word in value for port in plain(word).split())
        elif self.word not in LITERAL:
            value = plain(value) if isinstance(value, str) else tuple(map(plain, value))
        return replace(self, value=value)

    def __str__(self) -> str:
        return f"{self.word} {' '.join(self.value) if self.word == 'EXPOSE' else in_a_line(self.value)}"


def in_a_line(value: Any) -> str:
    """A value as it stands in a line."""
    if isinstance(value, str):
        return value
    if all(isinstance(word, str) for word in value):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(f"{name}={text if isinstance(text, str) else json.dumps(text)}" for name, text in value)


# --- checks
def words_in(value: object, word: str) -> tuple[str, ...]:
    """A list of words. Raises BadInput."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not (value or word in EMPTY):
        raise BadInput(f"{word} takes a list of words, not {short_repr(value)}", hint='["/bin/sh", "-c"]')
    return tuple(check_text(text, f"a word of {word}") for text in value)


def command_in(value: object, word: str) -> Command:
    """A text for the shell, or a list of words. Raises BadInput."""
    return check_text(value, word) if value and isinstance(value, str) else words_in(value, word)


def pairs_in(value: object, word: str) -> tuple[tuple[str, Any], ...]:
    """Names and values. Raises BadInput."""
    if not value or not isinstance(value, Mapping | tuple):
        raise BadInput(f"{word} takes names and values, not {short_repr(value)}", hint='{"LANG": "C"}')
    return tuple(value.items()) if isinstance(value, Mapping) else value


CHECKS = {"pairs": pairs_in, "command": command_in, "words": words_in, "text": check_text}
