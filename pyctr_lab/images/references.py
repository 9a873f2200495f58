"""Names of images, as Docker's and skopeo's users write them: [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST].

The grammar is that of reference.md of the distribution project, and of spec.md of OCI's distribution specification.
A first part with a dot or a colon, or `localhost`, is the host of a registry; without one an image is local.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address

from ..errors import BadInput
from ..kernel.checks import check_text, short_repr
from .descriptors import DIGEST

PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{PART}(?:/{PART})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # of a host, see RFC 1123
ADDRESS = re.compile(rf"({LABEL}(?:\.{LABEL})*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?")
LONGEST_NAME = 255  # characters of host and repository
LONGEST_REFERENCE = LONGEST_NAME + len(":@sha256:") + 128 + 64
DEFAULT_TAG = "latest"
TRANSPORT = "docker://"  # skopeo's word for a registry


@dataclass(frozen=True)
class Reference:
    """The name of an image. `registry` is empty for a local one; `tag` or `digest` may be empty, not both."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def read(cls, written: object) -> Reference:
        """Parse a name; without tag and digest its tag is `latest`. Raises BadInput."""
        rest = check_length(written, "an image's name", LONGEST_REFERENCE + len(TRANSPORT))
        remote = rest.startswith(TRANSPORT)
        rest, at, digest = rest.removeprefix(TRANSPORT).partition("@")
        if at and not DIGEST.fullmatch(digest):
            raise BadInput(
                f"{short_repr(digest)} is no digest of an image", hint="sha256: and 64 digits of 0-9 and a-f"
            )
        first, slash, others = rest.partition("/")
        host = first if slash and (re.search("[.:]", first) or first == "localhost") else ""
        name, colon, tag = (others if host else rest).partition(":")
        if remote and not host:
            raise BadInput(f"{short_repr(written)} names no registry", hint=f"{TRANSPORT}HOST:PORT/REPOSITORY:TAG")
        if colon or not at:
            check_tag(tag if colon else (tag := DEFAULT_TAG))
        if len(host) + len(slash if host else "") + len(name) > LONGEST_NAME:
            raise BadInput(
                f"{short_repr(written)} is too long", hint=f"host and repository have at most {LONGEST_NAME} characters"
            )
        return cls(check_address(host) if host else "", check_repository(name), tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest, which decides where there is one, or else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def check_length(value: object, what: str, most: int) -> str:
    """Text that is not empty, and not longer than any name can be."""
    found = check_text(value, what)
    if not found:
        raise BadInput(f"{what} must not be empty")
    if len(found) > most:
        raise BadInput(f"{what} has at most {most} characters, not {len(found)}: {short_repr(found)}")
    return found


def check_repository(value: object) -> str:
    """The name of a repository, without a host. Raises BadInput."""
    name = check_length(value, "a repository's name", LONGEST_NAME)
    if REPOSITORY.fullmatch(name) and not re.fullmatch("[0-9a-f]{64}", name):
        return name
    if REPOSITORY.fullmatch(name.lower()) and name.isascii() and not REPOSITORY.fullmatch(name):
        hint = f"lower case only: {short_repr(name.lower())}"
    else:
        hint = "parts of a-z and 0-9, with single . or _ or with - between them, and / between parts; not 64 hex digits"
    raise BadInput(f"{short_repr(name)} is no repository's name", hint=hint)


def check_tag(value: object) -> str:
    """A tag. Raises BadInput."""
    tag = check_text(value, "a tag")
    if not TAG.fullmatch(tag):
        raise BadInput(f"{short_repr(tag)} is no tag", hint="up to 128 of a-z, A-Z, 0-9, _ . -; the first is no . or -")
    return tag


def check_version(value: object) -> str:
    """A tag, or a digest. Raises BadInput."""
    return value if isinstance(value, str) and DIGEST.fullmatch(value) else check_tag(value)


def check_address(value: object) -> str:
    """A registry's host, with a port or without. Raises BadInput."""
    address = check_length(value, "a registry's address", LONGEST_NAME)
    found = ADDRESS.fullmatch(address)
    with suppress(ValueError):
        if found and address[0] == "[":
            IPv6Address(found[1][1:-1])
        if found and 0 < int(found[2] or 1) < 65536:
            return address
    raise BadInput(f"{short_repr(address)} is no registry's address", hint="HOST or HOST:PORT, as 127.0.0.1:5000")
