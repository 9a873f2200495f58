"""`volumes=` of a start, and the words of the command line for volumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pyctr_lab import Lab, cli, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.images.images import Images

pytestmark = pytest.mark.machine
Line = Callable[..., tuple[int, str, str]]


@pytest.fixture
def line(images: Images, capfd: pytest.CaptureFixture[str]) -> Line:
    """The command line in this process: status, and what was printed."""

    def carried_out(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        return (cli.main(words), *capfd.readouterr())

    return carried_out


def test_a_start_with_volumes(images: Images) -> None:
    lab = images.lab
    assert isinstance(lab, Lab)
    wanted = {"data": "/data"}
    assert lab.run(["sh", "-c", "echo kept > /data/file"], image="busybox", volumes=wanted).returncode == 0
    assert lab.run(["cat", "/srv/x/file"], volumes={"data": "/srv/x:ro"}).stdout == "kept\n"
    program = lab.start(["cat", "/data/file"], image="busybox", volumes=wanted, recipe=lab.recipe())
    assert program.wait().stdout == "kept\n"
    assert images.volumes.names() == ["data"]


@pytest.mark.parametrize("image", ["busybox", None])
def test_a_container_step_by_step(images: Images, image: str | None) -> None:
    with images.lab.container("box", image=image, volumes={"data": "/data"}) as box:
        for step in box.recipe or ():
            box.apply(step)
        assert box.run(["sh", "-c", "echo new > /data/file; cat /data/file"]).stdout == "new\n"
    assert any(isinstance(step, steps.Volume) for step in box.recipe or ())


def test_what_cannot_be_makes_no_volume(images: Images) -> None:
    for wanted, why in (
        ({"a": "/data", "b": "/data"}, "two volumes at or below /data"),
        ({"a": "/data", "b": "/data/x"}, "two volumes"),
        ({"a": "/data", "b!": "/b"}, "no name"),
        ({"a": 1}, "where a volume is shown"),
        ("a:/data", "volumes is a list"),
    ):
        with pytest.raises(BadInput, match=why):
            images.lab.run(["true"], volumes=wanted)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no root of its own"):
        images.lab.run(["true"], recipe=steps.Recipe([steps.NewNamespace("uts")]), volumes={"a": "/data"})
    assert images.volumes.names() == []


def test_the_command_line(line: Line, tmp_path: Path) -> None:
    assert line("volume", "ls")[:2] == (0, "NAME  CREATED\n")
    script = ["sh", "-c", "echo kept >> /data/x; cat /data/x"]
    assert line("run", "-v", "data:/data", "--image", "busybox", "--", *script)[1] == "kept\n"
    assert line("run", "-v", "data:/data", "--read-only", "--", *script)[1] == "kept\nkept\n"
    assert line("volume", "ls")[1].splitlines()[1].startswith("data  20")
    (about,) = json.loads(line("volume", "inspect", "data")[1])
    assert about["Name"] == "data" and Path(about["Mountpoint"]).is_dir()
    assert line("volume", "rm", "data") == (0, "data\n", "")
    assert line("volume", "rm", "data") == (125, "", "pyctr-lab: there is no volume data\n")
    assert line("volume", "rm")[0] == 2
