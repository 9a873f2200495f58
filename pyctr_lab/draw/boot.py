"""A machine's boot and a container's start as two waterfalls from the same zero, the second one magnified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..kernel.checks import check_each, check_kind, check_seconds
from ..measure.timeline import Phase
from ..runtime.step_result import StepResult
from .picture import Picture
from .story import median_steps
from .svg import label, line, rect, svg, text_width
from .theme import NOTE, TEXT, TITLE, VALUE

WIDTH, LEFT, RIGHT = 980, 172, 922
ROW, TOP = 24, 108
MAGNIFIER = 84  # height of what lies between the two panels


@dataclass(frozen=True)
class Part:
    """A part of a container's start, in seconds; `wall` where it puts up what keeps the container apart."""

    name: str
    seconds: float
    wall: bool = False


def boot(phases: Sequence[Phase], parts: Sequence[Part], *, emulated: bool, note: str = "") -> Picture:
    """`phases` of a machine's boot, in order from 0; `parts` of a container's start, one after another.

    `note` stands below both. Raises BadInput where one of them is empty.
    """
    hint = "measure.phases(vm.boot_log, vm.boot_seconds) gives a boot's"
    phases = check_each(phases, Phase, "a boot's phases", least=1, hint=hint)
    parts = check_each(parts, Part, "a start's parts", least=1, hint=hint)
    check_kind(emulated, bool, "emulated"), check_kind(note, str, "a note")
    share = _total(parts) / phases[-1].end
    middle = TOP + ROW * len(phases) + 32
    lower = middle + MAGNIFIER
    height = lower + (ROW + 6) * len(parts) + (76 if note else 56)
    heading, words = title(phases, parts, emulated=emulated), alt_text(phases, parts, emulated=emulated, note=note)
    head = [
        label(24, 34, heading, size=TITLE, style="h", width=WIDTH - 48),
        label(24, 58, "from the first call to the first answer; both scales begin at 0, the lower one is magnified",
              style="d"),
    ]  # fmt: skip
    body = [*_machine(phases, emulated), *_magnifier(middle, lower, share), *_container(parts, lower)]
    body += [label(24, height - 12, note, size=NOTE, style="d", width=WIDTH - 48)] if note else []
    return Picture(svg(WIDTH, height, [*head, *body], title=heading, alt_text=words), words, heading)


STAGES = {
    "NewNamespace": "namespaces", "JoinNamespace": "namespaces", "ClockOffset": "namespaces", "IdMaps": "namespaces",
    "SetHostname": "namespaces", "LoopbackUp": "namespaces", "ResourceLimit": "limits", "ControlGroup": "limits",
    "Veth": "a network", "Address": "a network", "LinkUp": "a network", "Route": "a network",
    "DropCapabilities": "privileges given up", "NoNewPrivileges": "privileges given up",
    "SetIds": "privileges given up", "BoundingSet": "privileges given up", "SetCapabilities": "privileges given up",
    "RaiseAmbient": "privileges given up", "KeepCapabilities": "privileges given up",
    "SecureBits": "privileges given up", "Seccomp": "privileges given up", "Landlock": "privileges given up",
}  # fmt: skip
"""Which stage of a start a step belongs to; all others are about files."""


def waterfall(
    history: Sequence[StepResult] | Sequence[Sequence[StepResult]],
    seconds: float,
    phases: Sequence[Phase],
    *,
    emulated: bool,
) -> Picture:
    """A container's start, from the results of its steps, below a machine's boot.

    `history` may be several histories of the same steps, as in `story`: then each step counts with its median.
    `seconds` is a whole start, to the end of its program: what the steps do not explain is what any program pays. The
    network namespace stands alone: it is the slowest wall.
    """
    check_seconds(seconds, "the time of a start")
    spent: dict[str, float] = {}
    for result in median_steps(history):
        kind = type(result.step).__name__
        network = kind == "NewNamespace" and getattr(result.step, "kind", "") == "net"
        stage = "the network namespace" if network else STAGES.get(kind, "files: mounts and pivot_root")
        spent[stage] = spent.get(stage, 0.0) + result.seconds
    rest, note = seconds - sum(spent.values()), ""
    parts = [Part(name, took, wall=True) for name, took in spent.items()]
    if rest > 0:
        parts.append(Part("the rest: fork, exec, exit, telling us", rest))
    else:
        note = f"made one by one, the steps alone take longer than a whole start does: {seconds_words(seconds)}"
    return boot(phases, parts, emulated=emulated, note=note)


def title(phases: Sequence[Phase], parts: Sequence[Part], *, emulated: bool) -> str:
    """The finding: both times and their ratio."""
    machine, container = phases[-1].end, _total(parts)
    kind = "An emulated machine" if emulated else "A machine"
    fast, ratio = ("faster", machine / container) if machine >= container else ("slower", container / machine)
    times = f"{ratio:,.0f} times {fast}" if ratio >= 2 else f"{ratio:.1f} times {fast}"
    return f"{kind} starts in {seconds_words(machine)}, a container in {seconds_words(container)}: {times}"


