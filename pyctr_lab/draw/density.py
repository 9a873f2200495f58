"""How many fit: the memory that machines take together, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..kernel.checks import check_each, check_kind
from ..measure.density import Filled, each, room
from .chart import chart
from .picture import Picture
from .wording import counted_noun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIB = 1 << 20
ENOUGH = 4  # points that make a line: with fewer, any two points do


def density(rows: Sequence[Filled], *, emulated: bool) -> Picture:
    """The memory of all of them against their number. `emulated` says that no processor helped, in the title."""
    rows = check_each(rows, Filled, "a density's rows", least=1, hint="measure.density.fill(...) gives them")
    check_kind(emulated, bool, "emulated")
    counts, taken = [row.count for row in rows], [row.memory / MIB for row in rows]

    def curve(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(counts, taken)
        for row, size in zip(rows[1:], taken[1:], strict=True):
            axes.annotate(f"{size:.0f}", (row.count, size), textcoords="offset points", xytext=(-8, 8), ha="right")
        axes.set(xlabel=f"{rows[0].kind}s running at once", ylabel="MiB taken by all of them", ylim=(0, None))
        axes.set_xticks(counts)

    return chart(
        curve,
        title=title(rows, emulated=emulated),
        subtitle="their processes' memory as the host sees it (Pss: what two share is halved); all are idle",
        twin=alt_text(rows),
    )


def title(rows: Sequence[Filled], *, emulated: bool) -> str:
    """The finding, with what one takes and a projection that says that it is one."""
    last = rows[-1]
    count = counted_noun(last.count, f"{'emulated ' * emulated}{last.kind}")
    if last.count < ENOUGH:
        return f"{count}: {each(rows) / MIB:.0f} MiB each; by so few, a guess: {room(rows)} might fit"
    return f"{count}: {each(rows) / MIB:.0f} MiB each, so memory for about {room(rows)}"


def alt_text(rows: Sequence[Filled]) -> str:
    """The memory at each number, and the projection."""
    figures = "; ".join(
        f"{counted_noun(row.count, row.kind)}: {row.memory / MIB:.0f} MiB, after {row.seconds:.1f} s"
        for row in rows[1:]
    )
    few = "Too few for a line. " * (rows[-1].count < ENOUGH)
    return f"{figures}. {few}By that measure the memory left would hold about {room(rows)} {rows[0].kind}s."
