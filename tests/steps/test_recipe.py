"""Recipes: lists that work, told, and rewritten."""

from __future__ import annotations

import fcntl
import os

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.cgroups import Tree
from pyctr_lab.cgroups.places import LIMITED, Delegation, Place
from pyctr_lab.errors import BadInput, OrderError
from pyctr_lab.kernel import Call, GroupDescriptor, fork, getpid, sethostname, unshare, write
from pyctr_lab.kernel.constants import CLONE_INTO_CGROUP, CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER
from pyctr_lab.steps import ControlGroup, LimitedGroup, Limits, Recipe, born_with


def test_a_recipe_is_a_sequence_of_its_steps() -> None:
    recipe = Recipe([steps.NewNamespace("uts"), steps.SetHostname("x")])
    assert list(recipe) == [recipe[0], recipe[1]] and len(recipe) == 2 and recipe[-1].title.startswith("host name")
    assert recipe == Recipe(list(recipe)) and hash(recipe) == hash(Recipe(list(recipe))) and recipe != Recipe([])
    assert recipe.calls() == [call for step in recipe for call in step.calls()]
    assert bool(Recipe([])), "an empty recipe is a recipe, not none"


@pytest.mark.parametrize("wrong", ["uts", None, sethostname("x"), steps.NewNamespace])
def test_what_is_no_step_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput, match=r"is no step|with brackets"):
        Recipe([wrong])  # type: ignore[list-item]


def test_without_a_step_it_is_another_recipe_or_none() -> None:
    recipe = steps.default()
    assert len(recipe.without("ipc")) == len(recipe) - 1
    assert len(recipe.without(steps.DropCapabilities, steps.NoNewPrivileges)) == len(recipe) - 2
    assert len(recipe) == len(steps.default()), "it stays as it was"
    with pytest.raises(OrderError, match="UTS namespace"):
        recipe.without("uts")


def test_one_id_and_many() -> None:
    one, many = steps.default(ids=1), steps.default(ids=65536)
    assert one[1] == steps.IdMaps(count=1, setgroups="deny")
    assert many[1] == steps.OwnIds(65536)
    assert many.with_shared_ids()[1] == steps.IdMaps(count=1, more=((1, 1, 65535),))
    assert one.with_shared_ids() is one
    assert one[2:] == many[2:]


def test_a_process_is_born_with_what_its_list_unshares_first() -> None:
    outside = getpid().from_outside()
    birth = born_with([unshare(CLONE_NEWUSER), outside, unshare(CLONE_NEWPID), fork(), sethostname("x")])
    assert birth.fork == fork(CLONE_NEWUSER | CLONE_NEWPID)
    assert birth.rest == [outside, sethostname("x")]


@pytest.mark.parametrize(
    "calls",
    [[], [unshare(CLONE_NEWNET)], [unshare(CLONE_NEWNET), sethostname("x")],
     [sethostname("x"), unshare(CLONE_NEWPID), fork()], [unshare(CLONE_NEWPID), getpid(), fork()]],
    ids=range(5),
)  # fmt: skip
def test_other_lists_stay_as_they_are(calls: list[Call]) -> None:
    assert born_with(calls) == steps.Birth(fork(), calls)


def test_only_the_first_fork_is_rewritten() -> None:
    birth = born_with([unshare(CLONE_NEWPID), fork(), unshare(CLONE_NEWPID), fork()])
    assert birth == steps.Birth(fork(CLONE_NEWPID), [unshare(CLONE_NEWPID), fork()])


def test_the_listing_says_who_makes_each_call() -> None:
    lines = steps.default().listing(["/bin/true"]).splitlines()
    makers = [line.partition(":")[0] for line in lines]
    assert lines[0].startswith("launcher: clone3({flags=CLONE_NEW")
    assert set(makers) == {"launcher", "outside", "process"} and makers.index("process") > makers.index("outside")
    assert lines[-1].split(None, 1)[1] == 'execve("/bin/true", ["/bin/true"], /* 4 vars */)'
    assert len(lines) == len(steps.default().birth.rest) + 2


