"""The public face refuses what cannot be right: one line, before anything happens. Never an error from within.

The table is made from the face itself: each public function, method and step, each of its parameters, each wrong value.
What is added later is in it, or the test says that it lacks a right value for a parameter.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from draw import machines, meters, powers, races, stores, wires

from pyctr_lab import Cgroup, Container, Lab, Limits, Program, Recipe, draw, images, kernel, measure, steps
from pyctr_lab.errors import LabError
from pyctr_lab.images.volumes import Volumes
from pyctr_lab.kernel.filters import ALLOW, FilterPolicy
from pyctr_lab.measure.options import MeasureOptions

WRONG: list[Any] = [
    None, True, False, 0, -1, 7, 1 << 31, 1 << 64, -(1 << 70), 1.5, -0.5, float("nan"), float("inf"),
    "", " ", "x", "\0", "a\0b", "\ud800", "\n", "../..", "x" * 2000, "-1", "64M", "nan", b"", b"x",
    [], [None], [""], ["\ud800"], ["x", 5], {},
    {"a": None}, {5: "x"}, {"\0": "x"}, (), (1, 2), {1}, object(), object, len, range(3), Limits(), ValueError("x"), 1j,
]  # fmt: skip


def ways(parameters: list[str], right: dict[str, Any], wrong: list[Any]) -> Iterator[dict[str, Any]]:
    """Each parameter wrong alone, and each two of them together."""
    for name, value in itertools.product(parameters, wrong):
        yield {**right, name: value}
    for one, other in itertools.combinations(parameters, 2):
        for place, value in enumerate(wrong):
            yield {**right, one: value, other: wrong[(place * 7 + 3) % len(wrong)]}


def tried(function: Callable[..., Any], arguments: dict[str, Any], then: Callable[[Any], Any]) -> str:
    """What is wrong with how it took them; nothing if it refused them well, or they were fine."""
    signature = inspect.signature(function)
    try:
        bound = [arguments.pop(each.name) for each in signature.parameters.values()
                 if each.kind is each.POSITIONAL_ONLY and each.name in arguments]  # fmt: skip
        spread = next((each.name for each in signature.parameters.values() if each.kind is each.VAR_POSITIONAL), None)
        if spread in arguments:
            before = [each for each in arguments if each in signature.parameters and each != spread]
            bound += [arguments.pop(each) for each in [*before, spread]]
        then(function(*bound, **arguments))
    except LabError as why:
        said = str(why)
        return "" if "\n" not in said and len(said) < 400 else f"{len(said)} characters: {said[:300]!r}"
    except Exception as why:  # noqa: BLE001  that is what is looked for
        return f"{type(why).__name__}: {str(why)[:200]}"
    return ""


def checked(face: dict[str, Callable[..., Any]], right: dict[str, Any], wrong: list[Any],
            then: Callable[[Any], Any] = lambda made: None) -> tuple[int, dict[str, str]]:  # fmt: skip
    """How many calls were tried, and what went wrong: the first of each kind for each function and parameter."""
    count, found = 0, {}
    for name, function in face.items():
        parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        needed = [each.name for each in parameters if each.default is each.empty and each.kind in named]
        missing = [each for each in needed if each not in right]
        assert not missing, f"{name} takes {missing}: say what is right for it"
        own = {each: right[each] for each in needed}
        for arguments in ways([each.name for each in parameters if each.kind is not each.VAR_KEYWORD], own, wrong):
            count += 1
            said = tried(function, dict(arguments), then)
            if said:
                found.setdefault(f"{name} {said.partition(':')[0]}", f"{name}({short(arguments)}): {said}")
    return count, found


def short(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r:.40}" for name, value in arguments.items())


CALLS = {name: each for name in kernel.__all__ if inspect.isfunction(each := getattr(kernel, name))
         and each.__module__ == kernel.calls.__name__}  # fmt: skip
CALLS |= {name: getattr(kernel, name) for name in ("bind", "connect", "listen", "socket", "sockaddr_in", "ifreq")}
STEPS = {name: each for name in steps.__all__ if inspect.isclass(each := getattr(steps, name))
         and issubclass(each, steps.Step) and each is not steps.Step}  # fmt: skip
STEPS |= {"Limits": Limits, "Recipe": Recipe, "default": steps.default, "refusals": steps.refusals}
RIGHT = {
    "flags": 0, "fd": 3, "nstype": 0, "name": "x", "option": 1, "pid": 1, "signal": 9, "groups": [0], "uid": 0,
    "gid": 0, "resource": 7, "soft": 1, "hard": 1, "argv": ["true"], "env": {}, "capabilities": [1], "size": 8,
    "data": "x", "old": 3, "new": 4, "request": 1, "arg": 0, "target": "/x", "source": "/x",
    "new_root": "/x", "put_old": "/x", "attr_set": 1, "clock": 1, "port": 80, "address": "127.0.0.1", "domain": 2,
    "type": 1, "kind": "uts", "seconds": 5, "steps": (), "path": "/x",
    "operation": 2, "mode": 0, "dev": 259, "mask": 0, "layers": ("x",),
    "gateway": "10.88.0.1", "servers": ("10.88.0.1",), "end": steps.NetworkEnd("", 0, 10002),
    "policy": FilterPolicy(ALLOW), "keep": (), "paths": (), "permitted": (), "names": (),
}  # fmt: skip


def used(step: Any) -> None:
    """What everybody does with a step: none of it fails later."""
    if isinstance(step, steps.Step) and not isinstance(step, steps.ControlGroup):
        step.calls(), step.describe(), step.shell(), step.title, repr(step)


def test_system_calls() -> None:
    count, found = checked(CALLS, RIGHT, WRONG, str)
    assert not found, "\n".join(found.values())
    assert count > 3000


def test_steps() -> None:
    count, found = checked(STEPS, RIGHT, WRONG, used)
    assert not found, "\n".join(found.values())
    assert count > 2000


QUICK = [value for place, value in enumerate(WRONG) if place % 2 == 0]  # each of these may start a program
METHODS = {
    Lab: ("container", "cgroup", "network", "recipe", "run", "start"),
    Container: ("call", "apply", "carry", "run", "start", "shares", "socket", "wait", "watch"),
    Program: ("wait", "kill", "finish"),
    Cgroup: ("folder", "child", "limit", "add", "reached", "freeze", "thaw"),
    images.Images: (
        *("build", "import_", "export", "push", "pull", "tag", "layers"),
        *("verify", "history", "inspect", "diff", "rm"),
    ),
    Volumes: ("make", "inspect", "steps", "remove"),
}
LEFT_OUT = {
    Lab: "current close processes launch outside images networks",
    Container: "host_pid is_in launch view kill wait_status end reap_visitors moved_to",
    Program: "host_pid poll end story socket",
    Cgroup: "make present delegate pass_on stat watch kill all_pids remove leave gone folder_in place_of counted_in "
    "limit_of",
    images.Images: "ls du prune command recipe",
    Volumes: "names recipe",
}
"""What takes nothing, and what the rooms use among themselves."""


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)
def test_every_method_is_in_the_table(kind: type) -> None:
    public = {name for name, each in inspect.getmembers(kind, inspect.isroutine) if not name.startswith("_")}
    assert public == {*METHODS[kind], *LEFT_OUT[kind].split()}


@pytest.fixture
def other() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


def end(made: Any) -> None:
    """What wrong arguments have started after all is not left."""
    if isinstance(made, Program):
        made.end()
    elif isinstance(made, Container):
        made.kill()
    elif isinstance(made, Cgroup) and made.name != "kept":
        made.remove()


def test_methods_of_a_lab_and_its_containers(lab: Lab, other: Lab) -> None:
    strange = [lab, other, other.host, other.container("theirs"), steps.SetHostname, steps.default()]
    right = {"argv": ["true"], "call": kernel.getpid(), "step": steps.Tmpfs("/tmp"), "calls": [], "kind": "uts"}
    count, found = checked({name: getattr(lab, name) for name in METHODS[Lab] if name != "cgroup"}, right,
                           [*QUICK, *strange], end)  # fmt: skip
    assert lab.run(["echo", "on"]).stdout == "on\n", "the lab lives on"
    box = lab.container("kept")
    more, others = checked({name: getattr(box, name) for name in METHODS[Container] if name != "wait"}, right,
                           [*QUICK, *strange], end)  # fmt: skip
    found |= others
    assert not found, "\n".join(found.values())
    assert count + more > 1000 and box.run(["echo", "on"]).stdout == "on\n"
    box.kill()


@pytest.mark.parametrize("wrong", [value for value in WRONG if value is not None], ids=lambda value: f"{value!r:.20}")
def test_a_time_or_a_signal_that_is_none(wrong: Any, lab: Lab) -> None:
    """Of what has ended, so that nothing has to be waited for."""
    program, box = lab.start(["true"]), lab.container("ended")
    program.wait()
    box.kill()
    for wait in (program.wait, program.finish, box.wait):
        said = tried(wait, {"timeout": wrong}, end)
        assert not said, said
    said = tried(program.kill, {"signal_number": wrong}, end)
    assert not said, said


def test_methods_of_a_group(lab: Lab, delegated: None, other: Lab) -> None:
    group, box = lab.cgroup("kept"), lab.container("member")
    face = {name: getattr(group, name) for name in METHODS[Cgroup]} | {"cgroup": lab.cgroup}
    count, found = checked(face, {"where": "memory", "name": "x", "processes": box}, [*WRONG, lab, other.host], end)
    for word, value in itertools.product(Limits.__dataclass_fields__, WRONG):
        for function, name in ((lab.cgroup, ["x"]), (group.child, ["x"]), (group.limit, [])):
            count += 1

            def use(function: Any = function, name: Any = name, word: str = word, value: Any = value) -> Any:
                return function(*name, **{word: value})

            if said := tried(use, {}, end):
                found.setdefault(f"{function.__name__} {word}", f"{function.__name__}({word}={value!r:.40}): {said}")
    assert not found, "\n".join(found.values())
    assert count > 1500
    group.remove()
    box.kill()


IMAGE_FACTS = {name: each for name in images.__all__ if not issubclass(each := getattr(images, name), LabError)
               and name not in ("Image", "Images", "OverlayWatch")}  # fmt: skip
"""What a learner makes of `images`; a store makes an Image, a lab its Images, and a container's test a watch."""


