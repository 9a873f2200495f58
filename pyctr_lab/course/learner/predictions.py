"""Predictions: the learner commits to an answer, and the kernel's is laid beside it. Kept, never graded.

    predict("3.uts-copy", "Does its host name change at once?", options=["yes", "no"])
    compare("3.uts-copy", "yes" if inside == named else "no")

A guess is made with the buttons below the question (arrow keys and space do), or, where there are no widgets, by
giving it: `guess="yes"`. Without a guess both calls work too, and say that none was made. The guess that stood when
the kernel answered is the one that is kept: second thoughts do not replace it.

The question is shown twice: as buttons, and as a still above them, which the notebook keeps. The still is renewed with
every guess: after a restart, a reload, another day, when the buttons have no kernel, it says what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from ...errors import BadInput
from ...kernel.checks import is_number
from .amounts import Amount, amount, only_amount
from .page import CODE, Page
from .places import state_dir
from .store import Data, Store

STORE = Store(lambda: state_dir() / "predictions.json")

ASKED: dict[str, tuple[str, ...]] = {}
"""What there was to choose from, by key: of the questions that this process has asked."""
ASKED_IN: dict[str, str] = {}
"""The unit in which a number was asked for, by key: likewise."""

#: While the buttons live, the page above them does not say the same once more. Buttons without a kernel are hidden, and
#: so is the line `Error displaying widget` that JupyterLab puts in their place when a notebook is opened again.
LIVE = ".jp-OutputArea:has(.pct-live:not(.jupyter-widgets-disconnected))"
RULES = f"""{LIVE} .pct:not(.pct-live .pct) :is(ul,p){{display:none}}
.pct-live.jupyter-widgets-disconnected{{display:none}}
.jp-OutputArea:has(.pct) .jp-OutputArea-output.jupyter-widgets:not(:has(*)){{display:none}}
"""


class Prediction:
    """A question with the guess that stands. Shown as text and HTML, and with buttons where there are widgets."""

    def __init__(self, key: str, question: str, options: tuple[str, ...]) -> None:
        self.key = key
        self.question = question
        self.options = options

    @property
    def guess(self) -> str | None:
        """What the learner said, or None."""
        return recall(self.key)

    def page(self) -> Page:
        """The question, what there is to choose from, and what was chosen."""
        page = Page(f"Predict: {self.question}", kind="idle")
        page.marks([("●" if option == self.guess else "○", option) for option in self.options])
        return page.line("You have not said yet." if self.guess is None else f"You said: {self.guess}")

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html().replace("<style>", f"<style>{RULES}", 1)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show: Any = display
        still = show(self._bundle(), raw=True, display_id=True)
        if find_spec("ipywidgets") and _has_kernel():
            panel = buttons(self, lambda: still.update(self._bundle(), raw=True))
            show({**panel._repr_mimebundle_(), "text/plain": "(run this cell to answer)"}, raw=True)

    def _bundle(self) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def predict(
    key: str, question: str, *, options: Sequence[str] = (), unit: str = "", guess: str | float | None = None
) -> Prediction:
    """Ask for a prediction. `options` are what there is to choose from; none of them means free text or a number.

    `unit` is the one of the number that is asked for ("ms", "MiB"): "2 s" is 2000 then. `guess` is the learner's
    answer, given in the call. Raises BadInput for a guess that is not among the options.
    """
    _checked_text("the key of a prediction", key, 200)
    _checked_text("the question of a prediction", question, 2000)
    if not isinstance(unit, str):
        raise BadInput(f"the unit of a prediction is a text, not {_named(unit)}")
    choices = ASKED[key] = _checked_options(options)
    ASKED_IN[key] = unit
    if guess is not None:
        if not isinstance(guess, str) and not is_number(guess):
            raise BadInput(f"a guess is a text or a number, not {_named(guess)}")
        commit(key, str(guess), choices)
    return Prediction(key, question, choices)


def commit(key: str, guess: str, options: Sequence[str] = ()) -> str:
    """Keep a guess, and return a line that says so. After the comparison the first one stays."""
    guess = guess.strip()
    if options and guess not in options:
        raise BadInput(f"{guess[:40]!r} is not among the answers", hint=f"they are: {', '.join(options)}")
    _checked_text("a prediction", guess, 2000)
    stands = recall(key)
    if stands is not None and _kept(key).get("compared"):
        return f"You have seen the answer; what you said first is kept: {stands}"
    unit = _unit(key)
    STORE.change(lambda data: _all(data).setdefault(key, {}).update(guess=guess, options=list(options), unit=unit))
    taken = None if options else only_amount(guess, unit)
    return f"Kept: {guess}" + (f" (taken as {taken.value:g})" if taken and taken.read else "")


def recall(key: str) -> str | None:
    """What the learner said, or None."""
    _checked_text("the key of a prediction", key, 200)
    kept = _kept(key).get("guess")
    return None if kept is None else str(kept)


def recall_number(key: str) -> float:
    """The number in what the learner said ("about 50" is 50, "2 s" 2000 ms), for a picture; 0 where there is none."""
    guess = recall(key)
    found = amount(guess, _unit(key)) if guess else None
    if guess and not found:
        print(f"There is no number in what you said ({guess[:60]}): the picture is drawn without it.")
    return max(0.0, found.value) if found else 0.0


def compare(key: str, actual: object, *, note: str = "", busy: str = "") -> Page:
    """Lay the kernel's answer beside the prediction. Neither right nor wrong is said: both can be read.

    `busy` is the reason why these samples cannot tell (see `pyctr_lab.measure.too_busy`): then no answer is shown or
    recorded, and the guess can still be changed.
    """
    guess = recall(key)
    for name, words in (("note", note), ("busy", busy)):
        if not isinstance(words, str):
            raise BadInput(f"{name} of a comparison is a text, not {_named(words)}")
    if busy:
        title = "This machine is too busy to tell: run the cell that measures again"
        return Page(title, kind="idle").rows([("you said", guess or "nothing yet"), ("measured", busy)])
    if not isinstance(actual, str) and not is_number(actual):
        raise BadInput(f"the kernel's answer is a text or a number, not {_named(actual)}")
    answer = str(actual)
    _checked_text("the kernel's answer", answer, 20_000)
    finding = _finding(guess, answer, _unit(key), chosen=bool(ASKED.get(key) or _kept(key).get("options")))
    if guess is not None:
        STORE.change(lambda data: _all(data).setdefault(key, {}).update(compared=True, actual=answer))
    rows = [("you said", guess if guess is not None else "nothing yet: the next prediction is yours"),
            ("the kernel", answer)]  # fmt: skip
    return Page(finding, kind="wall" if finding.startswith("As you") else "idle").rows(rows).line(note)


def forget(key: str) -> None:
    """Take a prediction back, so that it can be made anew."""
    _checked_text("the key of a prediction", key, 200)
    STORE.change(lambda data: _all(data).pop(key, None) and None)


def _unit(key: str) -> str:
    """The unit in which a number was asked for: now, or when the guess was made."""
    return ASKED_IN.get(key) or str(_kept(key).get("unit", ""))


def _finding(guess: str | None, answer: str, unit: str, *, chosen: bool) -> str:
    """The comparison's title. An answer that was chosen from several is the same or another, whatever it looks like."""
    if guess is None:
        return "The kernel's answer"
    if guess == answer:
        return "As you said"
    measured = None if chosen else only_amount(answer)
    if measured is None or measured.value <= 0:
        return "Other than you said"
    said = amount(guess, unit)
    if said is None:
        return "There is no number in what you said, and the kernel's answer is one"
    return _ratio(said, measured)


