from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises


def test_36_a_host_that_moves_away_does_not_give_the_two_a_network(lab: Lab) -> None:
    ground = exercises.start("3.6", lab)
    for kind in ("uts", "net", "ipc"):
        lab.host.apply(steps.NewNamespace(kind))
    ground.box.apply(steps.SetHostname(ground.values["hostname"]), shared="uts")
    verdict = exercises.check("3.6")
    assert not verdict.passed
    assert all(not each.met for each in verdict.requirements if "not the host's" in each.name)


def test_36_the_containers_of_a_pod_share_its_host_name(lab: Lab) -> None:
    ground = exercises.start("3.6", lab)
    ground.exercise.solution(ground)
    assert exercises.check("3.6").passed
    views = [box.view() for box in ground.boxes.values()]
    assert [view.hostname for view in views] == [ground.values["hostname"]] * 2
    shared = views[0].same(views[1])
    assert {kind for kind in ("uts", "net", "ipc", "mnt") if shared[kind]} == {"uts", "net", "ipc"}


def test_36_an_ipc_namespace_left_out_is_named(lab: Lab) -> None:
    ground = exercises.start("3.6", lab)
    first, second = ground.boxes.values()
    for kind in ("uts", "net"):
        first.apply(steps.NewNamespace(kind))
        second.apply(steps.JoinNamespace(kind, first.pid))
    second.apply(steps.SetHostname(ground.values["hostname"]))
    second.apply(steps.LoopbackUp())
    missed = [each.name for each in exercises.check("3.6").requirements if not each.met]
    assert missed == ["they are in one IPC namespace, not the host's"]


def test_36_a_loopback_is_said_to_be_up_once_it_is(lab: Lab) -> None:
    ground = exercises.start("3.6", lab)
    first, second = ground.boxes.values()
    first.apply(steps.NewNamespace("net"))
    second.apply(steps.JoinNamespace("net", first.pid))
    for up in (False, True):
        if up:
            second.apply(steps.LoopbackUp())
        loopback = next(each for each in exercises.check("3.6").requirements if "loopback" in each.name)
        assert loopback.met == up
        assert f"has {'the' if up else 'no'} local address 127.0.0.1" in loopback.observed


def test_36_what_is_right_in_a_wrong_place_is_not_marked_as_wrong(lab: Lab) -> None:
    """Each has the pod's name and a loopback that is up, in namespaces of its own."""
    ground = exercises.start("3.6", lab)
    for box in ground.boxes.values():
        for kind in ("uts", "net", "ipc"):
            box.apply(steps.NewNamespace(kind))
        box.apply(steps.SetHostname(ground.values["hostname"]))
        box.apply(steps.LoopbackUp())
    met = {each.name: each.met for each in exercises.check("3.6").requirements}
    assert [name for name, holds in met.items() if not holds] == [
        f"they are in one {place}, not the host's" for place in ("UTS namespace", "network", "IPC namespace")
    ]


def test_36_the_loopback_of_the_host_is_not_that_of_the_pod(lab: Lab) -> None:
    exercises.start("3.6", lab)
    loopback = exercises.check("3.6").requirements[3]
    assert not loopback.met and "is in the host's network" in loopback.observed
