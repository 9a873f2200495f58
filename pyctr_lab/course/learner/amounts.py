"""Numbers as people write them: 0.5 and 0,5, 1,500, 1.5e3, about 50 ms, twenty, two hundred.

An answer in words may hold a number by chance, so `only_amount` wants nothing beside it but hedges and a unit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+(\.\d+)?|\d+([.,]\d+)?)([eE][+-]?\d{1,3})?", re.ASCII)
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+", re.ASCII)

_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_HEDGES = "about around roughly nearly almost maybe perhaps some say at most least up to only just ~ ca of"
_UNITS = """ns us µs ms s sec min second seconds millisecond milliseconds microsecond microseconds minute minutes b kb
kib mb mib gb gib bytes byte % percent processes calls containers machines times"""
NAMED = {word: float(value) for value, word in enumerate(_SMALL.split())}
NAMED |= {word: 10.0 * value for value, word in enumerate(_TENS.split(), 2)}
NAMED |= {"a": 1.0, "an": 1.0, "half": 0.5, "none": 0.0, "dozen": 12.0, "couple": 2.0}
TIMES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}
TIMES |= {f"{word}s": value for word, value in TIMES.items()}
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "microsecond": 1e-3, "ms": 1.0, "millisecond": 1.0, "s": 1e3}
MILLISECONDS |= {"sec": 1e3, "second": 1e3, "min": 6e4, "minute": 6e4}
BYTES = {"b": 1.0, "byte": 1.0, "kb": 1024.0, "kib": 1024.0, "mb": 1024.0**2, "mib": 1024.0**2, "gb": 1024.0**3}
BYTES |= {"gib": 1024.0**3}
ALONE = {"a", "an"}  # no number without another word
HEDGES, UNITS = set(_HEDGES.split()), set(_UNITS.split())


@dataclass(frozen=True)
class Amount:
    """A number, and whether it had to be read out of words (`about 50 ms`, `twenty`)."""

    value: float
    read: bool


def amount(text: str, unit: str = "") -> Amount | None:
    """The first number in a text, in digits; else the one that its words say; None without one.

    `unit` is the unit that was asked for ("ms", "MiB", "bytes"): a number with another one is converted.
    """
    text = text.strip()
    found = NUMBER.search(text)
    if found:
        value = value_of(found[0]) * _factor(re.findall(r"^\s*([^\W\d]+)", text[found.end() :]), unit)
        return Amount(value, found[0] != text) if math.isfinite(value) else None
    value_said = _in_words(text)
    return None if value_said is None else Amount(value_said * _factor(text.split()[-1:], unit), True)


def _factor(words: list[str], unit: str) -> float:
    """How many of `unit` the unit in front of these words is; 1 where it is none, or of another kind."""
    for scale in (MILLISECONDS, BYTES):
        known = [scale.get(word.lower(), scale.get(word.lower().rstrip("s"))) for word in (unit, *words[:1])]
        if known[0] and known[-1]:
            return known[-1] / known[0]
    return 1.0


def only_amount(text: str, unit: str = "") -> Amount | None:
    """The number of a text that says nothing else, but for words like `about` and a unit; else None."""
    rest = NUMBER.sub(" ", text.strip(), count=1)
    if rest != text.strip():
        words = re.findall(r"[^\W\d]+|\S", rest.lower())
        return amount(text, unit) if all(word in HEDGES or word in UNITS or word in ".?!" for word in words) else None
    return amount(text, unit)


def value_of(text: str) -> float:
    """The value of a text that NUMBER matches. A comma before three digits marks thousands, any other a fraction."""
    whole = THOUSANDS.match(text)
    return float(text.replace(",", "") if whole and not whole[0].startswith(("0", "-0")) else text.replace(",", "."))


def _in_words(text: str) -> float | None:
    """`about two hundred and fifty ms` is 250. None if there is a word that is no part of a number."""
    words = [word for word in re.findall(r"[^\W\d]+|~|%", text.lower().replace("-", " "))
             if word not in HEDGES and word not in UNITS and word != "and"]  # fmt: skip
    if not words or set(words) <= ALONE or any(word not in NAMED and word not in TIMES for word in words):
        return None
    total = part = 0.0
    for word in words:
        if word in ALONE:
            part = part or 1.0
        elif word in ("dozen", "couple"):
            part = (part or 1.0) * NAMED[word]
        elif word in NAMED:
            part += NAMED[word]
        elif TIMES[word] == 100:
            part = (part or 1.0) * 100
        else:
            total, part = total + (part or 1.0) * TIMES[word], 0.0
    return total + part
