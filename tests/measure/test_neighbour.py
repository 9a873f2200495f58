"""The noisy neighbour as data, from real programs; what is missing, what fails, and that nothing stays."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from pyctr_lab import BadInput, Lab, LabError, Limits
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.errors import Unsupported
from pyctr_lab.measure import measure_neighbour, neighbour
from pyctr_lab.measure.neighbour import ACTS, LIMITS, Act, Round, act_rows, percentile, save_acts
from pyctr_lab.runtime.output import drain

needs_groups = pytest.mark.skipif(
    not {"cpu", "memory", "pids"} <= delegation().controllers, reason="no control group has been given to us"
)


def leftovers(lab: Lab) -> tuple[list[str], list[str]]:
    """Programs in the lab that are not its own, and mounts of the experiment."""
    own = {str(box.pid) for box in (lab.host, *lab.containers.values())}
    programs = [p.name for p in lab.host.view().processes if str(p.pid) not in own]
    mounts = [m.target for m in lab.host.view().mounts if m.target == neighbour.SHARED]
    return programs, mounts


@pytest.fixture
def stage():
    """A lab of its own; at the end nothing of an experiment is left in it, nor an open descriptor here."""
    with Lab() as lab:
        before = leftovers(lab)
        if delegation().places:
            assert lab.groups
        drain()  # the thread that reads what programs say keeps one
        descriptors = len(os.listdir("/proc/self/fd"))
        yield lab
        assert leftovers(lab) == before
        assert not delegation().places or lab.groups.made == {}
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_the_percentile_is_a_value_that_was_measured():
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7.0


def test_an_acts_figures_are_the_median_rounds():
    rounds = tuple(Round((1.0, top), 2, 2.0) for top in (5.0, 900.0, 7.0))
    act = Act("loose", 1.0, rounds)
    assert (act.p50, act.p99, act.spread(99), act.throughput) == (1.0, 7.0, (5.0, 7.0, 900.0), 1.0)
    assert repr(act) == "Act('loose', p50=1.0, p99=7.0, throughput=1)"


def test_rows_become_a_file(tmp_path):
    act = Act("alone", 2.5, (Round((1.0, 2.0), 2, 1.0), Round((3.0, 4.0), 1, 1.0, cores=1.5, memory=7)))
    with save_acts([act, Act("limited", 2.5, missing="no")], tmp_path / "new" / "acts.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(row["act"], row["round"], row["p99_ms"], row["cores"]) for row in found] == [
        ("alone", "1", "2.0", "0.0"),
        ("alone", "2", "4.0", "1.5"),
    ]
    assert len(act_rows([act])) == 2


@needs_groups
def test_three_acts_of_real_programs(stage):
    seen = []
    acts = measure_neighbour(
        stage, seconds=0.2, rounds=2, budget=600, progress=lambda done, all_: seen.append((done, all_))
    )
    assert tuple(act.name for act in acts) == ACTS
    assert seen == [(n, 6) for n in range(1, 7)]
    alone, loose, limited = acts
    assert alone.rate == loose.rate > 0
    assert all(len(round_.latencies) >= int(0.2 * act.rate) for act in acts for round_ in act.rounds)
    assert all(0 < min(act.latencies) <= act.p50 <= act.p99 for act in acts)
    assert all(each.workers == 0 and not each.cores for each in alone.rounds)
    assert all(each.workers == 2 * len(os.sched_getaffinity(0)) for each in loose.rounds)
    assert all(each.cores and each.memory and each.written for each in loose.rounds)
    assert limited.limits == LIMITS and not limited.missing


@needs_groups
def test_the_limits_are_those_that_were_asked_for(stage):
    limited = measure_neighbour(stage, Limits(pids=2), seconds=0.1, rounds=1)[2]
    assert [(each.workers, [each_.partition(" ")[0] for each_ in each.reached]) for each in limited.rounds] == [
        (1, ["pids.max"])
    ]


def starved(alone, loose, limited):
    """Whether the server was slowed down by its neighbour, and the limit gave it back what it had lost."""
    return loose.p99 > max(alone.p99, 1.5 * limited.p99) and loose.throughput <= limited.throughput


@needs_groups
@pytest.mark.alone
@pytest.mark.repeat(few=1, many=10)
def test_the_aggregator_starves_the_server_and_a_limit_gives_it_back(repetition):
    """The real one: medians of three interleaved rounds. Where something disturbed the first try, there is a second.

    Ten of ten runs held it at once, with far wider margins; without a limit the last two acts differ by noise alone.
    """
    with Lab() as lab:
        if starved(*(acts := measure_neighbour(lab))) or starved(*(acts := measure_neighbour(lab))):
            return
    if os.getloadavg()[0] > 4 * len(os.sched_getaffinity(0)):  # the other workers stand still meanwhile
        pytest.skip(f"others keep this machine too busy to tell: a load of {os.getloadavg()[0]:.0f}")
    pytest.fail(str(acts))


def test_a_budget_that_is_short_plays_one_round(stage):
    acts = measure_neighbour(stage, seconds=0.1, rounds=50, budget=0.001)
    assert len(acts[0].rounds) == 1


def test_without_delegation_the_third_act_is_missing_and_says_why(stage, monkeypatch):
    def refused(*_):
        raise Unsupported("nobody has given us one", hint="sudo give")

    monkeypatch.setattr(Lab, "cgroup", refused)
    alone, loose, limited = measure_neighbour(stage, seconds=0.1, rounds=1)
    assert (len(alone.rounds), len(loose.rounds), len(limited.rounds)) == (1, 1, 0)
    assert "nobody has given us one" in limited.missing and "sudo give" in limited.missing
    assert "missing" in repr(limited)


def test_an_interruption_leaves_nothing(stage):
    """In the middle of a round, while the aggregator's workers run; the fixture looks at what is left."""

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_neighbour(stage, seconds=0.1, rounds=1, progress=interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        neighbour.running_server(stage),
        neighbour.started_program(stage, "aggregator", neighbour.LOG, "/digests", 2) as aggregator,
    ):
        assert int(aggregator.line()) == 2
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["server", "aggregator", "load"])
def test_a_program_that_fails_is_named_with_what_it_said(stage, monkeypatch, tmp_path, name):
    for path in neighbour.PROGRAMS.glob("*.py"):
        broken = path.stem == name
        (tmp_path / path.name).write_text("raise SystemExit('no luck')" if broken else path.read_text())
    monkeypatch.setattr(neighbour, "PROGRAMS", tmp_path)
    with pytest.raises(LabError, match=f"the {name} (ended|failed).*no luck"):
        measure_neighbour(stage, seconds=0.1, rounds=1)