# --- with a control group
V2 = Place(Tree(2, LIMITED, "/cg", "/"), "/cg/me", LIMITED)
V1 = Place(Tree(1, ("pids",), "/cg/pids", "/"), "/cg/pids/me", ("pids",))
HALF = Place(Tree(2, (), "/cg/unified", "/"), "/cg/unified/me", ())
WORLDS = {"v2": (V2,), "v1": (V1,), "hybrid": (HALF, V1)}
GROUP = ControlGroup(Limits(pids=5), "web", Delegation("v2", (V2,), None, frozenset(LIMITED)))


@pytest.fixture(params=WORLDS)
def birth(request: pytest.FixtureRequest) -> steps.Birth:
    """A start with a user and a cgroup namespace, into a group: as each kind of machine has it."""
    pretended = Delegation(request.param, WORLDS[request.param], None, frozenset(LIMITED))
    plain = born_with([unshare(CLONE_NEWUSER), unshare(CLONE_NEWCGROUP), unshare(CLONE_NEWPID), fork()])
    return plain.into(ControlGroup(Limits(pids=5), "web", pretended).at_birth())


def test_a_start_with_a_group_makes_it_first(birth: steps.Birth) -> None:
    (group,) = birth.resources
    assert isinstance(group, LimitedGroup) and (group.name, group.limits) == ("web", Limits(pids=5))
    assert not any("cgroup.procs" in str(call) for call in group.calls())


def test_a_process_is_born_in_its_group_or_enters_it_first_of_all(birth: steps.Birth) -> None:
    flags = birth.fork.args[0]
    assert isinstance(flags, int) and not flags & CLONE_NEWCGROUP
    own = unshare(CLONE_NEWCGROUP)
    (group,) = birth.resources
    assert isinstance(group, LimitedGroup)
    places = list(group.places())
    if flags & CLONE_INTO_CGROUP:
        assert birth.fork == fork(CLONE_NEWUSER | CLONE_NEWPID | CLONE_INTO_CGROUP, group.file(places.pop(0)))
    else:
        assert birth.fork == fork(CLONE_NEWUSER | CLONE_NEWPID)
    assert birth.given == [group.file(place, "tasks") for place in places], "which it is given as descriptors"
    entering = [write(GroupDescriptor(file), "0") for file in birth.given]
    assert birth.calls == [*entering, own], "its cgroup namespace shows the group where it was made as /"
    assert not any(call.outside for call in birth.calls), "in version 1 nobody else moves it: that would wait"


def test_a_start_without_a_cgroup_namespace_gets_none(birth: steps.Birth) -> None:
    plain = born_with([unshare(CLONE_NEWPID), fork()]).into(GROUP.at_birth())
    assert unshare(CLONE_NEWCGROUP) not in plain.calls


def test_a_recipe_may_have_a_group_among_its_steps() -> None:
    recipe = Recipe([*steps.default(), GROUP])
    assert recipe[-1] is GROUP and recipe.without(ControlGroup) == steps.default()
    assert Recipe([GROUP, *steps.default()])[0] is GROUP, "it needs nothing before it: it is done from outside"


def test_one_namespace_within_another_of_its_kind_is_made_one_after_the_other(lab: Lab) -> None:
    user = steps.NewNamespace("user")
    recipe = Recipe([user, steps.IdMaps(count=1, setgroups="deny"), user, steps.NewNamespace("pid")])
    assert recipe.birth.fork == fork()
    assert [call.name for call in recipe.birth.calls].count("unshare") == 3
    by_steps = lab.container("nested")
    for step in recipe:
        by_steps.apply(step)
    program = lab.start(["sleep", "1000"], recipe=recipe)
    depths = [above(each.machine_pid) for each in (by_steps, program)]
    program.end()
    by_steps.kill()
    assert depths == [2, 2]


def above(pid: int) -> int:
    """How many user namespaces are between a process and the lab's host: NS_GET_PARENT of ioctl_ns(2)."""
    fd, count = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY), -1
    wanted = os.stat("/proc/self/ns/user").st_ino
    while os.fstat(fd).st_ino != wanted:
        parent = fcntl.ioctl(fd, 0xB702)
        os.close(fd)
        fd, count = parent, count + 1
    os.close(fd)
    return count
