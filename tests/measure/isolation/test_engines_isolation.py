"""The same probes in containers of other engines, in their sandbox."""

import shutil

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.measure.isolation import Outcome, measure_engines_isolation
from pyctr_lab.measure.isolation.engines import behind_own_kernel

PROBES = ["read_lab_file", "read_victim_arguments", "set_semaphore", "watch_shared_file", "make_user_namespace"]


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_bubblewrap_has_no_filter_and_shares_files() -> None:
    told = []
    found = measure_engines_isolation(["bubblewrap"], probes=PROBES, progress=lambda *words: told.append(words))
    assert not found.missing
    assert found.escaped("bubblewrap") == ["watch_shared_file", "make_user_namespace"]
    assert told == [("bubblewrap", 0, 1)]
    assert str(found).splitlines()[1] == "read_lab_file               ENOENT"


def test_an_engine_that_is_not_here_is_in_missing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("busybox", "python3", "unshare", "mount"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    found_none = measure_engines_isolation(["runc"], probes=["read_lab_file"])
    assert found_none.outcomes == {}
    assert "runc is not installed" in found_none.missing["runc"]
    assert "runc: not here: runc is not installed" in str(found_none)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(BadInput, match="there is no engine 'warden'"):
        measure_engines_isolation(["warden"])


@pytest.mark.parametrize(
    ("probe", "out"),
    [("set_up_io_uring", False), ("make_many_processes", False), ("time_interrupts", False),
     ("read_lab_file", True), ("read_boot_clock", True), ("set_semaphore", True)],
)  # fmt: skip
def test_a_kernel_of_its_own_answers_for_its_own_doors(probe: str, out: bool) -> None:
    assert behind_own_kernel(Outcome(probe, (), True, "")).out is out
