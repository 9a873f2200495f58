"""What the live panels (builder, meter, dashboard) share: boxes with style classes, style sheets, stills."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .picture import Picture

# A still stands below a panel for the time when its kernel has gone: while the panel lives it is hidden.
_RULES = """
.pc.PANEL{container-type:inline-size;max-width:1020px;color:var(--ink);background:var(--paper);
 font:14px/1.4 var(--jp-ui-font-family,system-ui),system-ui,sans-serif;padding:16px;
 box-sizing:border-box;overflow:hidden}
.PANEL .widget-html,.PANEL .widget-html-content{line-height:1.4;height:auto;margin:0;color:var(--ink);font-size:14px}
.PANEL .jupyter-button:disabled{opacity:1;color:var(--dim);border-style:dashed}
.PANEL .jupyter-button:focus:not(:focus-visible){outline:none}
.pc.PANEL.jupyter-widgets-disconnected{display:none}
.jp-OutputArea:has(.pc.PANEL:not(.jupyter-widgets-disconnected)) .pc-still{display:none}
"""


def box_of(kind: Any, children: Sequence[Any], *classes: str) -> Any:
    """An ipywidgets box of this `kind` with style classes."""
    made = kind(list(children))
    for name in classes:
        made.add_class(name)
    return made


def style_sheet(panel: str, rules: str) -> str:
    """The rules of a panel's class, after the rules for all panels.

    The class is doubled: these rules must win over those of the widgets' own style sheet.
    """
    all_rules = _RULES.replace("PANEL", panel) + rules
    return re.sub(rf"(?<!\.pc)\.{panel} ", f".pc.{panel} ", all_rules).replace("\n ", "")


def still_html(still: Picture | None, note: str) -> str:
    """The picture that is left in the notebook when the kernel has gone; while the panel lives it is hidden."""
    return f'<div class="pc-still">{still.html() if still else ""}<p>{note}</p></div>'
