"""Subnets that are refused, and addresses that come round. Without privileges."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from networks.boxes import refused
from pyctr_lab.errors import BadInput, Busy
from pyctr_lab.networks import subnets
from pyctr_lab.networks.subnets import Pool, check_subnet, free_subnet, machine_subnets, refuse_overlap

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("subnet", "why"),
    [
        ("10.1.0.0/30", "too small"), ("10.1.0.0/32", "too small"), ("10.0.0.0/8", "too large"),
        ("10.1.0.1/24", "has bits behind its prefix (its subnet is 10.1.0.0/24)"),
        ("10.1.0.0/33", "is no subnet"), ("10.1.0.0", "too small"),
        ("fd00::/64", "is of IPv6"), ("::/0", "is of IPv6"), ("8.8.8.0/24", "not for private use"),
        ("127.0.0.0/16", "not for private use"), ("169.254.0.0/16", "not for private use"),
        ("224.0.0.0/24", "not for private use"), ("a subnet", "is no subnet"), ("", "is no subnet"),
        ("9" * 1000, "is no subnet"),
    ],
)  # fmt: skip
def test_what_is_no_subnet_of_a_network(subnet: str, why: str) -> None:
    with refused(match=why):
        check_subnet(subnet)


@pytest.mark.parametrize("subnet", [7, b"10.1.0.0/24", IPv4Network("10.1.0.0/24"), True])
def test_a_subnet_is_text(subnet: object) -> None:
    with pytest.raises(BadInput, match="a subnet is text"):
        check_subnet(subnet)


def test_what_the_machine_has_routes_to_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = tmp_path / "route"
    routes.write_text(ROUTES)
    assert machine_subnets(routes) == [IPv4Network("10.88.0.0/24"), IPv4Network("172.17.0.0/16")]
    assert machine_subnets(tmp_path / "none") == []
    there = machine_subnets(routes)
    monkeypatch.setattr(subnets, "machine_subnets", lambda: there)
    assert free_subnet([IPv4Network("10.88.1.0/24")]) == IPv4Network("10.88.2.0/24")
    for subnet in ("10.88.0.128/25", "172.17.4.0/24", "10.88.0.0/16"):
        with refused(match="which this machine has a route to"):
            refuse_overlap(IPv4Network(subnet), {})
    with refused(match="overlaps 10.1.0.0/24 of the network web"):
        refuse_overlap(IPv4Network("10.1.0.128/29"), {"web": IPv4Network("10.1.0.0/24")})
    there.append(subnets.DEFAULTS)
    with refused(match="all default subnets are taken"):
        free_subnet([])


def test_addresses_come_round_and_none_is_given_twice() -> None:
    pool = Pool(IPv4Network("10.1.0.0/29"))
    given = []
    for _ in range(5):
        given.append(pool.next_address())
        pool.claim(given[-1], "box")
    assert [str(each) for each in given] == [f"10.1.0.{place}" for place in range(2, 7)]
    with refused(match="the subnet 10.1.0.0/29 has no free address: 5 containers have one"):
        pool.next_address()
    with pytest.raises(Busy, match=r"10\.1\.0\.3 belongs to the container box"):
        pool.claim(given[1], "other")
    pool.release(given[1])
    pool.release(given[1])
    assert pool.next_address() == given[1]


def test_an_address_that_was_given_back_waits_its_turn() -> None:
    pool = Pool(IPv4Network("10.1.0.0/24"))
    turns = []
    for _ in range(300):
        turns.append(pool.next_address())
        pool.claim(turns[-1], "box")
        pool.release(turns[-1])
    assert len(set(turns[:253])) == 253 and turns[253:] == turns[:47]


def test_a_bridge_has_fewer_ports_than_a_large_subnet_addresses() -> None:
    pool = Pool(IPv4Network("10.1.0.0/16"))
    assert pool.check("10.1.4.0") == IPv4Address("10.1.4.0")
    for address in ("10.1.4.1", "10.1.0.0", "10.1.0.1", "10.1.255.255", "10.2.0.2"):
        with refused(match="is no address for a container here (10.1.0.2 to 10.1.4.0)"):
            pool.check(address)
    for wrong in ("fd00::2", "10.1.0.2/16", "box", ""):
        with refused(match="is no IPv4 address"):
            pool.check(wrong)