def test_facts_and_build_steps_of_images() -> None:
    layer = images.StoredLayer("x", "x", "x", 1, ("x",))
    moment = images.OverlayMoment({"upper": None, "lower": None}, None)
    right = {"image": "x", "name": "x", "command": "true", "sources": ["x"], "target": "/x", "word": "ENV",
             "value": {"a": "b"}, "kind": "file", "digest": "x", "diff_id": "x", "chain_id": "x", "size": 1,
             "holders": ("x",), "layers": (layer,), "path": "/x",
             "what": "x", "before": moment, "after": moment, "merged": None}  # fmt: skip
    face = {name: each for name, each in IMAGE_FACTS.items() if name != "OverlayMoment"}
    count, found = checked(face, right, WRONG, repr)
    found |= checked({"OverlayMoment": images.OverlayMoment}, {**right, "layers": moment.layers}, WRONG, repr)[1]
    assert not found, "\n".join(found.values())
    assert count > 4000


def test_images_and_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")  # "../.." can be read
    monkeypatch.setenv("PYCTR_LAB_IMAGES", str(tmp_path / "store"))
    with Lab(private=True) as made:
        made.images.import_("busybox", "kept")
        strange = [*QUICK, made, [images.BaseImage("kept")], [images.RunCommand("true")], [5, images.BaseImage("kept")]]
        wrong = [each for each in strange if not callable(each)]  # what a function raises is the learner's
        right = {"what": "FROM kept", "name": "kept", "source": "kept", "target": str(tmp_path / "out.tar"),
                 "first": "kept", "second": "kept", "other": "more", "names": ["kept"]}  # fmt: skip
        count, found = checked({name: getattr(made.images, name) for name in METHODS[images.Images]}, right, wrong)
        made.images.import_("busybox", "kept")
        right = {"name": "data", "wanted": [("data", "/data")]}
        more, others = checked({name: getattr(made.images.volumes, name) for name in METHODS[Volumes]}, right, wrong)
        found |= others
        assert not found, "\n".join(found.values())
        assert count + more > 1000
        assert made.images.verify() == [] and made.run(["echo", "on"], image="kept").stdout == "on\n"


