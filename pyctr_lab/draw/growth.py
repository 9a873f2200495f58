"""What a machine was promised, and what its process takes, while the guest writes into its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..kernel.checks import WORD, check_count, check_each
from .chart import chart
from .picture import Picture
from .theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIB = 1 << 20


@dataclass(frozen=True)
class MemoryReading:
    """A moment: how many bytes the guest's files in memory have, and how many QEMU's process takes."""

    written: int
    taken: int

    def __post_init__(self) -> None:
        check_count(self.written, "bytes written", least=0, most=WORD)
        check_count(self.taken, "bytes taken", most=WORD)


def growth(samples: Sequence[MemoryReading], *, promised: int) -> Picture:
    """The samples in their order. Where the guest's files become smaller, it has deleted some."""
    samples = check_each(samples, MemoryReading, "the samples", least=1, hint="draw.MemoryReading(written, taken)")
    check_count(promised, "promised bytes", most=WORD)
    taken, written = [each.taken / MIB for each in samples], [each.written / MIB for each in samples]
    places = list(range(len(samples)))

    def curve(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(places, taken)
        last = (places[-1], taken[-1])
        axes.annotate(f"taken {taken[-1]:.0f}", last, textcoords="offset points", xytext=(0, -18), ha="center")
        axes.axhline(promised / MIB, color=LIGHT["ink"], linestyle=(0, (6, 3)), linewidth=1.2)
        axes.text(0, promised / MIB, f"promised {promised / MIB:.0f}", va="bottom", color=LIGHT["dim"])
        axes.set(xlabel="MiB in the guest's files, in the order of the experiment", ylabel="MiB that the process takes")
        axes.set(ylim=(0, 1.12 * max(promised / MIB, *taken)))
        axes.set_xticks(places, [f"{each:.0f}" for each in written])

    return chart(
        curve,
        title=title(samples, promised=promised),
        subtitle="QEMU's whole process as the host sees it, its own memory too (Pss of /proc/PID/smaps_rollup)",
        twin=alt_text(samples, promised=promised),
    )


def title(samples: Sequence[MemoryReading], *, promised: int) -> str:
    """The finding: how far it grew, and how much came back."""
    highest = max(samples, key=lambda each: each.written)
    grew, back = highest.taken - samples[0].taken, highest.taken - samples[-1].taken
    first = f"{highest.written / MIB:.0f} MiB written, {grew / MIB:.0f} MiB more taken"
    if samples[-1].written == highest.written:
        return f"{first}; promised were {promised / MIB:.0f} MiB"
    return f"{first}; of what was deleted, {max(0.0, back / MIB):.0f} MiB came back"


def alt_text(samples: Sequence[MemoryReading], *, promised: int) -> str:
    """The promise, and each sample in its order."""
    figures = (
        f"{each.written / MIB:.0f} MiB in the guest's files: the process takes {each.taken / MIB:.0f} MiB"
        for each in samples
    )
    return f"Promised {promised / MIB:.0f} MiB. {'; '.join(figures)}."
