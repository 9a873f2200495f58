"""Containerfiles: their lines as steps. A subset of Docker's language; see its reference of the Dockerfile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from ...errors import BadInput
from ...kernel.checks import check_file_name, check_kind, check_list, short_repr
from .steps import KINDS, BaseImage, BuildArgument, BuildStep, Command, CopyFiles, ImageSetting, RunCommand

WORDS = ("FROM", "RUN", "COPY", "ADD", "ARG", *KINDS)
NAMES = ("Containerfile", "Dockerfile")
ELSEWHERE = {"MAINTAINER": "write LABEL maintainer=...", "ONBUILD": "write the line where it is needed"}
DIRECTIVE = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(\S*)\s*$", re.IGNORECASE)
FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
HEREDOC = re.compile(r"(?:^|\s)\d*<<-?[^<\s]")
REMOTE = re.compile(r"[a-z]+://|git@", re.IGNORECASE)
PERIOD = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
NANOSECONDS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
CHECKED = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod", "retries": "Retries"}


def read_steps(what: str | os.PathLike[str] | Iterable[BuildStep]) -> tuple[tuple[BuildStep, ...], Path | None]:
    """The steps of a Containerfile, of its text, or of the folder it is in; and that folder. Steps are taken as given.

    A text of one line is a file's name. Raises BadInput.
    """
    if isinstance(what, str) and "\n" in what:
        return parse_containerfile(what), None
    if not isinstance(what, str | os.PathLike):
        hint = 'BaseImage("busybox"), RunCommand("date")'
        steps = check_list(what, "a build", hint=hint)
        return tuple(check_kind(step, BuildStep, "a step of a build", hint=hint) for step in steps), None
    place = check_file_name(what, "a Containerfile")
    if place.is_dir():
        place = next((place / name for name in NAMES if (place / name).exists()), place / NAMES[0])
    try:
        return parse_containerfile(place.read_text("utf-8"), place.name), place.parent
    except UnicodeDecodeError:
        raise BadInput(f"{place} is no text in UTF-8") from None
    except OSError as why:
        raise BadInput(f"{place} cannot be read: {why.strerror}") from None


def parse_containerfile(text: str, name: str = "Containerfile") -> tuple[BuildStep, ...]:
    """The steps of a Containerfile. Raises BadInput with the file's name and the line of what cannot be read."""
    lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
    escape, found = "\\", []
    number = 1
    try:
        for directive in takewhile(bool, (DIRECTIVE.match(line.strip()) for line in lines)):  # before all else
            if directive and directive[1].lower() == "escape":
                escape = directive[2]
        if escape not in ("\\", "`"):
            raise BadInput(f"the escape sign is \\ or `, not {short_repr(escape)}")
        for number, line in whole_lines(lines, escape):
            word, _, rest = re.sub(r"\s", " ", line, count=1).partition(" ")
            steps = steps_of(word.upper(), rest.strip(), escape)
            found += [replace(step, place=f"{name}:{number}", escape=escape) for step in steps]
    except BadInput as why:
        raise BadInput(f"{name}:{number}: {why.message}", hint=why.hint) from None
    return tuple(found)


def whole_lines(lines: Iterable[str], escape: str) -> Iterator[tuple[int, str]]:
    """Each instruction, put together from the lines that it goes on in, with the number of its first."""
    goes_on = re.compile(rf"(?<!{re.escape(escape)}){re.escape(escape)}[ \t]*$")
    parts: list[str] = []
    start = 1
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue  # inside an instruction, too
        start = start if parts else number
        more = goes_on.search(line)
        parts.append(line[: more.start()] if more else line)
        if not more:
            yield start, "".join(parts).strip()
            parts = []
    if "".join(parts).strip():
        yield start, "".join(parts).strip()


def steps_of(word: str, rest: str, escape: str) -> list[BuildStep]:
    """The steps of one instruction. Raises BadInput."""
    if word in ELSEWHERE:
        raise BadInput(f"{word} is not supported here", hint=ELSEWHERE[word])
    if word not in WORDS:
        raise BadInput(f"{short_repr(word)} is no instruction", hint=f"there are {', '.join(WORDS)}")
    if not rest:
        raise BadInput(f"{word} needs a value")
    match word:
        case "FROM":
            return [base_image(rest)]
        case "RUN" | "COPY" | "ADD" if HEREDOC.search(rest):
            raise BadInput(f"{word} << is not supported here", hint="join the lines by && and a sign at their end")
        case "RUN":
            return [RunCommand(command_in_line(split_flags(word, rest)[1]))]
        case "COPY" | "ADD":
            return [copied(word, rest)]
        case "ARG":
            given = (each.partition("=") for each in split_words(rest, escape))
            return [BuildArgument(variable(name), default if equals else None) for name, equals, default in given]
        case "ENV" | "LABEL":
            return [ImageSetting(word, pairs(word, rest, escape))]
        case "HEALTHCHECK":
            return [ImageSetting(word, health(rest))]
        case "CMD" | "ENTRYPOINT" | "SHELL":
            return [ImageSetting(word, command_in_line(rest))]
        case "EXPOSE" | "VOLUME":
            return [ImageSetting(word, exec_form(rest) or tuple(rest.split()))]
    return [ImageSetting(word, rest)]


