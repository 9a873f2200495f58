from __future__ import annotations

from typing import Any

import pytest

from pyctr_lab import Lab

pytest.importorskip("IPython")


def run(shell: Any, cell: str, capsys: pytest.CaptureFixture[str]) -> str:
    shell.run_cell(cell)
    said = capsys.readouterr()
    return said.out + said.err


def test_two_points_of_view(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    from pyctr_lab import steps

    box = lab.container("demo")
    box.apply(steps.NewNamespace("uts"))
    box.apply(steps.SetHostname("inner"))
    assert run(shell, "%%inside demo\nhostname", capsys) == "inner\n"
    assert run(shell, "%%host\nhostname\necho two lines", capsys) == f"{lab.host.view().hostname}\ntwo lines\n"


def test_how_a_script_ends_is_said(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shell, "%%host\nexit 3", capsys) == "exit status 3\n"
    assert run(shell, "%%host\nkill -9 $$", capsys) == "killed by SIGKILL\n"
    assert run(shell, "%%host\necho wrong >&2", capsys) == "wrong\n"


@pytest.mark.parametrize("magic", ["%%inside demo", "%%host"])
def test_a_magic_that_is_not_the_first_line_says_so(magic: str, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, f"# a note\n{magic}\nhostname", capsys)
    assert f"{magic.split()[0]} must be the first line of its cell" in said and "Traceback" not in said


def test_no_such_container_is_one_line(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.container("there")
    said = run(shell, "%%inside nobody\nhostname", capsys)
    assert "no container 'nobody' in the lab" in said
    assert "there" in said
    assert "Traceback" not in said
    assert "after %%inside" in run(shell, "%%inside\nhostname", capsys)


def test_no_lab_is_one_line(shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Lab, "current", staticmethod(lambda: None))
    said = run(shell, "%%host\ntrue", capsys)
    assert "there is no open lab (make one: lab = Lab()" in said
    assert "Traceback" not in said


def test_a_name_that_a_restart_took_away_says_what_to_do(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "lab.host", capsys)
    assert "After a restart of the kernel, run the lesson's first cells again" in said
    assert "Traceback" not in said
    own = run(shell, "something_else", capsys)
    assert "Traceback" in own, "the learner's own mistakes keep their traceback"
    assert own.rstrip().endswith("run the lesson's first cell, then this section from its heading.")
    assert "an earlier cell" not in run(shell, "def f():\n    x += 1\nf()", capsys), "an unbound local is a slip"


def test_an_error_of_the_lab_is_one_line(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "from pyctr_lab import Lab; Lab.current().container('a b')", capsys)
    assert said.strip().startswith("BadInput: 'a b' is no name for a container")
    assert len(said.strip().splitlines()) == 1
