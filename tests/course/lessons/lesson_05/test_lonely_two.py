from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.kernel import netlink


def test_a_bridge_joins_two_as_a_cable_does(lab: Lab) -> None:
    ground = exercises.start("5.2", lab)
    one, two = ground.values["address_one"], ground.values["address_two"]
    network = lab.network("between", subnet=f"{one.rpartition('.')[0]}.0/24")
    try:
        for name, address in ((ground.values["one"], one), (ground.values["two"], two)):
            network.connect(ground[name], address=address.partition("/")[0])
        assert exercises.check("5.2").passed
    finally:
        exercises.reset("5.2")
        network.sweep()
        lab.networks.remove("between")


def test_the_address_of_the_other_on_its_own_loopback_reaches_nothing(lab: Lab) -> None:
    ground = exercises.start("5.2", lab)
    box, address = ground[ground.values["one"]], ground.values["address_two"]
    box.apply(steps.LoopbackUp())
    box.carry(netlink.request(netlink.new_address(1, address)))
    assert exercises.check("5.2").requirements[3].met is False


def test_an_address_on_lo_is_no_end_of_a_cable(lab: Lab) -> None:
    ground = exercises.start("5.2", lab)
    for name, address in (("one", "address_one"), ("two", "address_two")):
        box = ground[ground.values[name]]
        box.apply(steps.LoopbackUp())
        box.apply(steps.Address(ground.values[address], 1))
    assert [each.met for each in exercises.check("5.2").requirements] == [True, False, False, False]