def begun(experiments: Any, engines: Any, repetitions: Any, budget: Any, count: Any, seed: Any, progress: Any) -> None:
    """All that `measure` does before its first sample."""
    options = MeasureOptions(repetitions, budget, count, seed)
    measure.live(experiments, options, engines=engines, progress=progress).close()


def test_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = measure.Results()
    face = {"measure": begun, "joined": measure.joined, "phases": measure.phases, "load": results.load,
            "save": results.save, "values": results.values, "crowd": results.crowd}  # fmt: skip
    right = {"experiments": "startup", "engines": ["ours"], "repetitions": None, "budget": 5, "count": None, "seed": 1,
             "progress": None, "several": [results], "log": [], "seconds": 1.0, "experiment": "startup",
             "engine": "ours", "path": tmp_path / "kept.csv"}  # fmt: skip
    count, found = checked(face, right, WRONG)
    of_files = {"load OSError", "load FileNotFoundError", "load IsADirectoryError", "save OSError",
                "save IsADirectoryError"}  # fmt: skip
    assert not set(found) - of_files, "\n".join(found.values())
    assert count > 1500


@pytest.mark.parametrize(
    "wrong",
    [{"limits": 5}, {"limits": "64M"}, {"seconds": "x"}, {"seconds": 0}, {"seconds": float("nan")}, {"seconds": 1e9},
     {"rounds": 0}, {"rounds": 1.5}, {"rounds": None}, {"rounds": 101}, {"budget": None}, {"budget": float("nan")},
     {"progress": "x"}, {"lab": None}, {"lab": object()}],
    ids=lambda wrong: f"{wrong!r:.24}",
)  # fmt: skip
def test_a_noisy_neighbour(wrong: dict[str, Any], lab: Lab) -> None:
    said = tried(measure.measure_neighbour, {"lab": lab, **wrong}, str)
    assert not said
    with pytest.raises(LabError):
        measure.measure_neighbour(**{"lab": lab, **wrong})