def base_image(rest: str) -> BaseImage:
    """FROM, of one stage."""
    words = split_flags("FROM", rest)[1].split()
    if len(words) == 3 and words[1].upper() == "AS":
        raise BadInput("stages of a build (AS) are not supported here", hint="build that image first, with a name")
    if len(words) != 1:
        raise BadInput("FROM takes one image")
    return BaseImage(words[0])


def copied(word: str, rest: str) -> CopyFiles:
    """COPY and ADD, of what lies in the context."""
    flags, rest = split_flags(word, rest, ("chown",))
    words = exec_form(rest) or tuple(rest.split())
    if len(words) < 2:
        raise BadInput(f"{word} takes what is copied, and where to")
    if any(map(REMOTE.match, words)):
        raise BadInput(f"{word} of an address is not supported here: a build has no network", hint="fetch it before")
    return CopyFiles(words[:-1], words[-1], flags.get("chown", ""), unpack=word == "ADD")


def health(rest: str) -> tuple[tuple[str, object], ...]:
    """HEALTHCHECK, as a configuration has it: times in nanoseconds."""
    flags, rest = split_flags("HEALTHCHECK", rest, tuple(CHECKED))
    kind, _, test = rest.partition(" ")
    if rest.upper() == "NONE":
        return (("Test", ("NONE",)),)
    if kind.upper() != "CMD" or not test.strip():
        raise BadInput("HEALTHCHECK takes NONE, or CMD and a command")
    words = command_in_line(test.strip())
    shaped = ("CMD-SHELL", words) if isinstance(words, str) else ("CMD", *words)
    return (("Test", shaped), *((CHECKED[flag], flag_number(flag, text)) for flag, text in flags.items()))


def flag_number(flag: str, text: str) -> int:
    """A number of --retries; else a time as Go writes it, 1m30s, in nanoseconds."""
    if flag == "retries" and re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        return int(text)
    if flag == "retries" or not text or PERIOD.sub("", text):
        raise BadInput(f"--{flag} cannot be {short_repr(text)}", hint="a time is 1m30s or 500ms, a number above 0")
    return round(sum(float(number) * NANOSECONDS[unit] for number, unit in PERIOD.findall(text)))


# --- words
def split_flags(word: str, rest: str, known: Sequence[str] = ()) -> tuple[dict[str, str], str]:
    """The --flags before the words, and the words. Raises BadInput for one that is not known here."""
    flags = {}
    while found := FLAG.match(rest):
        if found[1] not in known or found[2] is None:
            some = ", ".join(f"--{name}=" for name in known) or "there are none"
            raise BadInput(f"{word} --{found[1]} is not supported here", hint=some)
        flags[found[1]], rest = found[2], rest[found.end() :]
    return flags, rest


def exec_form(rest: str) -> tuple[str, ...] | None:
    """The words of a JSON list, or None where that is none: a shell's [ may begin a command."""
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest)
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in words):
        raise BadInput("a list of words has text between double quotation marks, and nothing else")
    return tuple(words)


def command_in_line(rest: str) -> Command:
    """A text for the shell, or the words of a JSON list."""
    words = exec_form(rest)
    return rest if words is None else words


def split_words(text: str, escape: str) -> list[str]:
    """The words of a line, as they stand: blanks between quotation marks, and behind `escape`, belong to a word."""
    sign = re.escape(escape)
    word = re.compile(rf"""(?:{sign}.|'[^']*'|"(?:{sign}.|[^"{sign}])*"|[^\s'"])+""", re.S)
    if rest := word.sub("", text).strip():
        raise BadInput(f"{short_repr(text)} lacks a {rest[0]} at its end")
    return word.findall(text)


def pairs(word: str, rest: str, escape: str) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE, several; or in the old form one, NAME VALUE, whose value is the rest of the line."""
    words = split_words(rest, escape)
    if "=" not in words[0]:
        name, _, value = re.sub(r"\s+", " ", rest, count=1).partition(" ")
        if not value:
            raise BadInput(f"{word} {name} has no value", hint=f"{word} {name}=value")
        return ((name, value),)
    found = [each.partition("=") for each in words]
    for name, equals, _ in found:
        if not name or not equals:
            raise BadInput(f"{word} takes NAME=VALUE, not {short_repr(name or '=')}")
    return tuple((name, value) for name, _, value in found)


def variable(name: str) -> str:
    """A variable's name. Raises BadInput."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise BadInput(f"{short_repr(name)} is no variable's name")
    return name
