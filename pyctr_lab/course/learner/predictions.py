"""Predictions: the learner commits to an answer, and the kernel's is laid beside it. Kept, never graded.

    predict("3.uts-copy", "Does its host name change at once?", options=["yes", "no"])
    compare("3.uts-copy", "no")

A guess is made with the buttons below the question (arrow keys and space do), or, where there are no widgets, by
giving it: `guess="yes"`. Without a guess both calls work too, and say that none was made. The guess that stood when
the kernel answered is the one that is kept: second thoughts do not replace it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from ...errors import BadInput
from .page import CODE, Page
from .places import state_dir
from .store import Data, Store

STORE = Store(lambda: state_dir() / "predictions.json")

#: As people write it: 0.5 and 0,5, 1,500 and 1500, 1.5e3, -3.
NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+(\.\d+)?|\d+([.,]\d+)?)([eE][+-]?\d{1,3})?", re.ASCII)
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+", re.ASCII)

#: While the buttons live, the page above them does not say the same once more.
LIVE = "<style>.jp-OutputArea:has(.pct-live) .pct:not(.pct-live .pct) :is(ul,p){display:none}</style>"


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
        if self.guess is None:
            return page.line("You have not said yet.")
        return page if self.options else page.line(f"You said: {self.guess}")

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show: Any = display
        show({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)
        if find_spec("ipywidgets") and _has_kernel():
            live = buttons(self)._repr_mimebundle_()
            show({**live, "text/plain": "(run this cell to answer)"}, raw=True)


def predict(key: str, question: str, *, options: Sequence[str] = (), guess: str | float | None = None) -> Prediction:
    """Ask for a prediction. `options` are what there is to choose from; none of them means free text or a number.

    `guess` is the learner's answer, given in the call. Raises BadInput for a guess that is not among the options.
    """
    choices = tuple(map(str, options))
    if guess is not None:
        commit(key, str(guess), choices)
    return Prediction(key, question, choices)


def commit(key: str, guess: str, options: Sequence[str] = ()) -> str:
    """Keep a guess, and return a line that says so. After the comparison the first one stays."""
    guess = guess.strip()
    if options and guess not in options:
        raise BadInput(f"{guess[:40]!r} is not among the answers", hint=f"they are: {', '.join(options)}")
    if not guess or len(guess) > 2000:
        raise BadInput("a prediction is a text of 1 to 2,000 characters")
    stands = recall(key)
    if stands is not None and _all(STORE.read())[key].get("compared"):
        return f"You have seen the answer; what you said first is kept: {stands}"
    STORE.change(lambda data: _all(data).setdefault(key, {}).update(guess=guess))
    return f"Kept: {guess}"


def recall(key: str) -> str | None:
    """What the learner said, or None."""
    kept = _all(STORE.read()).get(key, {}).get("guess")
    return None if kept is None else str(kept)


def recall_number(key: str) -> float:
    """The number in what the learner said ("about 50 ms" is 50), for a picture; 0 where there is none."""
    found = NUMBER.search(recall(key) or "")
    return max(0.0, value_of(found[0])) if found else 0.0


def compare(key: str, actual: object, *, note: str = "", busy: str = "") -> Page:
    """Lay the kernel's answer beside the prediction. Neither right nor wrong is said: both can be read.

    `busy` is the reason why these samples cannot tell (`spread 3 to 90 ms`): then no answer is shown or recorded.
    """
    guess, answer = recall(key), str(actual)
    if busy:
        rows = [("you said", guess or "nothing yet"), ("measured", busy)]
        return Page("This machine is too busy to tell: run the measuring cell again", kind="idle").rows(rows)
    if guess is not None:
        STORE.change(lambda data: _all(data)[key].update(compared=True, actual=answer))
    rows = [("you said", guess if guess is not None else "nothing yet: the next prediction is yours"),
            ("the kernel", answer)]  # fmt: skip
    return Page(_finding(guess, answer), kind="wall" if guess == answer else "idle").rows(rows).line(note)


def forget(key: str) -> None:
    """Take a prediction back, so that it can be made anew."""
    STORE.change(lambda data: _all(data).pop(key, None) and None)


def _finding(guess: str | None, answer: str) -> str:
    if guess is None:
        return "The kernel's answer"
    if guess == answer:
        return "As you said"
    said, measured = _number(guess), _number(answer)
    if said and said == measured:
        return "As you said"
    if said and measured:
        ratio = max(said, measured) / min(said, measured)
        return f"You said {'more' if said > measured else 'less'}, by a factor of {ratio:.1f}"
    return "Other than you said"


def _number(text: str) -> float | None:
    number = value_of(text.strip()) if NUMBER.fullmatch(text.strip()) else 0.0
    return number if 0 < number < float("inf") else None


def value_of(text: str) -> float:
    """The value of a text that NUMBER matches. A comma before three digits marks thousands, any other a fraction."""
    whole = THOUSANDS.match(text)
    return float(text.replace(",", "") if whole and not whole[0].startswith(("0", "-0")) else text.replace(",", "."))


def _all(data: Data) -> dict[str, Any]:
    found: dict[str, Any] = data.setdefault("predictions", {})
    return found


def _has_kernel() -> bool:
    """Widgets need a notebook's kernel, not just IPython."""
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def buttons(prediction: Prediction) -> Any:
    """The live part: radio buttons, or a text field. What is chosen is kept at once, and said below."""
    import ipywidgets as widgets

    said, field = widgets.HTML(), _field(prediction)

    def say(words: str) -> None:
        said.value = LIVE + (Page(words).html() if words else "")

    def keep(change: Any) -> None:
        if change["new"]:
            say(commit(prediction.key, change["new"], prediction.options))

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
