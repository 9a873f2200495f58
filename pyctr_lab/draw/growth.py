"""What a guest was promised, and how much of it is there, while the guest writes into its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..kernel.checks import WORD, check_count, check_each
from .chart import chart
from .picture import Picture
from .theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIB = 1 << 20


@dataclass(frozen=True)
class MemoryReading:
    """A moment: how many bytes the guest's files in memory have, and how many of the guest's own memory are there.

    `taken` is of the range of addresses that was promised to the guest, not of QEMU's whole process, which has memory
    of its own besides.
    """

    written: int
    taken: int

    def __post_init__(self) -> None:
        check_count(self.written, "bytes written", least=0, most=WORD)
        check_count(self.taken, "bytes taken", most=WORD)


def growth(samples: Sequence[MemoryReading], *, promised: int) -> Picture:
    """The samples in their order. Where the guest's files become smaller, it has deleted some.

    Raises BadInput where more is taken than was promised: then it is not the guest's memory alone.
    """
    samples = check_each(samples, MemoryReading, "the samples", least=1, hint="draw.MemoryReading(written, taken)")
    check_count(promised, "promised bytes", most=WORD)
    most = max(each.taken for each in samples)
    if most > promised:
        raise BadInput(
            f"{most / MIB:.0f} MiB taken of {promised / MIB:.0f} promised: that is more than the guest's own memory",
            hint="read the range that QEMU keeps for its guest in /proc/PID/smaps, not the whole process",
        )
    taken, written = [each.taken / MIB for each in samples], [each.written / MIB for each in samples]
    places = list(range(len(samples)))

    def curve(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(places, taken)
        last = (places[-1], taken[-1])
        axes.annotate(f"taken {taken[-1]:.0f}", last, textcoords="offset points", xytext=(10, 0), va="center")
        axes.set_xlim(right=places[-1] + 0.12 * max(1, places[-1]))
        axes.axhline(promised / MIB, color=LIGHT["ink"], linestyle=(0, (6, 3)), linewidth=1.2)
        axes.text(0, promised / MIB, f"promised {promised / MIB:.0f}", va="bottom", color=LIGHT["dim"])
        axes.set(xlabel="MiB in the guest's files, in the order of the experiment", ylabel="MiB of the guest's memory")
        axes.set(ylim=(0, 1.12 * promised / MIB))
        axes.set_xticks(places, [f"{each:.0f}" for each in written])

    return chart(
        curve,
        title=title(samples, promised=promised),
        subtitle="what is there of the range that QEMU keeps for its guest, from /proc/PID/smaps of QEMU",
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
        f"{each.written / MIB:.0f} MiB in the guest's files: {each.taken / MIB:.0f} MiB of its memory are there"
        for each in samples
    )
    return f"Promised {promised / MIB:.0f} MiB. {'; '.join(figures)}."
