"""Credentials for a registry, and the challenges that ask for them. See RFC 7235, and token.md of distribution.

Nothing here prints a password, nor a text that has one in it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import BadInput, LabError
from ...kernel.checks import check_text
from ..descriptors import BadImage, json_object, parse_json

PAIR = re.compile(r'([a-zA-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Credentials:
    """A user's name and password; its repr has no password."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of Authorization: see RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def given_credentials(username: object, password: object) -> Credentials | None:
    """Credentials from arguments. Raises BadInput."""
    if not username and not password:
        return None
    check_text(username, "a user's name")
    if not isinstance(password, str) or not username or ":" in str(username):
        raise BadInput("a user name and a password belong together", hint="both are text; the name has no colon")
    return Credentials(str(username), password)


def stored_credentials(address: str) -> Credentials | None:
    """What `docker login` keeps for a registry, in $DOCKER_CONFIG or ~/.docker; no helper is asked."""
    path = Path(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"), "config.json")
    try:
        listed = json_object(parse_json(path.read_bytes(), "it").get("auths") or {}, "auths")
        found = [entry for name, entry in listed.items() if re.sub("^https?://|/.*$", "", name) == address]
        entry = json_object(found[0], "an entry") if found else {}
        if encoded := entry.get("auth"):
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        else:
            username, password = entry.get("username") or "", entry.get("password") or ""
        return given_credentials(username, password.rstrip("\0"))
    except FileNotFoundError:
        return None
    except OSError as why:
        raise LabError(f"{path}: {why.strerror}", hint="it may hold credentials for registries") from None
    except (BadImage, BadInput, binascii.Error, UnicodeDecodeError, TypeError, AttributeError):
        raise LabError(f"{path}: its entry for {address} cannot be read", hint=f"docker login {address}") from None


def challenges(header: str) -> dict[str, dict[str, str]]:
    """The schemes of WWW-Authenticate, in small letters, with their parameters."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"(?:^|,)\s*(?=(?:Basic|Bearer)(?:\s|$))", header, flags=re.IGNORECASE):
        scheme, _, rest = part.strip().partition(" ")
        if scheme:
            pairs = ((key.lower(), quoted or plain) for key, quoted, plain in PAIR.findall(rest))
            found[scheme.lower()] = {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}
    return found
