"""The convention of `draw`: a picture's title and alternative text come from functions of its module, from its data."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

import pytest

from draw import machines, meters, powers, races, states, stores, wires
from pyctr_lab import draw
from pyctr_lab.draw.hypervisors import Case
from pyctr_lab.draw.isolation_map import MapData, alt_text, title
from pyctr_lab.draw.theme import TITLE_LIMIT

pytest.importorskip("matplotlib")

FOLDER = Path(draw.__file__).parent
GUESSED: dict[str, Any] = {"predicted": {"ours": 40.0, "alone": 50.0, "cpu": 2.0}}
PICTURES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {  # module -> function, data, and options of all three
    "boot": ("boot", [machines.EMULATED, machines.PARTS], {"emulated": True}),
    "capability_grid": ("capability_grid", [powers.BY_CAPSET, powers.FULL], {}),
    "comparison.fit": ("fit", [races.crowds()], GUESSED),
    "comparison.memory": ("memory", [races.memories()], GUESSED),
    "comparison.overhead": ("overhead", [races.costs()], GUESSED),
    "comparison.startup": ("startup", [races.starts()], GUESSED),
    "density": ("density", [machines.filled(100, 3)], {"emulated": False}),
    "filter_decisions": ("filter_decisions", [powers.DOCKER, powers.CALLS, powers.COSTS], {"processor": "x86_64"}),
    "growth": ("growth", [machines.GROWN], {"promised": 256 << 20}),
    "hypervisors": ("hypervisors", [Case("tcg", "6.18", "6.1")], {}),
    "isolation_matrix": ("isolation_matrix", [powers.MATRIX], {}),
    "layers": ("layers", [stores.TWO, "web:1"], {}),
    "meter": ("usage_chart", [{"web": meters.THROTTLED}], {}),
    "neighbour": ("neighbour", [races.acts()], GUESSED),
    "network": ("network", [wires.CUT], {}),
    "network.conversation": ("conversation", [wires.PING, wires.WHO, wires.TABLES], {}),
    "network.packet_path": ("packet_path", [wires.DROPPED, "the SYN"], {}),
    "overlay": ("overlay", [stores.CHANGES], {}),
    "registry": ("registry", [stores.TALKS, stores.TWO], {}),
    "start_waterfall": ("start_waterfall", [machines.history()], {}),
    "story": ("story", [machines.history()], {}),
    "worlds": ("worlds", ["sleep 4242", (41234, 17, 2)], {}),
}
NO_PICTURES = {"__init__", "chart", "guesses", "marks", "panels", "picture", "svg", "theme", "wording"}
PANELS = {"builder", "dashboard", "live_network"}  # their stills are pictures of other modules


def called(function: Any, data: list[Any], options: dict[str, Any]) -> Any:
    """A title has no use for guesses, an alternative text none for what the title says: each takes what it has."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    return function(*data, **{name: value for name, value in options.items() if name in names})


@pytest.mark.parametrize("name", PICTURES)
def test_title_and_alternative_text_are_made_from_the_data(name: str) -> None:
    function, data, options = PICTURES[name]
    module = import_module(f"pyctr_lab.draw.{name}")
    picture = getattr(module, function)(*data, **options)
    assert picture.title == called(module.title, data, options) and 0 < len(picture.title) <= TITLE_LIMIT
    assert picture.alt_text.endswith(called(module.alt_text, data, options)), "a frame may put kind and finding before"
    assert all(getdoc(each) for each in (module, getattr(module, function), module.title, module.alt_text))


def test_the_isolation_map_keeps_it_too(view: Any) -> None:
    for arguments in states.states(view).values():
        picture, data = draw.draw_map(**arguments), MapData(**arguments)
        assert (picture.title, picture.alt_text) == (title(data), alt_text(data))


def test_every_module_is_a_picture_or_known_to_be_none() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} | {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    known = {name.partition(".")[0] for name in PICTURES} | NO_PICTURES | PANELS | {"isolation_map"}
    assert modules == known
    functions = {function for function, *_ in PICTURES.values()} | PANELS | {"isolation_map", "draw_map", "chart"}
    assert functions | {"meter", "waterfall"} == {name for name in draw.__all__ if name.islower()}


def test_no_engine_is_imported_to_learn_a_name() -> None:
    script = (
        "import sys; from pyctr_lab import draw; print([n for n in sys.modules if n.startswith('pyctr_lab.engines')])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not [path for path in FOLDER.rglob("*.py") if "engines import" in path.read_text()]
