"""The experiments with networks, small: all that is measured, what is missing, what is to be reached."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.measure.network import NETWORK_SUITE, NetworkSizes, experiments, measure_network, network_goals, running
from pyctr_lab.measure.network.senders import OWN, find_sender, iperf3_gbits, own_sender, printed_number
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import ExperimentRow, MissingEngine, Progress
from pyctr_lab.measure.samples import UNITS, Results, Sample

ONCE = MeasureOptions(repetitions=1, budget=1.0)
TINY = NetworkSizes(0.01, 3, 50, 3)
ALL = {"net_start", "net_bytes", "net_port", "net_connect", "net_crowd", "net_last", "net_close", "net_names"}


def no_starts(name: str, target: str, words: dict[str, object]) -> Iterator[ExperimentRow]:
    yield MissingEngine("podman", "not installed")


@pytest.mark.skipif(shutil.which("busybox") is None, reason="the files of all engines are made of busybox")
def test_all_that_is_there_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "find_sender", own_sender)  # iperf3 takes whole seconds
    seen: list[Progress] = []
    results = measure_network(engines=["ours"], options=ONCE, sizes=TINY, progress=seen.append)
    assert not results.missing and not results.ended, results.notes
    assert {each.experiment for each in results.samples} == ALL
    assert all(each.unit == UNITS[each.experiment] and each.value > 0 for each in results.samples)
    assert {*results.engines("net_start")} == {"ours", "ours none"}
    assert {*results.engines("net_bytes")} == {"ours", "ip netns"}
    assert all(goal.value is not None for goal in network_goals(results))
    assert any(f"sent by {find_sender().name}" in note for note in results.notes)
    assert seen[-1].experiment == "net_names" and seen[-1].done == seen[-1].total > 0


def test_what_is_missing_is_said_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lab: object) -> None:
        raise LabError("ip netns failed: no ip")

    only = {name: experiments.NETWORK_EXPERIMENTS[name] for name in ("net_bytes",)}
    monkeypatch.setattr(running, "sandboxed_rows", no_starts)
    monkeypatch.setattr(running, "NETWORK_EXPERIMENTS", only)
    monkeypatch.setattr(experiments, "by_hand", refuse)
    monkeypatch.setattr(experiments, "find_sender", own_sender)
    results = measure_network(options=ONCE, sizes=TINY)
    assert results.missing == {"podman": "not installed", "ip netns": "net_bytes: ip netns failed: no ip"}
    assert results.engines("net_bytes") == ["ours"]
    assert {goal.reached for goal in network_goals(results)} == {None}


def test_an_interrupt_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "sandboxed_rows", no_starts)
    results = measure_network(options=ONCE, sizes=TINY, progress=interrupt)
    assert results.ended == "interrupted" and len(results.samples) == 1


def test_engines_are_known() -> None:
    assert NETWORK_SUITE.known_peers(None) == ["podman", "docker"]
    assert NETWORK_SUITE.known_peers(["ours", "docker"]) == ["docker"]
    with pytest.raises(BadInput, match="no engine 'runc' for network"):
        NETWORK_SUITE.known_peers(["runc"])


def test_what_sends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_sender().name == OWN
    assert iperf3_gbits('{"end": {"sum_received": {"bits_per_second": 5e9}}}') == 5.0
    with pytest.raises(LabError, match="iperf3 failed: refused"):
        iperf3_gbits("refused\n")
    with pytest.raises(LabError, match="a sender failed: Traceback"):
        printed_number("Traceback")


def test_figures_have_a_most_or_a_least() -> None:
    values = {"net_start": {"ours": 7.0, "ours none": 5.0}, "net_bytes": {"ours": 4.0, "ip netns": 5.0},
              "net_names": {"idle": 6000.0, "computing": 4000.0}}  # fmt: skip
    results = Results([Sample(experiment, engine, value, UNITS[experiment])
                       for experiment, engines in values.items() for engine, value in engines.items()])  # fmt: skip
    found = [(goal.value, goal.bound, goal.reached) for goal in network_goals(results) if goal.value is not None]
    assert found == [(2.0, "2.5", True), (0.8, "at least 0.9", False),
                     (6000.0, "at least 5000", True), (4000.0, "at least 5000", False)]  # fmt: skip