def _ratio(said: Amount, measured: Amount) -> str:
    taken = f" (taken as {said.value:g})" if said.read else ""
    if said.value == measured.value:
        return f"As you said{taken}"
    if said.value <= 0:
        return f"Other than you said{taken}"
    ratio = max(said.value, measured.value) / min(said.value, measured.value)
    if ratio < 1.05:
        return f"As you said{taken}, to a twentieth"
    return f"You said {'more' if said.value > measured.value else 'less'}{taken}, by a factor of {ratio:.1f}"


def _all(data: Data) -> dict[str, Any]:
    found = data.get("predictions")
    if not isinstance(found, dict):
        found = data["predictions"] = {}
    return found


def _kept(key: str) -> dict[str, Any]:
    kept = _all(STORE.read()).get(key)
    return kept if isinstance(kept, dict) else {}


def _checked_text(what: str, text: object, most: int) -> None:
    if not isinstance(text, str):
        raise BadInput(f"{what} is a text, not {_named(text)}")
    if not text.strip() or len(text) > most:
        raise BadInput(f"{what} is a text of 1 to {most:,} characters")
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise BadInput(f"{what} has a character that no file can keep")


def _checked_options(options: object) -> tuple[str, ...]:
    if not isinstance(options, (list, tuple)):
        raise BadInput(f"options are a list of answers, not {_named(options)}", hint='options=["yes", "no"]')
    for each in options:
        if not isinstance(each, str) and not is_number(each):
            raise BadInput(f"an option is a text or a number, not {_named(each)}")
        _checked_text("an option", str(each), 200)
    choices = tuple(map(str, options))
    if len(choices) == 1 or len(set(choices)) < len(choices):
        raise BadInput("options are at least two, and each another")
    return choices


def _named(value: object) -> str:
    """The type of a wrong argument, for one line."""
    return "None" if value is None else type(value).__name__


def _has_kernel() -> bool:
    """Widgets need a notebook's kernel, not just IPython."""
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def buttons(prediction: Prediction, kept: Callable[[], object] = lambda: None) -> Any:
    """The live part: radio buttons, or a text field. What is chosen is kept at once, said below, and `kept` called."""
    import ipywidgets as widgets

    said, field = widgets.HTML(), _field(prediction)

    def say(words: str) -> None:
        said.value = Page(words).html() if words else ""

    def keep(change: Any) -> None:
        if change["new"]:
            try:
                say(commit(prediction.key, change["new"], prediction.options))
            except BadInput as why:
                say(str(why))
            kept()

    say("" if prediction.guess is None else f"You said: {prediction.guess}")
    field.observe(keep, "value")
    panel = widgets.VBox([field, said])
    panel.add_class("pct-live")
    return panel


def _field(prediction: Prediction) -> Any:
    """The widget for the answer. A label of radio buttons is plain text: it goes without the marks of code."""
    import ipywidgets as widgets

    if prediction.options:
        options = [(CODE.sub(r"\1", option), option) for option in prediction.options]
        guess = prediction.guess if prediction.guess in prediction.options else None
        return widgets.RadioButtons(options=options, value=guess, layout={"width": "max-content"})
    words, wide = "your answer, then Enter", {"width": "90%"}
    return widgets.Text(prediction.guess or "", placeholder=words, continuous_update=False, layout=wide)
