"""What steps need outside: made before, given back afterwards, with a kind that the runtime has never seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pyctr_lab import CallError, Lab, Recipe, steps
from pyctr_lab.kernel import Call, chdir, mkdirat
from pyctr_lab.kernel.calls import Answer
from pyctr_lab.runtime.outer_world import OuterWorld
from pyctr_lab.runtime.resources import KEEPERS, Holder

PLACE = f"/tmp/of-a-test-{os.getpid()}"


@dataclass(frozen=True)
class Folder(steps.Resource):
    """A folder of the lab's host."""

    path: str

    def calls(self) -> list[Call]:
        return [mkdirat(self.path).from_outside()]


@dataclass(frozen=True)
class EnterFolder(steps.Step):
    """Enter a folder that is made for it."""

    path: str

    def resources(self) -> tuple[steps.Resource, ...]:
        return (Folder(self.path),)

    def calls(self) -> list[Call]:
        return [chdir(self.path)]


class Made:
    def __init__(self, world: OuterWorld, path: str) -> None:
        self.world, self.path = world, path

    def leave(self) -> None:
        self.world.outside([Call("rmdir", (self.path,))])

    remove = leave


class FolderKeeper:
    def refuse_harm(self, world: OuterWorld, resource: Any, pid: int) -> None:
        assert pid > 0

    def adopt(self, world: OuterWorld, resource: Any, holder: Holder) -> Made:
        return Made(world, resource.path)

    def made(self, world: OuterWorld, answers: list[Answer]) -> None:
        assert answers[-1].name == "mkdirat" and not answers[-1].failed


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(KEEPERS, Folder, FolderKeeper())
    yield


def folders(lab: Lab) -> str:
    return lab.host.run(["sh", "-c", f"ls -d {PLACE}* || :"]).stdout


def test_a_step_finds_it_and_the_containers_end_gives_it_back(lab: Lab) -> None:
    with lab.container("entering") as box:
        result = box.apply(EnterFolder(f"{PLACE}"))
        assert [answer.name for answer in result.calls] == ["mkdirat", "chdir"]
        assert box.run(["pwd"]).stdout == folders(lab) == f"{PLACE}\n"
    assert folders(lab) == ""


def test_a_start_at_full_speed_has_it_too(lab: Lab, each_way: None) -> None:
    recipe = Recipe([EnterFolder(f"{PLACE}-2"), *lab.recipe().without(steps.PivotRoot, steps.ReadOnlyRoot)])
    program = lab.start(["pwd"], recipe=recipe)
    assert "mkdirat" in [answer.name for answer in program.story]
    assert program.wait().stdout == f"{PLACE}-2\n" and folders(lab) == ""


def test_a_start_that_fails_gives_it_back(lab: Lab) -> None:
    with pytest.raises(CallError):
        lab.run(["/no/such/program"], recipe=Recipe([EnterFolder(f"{PLACE}-3"), *lab.recipe()]))
    assert folders(lab) == ""


def test_one_that_cannot_be_made_is_the_kernels_error(lab: Lab) -> None:
    with lab.container("refused") as box:
        with pytest.raises(CallError, match=r"mkdirat.*ENOENT"):
            box.apply(EnterFolder("/no/such/folder"))
        assert box.run(["pwd"]).stdout == "/\n"


def test_it_needs_no_control_group(each_way: None) -> None:
    with Lab() as alone:
        alone.run(["true"], recipe=Recipe([EnterFolder(f"{PLACE}-4"), *alone.recipe()]))
        assert alone.world._groups is None
