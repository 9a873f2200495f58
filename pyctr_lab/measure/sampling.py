"""Sample what cgroups use while something runs: samples as data, for meters and tables."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..cgroups import Cgroup, Events, Usage
from ..errors import BadInput, Gone, LabError
from ..kernel.checks import check_seconds
from ..steps import Limits

EVERY = 0.2  # seconds between two samples: two periods of cpu.max, so that each sample sees as many shares of time
KEPT = 600  # samples a group; then the older half is thinned
RESOURCES = ("cpu", "memory", "io")


@dataclass(frozen=True)
class UsageSample:
    """What a group used in the `seconds` before `t`, which counts from the first look. None: the kernel does not tell.

    `cpu` is cores: 0.5 is half a core busy all the time. `throttled` is cores too: what it had work for, but was not
    given by cpu.max. `memory` is bytes, `pids` counts processes and threads. `pressure` is, by resource, the share of
    the time (0 to 1) in which a task of the group waited for it. `events` happened in these seconds; `limits` held at
    their end.
    """

    t: float
    seconds: float
    cpu: float
    throttled: float = 0.0
    memory: int | None = None
    pids: int | None = None
    pressure: Mapping[str, float] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    limits: Limits = field(default_factory=Limits)


class Sampler:
    """Sample cgroups every `every` seconds, in a thread that only reads files, until `seconds` are over.

        with Sampler({"web": group}, seconds=10) as sampler:
            box.run(["stress"])
        sampler.samples["web"][-1].cpu

    It ends earlier by `stop()`, at the end of the `with` block, or when all groups are gone; `why` says which ("the
    time is up", "stopped", "the group is gone"). At most `KEPT` samples a group are kept: of more, the older half is
    thinned, so that a long run has its beginning too. `heard` is called in the thread after every look, and at the end.
    """

    def __init__(
        self,
        groups: Mapping[str, Cgroup],
        *,
        seconds: float = 60.0,
        every: float = EVERY,
        heard: Callable[[], object] | None = None,
    ) -> None:
        if not groups:
            raise BadInput("there is no group to look at", hint='give one: lab.cgroup("web")')
        self.seconds, self.every = check_seconds(seconds, "seconds", most=3600), check_seconds(every, "every", most=60)
        self.groups = dict(groups)
        self.why = ""
        self._kept: dict[str, list[UsageSample]] = {name: [] for name in groups}
        self._heard = heard
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def samples(self) -> dict[str, tuple[UsageSample, ...]]:
        """Those so far, by the group's name."""
        with self._lock:
            return {name: tuple(kept) for name, kept in self._kept.items()}

    @property
    def running(self) -> bool:
        """Whether the thread still reads."""
        return self._thread is not None and self._thread.is_alive() and not self.why

    def start(self) -> None:
        """Start reading; once only. Raises Gone for a group that was removed."""
        if self._thread is not None:
            raise BadInput("this sampler has been started already", hint="make another one")
        began = time.monotonic()
        seen = {name: (began, first_usage(group)) for name, group in self.groups.items()}
        self._thread = threading.Thread(target=self._look, args=(began, seen), name="sampler", daemon=True)
        self._thread.start()

    def stop(self, why: str = "stopped") -> None:
        """End it, and join its thread. Twice is fine."""
        self.why = self.why or why
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended by itself; whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- in the thread
    def _look(self, began: float, seen: dict[str, tuple[float, Usage]]) -> None:
        """Sample at moments fixed in advance: a late sample does not make the next one late."""
        number, over = 0, False
        while not over:
            number = max(number + 1, int((time.monotonic() - began) / self.every))
            due = min(began + number * self.every, began + self.seconds)
            self._stop.wait(max(0.0, due - time.monotonic()))
            self._sample(began, seen)  # when it is stopped too: what happened last is what it was stopped for
            if not seen:
                self.why = self.why or "the group is gone"
            elif time.monotonic() - began >= self.seconds:
                self.why = self.why or "the time is up"
            over = bool(self.why)  # before the callback: a stop during the callback still takes one last sample
            self._call_back()

    def _sample(self, began: float, seen: dict[str, tuple[float, Usage]]) -> None:
        for name in list(seen):
            then, before = seen[name]
            try:
                usage, limits, now = read_usage(self.groups[name])
            except (LabError, OSError):  # removed, before or while it was read
                del seen[name]
                continue
            seen[name] = (now, usage)
            self._keep(name, usage_between(before, usage, seconds=now - then, t=now - began, limits=limits))

    def _keep(self, name: str, sample: UsageSample) -> None:
        with self._lock:
            kept = self._kept[name]
            short = bool(kept) and sample.seconds < self.every / 2  # too short for a rate
            kept.append(joined_usage(kept.pop(), sample) if short else sample)
            if len(kept) > KEPT:
                half = len(kept) // 2
                kept[:half] = thinned(kept[:half], half // 2)

    def _call_back(self) -> None:
        if self._heard is not None:
            self._heard()


def first_usage(group: Cgroup) -> Usage:
    """What a group has used so far. Raises Gone for a group that was removed."""
    try:
        return read_usage(group)[0]
    except OSError:
        raise Gone(f"the control group {group.path} is no more", hint="lab.cgroup() makes a fresh one") from None


def read_usage(group: Cgroup) -> tuple[Usage, Limits, float]:
    """A cgroup's usage, its limits, and the time of reading. Raises Gone or OSError when it was removed."""
    now, usage = time.monotonic(), group.stat()
    limits = Limits(memory=group.memory_max, cpus=group.cpu_max, pids=group.pids_max)
    os.stat(group.folders[0])  # a removed group's files are empty, which looks like zeros
    return usage, limits, now


def usage_between(before: Usage, after: Usage, *, seconds: float, t: float, limits: Limits) -> UsageSample:
    """The sample between two readings of the kernel's counters."""
    seconds = max(seconds, 1e-6)
    waits = {
        name: min(1.0, max(0.0, after.pressure[name].total - before.pressure[name].total) / seconds)
        for name in RESOURCES
        if name in before.pressure and name in after.pressure
    }
    return UsageSample(
        t,
        seconds,
        max(0.0, after.cpu - before.cpu) / seconds,
        max(0.0, after.throttled - before.throttled) / seconds,
        after.memory,
        after.pids,
        waits,
        after.events.since(before.events),
        limits,
    )


# ------------------------------------------------------------------------------------------------------------ thinned
def thinned(samples: Sequence[UsageSample], most: int) -> list[UsageSample]:
    """As many samples as `most` at most: neighbours become one. Nothing is lost but detail: rates are averaged over
    the time, of memory and pids the highest is kept, events are added up."""
    few = list(samples)
    while len(few) > max(1, most):
        few = [joined_usage(*few[at : at + 2]) for at in range(0, len(few), 2)]
    return few


def joined_usage(first: UsageSample, second: UsageSample | None = None) -> UsageSample:
    """Two neighbours as one."""
    if second is None:
        return first
    seconds = first.seconds + second.seconds

    def mean(one: float, other: float) -> float:
        return (one * first.seconds + other * second.seconds) / seconds

    return replace(
        second,
        seconds=seconds,
        cpu=mean(first.cpu, second.cpu),
        throttled=mean(first.throttled, second.throttled),
        memory=highest_known(first.memory, second.memory),
        pids=highest_known(first.pids, second.pids),
        pressure={name: mean(first.pressure.get(name, share), share) for name, share in second.pressure.items()},
        events=added_events(first.events, second.events),
    )


def highest_known(*values: int | None) -> int | None:
    """The highest known value, if any."""
    return max((value for value in values if value is not None), default=None)


def added_events(one: Events, other: Events) -> Events:
    """The events of both, added."""
    return Events(**{name: count + getattr(other, name) for name, count in vars(one).items()})
