from __future__ import annotations

import json
import os
from pathlib import Path
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
    monkeypatch.setattr("pyctr_lab.runtime.Lab.current", staticmethod(lambda: None))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    said = run(shell, "%%host\ntrue", capsys)
    assert "there is no open lab (make one: lab = Lab()" in said
    assert "Traceback" not in said


def test_a_name_that_a_restart_took_away_says_what_to_do(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "lab.host", capsys)
    assert "After a restart of the kernel, run the lesson's first cell" in said
    assert "Traceback" not in said
    own = run(shell, "something_else", capsys)
    assert "Traceback" in own, "the learner's own mistakes keep their traceback"
    assert own.rstrip().endswith(", then this section from its heading.")
    assert "an earlier cell" not in run(shell, "def f():\n    x += 1\nf()", capsys), "an unbound local is a slip"


def test_an_error_of_the_lab_is_one_line(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "from pyctr_lab import Lab; Lab.current().container('a b')", capsys)
    assert said.strip().startswith("BadInput: 'a b' is no name for a container")
    assert len(said.strip().splitlines()) == 1


@pytest.fixture
def sittings(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A saved notebook of two sittings, and a way to say which of its cells runs."""
    sources = ["# Sitting 1 · The name", "import os", "# Sitting 2 · Files", "import os", "## 2 · Metals", "copper = 5"]
    cells = [{"id": f"c{at}", "cell_type": "markdown" if source.startswith("#") else "code", "source": [source]}
             for at, source in enumerate(sources)]  # fmt: skip
    book = tmp_path / "03_x.ipynb"
    book.write_text(json.dumps({"cells": cells}))
    monkeypatch.setenv("JPY_SESSION_NAME", str(book))

    def runs(cell: str) -> None:
        monkeypatch.setattr(shell, "get_parent", lambda: {"metadata": {"cellId": cell}}, raising=False)

    return runs


def test_the_help_names_the_first_cell_of_the_sitting(
    shell: Any, sittings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for cell, name in (("c1", "Sitting 1"), ("c4", "Sitting 2")):
        sittings(cell)
        assert f"run the first cell of {name} again" in run(shell, "lab.host", capsys)
    sittings("unknown")
    assert "run the first cell of your sitting again" in run(shell, "lab.host", capsys)


def test_a_name_that_is_missing_is_made_under_a_heading(
    shell: Any, sittings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in lesson 09, whose sections need the figures of others."""
    sittings("c1")
    said = run(shell, "copper", capsys)
    assert "A cell under “2 · Metals” makes 'copper': run the first cell of Sitting 1, then from that" in said
    assert "If an earlier cell makes 'tin'" in run(shell, "tin", capsys)
    book = Path(os.environ["JPY_SESSION_NAME"])
    book.write_text(book.read_text().replace("import os", "import brass", 1))
    assert "If an earlier cell makes 'brass': run the first cell" in run(shell, "brass", capsys), "no section makes it"


def test_a_magic_before_the_first_cell_names_it(
    shell: Any, sittings: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyctr_lab.runtime.Lab.current", staticmethod(lambda: None))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    sittings("c4")
    assert "there is no open lab (make one: lab = Lab()" in run(shell, "%%host\ntrue", capsys), "no cell opens one"
    book = Path(os.environ["JPY_SESSION_NAME"])
    book.write_text(book.read_text().replace("import os", "lab = Lab()"))
    for magic in ("%%host", "%%inside demo"):
        said = run(shell, f"{magic}\ntrue", capsys)
        assert "there is no open lab" in said and "run the first cell of Sitting 2 again" in said


def test_forgotten_quotes_are_told_from_a_missing_cell(
    shell: Any, sittings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(cell: str) -> str:
        shell.run_cell(cell, store_history=True)
        return capsys.readouterr().out

    assert "Names are text: write it in quotes, 'tin'." in said("answer = (tin, zinc)")
    assert "write it in quotes, 'tin'" in said("e = type('E', (), {'check': print}); e.check('1', tin)")
    assert "2 · Metals” makes 'copper'" in said("answer = copper"), "a cell of this notebook makes it"
    assert "If an earlier cell makes 'found'" in said("answer = [each for each in found]")


def test_frames_of_libraries_are_left_out_and_tb_shows_them(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code = "from pathlib import Path\ndef mine():\n    return Path('/none').read_text()\nmine()"
    said = run(shell, code, capsys)
    assert "mine" in said and "FileNotFoundError" in said
    assert "pathlib.py" not in said and "%tb shows all of them" in said
    assert "pathlib.py" in run(shell, "%tb", capsys)
    assert "%tb" not in run(shell, "1 / 0", capsys), "nothing was left out"


def test_frames_of_the_course_are_left_out(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "from pyctr_lab.course.learner.store import Store\nStore(lambda: 1 / 0).path", capsys)
    assert "ZeroDivisionError" in said and "store.py" not in said


def test_an_interrupt_ends_in_one_line(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shell, "raise KeyboardInterrupt", capsys).strip() == "KeyboardInterrupt: interrupted; run the cell again"
    assert "pytest" not in run(shell, "import signal\nsignal.raise_signal(signal.SIGINT)", capsys)


def test_a_process_that_is_gone_says_where_to_begin_again(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(shell, "open('/proc/0/comm')", capsys).rstrip()
    assert said.endswith("then this section from its heading.") and "first cell" in said, "which may have made it"
    assert "from its heading" in run(shell, "import os\nos.kill(2**22 + 1, 0)", capsys)


def test_slips_of_syntax_and_unknown_magics_are_ipythons(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert "SyntaxError" in run(shell, "answer = (", capsys)
    assert "Cell magic `%%nowhere` not found" in run(shell, "%%nowhere\nx", capsys)
    assert "failed" not in run(shell, "raise SystemError('mine')", capsys)


def test_words_after_a_magic_are_refused(shell: Any, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    for magic in ("%%host demo", "%%inside a b", "%%inside \ud800", "%%inside " + "x" * 3000, "%%inside ../.."):
        said = run(shell, f"{magic}\ntrue", capsys)
        assert said.startswith("BadInput: ") and len(said.splitlines()) == 1 and len(said) < 400, said
