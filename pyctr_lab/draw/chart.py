"""A matplotlib chart in the course's visual language: it follows the theme, and says in words what it shows.

matplotlib cannot use CSS variables. So a chart is drawn once, as SVG, in the colours of the light theme, and each of
those is replaced by its variable. What stands in the notebook is a `Picture` like all the others.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..kernel.checks import check_count, check_kind
from .picture import Picture
from .svg import label, svg
from .theme import LIGHT, TITLE, rcparams

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 980, 420
DPI = 100
HEAD, BARE_HEAD = 76, 44
"""Height in px of the title with its subtitle, and of the title alone."""

# What matplotlib asks of every element, here for the chart's own only: a bare `*` would restyle the whole page.
STYLE = ".pc .chart *{stroke-linejoin:round;stroke-linecap:butt}"
_VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}


def chart(
    plot: Figure | Callable[[Figure], object], *, title: str, twin: str, subtitle: str = "", height: int = HEIGHT
) -> Picture:
    """A chart as a picture, `WIDTH` px wide. `plot` is a function that draws into the figure that it is given:

        def curves(figure):
            axes = figure.subplots()                # or subplots(1, 2, sharey=True), and so on
            axes.plot(seconds, kept, marker="")     # colours, markers and dashes come from the visual language
            axes.text(seconds[-1], kept[-1], " kept")          # a direct label instead of a legend
            axes.axhline(limit, color=theme.LIGHT["new"])       # any colour of the palette follows the theme
            axes.set(xlabel="seconds", ylabel="MiB")

        draw.chart(
            curves,
            title=f"The guest took {kept[-1]:.0f} MiB of {limit} promised",      # the finding, made from the data
            subtitle="resident memory of the process, from /proc/PID/status",    # what, how measured, which scale
            twin=f"0 s: {kept[0]:.0f} MiB; {seconds[-1]:.0f} s: {kept[-1]:.0f} MiB; limit {limit} MiB.",
        )

    `twin` becomes the alternative text: the figures in reading order; kind and finding are put before it. A finished
    `Figure` may be given instead, when it was made under `matplotlib.rc_context(theme.rcparams())`: its size stays,
    pyplot forgets it.
    """
    import matplotlib as mpl

    if not callable(plot):
        from matplotlib.figure import Figure

        check_kind(plot, Figure, "what a chart shows", hint="or a function that draws into the figure it is given")
    for words, what in ((title, "a title"), (twin, "a twin"), (subtitle, "a subtitle")):
        check_kind(words, str, what)
    check_count(height, "a chart's height", least=100, most=4000)
    top = HEAD if subtitle else BARE_HEAD
    settings: Any = rcparams()
    with mpl.rc_context(settings):
        figure = _drawn(plot, height - top) if callable(plot) else plot
        width, below = (DPI * side for side in figure.get_size_inches())
        body = _body(figure, top, width, below)
    _forget(figure)
    words = f"Chart: {title.rstrip('.')}. {twin}"
    head = [label(24, 34, title, size=TITLE, style="h", width=width - 48)]
    head += [label(24, 58, subtitle, style="d", width=width - 48)] if subtitle else []
    return Picture(svg(width, top + below, [*head, body], title=title, alt_text=words, style=STYLE), words, title)


def _drawn(plot: Callable[[Figure], object], height: float) -> Figure:
    """A figure of its own, unknown to pyplot: nothing shows it a second time, and nothing has to close it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / DPI, height / DPI))
    plot(figure)
    return figure


def _body(figure: Figure, top: float, width: float, height: float) -> str:
    """The figure as an SVG element below the title, its colours as variables; the same bytes for the same data."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    start, inner = re.findall(r"<svg ([^>]*)>(.*)</svg>", written.getvalue(), re.DOTALL)[0]
    inner = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", inner, flags=re.DOTALL)
    inner = re.sub(r"<[^>]*>", lambda tag: themed_tag(tag[0]), inner)
    (box,) = re.findall(r'viewBox="[^"]*"', start)
    return f'<svg class="chart" y="{top}" width="{width:g}" height="{height:g}" {box}>{inner}</svg>'


def themed_tag(tag: str) -> str:
    """A tag with each colour of the light theme as its variable, and the fonts that the other pictures have."""
    tag = re.sub(r"#[0-9a-f]{6}\b", lambda colour: _VARIABLES.get(colour[0], colour[0]), tag)
    return re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", tag).replace("xlink:href=", "href=")


def _forget(figure: Figure) -> None:
    """pyplot shows what it still knows at the end of a cell; the picture stands there already."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        pyplot.close(figure)
