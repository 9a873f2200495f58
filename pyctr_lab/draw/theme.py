"""The visual language of the course: palette, type sizes, the pictures' style sheet, matplotlib's settings.

Two hues and grey. Blue is a wall that holds, orange is the news, grey is everything else; nothing is said by colour
alone. Every picture takes its colours and sizes from here, so that a change here changes them all.
"""

from __future__ import annotations

from typing import Any

LIGHT = {
    "ink": "#1b1f24", "dim": "#57606a", "wall": "#0b5cad", "new": "#a33d08", "idle": "#76818d", "rule": "#d5dbe2",
    "paper": "#ffffff", "host": "#eef2f6", "box": "#fff6e5", "wallt": "#d3e4f6", "newt": "#fde2d1",
}  # fmt: skip
"""Colours of the light theme, by variable."""

DARK = {
    "ink": "#e8ecf1", "dim": "#a5afba", "wall": "#6cb2ff", "new": "#ffab70", "idle": "#7c8896", "rule": "#313a45",
    "paper": "#14181d", "host": "#1f262e", "box": "#2d2617", "wallt": "#1b3a5a", "newt": "#55301a",
}  # fmt: skip
"""Colours of the dark theme, by variable."""

TITLE_LIMIT = 80
"""A title states the finding in at most this many characters."""

TITLE, TEXT, VALUE, NOTE, TAG = 19, 14, 13, 12, 11
"""Type sizes in px: title; text and row names; values; notes and axes; tags (nothing is smaller)."""


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


def _style() -> str:
    """Light by default, dark when the system asks for it, and either when JupyterLab or `data-theme` says so."""
    light, dark = _variables(LIGHT), _variables(DARK)

    def theme(name: str, jupyter: str) -> str:
        return f'.pc:is([data-jp-theme-light="{jupyter}"] *),.pc:is([data-theme="{name}"] *),.pc[data-theme="{name}"]'

    return (
        f".pc{{{light};font:{TEXT}px system-ui,sans-serif}}"
        f"@media (prefers-color-scheme:dark){{.pc{{{dark}}}}}"
        f"{theme('light', 'true')}{{{light}}}{theme('dark', 'false')}{{{dark}}}"
        ".pc text{fill:var(--ink)}.pc .d{fill:var(--dim)}.pc .w{fill:var(--wall)}.pc .n{fill:var(--new)}"
        ".pc .p{fill:var(--paper)}.pc .h{font-weight:600}"
        ".pc .m{font-family:ui-monospace,monospace;white-space:pre}.pc .e{text-anchor:end}.pc .c{text-anchor:middle}"
    )


STYLE = _style()
"""The style sheet of every picture. Each selector begins with `.pc`: a bare one would restyle JupyterLab itself."""


def rcparams(theme: str = "light") -> dict[str, Any]:
    """matplotlib's settings for one theme, "light" or "dark": `with plt.rc_context(theme.rcparams("dark")): ...`."""
    from cycler import cycler  # comes with matplotlib; only charts need it

    colour = {"light": LIGHT, "dark": DARK}[theme]
    series = cycler(
        color=[colour[name] for name in ("wall", "new", "idle", "ink")],
        marker=["o", "D", "s", "^"],
        linestyle=["-", "--", "-", ":"],
    )
    dim = dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), colour["dim"])
    small = dict.fromkeys(("axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8.6)
    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), colour["paper"])
    ink = dict.fromkeys(("text.color", "axes.titlecolor"), colour["ink"])
    idle = dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), colour["idle"])
    return dim | small | paper | ink | idle | {"axes.prop_cycle": series, "hatch.color": colour["new"],
        "grid.color": colour["rule"], "figure.figsize": (9.8, 4.2), "figure.dpi": 100, "savefig.dpi": 200,
        "font.size": 9, "axes.titlesize": 13.7, "axes.titleweight": "bold", "axes.titlelocation": "left",
        "axes.titlepad": 26, "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
        "axes.linewidth": 0.7, "axes.grid": True, "axes.grid.axis": "y", "grid.linewidth": 0.7, "axes.axisbelow": True,
        "lines.linewidth": 1.4, "lines.markersize": 6, "hatch.linewidth": 1, "errorbar.capsize": 3.5,
        "legend.frameon": False, "figure.constrained_layout.use": True, "figure.constrained_layout.w_pad": 0.24,
        "figure.constrained_layout.h_pad": 0.16, "svg.fonttype": "none", "svg.hashsalt": "pyctr_lab"}  # fmt: skip
