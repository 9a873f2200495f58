"""What the live panels (builder, meter, dashboard) share: boxes with style classes, style sheets, stills."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .picture import Picture


def box_of(kind: Any, children: Sequence[Any], *classes: str) -> Any:
    """An ipywidgets box of this `kind` with style classes."""
    made = kind(list(children))
    for name in classes:
        made.add_class(name)
    return made


def style_sheet(panel: str, rules: str) -> str:
    """The rules of a panel's class with that class doubled: they must win over the widgets' own style sheet."""
    return re.sub(rf"(?<!\.pc)\.{panel} ", f".pc.{panel} ", rules).replace("\n ", "")


def still_html(still: Picture | None, note: str) -> str:
    """The picture that is left in the notebook when the kernel has gone; while the panel lives it is hidden."""
    return f'<div class="pc-still">{still.html() if still else ""}<p>{note}</p></div>'
