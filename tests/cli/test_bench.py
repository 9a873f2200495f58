"""`pyctr-lab bench`: what it tells, from samples; and a report that needs nothing from elsewhere."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from draw import races

from pyctr_lab import cli
from pyctr_lab.cli import bench, parser
from pyctr_lab.draw.comparison import report
from pyctr_lab.measure import experiment, figures
from pyctr_lab.measure.rows import Progress
from pyctr_lab.measure.samples import Ending, Results, Sample, joined


@pytest.fixture
def results() -> Results:
    made = joined([races.starts(), races.memories(), races.costs(), races.crowds()])
    made.machine, made.missing = {"kernel": "<6>"}, {"podman": "<not> here"}
    return made


def test_a_table_gives_ratios_to_ours(results: Results) -> None:
    lines = bench.table(results, "startup").splitlines()
    assert (
        lines[0].split()[:2] == ["startup", "runs"] and lines[1].startswith("exec") and lines[1].split()[-1] == "0.1818"
    )
    assert lines[-1].startswith("qemu emulated") and len({len(line) for line in lines}) == 1
    assert lines[-1].split()[-1] == bench.short(results.ratio("startup", "qemu", "ours"))
    assert "1,000" in bench.table(results, "density") and "qemu emulated" in bench.table(results, "density")


def test_the_first_and_the_tenth_are_not_mixed(results: Results) -> None:
    row = next(line.split() for line in bench.table(results, "memory").splitlines() if line.startswith("docker"))
    first, tenth = (results.median("memory", "docker", count) for count in (1, 10))
    ratio = first / results.median("memory", "ours", 1)
    assert row == ["docker", bench.short(first), bench.short(tenth), "10", bench.short(ratio)]


def test_without_ours_there_is_no_ratio_to_it() -> None:
    assert bench.table(races.starts(("exec", "runc")), "startup").splitlines()[-1].endswith("-")


def test_json_is_a_list_of_objects(results: Results) -> None:
    (first, *_) = figures.as_json(results, "startup")
    assert first == {"engine": "exec", "runs": 3, "min_ms": 0.64, "median_ms": 0.8, "max_ms": 1.28}
    ours = next(row for row in figures.as_json(results, "density") if row["engine"] == "ours")
    assert ours == {"engine": "ours", "count": 1000, "seconds": 4.0, "first_ms": 4.0, "last_ms": 4.0, "mib_each": 0.25}
    docker = next(row for row in figures.as_json(results, "memory") if row["engine"] == "docker")
    assert (docker["first_mib"], docker["tenth_mib"]) == (39.0, 8.7)
    assert {row["experiment"] for row in figures.as_json(results, "all")} >= {"cpu", "files", "memory", "density"}


def test_the_page_is_whole_and_its_numbers_are_those_of_the_file(results: Results, tmp_path: Path) -> None:
    page = report.write_report(results, tmp_path).read_text()
    assert Results.load(tmp_path / "results.csv").samples == results.samples
    assert not re.search(r'(?:src|href)="(?!data:|#)', page) and "@import" not in page and "<script" not in page
    assert "&lt;6&gt;" in page and "&lt;not&gt; here" in page and "<not>" not in page
    assert "repetition 0" in page, "the file has a turn more than the tables"
    assert page.count("<svg ") >= 4 and page.count("<caption>") == page.count("<table>")
    median = Results.load(tmp_path / "results.csv").median("startup", "ours")
    assert f'<th scope="row">ours</th><td>3</td><td>{0.8 * median:.6g}</td><td>{median:.6g}</td>' in page
    docker = next(row for row in figures.memory_rows(results) if row.engine == "docker")
    assert f'<th scope="row">docker</th><td>{docker.first_mib}</td><td>{docker.tenth_mib}</td>' in page
    assert page.count('<th scope="row">qemu') == page.count('<th scope="row">qemu (emulated)</th>') >= 4
    assert page.count('<div class="wide" role="region" tabindex="0"') == page.count("<table>")


@pytest.mark.parametrize(("ended", "status"), [("interrupted", 130), ("cut short", 125), ("", 0)])
def test_an_early_end_is_told_and_what_there_was_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ended: Ending, status: int
) -> None:
    made = Results([races.sample("cpu", "ours", 1.0)], {"ours": "files: it hung", "lxc": "no"}, ["a note"])
    made.ended = ended
    monkeypatch.setattr(bench, "measure", lambda names, **_: made)
    assert cli.main(["bench", "overhead"]) == status
    said = capsys.readouterr()
    assert "ours" in said.out and "failed: ours: files: it hung\nnot here: lxc: no" in said.out
    assert said.err == "note: a note\n"


def test_a_second_interrupt_does_not_halve_a_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = Results([races.sample("cpu", "ours", 1.0)], ended="interrupted")
    write = report.write_report

    def interrupted(*words: Any) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return write(*words)

    monkeypatch.setattr(bench, "measure", lambda names, **_: made)
    monkeypatch.setattr(report, "write_report", interrupted)
    assert cli.main(["bench", "overhead", "--report", str(tmp_path)]) == 130
    assert (tmp_path / "index.html").read_text().endswith("</html>\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_at_all_can_be_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "measure", lambda names, **_: Results(ended="interrupted"))
    for form in ([], ["--json"], ["--csv"], ["--report", str(tmp_path)]):
        assert cli.main(["bench", "all", *form]) == 130
    assert "Traceback" not in capsys.readouterr().err and (tmp_path / "index.html").exists()


def test_what_is_asked_wrongly_leaves_no_folder(tmp_path: Path) -> None:
    folder = str(tmp_path / "report")
    for words in (["--engines", "nope"], ["--engines", ""], ["--runs", "0"], ["--budget", "nan"], ["--count", "-1"]):
        assert cli.main(["bench", "all", "--report", folder, *words]) == 125
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", bench.FILES)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).mkdir()
    assert cli.main(["bench", "all", "--report", str(tmp_path)]) == 125
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Is a directory" in said
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_disk_that_fills_up_meanwhile_costs_the_page_but_not_the_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bench, "measure", lambda names, **_: races.starts(("exec", "ours")))
    monkeypatch.setattr(report, "write_report", full)
    assert cli.main(["bench", "startup", "--report", str(tmp_path)]) == 125
    said = capsys.readouterr()
    assert "startup" in said.out and "No space left on device" in said.err and said.err.count("\n") == 1


def change_rows(monkeypatch: pytest.MonkeyPatch, suite: str, samples: list[Sample]) -> None:
    """Have a suite yield these."""
    changed = replace(bench.SUITES[suite], rows=lambda *_: (each for each in samples))
    monkeypatch.setitem(bench.SUITES, suite, changed)


def test_figures_of_images_have_their_goals_beside_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = [races.sample("unpack", "ours", 1.0), races.sample("unpack", "tar", 0.5)]
    change_rows(monkeypatch, "images", samples)
    assert cli.main(["bench", "images"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("unpack") and re.search(r"GNU tar without digests +2\.00 x +1\.6 x +missed\n", said)
    assert re.search(r"import and unpack, to umoci +- +0\.35 x +not measured\n", said)
    assert cli.main(["bench", "images", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["experiment"] == "unpack" and {"figure", "value", "at_most", "unit"} <= rows[-1].keys()
    assert cli.main(["bench", "images", "--engines", "runc"]) == 125
    assert "no engine 'runc' for images" in capsys.readouterr().err


def test_figures_of_networks_have_their_goals_beside_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = [races.sample("net_bytes", "ours", 4.0), races.sample("net_bytes", "ip netns", 5.0)]
    change_rows(monkeypatch, "network", samples)
    assert cli.main(["bench", "network"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("net_bytes") and re.search(r"`ip netns` by hand +0\.8\d* x +at least 0\.9 x +missed\n", said)
    assert cli.main(["bench", "network", "--engines", "runc"]) == 125
    assert "no engine 'runc' for network" in capsys.readouterr().err


def test_every_sample_as_csv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "measure", lambda name, **_: races.starts(("exec", "ours")))
    assert cli.main(["bench", "startup", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 8 and rows[0]["engine"] == "exec" and rows[0]["unit"] == "ms"


def test_what_is_asked_for_can_be_measured() -> None:
    assert {name for names in bench.WHAT.values() for name in names} == set(experiment.EXPERIMENTS)
    assert tuple(bench.WHAT) == parser.MEASURED


def test_a_bar_is_drawn_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    bar = bench.Bar()
    bar.show(Progress("startup", 1, 4, 7.2))
    assert capsys.readouterr().err == ""
    bar.live = True
    bar.show(Progress("startup", 0, 0, None, "docker"))
    bar.show(Progress("startup", 1, 4, 7.2))
    bar.show(Progress("startup", 4, 4, 0.0))
    said = capsys.readouterr().err
    assert "preparing docker" in said and "1 of 4  about 7 s to go" in said and said.endswith("\n")
    with bar:
        bar.show(Progress("startup", 1, 4, 7.2))
    assert capsys.readouterr().err.endswith("to go\n"), "what follows an early end has a line of its own"


def test_quick_is_a_small_budget() -> None:
    quick, usual = (parser.parser().parse_args(["bench", *words]).budget for words in (["--quick"], []))
    assert quick == parser.QUICK < usual


def test_real_figures_and_a_real_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--engines", "exec,ours", "--runs", "1", "--count", "3", "--budget", "5"]
    assert cli.main(["bench", "all", *words, "--report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "index.html")
    kept = Results.load(tmp_path / "results.csv")
    assert {each.experiment for each in kept.samples} == {*experiment.EXPERIMENTS, "each"}
    assert cli.main(["bench", "density", *words, "--json"]) == 0
    assert {row["count"] for row in json.loads(capsys.readouterr().out)} == {3}