@pytest.mark.parametrize("wrong", [{"names": 5}, {"names": [None]}, {"names": [[]]}, {"names": []}, {"progress": 5}])
def test_a_survey(wrong: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        measure.survey(**wrong)


PICTURES: dict[str, dict[str, Any]] = {
    "boot": {"phases": machines.EMULATED, "parts": machines.PARTS, "emulated": True},
    "capability_grid": {"sets": powers.BY_CAPSET, "after": powers.FULL},
    "chart": {"plot": lambda figure: figure.subplots(), "title": "x", "twin": "x"},
    "conversation": {"packets": wires.PING, "names": wires.WHO, "tables": wires.TABLES},
    "density": {"rows": machines.filled(100, 3), "emulated": True},
    "draw_map": {"inside": "ended", "outside": "ended", "name": "x"},
    "filter_decisions": {"policy_or_program": powers.DOCKER, "calls": powers.CALLS, "ns": powers.COSTS,
                         "processor": "x86_64"},
    "fit": {"results": races.crowds()},
    "growth": {"samples": machines.GROWN, "promised": 256 << 20},
    "hypervisors": {"case": draw.Case("tcg", "6.18", "6.1")},
    "isolation_matrix": {"matrix": powers.MATRIX},
    "layers": {"images": stores.TWO, "removed": "web:1"},
    "live_network": {"read": lambda: wires.THREE, "seconds": 5},
    "memory": {"results": races.memories()},
    "neighbour": {"acts": races.acts()},
    "network": {"view": wires.CUT},
    "overhead": {"results": races.costs()},
    "overlay": {"changes": stores.CHANGES},
    "packet_path": {"hops": wires.DROPPED, "packet": "the SYN"},
    "registry": {"conversations": stores.TALKS, "images": stores.TWO},
    "start_waterfall": {"started": machines.history()},
    "startup": {"results": races.starts()},
    "story": {"results": machines.history()},
    "usage_chart": {"samples": {"web": meters.THROTTLED}},
    "waterfall": {"history": machines.history(), "seconds": 0.01, "phases": machines.EMULATED, "emulated": True},
    "worlds": {"command": "sleep 1000", "numbers": [4123, 17, 2]},
    "Case": {"accelerator": "tcg", "host_kernel": "6.18", "guest_kernel": "6.1"},
    "Hop": {"place": "br0", "what": "x", "verdict": "y", "passed": True, "namespace": "lab"},
    "MemoryReading": {"written": 16 << 20, "taken": 180 << 20},
    "Said": {"seconds": 1.0, "sender": "a", "receiver": "b", "text": "x", "learned": "y"},
    "Picture": {"svg": "<svg/>", "alt_text": "x"},
}
"""What is right for each public function and class of `draw`; `of_a_lab` says it for those that take a lab's things."""
OF_A_LAB = ("builder", "isolation_map", "meter")
PANELS = ("Builder", "Dashboard", "Meter", "NetworkWidget")  # made by the functions of their names
STRANGE: list[Any] = [*QUICK, object(), races.starts, machines.GROWN, draw.Case("kvm", "x", "y"), measure.Results()]


@contextmanager
def of_a_lab(lab: Lab) -> Iterator[dict[str, dict[str, Any]]]:
    with lab.container("drawn") as box, lab.cgroup("drawn") as group:
        yield {"builder": {"lab": lab}, "isolation_map": {"box": box}, "meter": {"groups": group}}


def close(made: Any) -> None:
    if type(made).__name__ in PANELS:
        made.close()


def parameters_of(name: str) -> list[str]:
    return [each for each in inspect.signature(getattr(draw, name)).parameters if each != "self"]


def assert_refused(name: str, right: dict[str, Any]) -> None:
    """An object of no use at all is refused for each parameter, with the others right."""
    signature = inspect.signature(getattr(draw, name))
    for parameter in parameters_of(name):
        arguments = {**right, parameter: object()}
        spread = [arguments.pop(each.name) for each in signature.parameters.values()
                  if each.kind is each.VAR_POSITIONAL and each.name in arguments]  # fmt: skip
        with pytest.raises(LabError) as refused:
            close(getattr(draw, name)(*spread, **arguments))
            pytest.fail(f"{name} takes any object as {parameter}")
        assert "\n" not in str(refused.value), f"{name}, {parameter}"


@pytest.mark.parametrize("name", sorted({*draw.__all__} - {*PANELS, *OF_A_LAB}))
def test_pictures(name: str) -> None:
    pytest.importorskip("matplotlib")
    right = PICTURES.get(name, {}) if name in PICTURES or name == "dashboard" else None
    assert right is not None, f"PICTURES says nothing of {name}: write what is right for it"
    assert_refused(name, right)
    wrong = STRANGE
    if name == "chart":  # matplotlib is slow; and what a learner's own function raises is the learner's
        wrong = [each for each in STRANGE if not callable(each)][::3]
    count, found = checked({name: getattr(draw, name)}, right, wrong, close)
    assert not found, "\n".join(found.values())
    assert count >= len(wrong)


@pytest.mark.parametrize("name", OF_A_LAB)
def test_pictures_of_a_lab(name: str, lab: Lab, delegated: None) -> None:
    with of_a_lab(lab) as right:
        assert_refused(name, right[name])
        count, found = checked({name: getattr(draw, name)}, right[name], QUICK, close)
    assert not found, "\n".join(found.values())
    assert count >= len(QUICK) and lab.run(["echo", "on"]).stdout == "on\n"


def test_a_picture_is_not_saved_where_no_file_can_be() -> None:
    picture = draw.Picture("<svg/>", "x")
    for wrong in (None, 5, b"x", "", "\0", "a\0b", "\ud800", object()):
        said = tried(picture.save, {"path": wrong}, close)
        assert not said, said
