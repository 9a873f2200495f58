from __future__ import annotations

from typing import Any

import pytest

from pyctr_lab.cgroups import Tree
from pyctr_lab.cgroups.places import Delegation, Place
from pyctr_lab.course import needs
from pyctr_lab.errors import BadInput

pytest.importorskip("IPython")

NOTHING = Delegation("v2", (), offered=frozenset({"memory"}))


def run(shell: Any, cell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert shell.run_cell(cell).success
    said = capsys.readouterr()
    return str(said.out + said.err)


def test_a_cell_without_what_it_needs_does_nothing_and_says_so(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "delegation", lambda: NOTHING)
    said = run(shell, "# needs: memory, cpu\nran = print('ran')\n", capsys)
    assert said == (
        "Not run here: no cgroup with memory is delegated to this user; "
        "this kernel offers no cpu controller.\n"
    )
    assert "ran" not in shell.user_ns


def test_a_cell_that_has_what_it_needs_runs(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "_why", lambda word: "")
    assert run(shell, "# needs: memory\nprint('ran')", capsys) == "ran\n"


@pytest.mark.parametrize(
    "cell", ["print('ran')", "# says what it needs: memory\nprint('ran')", "\n# a remark\nprint('ran')"]
)
def test_other_cells_are_left_alone(
    cell: str, shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "delegation", lambda: NOTHING)
    assert run(shell, cell, capsys) == "ran\n"


def test_loaded_twice_it_looks_once(shell: Any) -> None:
    needs.watch_cells(shell)
    assert shell.input_transformers_cleanup.count(needs.only_where_it_can) == 1


def test_a_word_that_is_none_is_said() -> None:
    assert "there is no controller 'memroy'" in needs.why_not_run(["memroy"])


def test_no_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_none(path: str) -> str:
        raise BadInput(f"{path} is on no disk that could be limited")

    monkeypatch.setattr(needs, "device_of", on_none)
    assert needs.why_not_run(["disk"]) == "Not run here: /var/tmp is on no disk that could be limited."


def test_a_missing_emulator_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert needs.why_not_run(["qemu"]).startswith("Not run here: a virtual machine needs QEMU (apt-get install ")


def test_pressure_is_missing_where_no_group_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "delegation", lambda: NOTHING)
    assert "pressure" in needs.why_not_run(["pressure"])


def test_pressure_is_missing_where_the_kernel_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "PRESSURE", "/proc/pressure/nothing")
    assert "pressure" in needs.why_not_run(["pressure"])


def test_any_group_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(Tree(1, ("pids",), "/cg", "/"), "/cg", ("pids",))
    monkeypatch.setattr(needs, "delegation", lambda: Delegation("v1", (place,)))
    assert needs.why_not_run(["group"]) == ""
    monkeypatch.setattr(needs, "delegation", lambda: NOTHING)
    assert needs.why_not_run(["group"]) == "Not run here: no cgroup is delegated to this user."


def test_what_was_not_given_is_one_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "delegation", lambda: Delegation("v2", (), offered=frozenset({"memory", "cpu"})))
    said = needs.why_not_run(["memory", "cpu", "io"])
    assert said == (
        "Not run here: no cgroup with memory, cpu is delegated to this user; "
        "this kernel offers no io controller."
    )


def test_a_cell_that_needs_nft_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.shutil, "which", lambda *_, **__: None)
    assert needs.why_not_run(["nft"]) == "Not run here: nft is not installed (./lab packages network)."
