from __future__ import annotations

from pyctr_lab.measure.computer import describe_machine


def test_the_machine_is_described() -> None:
    described = describe_machine()
    assert all(described.values()) and {"processor", "memory", "kernel"} <= set(described)
