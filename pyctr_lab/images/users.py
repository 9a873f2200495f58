"""Users as a container knows them: names and numbers of its own /etc/passwd and /etc/group. See passwd(5), group(5)."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import BadInput
from ..kernel.checks import short_repr


class User(NamedTuple):
    """A user and a group by their numbers, and the user's home."""

    uid: int
    gid: int
    home: str


def find_user(text: str, passwd: str, group: str) -> User:
    """The user of USER[:GROUP], names or numbers; `passwd` and `group` are the content of the container's files."""
    name, _, team = (text or "0").partition(":")
    people = {fields[0]: fields for fields in fields_of(passwd, 7)}
    found = people.get(name) or next((fields for fields in people.values() if fields[2] == name), None)
    uid = found[2] if found else name or "0"
    gid = {fields[0]: fields[2] for fields in fields_of(group, 3)}.get(team, team) or (found[3] if found else "0")
    for word in (uid, gid):
        if not (word.isascii() and word.isdigit() and len(word) <= 10):
            names = ", ".join(list(people)[:8])
            raise BadInput(f"{short_repr(text)} is no user of the container", hint=f"numbers, or {names}")
    return User(int(uid), int(gid), found[5] if found else "/")


def fields_of(content: str, least: int) -> list[list[str]]:
    """The lines of such a file, split into fields; lines with fewer than `least` are passed over."""
    lines = (line.split(":") for line in content.splitlines())
    return [fields for fields in lines if len(fields) >= least]


def check_ids(user: User, ids: int) -> User:
    """The user, refused with BadInput where a lab with so many ids does not have its numbers."""
    if max(user.uid, user.gid) >= ids:
        has = "one id, 0" if ids == 1 else f"the ids 0 to {ids - 1}"
        why = f"user {user.uid}, group {user.gid}: this lab has {has}"
        raise BadInput(why, hint="pyctr-lab doctor says how a user gets more")
    return user
