"""`.dockerignore`: which files of a folder are no part of a build's context.

Patterns are those of Go's filepath.Match, and `**` stands for any number of folders. The last line that fits decides.
"""

from __future__ import annotations

import re
from itertools import accumulate
from posixpath import normpath

from ...errors import BadInput
from ...kernel.checks import short_repr

TOKEN = re.compile(
    r"(?P<deep>\*\*/?)|(?P<any>\*)|(?P<one>\?)|\[(?P<set>\^?(?:\\.|[^]\\])+)]|\\(?P<plain>.)|(?P<sign>.)", re.S
)


def translate(pattern: str) -> re.Pattern[str]:
    """The regular expression, for a whole path, of a pattern. Raises BadInput for a malformed one."""

    def regular(found: re.Match[str]) -> str:
        match found.lastgroup:
            case "deep":
                return ".*" if found.end() == len(pattern) and found[0] == "**" else "(?:.*/)?"
            case "any":
                return "[^/]*"
            case "one":
                return "[^/]"
            case "set":
                return "[" + re.sub(r"([\[&~|])", r"\\\1", found["set"]) + "]"
            case "sign" if found[0] in "[\\":
                raise BadInput(f"{short_repr(pattern)} is no pattern: {found[0]} lacks what belongs to it")
        return re.escape(found["plain"] or found[0])

    try:
        return re.compile(TOKEN.sub(regular, pattern), re.S)
    except re.error as why:
        raise BadInput(f"{short_repr(pattern)} is no pattern: {why}") from None


class Ignored:
    """The lines of a `.dockerignore`. Raises BadInput, with the line's number, for one that cannot be read."""

    def __init__(self, text: str = "") -> None:
        self.rules: list[tuple[re.Pattern[str], bool]] = []  # what it fits, and whether that is ignored
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
            if line.startswith("#") or not line.strip():
                continue
            try:
                self._add(line.strip())
            except BadInput as why:
                raise BadInput(f".dockerignore:{number}: {why.message}", hint=why.hint) from None

    def _add(self, line: str) -> None:
        pattern = line.removeprefix("!").strip()
        if not pattern:
            raise BadInput("a ! without a pattern")
        self.rules.append((translate(normpath(pattern).lstrip("/")), pattern == line))

    @property
    def has_exceptions(self) -> bool:
        """Whether something in an ignored folder may be none the less part of the context."""
        return not all(ignored for _, ignored in self.rules)

    def ignores(self, path: str) -> bool:
        """Whether a path, or a folder on the way to it, is ignored."""
        above = list(accumulate(path.split("/"), "{}/{}".format))
        verdict = False
        for pattern, ignored in self.rules:
            if ignored != verdict and any(map(pattern.fullmatch, above)):
                verdict = ignored
        return verdict