def test_a_program_that_says_nothing_is_not_waited_for_long(stage, monkeypatch, tmp_path):
    (tmp_path / "server.py").write_text("import signal; signal.pause()")
    monkeypatch.setattr(neighbour, "PROGRAMS", tmp_path)
    monkeypatch.setattr(neighbour, "PATIENCE", 0.1)
    with pytest.raises(LabError, match="the server said nothing"):
        measure_neighbour(stage, seconds=0.1, rounds=1)


def test_without_an_interpreter_that_containers_see(stage, monkeypatch):
    monkeypatch.setattr(neighbour, "ENVIRONMENT", {"PATH": "/nowhere"})
    with pytest.raises(Unsupported, match="python3"):
        measure_neighbour(stage, seconds=0.1, rounds=1)


@pytest.mark.parametrize("words", [{"seconds": 0}, {"seconds": float("nan")}, {"rounds": 0}, {"seconds": 1e9}])
def test_what_cannot_be_is_refused_before_anything_has_happened(stage, words):
    with pytest.raises(BadInput, match="cannot be"):
        measure_neighbour(stage, **words)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_to_whom_nobody_gave_anything_has_two_acts():
    script = (
        "from pyctr_lab import Lab\nfrom pyctr_lab.measure import measure_neighbour\n"
        "with Lab() as lab: print(*measure_neighbour(lab, seconds=0.1, rounds=1), sep='\\n')"
    )
    with tempfile.TemporaryDirectory() as folder:  # the package may be where others cannot read
        shutil.copytree(Path(neighbour.__file__).parents[1], f"{folder}/pyctr_lab")
        os.chmod(folder, 0o755)
        command = ["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", script]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["Act('alone'", "Act('loose'", "Act('limited'"], done.stderr
    assert "p99=" in lines[0] and "p99=" in lines[1] and "missing='no control group" in lines[2]
