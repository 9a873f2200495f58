"""Plain words: docstrings, comments and messages use the field's terms, and a name stands in one module only.

The notebooks' prose is exempt; so are identifiers in backquotes. What an exercise says is not.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "pyctr_lab"
# "one who" and "those that" have no name; "told" is report or print; "born" is spawned; "buried" is reaped.
WORST = re.compile(
    r"\b(whoever|nobody|somebody|told|born|buried|one who|those that|what is asked|has been given(?! up| yet))\b",
    re.IGNORECASE,
)
CODE = re.compile(r"`[^`\n]*`|\{[^{}\n]*\}")  # identifiers in backquotes, and in the braces of an f-string
TEXT = (tokenize.STRING, tokenize.COMMENT, *([tokenize.FSTRING_MIDDLE] if hasattr(tokenize, "FSTRING_MIDDLE") else []))


def sources() -> dict[str, list[Path]]:
    """Room -> the files whose words are looked at: the package, the tests' helper modules, and the scripts."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(each for each in PACKAGE.rglob("*") if each.is_file() and each.suffix != ".pyc"):
        within = path.relative_to(PACKAGE).parts
        found[f"pyctr_lab/{within[0]}"].append(path)
    found["tests"] = [path for path in sorted((TOP / "tests").rglob("*.py")) if not path.name.startswith("test_")]
    for room in ("vagrant", "jupyter", ".ci", "requirements"):
        found[room] = [path for path in sorted((TOP / room).rglob("*")) if path.is_file() and path.suffix != ".txt"]
    found["lab"] = [TOP / "lab"]
    return found


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of text with their numbers: of Python its docstrings, comments and string literals, else all."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text().splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in TEXT:
            yield from enumerate(token.string.splitlines(), token.start[0])


def found_in(path: Path) -> list[str]:
    return [  # `nobody` is also the name of uid 65534
        f"{path.relative_to(TOP)}:{number}: {match[0]!r} in {line.strip()}"
        for number, line in words(path)
        for match in WORST.finditer(CODE.sub("", line))
        if not ("65534" in line or line.strip('" ') == "nobody")
    ]


@pytest.mark.parametrize("room", sources())
def test_words_are_plain(room: str) -> None:
    worst = [line for path in sources()[room] for line in found_in(path)]
    assert not worst, "\n".join(worst)


# --- names
# A picture module has `title`, `subtitle`, `alt_text` and the function of its own name; a program's entry is `main`.
# cgroups/v1.py and v2.py answer to the same names; programs of another interpreter are not imported.
CONVENTIONS = {"title", "subtitle", "alt_text", "main"}
PROGRAMS = re.compile(r"launcher/main\.py|(measure|networks)/programs/")
# Other names that two modules define: this number only goes down.
MOST_SHARED = 5


def defined() -> dict[str, set[str]]:
    """Top-level functions and classes -> the modules that define them. Constants and private names are exempt.

    So is a class that extends another under its own name: `class Lab(runtime.Lab)` is one word, not two.
    """
    where: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        module = re.sub(r"/v[12]\.py$", "/v1 or v2", str(path.relative_to(PACKAGE)))
        if PROGRAMS.match(module):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                bases = node.bases if isinstance(node, ast.ClassDef) else []
                if not any(isinstance(base, ast.Attribute) and base.attr == node.name for base in bases):
                    where[node.name].add(module)
    return where


def test_names_stand_in_one_module() -> None:
    shared = {name: modules for name, modules in defined().items() if len(modules) > 1 and name not in CONVENTIONS}
    listed = "\n".join(f"{name}: {', '.join(sorted(modules))}" for name, modules in sorted(shared.items()))
    assert len(shared) <= MOST_SHARED, f"{len(shared)} names, at most {MOST_SHARED}\n{listed}"
