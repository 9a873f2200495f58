"""Variables and quotation marks in the words of a Containerfile. See "Environment replacement" in its reference."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import BadInput
from ...kernel.checks import short_repr

NAME = re.compile(r"[A-Za-z_]\w*|\d+", re.ASCII)
OPERATION = re.compile(r"}|(:?)([-+?])")


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Replace $x, ${x}, ${x:-default} and ${x:+other}, and take quotation marks away. A variable not set is empty.

    Nothing is replaced between single quotation marks, nor after the sign `escape`. Raises BadInput.
    """
    return Expansion(text, variables, escape).read()


class Expansion:
    """A text that is read once, from left to right."""

    def __init__(self, text: str, variables: Mapping[str, str], escape: str) -> None:
        self.text = text
        self.variables = variables
        self.escape = escape
        self.place = 0

    def read(self, end: str = "") -> str:
        """What the text means, up to the sign `end` or to its own end."""
        made, quoted = "", False
        while self.place < len(self.text):
            sign = self._next()
            if sign == end and not quoted:
                return made
            if sign == '"':
                quoted = not quoted
            elif sign == "'" and not quoted:
                made += self._literal()
            elif sign == self.escape:
                made += self._escaped(quoted)
            else:
                made += self._variable() if sign == "$" else sign
        if quoted or end:
            raise BadInput(f"{short_repr(self.text)} lacks a {end or chr(34)} at its end")
        return made

    def _next(self) -> str:
        sign = self.text[self.place : self.place + 1]
        self.place += 1
        return sign

    def _literal(self) -> str:
        start, self.place = self.place, self.text.find("'", self.place) + 1
        if not self.place:
            raise BadInput(f"{short_repr(self.text)} lacks a ' at its end")
        return self.text[start : self.place - 1]

    def _escaped(self, quoted: bool) -> str:
        sign = self._next()
        return sign if not quoted or sign in ('"', "$", self.escape) else self.escape + sign

    def _variable(self) -> str:
        braces = self.text.startswith("{", self.place)
        found = NAME.match(self.text, self.place + braces)
        if not found and not braces:
            return "$"
        how = found and OPERATION.match(self.text, found.end()) if braces else None
        if not found or (braces and not how):
            raise BadInput(f"{short_repr(self.text)}: not a variable as they are here", hint="$x, ${x:-d}, ${x:+d}")
        self.place = how.end() if how else found.end()
        value = self.variables.get(found[0])
        if how is None or how[2] is None:
            return value or ""
        word, is_set = self.read("}"), bool(value) if how[1] else value is not None
        if how[2] == "+":
            return word if is_set else ""
        if how[2] == "?" and not is_set:
            raise BadInput(f"{found[0]} is not set: {word or 'it must be'}")
        return value or "" if is_set else word
