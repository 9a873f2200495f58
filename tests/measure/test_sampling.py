from __future__ import annotations

import subprocess
import threading
import time

import pytest

from pyctr_lab import Lab
from pyctr_lab.cgroups import Events, Pressure, Usage
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.measure import sampling
from pyctr_lab.measure.sampling import Sampler, UsageSample, joined_usage, thinned, usage_between
from pyctr_lab.steps import Limits

needs_groups = pytest.mark.skipif(not delegation().places, reason="nobody has given us control groups here")
HARDLY = 0.01  # seconds between two looks: so that tests need not wait


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "sampler"]


def samples(count, **said):
    return [UsageSample(0.2 * (n + 1), 0.2, cpu=0.1 * n, memory=count - n, **said) for n in range(count)]


def test_a_sample_is_what_was_counted_in_between():
    before = Usage(1.0, 0.5, 10, 10, 1, 1, 0, 0, {"cpu": Pressure(0, 1.0)}, Events(oom_kill=1))
    after = Usage(1.25, 0.6, 20, 99, 2, 9, 0, 0, {"cpu": Pressure(0, 1.25), "io": Pressure(0, 9)}, Events(oom_kill=3))
    made = usage_between(before, after, seconds=0.5, t=7.0, limits=Limits(pids=5))
    assert made == UsageSample(7.0, 0.5, 0.5, made.throttled, 20, 2, {"cpu": 0.5}, Events(oom_kill=2), Limits(pids=5))
    assert made.throttled == pytest.approx(0.2)


def test_thinning_loses_detail_but_no_event_no_peak_and_no_time():
    many = samples(101, events=Events(oom_kill=1), pressure={"cpu": 0.5})
    few = thinned(many, 30)
    assert len(few) <= 30 and few[-1].t == many[-1].t
    assert sum(each.events.oom_kill for each in few) == 101
    assert few[0].memory == 101 and few[-1].memory < 5
    assert sum(each.seconds for each in few) == pytest.approx(101 * 0.2)
    assert sum(each.cpu * each.seconds for each in few) == pytest.approx(sum(each.cpu * 0.2 for each in many))
    assert few[0].pressure["cpu"] == pytest.approx(0.5)


def test_what_is_not_counted_stays_unknown():
    one, other = (UsageSample(t, 1.0, 0.0) for t in (1.0, 2.0))
    assert joined_usage(one, other).memory is None and joined_usage(one) is one


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "9", 10**9])
def test_seconds_that_cannot_be_are_refused(seconds):
    with pytest.raises(BadInput, match="seconds"):
        Sampler({"web": None}, seconds=seconds)
    with pytest.raises(BadInput, match="no group"):
        Sampler({})


@pytest.fixture
def lab():
    with Lab() as opened:
        yield opened


@needs_groups
def test_it_ends_when_the_time_is_up(lab):
    sampler = Sampler({"web": lab.cgroup("web", pids=9)}, seconds=0.1, every=HARDLY)
    began = time.monotonic()
    sampler.start()
    assert sampler.wait(60) and sampler.why == "the time is up" and threads() == []
    assert time.monotonic() - began >= 0.1 and sampler.samples["web"]
    with pytest.raises(BadInput, match="started already"):
        sampler.start()


@needs_groups
def test_a_block_sees_what_happened_last(lab):
    group = lab.cgroup("web", pids=1)
    with lab.container("box") as box, Sampler({"web": group}, seconds=60, every=30) as sampler:
        group.add(box)
        with pytest.raises(OSError):
            box.run(["true"])
    (only,) = sampler.samples["web"]
    assert sampler.why == "stopped" and threads() == []
    assert only.events.pids_max >= 1 and only.limits.pids == 1


@needs_groups
def test_the_end_is_told_even_when_it_comes_while_something_is_told(lab):
    """Else a meter whose button is pressed at that moment never says that it has stopped."""
    told: list[str] = []

    def heard() -> None:
        told.append(sampler.why)
        sampler.stop()  # in its own thread, which does not wait for itself

    sampler = Sampler({"web": lab.cgroup("web", pids=9)}, seconds=60, every=HARDLY, heard=heard)
    sampler.start()
    assert sampler.wait(60)
    assert told == ["", "stopped"]


@needs_groups
@pytest.mark.parametrize("end", ["remove", "close"])
def test_it_ends_with_the_group_and_with_the_lab(lab, end):
    group = lab.cgroup("web", pids=9)
    sampler = Sampler({"web": group}, seconds=60, every=HARDLY)
    sampler.start()
    group.remove() if end == "remove" else lab.close()
    assert sampler.wait(60) and sampler.why == "the group is gone" and threads() == []
    with pytest.raises(Gone):
        Sampler({"web": group}).start()


@needs_groups
def test_others_are_looked_at_when_one_has_gone(lab):
    groups = {name: lab.cgroup(name, pids=9) for name in ("a", "b")}
    heard = threading.Event()
    with Sampler(groups, seconds=60, every=HARDLY, heard=heard.set) as sampler:
        groups["a"].remove()
        count = len(sampler.samples["b"])
        while len(sampler.samples["b"]) < count + 3:
            heard.clear()
            assert heard.wait(60)
        assert sampler.running


@needs_groups
def test_memory_is_bounded(lab, monkeypatch):
    monkeypatch.setattr(sampling, "KEPT", 8)
    heard = threading.Semaphore(0)
    with Sampler({"web": lab.cgroup("web", pids=9)}, seconds=60, every=HARDLY, heard=heard.release) as sampler:
        for _ in range(30):
            assert heard.acquire(timeout=60)
    kept = sampler.samples["web"]
    assert len(kept) <= 8 and sum(each.seconds for each in kept) == pytest.approx(kept[-1].t)


@needs_groups
def test_it_only_reads(lab, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a thread of the notebook must neither fork nor start anything")

    heard = threading.Semaphore(0)
    group = lab.cgroup("web", pids=9)
    monkeypatch.setattr("os.fork", never)
    monkeypatch.setattr(subprocess, "Popen", never)
    with Sampler({"web": group}, seconds=60, every=HARDLY, heard=heard.release) as sampler:
        assert heard.acquire(timeout=60) and heard.acquire(timeout=60)
    assert sampler.samples["web"]
