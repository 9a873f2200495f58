from __future__ import annotations

from itertools import pairwise

from pyctr_lab.machines import Message
from pyctr_lab.measure.timeline import BEFORE, Phase, phases

LOG = (
    Message(0.0, "Linux version 6.1"),
    Message(0.25, "smp: Bringing up secondary CPUs ..."),
    Message(1.0, "Trying to unpack rootfs image as initramfs..."),
    Message(1.5, "Run /init as init process"),
    Message(1.75, "lab: user space has begun"),
    Message(2.0, "lab: ready"),
)


def test_a_boot_is_cut_at_its_landmarks_and_ends_with_the_first_answer():
    found = phases(LOG, 3.0)
    assert [phase.end for phase in found] == [1.0, 1.25, 2.0, 2.5, 2.75, 3.0]
    assert found[0] == Phase(BEFORE, 0.0, 1.0), "what the guest's clock does not know is what is left"
    assert all(one.end == other.begin for one, other in pairwise(found))


def test_a_landmark_that_a_kernel_does_not_say_is_passed_over():
    found = phases(LOG[2:], 3.0)
    assert len(found) == 5
    assert (found[0].begin, found[-1].end) == (0.0, 3.0)


def test_a_clock_that_counts_steps_is_made_to_fit():
    found = phases(LOG, 1.0)
    assert [phase.end for phase in found] == [0.0, 0.125, 0.5, 0.75, 0.875, 1.0]


def test_a_kernel_that_says_nothing_has_one_phase():
    assert phases((), 2.5) == (Phase(BEFORE, 0.0, 2.5),)
