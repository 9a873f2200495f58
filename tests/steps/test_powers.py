"""Docker's words for powers: which capabilities are kept and which filter stands where, as data and in the kernel."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel.filters import ALLOW, FilterPolicy, FilterRule, docker_policy, refuse
from pyctr_lab.steps import DropCapabilities, NoNewPrivileges, PowerWords, Recipe, Seccomp, SetIds, with_powers
from pyctr_lab.steps.powers import EVERY, builtin
from pyctr_lab.steps.privileges import KEPT, with_ids

OWN = FilterPolicy(ALLOW, (FilterRule(("mkdir", "mkdirat"), refuse(errno.EROFS)),))
BASE = Recipe([DropCapabilities(), NoNewPrivileges(), Seccomp(builtin(KEPT))])
LOOK = ["sh", "-c", "grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; unshare --uts true && echo unshared"]


def kept(add: object = (), drop: object = ()) -> set[str]:
    return set(PowerWords(add, drop).kept(KEPT))  # type: ignore[arg-type]


def test_names_are_as_dockers_and_what_is_added_wins() -> None:
    assert kept(["cap_sys_admin"]) == {*KEPT, "SYS_ADMIN"} and kept(drop=["Chown"]) == {*KEPT} - {"CHOWN"}
    assert kept(drop=["ALL"]) == set() and kept(["KILL"], ["all"]) == {"KILL"} and kept(["KILL"], ["KILL"]) == {*KEPT}
    assert kept(["ALL"]) == {*EVERY} and kept(["all"], ["CAP_CHOWN"]) == {*EVERY} - {"CHOWN"}


def test_without_a_word_a_recipe_stays_as_it_is() -> None:
    assert with_powers(BASE, PowerWords()) is BASE and not PowerWords().given
    said = ((["KILL"],), ((), ["KILL"]), ((), (), OWN), ((), (), None, False))
    assert all(PowerWords(*words).given for words in said)


def test_the_default_policy_follows_the_capabilities() -> None:
    drop, _, filter = with_powers(BASE, PowerWords(["SYS_ADMIN"], ["CHOWN"]))
    assert isinstance(drop, DropCapabilities) and isinstance(filter, Seccomp)
    assert set(drop.keep) == {*KEPT, "SYS_ADMIN"} - {"CHOWN"}
    assert filter.policy == docker_policy(capabilities=[f"CAP_{name}" for name in drop.keep]) != builtin(KEPT)


def test_a_policy_of_the_learners_own_stays() -> None:
    mixed = Recipe([Seccomp(OWN), *BASE])
    powers = with_powers(mixed, PowerWords(["SYS_ADMIN"]))
    first, second = (step.policy for step in powers if isinstance(step, Seccomp))
    assert first == OWN and second == docker_policy(capabilities=[f"CAP_{name}" for name in (*KEPT, "SYS_ADMIN")])
    (one,) = (step for step in with_powers(mixed, PowerWords(seccomp=OWN)) if isinstance(step, Seccomp))
    assert one.policy == OWN


def test_what_a_recipe_lacks_is_put_where_it_works() -> None:
    bare = Recipe([NoNewPrivileges()])
    assert list(with_powers(bare, PowerWords((), ["ALL"], "builtin"))) == [
        DropCapabilities(()), NoNewPrivileges(), Seccomp(builtin(())),
    ]  # fmt: skip
    assert list(with_powers(BASE, PowerWords(seccomp="unconfined"))) == [DropCapabilities(), NoNewPrivileges()]
    early = with_powers(BASE, PowerWords(no_new_privs=False))
    assert list(early) == [Seccomp(builtin(KEPT)), DropCapabilities()]


def test_who_leaves_uid_0_keeps_the_two_that_it_takes() -> None:
    recipe = Recipe([*with_ids(KEPT, 1000, 1000), NoNewPrivileges()])
    drop = with_powers(recipe, PowerWords(cap_drop=["ALL"]))[0]
    assert drop == DropCapabilities(("SETUID", "SETGID"))
    stays = Recipe([DropCapabilities(), SetIds(0, 5)])
    assert with_powers(stays, PowerWords(cap_drop=["ALL"]))[0] == DropCapabilities(())


def test_masks_and_what_is_shared() -> None:
    shared = Recipe([steps.SetHostname("x"), *BASE], shared=["uts"])
    assert with_powers(shared, PowerWords(["KILL"])).shared == ("uts",)
    plain = list(steps.default().without(steps.MaskPaths, steps.ReadOnlyPaths))
    place = plain.index(steps.PivotRoot())
    masked = Recipe([*plain[:place], steps.MaskPaths(), steps.ReadOnlyPaths(), *plain[place:]])
    assert list(with_powers(masked, PowerWords(masks=False))) == plain


def test_a_file_is_read_for_the_capabilities_that_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO",'
        '"excludes": {"caps": ["CAP_SYS_ADMIN"]}}]}'
    )
    for add, rules in (((), 1), (["SYS_ADMIN"], 0)):
        (filter,) = (step for step in with_powers(BASE, PowerWords(add, (), file)) if isinstance(step, Seccomp))
        assert isinstance(filter.policy, FilterPolicy) and len(filter.policy.rules) == rules


@pytest.mark.parametrize("start", ["auto", "fork"])
def test_the_kernel_has_them(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        more = lab.run(LOOK, cap_add=["SYS_ADMIN"], seccomp="builtin").stdout.split()
        assert int(more[1], 16) >> 21 & 1 and more[2:] == ["NoNewPrivs:", "1", "Seccomp:", "2", "unshared"]
        none = lab.start(LOOK, cap_drop=["ALL"], seccomp=OWN).wait()
        assert none.returncode and none.stdout.split() == ["CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]
        with lab.container("powers", cap_drop=["ALL"], seccomp="unconfined") as box:
            for step in box.recipe:
                box.apply(step)
            shown = box.run(LOOK).stdout.split()
            assert int(shown[1], 16) == 0 and shown[-1] == "0"


@pytest.mark.parametrize("start", ["auto", "fork"])
def test_without_no_new_privs_the_filter_is_in_force_all_the_same(start) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        recipe = with_powers(lab.recipe(), PowerWords((), ["ALL"], "builtin", no_new_privs=False))
        shown = lab.run(LOOK, recipe=recipe).stdout.split()
        assert shown == ["CapBnd:", "0" * 16, "NoNewPrivs:", "0", "Seccomp:", "2"]


@pytest.mark.parametrize("words", [
    {"cap_add": ["FLY"]}, {"cap_drop": "ALL"}, {"cap_add": [5]}, {"cap_add": None}, {"seccomp": 5}, {"seccomp": ()},
    {"seccomp": ""}, {"seccomp": "/no/such"}, {"seccomp": "/proc/self/mem"}, {"seccomp": "/bin/true"},
    {"seccomp": "/dev/zero"}, {"seccomp": "a\0b"},
])  # fmt: skip
def test_what_is_none_is_refused_in_one_line(words: dict[str, object], lab: Lab) -> None:
    with pytest.raises(BadInput) as why:
        lab.recipe(**words)  # type: ignore[arg-type]
    assert "\n" not in str(why.value) and len(str(why.value)) < 200