def seconds_words(seconds: float) -> str:
    """Seconds from one second on, milliseconds below, with as many decimals as say something."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.{0 if seconds >= 0.1 else 1 if seconds >= 0.001 else 2}f} ms"


def alt_text(phases: Sequence[Phase], parts: Sequence[Part], *, emulated: bool, note: str = "") -> str:
    """All figures in reading order."""
    heading = title(phases, parts, emulated=emulated)
    above = "; ".join(f"{phase.name} {seconds_words(phase.seconds)}" for phase in phases)
    below = "; ".join(f"{part.name} {seconds_words(part.seconds)}" for part in parts)
    return f"Two waterfalls. {heading}. Machine: {above}. Container: {below}.{f' {note}.' if note else ''}"


def _machine(phases: Sequence[Phase], emulated: bool) -> Iterator[str]:
    total = phases[-1].end
    scale = (RIGHT - LEFT) / total
    bottom = TOP + ROW * len(phases)
    yield label(24, TOP + 16, "Virtual machine", style="h")
    yield label(24, TOP + 34, "emulated in software" if emulated else "under KVM", size=NOTE, style="d")
    yield label(24, TOP + 50, "by its kernel's log", size=NOTE, style="d")
    yield from _axis(total, LEFT, TOP - 8, bottom, TOP - 14)
    longest = max(phases, key=lambda phase: phase.seconds)
    for n, phase in enumerate(phases):
        x, width = LEFT + phase.begin * scale, max(1.0, phase.seconds * scale)
        news = phase is longest
        yield rect(x, TOP + ROW * n + 5, width, 14, fill="new" if news else "dim", radius=2)
        yield _beside(x, width, TOP + ROW * n + 17, phase.name, seconds_words(phase.seconds), "n" if news else "")
    yield line(LEFT, bottom + 8, RIGHT, bottom + 8, stroke="ink", line=1.5)
    yield label(RIGHT, bottom + 24, seconds_words(total), size=VALUE, style="h e")


def _beside(x: float, width: float, base: float, name: str, value: str, style: str) -> str:
    """A bar's words: behind it where there is room, else before it."""
    words = f"{name}  {value}"
    if x + width + 8 + text_width(words, NOTE) <= WIDTH - 24:
        return label(x + width + 8, base, words, size=NOTE, style=style)
    return label(x - 8, base, words, size=NOTE, style=f"{style} e".strip())


def _axis(total: float, left: float, top: float, bottom: float, base: float) -> Iterator[str]:
    """A light line at each round time."""
    step = round_step(total)
    for n in range(int(total / step) + 1):
        x = left + n * step / total * (RIGHT - LEFT)
        yield line(x, top, x, bottom, stroke="rule")
        yield label(x, base, "0" if not n else seconds_words(n * step), size=NOTE, style="d c")


def round_step(total: float) -> float:
    """A round tenth to third of a time: 1, 2 or 5 times a power of ten."""
    power = 10.0**-9
    while power * 50 < total:
        power *= 10
    return next(step for step in (power * factor for factor in (1, 2, 5, 10)) if total / step <= 6)


def _magnifier(top: float, bottom: float, share: float) -> Iterator[str]:
    if share >= 1:  # nothing is smaller than what it is magnified from
        yield label(LEFT + 14, bottom - 26, f"drawn {share:,.1f} times smaller", size=NOTE, style="w h")
        return
    sliver = max(1.0, share * (RIGHT - LEFT))
    # A fan from the sliver on the machine's scale to the whole width of the panel below.
    shape = f"M{LEFT} {top + 16}L{LEFT} {bottom}H{RIGHT}L{LEFT + sliver:.2f} {top + 16}Z"
    yield rect(LEFT, top + 6, sliver, 10, fill="wall", radius=0)
    yield f'<path d="{shape}" fill="var(--wallt)" opacity=".5"/>'
    words = f"the container on this scale: {share * (RIGHT - LEFT):.1f} px wide" + ", drawn as 1" * (sliver == 1)
    yield label(LEFT + sliver + 8, top + 6, words, size=NOTE, style="w")
    yield label(LEFT + 14, bottom - 26, f"magnified {1 / share:,.0f} times", size=NOTE, style="w h")


def _container(parts: Sequence[Part], top: float) -> Iterator[str]:
    total = _total(parts)
    scale, row = (RIGHT - LEFT) / total, ROW + 6
    bottom, begin = top + 8 + row * len(parts), 0.0
    yield label(24, top + 24, "Container", style="h", size=TEXT)
    yield label(24, top + 42, "the same kernel", size=NOTE, style="d")
    yield from _axis(total, LEFT, top, bottom, bottom + 16)
    for n, part in enumerate(parts):
        x, width = LEFT + begin * scale, max(1.0, part.seconds * scale)
        yield rect(x, top + 8 + row * n, width, 20, fill="wall" if part.wall else "dim", radius=2)
        words, style = seconds_words(part.seconds), "w" if part.wall else ""
        yield _beside(x, width, top + 8 + row * n + 15, part.name, words, style)
        begin += part.seconds
    words = f"{seconds_words(total)}, of which walls {seconds_words(_walls(parts))}"
    yield label(RIGHT, bottom + 34, words, size=VALUE, style="h e")


def _total(parts: Sequence[Part]) -> float:
    return sum(part.seconds for part in parts)


def _walls(parts: Sequence[Part]) -> float:
    return sum(part.seconds for part in parts if part.wall)
