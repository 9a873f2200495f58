from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.kernel import MS_SHARED, mount


def test_35_a_bind_mount_of_the_hosts_files_is_no_file_system_of_its_own(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    ground.box.apply(steps.PrivatePropagation())
    ground.box.apply(steps.Bind("/etc", ground.values["folder"]))
    verdict = exercises.check("3.5")
    assert not verdict.passed
    assert verdict.misconception == "M2"
    assert "tmpfs" not in verdict.requirements[0].observed


def test_35_a_tmpfs_of_before_in_a_second_place_is_no_new_one(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    ground.box.apply(steps.PrivatePropagation())
    ground.box.apply(steps.Bind("/mnt", ground.values["folder"], readonly=False))
    assert not exercises.check("3.5").passed


def test_35_a_tmpfs_that_another_mount_covers_is_not_seen(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    ground.exercise.solution(ground)
    assert exercises.check("3.5").passed
    ground.box.apply(steps.Tmpfs("/mnt"))
    verdict = exercises.check("3.5")
    assert not verdict.passed
    assert "another mount lies over it" in verdict.requirements[0].observed


def test_35_a_neighbour_that_shares_with_nobody_any_more_is_not_as_it_was(lab: Lab) -> None:
    ground = exercises.start("3.5", lab)
    neighbour = ground[ground.values["neighbour"]]
    neighbour.apply(steps.PrivatePropagation())
    neighbour.call(mount(None, "/mnt", None, MS_SHARED))  # `shared` again, in a peer group of its own
    ground[ground.values["box"]].apply(steps.Tmpfs(ground.values["folder"]))
    verdict = exercises.check("3.5")
    assert (verdict.state.failed, verdict.misconception) == (True, "M3"), verdict
