"""Words for pictures that compare engines: their names in a sentence, guesses, and missing engines."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import BadInput
from ...kernel.checks import check_kind
from ...measure.samples import Results
from ..guesses import usable_guesses
from ..wording import short_number

ARTICLES = {
    "exec": "a bare process", "floor": "the least container", "ours": "our container",
    "ours+fork": "our forked container", "ours+limits": "our limited container",
}  # fmt: skip


def with_article(results: Results, engine: str) -> str:
    """An engine's name in a sentence; "emulated" where its processor is software."""
    emulated = results.emulated(engine)
    if engine == "qemu":
        return "an emulated machine" if emulated else "a virtual machine"
    return ARTICLES.get(engine, results.name_of(engine)) + " (emulated)" * emulated


def begin_sentence(words: str) -> str:
    """With a capital, as a sentence begins; a command's own name stays as it is."""
    return words[0].upper() + words[1:] if " " in words else words


def guess_words(predicted: Mapping[str, float | None] | None, names: Mapping[str, str], unit: str) -> str:
    """The learner's guesses, for the alternative text; empty where there are none."""
    guesses = usable_guesses(predicted)
    words = [f"{name} {short_number(guesses[key])} {unit}" for key, name in names.items() if key in guesses]
    return f" You said: {', '.join(words)}." if words else ""


def check_results(results: Results) -> Results:
    """What a picture compares. Raises BadInput for anything else."""
    return check_kind(results, Results, "what is compared", hint='results = measure("startup")')  # type: ignore[no-any-return]


def measured_engines(results: Results, experiment: str) -> list[str]:
    """The engines that were measured, the least first. Raises BadInput where there is none."""
    names = check_results(results).engines(experiment)
    if not names:
        raise BadInput(f"{experiment} was not measured", hint=f'measure("{experiment}") does')
    return names


def missing_words(results: Results) -> str:
    """Which engines are not there, or failed on the way, and why."""
    there, words = {each.engine for each in results.samples}, ""
    for how, names in (("Not here", set(results.missing) - there), ("Failed", set(results.missing) & there)):
        reasons = [
            f"{results.name_of(name)}, {why.partition(' (')[0]}"
            for name, why in results.missing.items()
            if name in names
        ]
        words += f" {how}: {'; '.join(reasons)}." if reasons else ""
    return words
