from __future__ import annotations

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course import network as kit
from pyctr_lab.course.lessons.kit.networks import NFT

pytestmark = pytest.mark.skipif(not NFT, reason="needs nft")


@pytest.mark.parametrize(
    ("part", "hook", "rule", "met"),
    [
        ("stranger", "output", "tcp dport 80 drop", [True, False, True, True]),
        ("server", "input", "ip saddr {stranger_address} drop", [True, True, False, True]),
        ("server", "input", "ip saddr {stranger_address} tcp dport 80 reject", [True, True, True, True]),
    ],
)
def test_one_port_is_closed_and_the_stranger_does_not_keep_the_key(
    lab: Lab, part: str, hook: str, rule: str, met: list[bool]
) -> None:
    ground = exercises.start("5.4", lab)
    chain = f"type filter hook {hook} priority 0; {rule.format(**ground.values)};"
    kit.set_rules(ground[ground.values[part]], f"table ip door {{ chain way {{ {chain} }}; }}")
    assert [each.met for each in exercises.check("5.4").requirements] == met
