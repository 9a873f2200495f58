"""The learner's guesses, as pictures take them: numbers by the name of what they are about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from ..errors import BadInput
from ..kernel.checks import check_kind, short_repr


def usable_guesses(predicted: Mapping[str, float | None] | None) -> dict[str, float]:
    """The guesses that can be drawn: on a logarithmic scale there is nothing at zero and below.

    Raises BadInput for what is no dictionary from names to numbers; None stands for no guess.
    """
    guesses = {} if predicted is None else check_kind(predicted, Mapping, "predicted", hint='{"ours": 40}')
    for name, guess in guesses.items():
        check_kind(name, str, "the name of a guess")
        if guess is not None and (isinstance(guess, bool) or not isinstance(guess, Real)):
            raise BadInput(f"a guess is a number, not {short_repr(guess)}", hint=f"of {short_repr(name)}")
    return {name: float(guess) for name, guess in guesses.items() if guess and 0 < guess < math.inf}
