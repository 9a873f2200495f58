"""Messages are what strace says of them, and no answer of the kernel's, cut or changed, ends the decoder."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator

import pytest

from pyctr_lab import Lab
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import netlink
from pyctr_lab.kernel.arguments import Subject
from pyctr_lab.kernel.netlink import NetlinkMessage, Received, received

BRIDGE, PORT, INSIDE = (
    netlink.interface_index(index, name) for index, name in ((100, "br-web"), (10002, "v10002"), (10, "eth0"))
)
PEER = {"index": 10, **netlink.link_attributes(name="eth0", mac="02:42:0a:58:00:02", mtu=1400)}
SENT = [
    netlink.new_link("br-web", "bridge", index=100, mac="02:42:0a:58:00:01", mtu=1400, up=True),
    netlink.new_address(BRIDGE, "10.88.0.1/24"),
    netlink.new_address(BRIDGE, "fd88::1/64"),
    netlink.new_link("v10002", "veth", index=10002, master=100, mtu=1400, up=True, peer=PEER),
    netlink.isolate_port(PORT),
    netlink.set_link(INSIDE, up=True),
    netlink.new_address(INSIDE, "10.89.0.2/24"),
    netlink.new_route("10.89.0.1", INSIDE),
    netlink.new_route("10.89.0.1", INSIDE, "10.90.0.0/16"),
    netlink.new_address(INSIDE, "fd89::2/64"),
    netlink.new_route("fd89::1", INSIDE),
    netlink.delete_address(BRIDGE, "10.88.0.1/24"),
    netlink.set_link(INSIDE, up=False),
    netlink.set_link(INSIDE, mtu=1300, master=100),
    netlink.set_link(INSIDE, master=0),
    netlink.set_link(INSIDE, name="eth1"),
    netlink.set_link(netlink.interface_index(10, "eth1"), pid=1),
    netlink.delete_link(PORT),
    *map(netlink.list_all, ("links", "addresses", "routes", "neighbours")),
]
SEND = """
import socket, sys
for message in sys.argv[1:]:
    with socket.socket(16, 3, 0) as kernel:  # descriptor 3
        kernel.send(bytes.fromhex("10000000 0100 0500 00000000 00000000"))  # strace learns what the socket is for
        kernel.recv(65536)
        kernel.sendto(bytes.fromhex(message), (0, 0))
        print(kernel.recvfrom(65536)[0].hex())
"""


def raw_of(message: NetlinkMessage, sequence: int) -> bytes:
    (raw,) = message.pieces(sequence)
    assert isinstance(raw, bytes)
    return raw


@pytest.mark.machine
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_strace_agrees_message_by_message(lab: Lab) -> None:
    words = [raw_of(message, number).hex() for number, message in enumerate(SENT, 1)]
    strace = ["strace", "-v", "-s", "9999", "-e", "trace=sendto,recvfrom"]
    done = lab.host.run(["unshare", "--net", *strace, "/usr/bin/python3", "-I", "-S", "-c", SEND, *words])
    if "PTRACE" in done.stderr:
        pytest.skip("this machine refuses ptrace")
    calls = [str(netlink.send_message(3, message, number)) for number, message in enumerate(SENT, 1)]
    said = re.sub(r"nl_pad=0x[0-9a-f]+, ", "", done.stderr)  # Python leaves these two bytes as they are
    assert re.findall(r"^(sendto\(.*\)) += \d+$", said, re.M)[1::2] == calls
    answers = [bytes.fromhex(line) for line in done.stdout.split()]
    acks = [netlink.spell_answer(answer) for answer, message in zip(answers, SENT, strict=True) if message.flags & 4]
    assert len(acks) == len(SENT) - 4 and all("{error=0, msg={" in ack for ack in acks)
    printed = re.findall(r"^recvfrom\(3, (\[.*error=0, msg=.*\]), 65536, 0,", said, re.M)
    assert [each for each in printed if "nlmsg_type=NLMSG_NOOP" not in each] == acks


def test_a_pid_that_is_known_later_is_four_bytes_of_the_message() -> None:
    before, pid, after = netlink.set_link(10, pid=Subject()).pieces()
    (known,) = netlink.set_link(10, pid=0x01020304).pieces()
    assert isinstance(pid, Subject) and (before, after) == (known[:-4], b"")  # type: ignore[index]
    assert "nla_type=IFLA_NET_NS_PID}, PID]" in netlink.set_link(10, pid=Subject()).spelling()


@pytest.fixture(scope="module")
def dumps(lab: Lab) -> Iterator[dict[str, bytes]]:
    """What the kernel answers where there is one of each thing, buffer by buffer."""
    words = [raw_of(message, number).hex() for number, message in enumerate([*SENT[:11], *SENT[-4:]], 1)]
    answers = lab.host.run(["unshare", "--net", "/usr/bin/python3", "-I", "-S", "-c", SEND, *words]).stdout.split()
    yield dict(zip(("links", "addresses", "routes", "neighbours"), map(bytes.fromhex, answers[-4:]), strict=True))


def decoded(raw: bytes) -> list[Received]:
    return list(received(raw))


def test_a_dump_is_decoded(dumps: dict[str, bytes]) -> None:
    links = {each.attributes["IFLA_IFNAME"]: each for each in decoded(dumps["links"])}
    assert set(links) == {"lo", "br-web", "v10002", "eth0"}
    veth = links["v10002"]
    assert (veth.fields["ifi_index"], veth.attributes["IFLA_LINK"], veth.attributes["IFLA_MASTER"]) == (10002, 10, 100)
    assert veth.attributes["IFLA_LINKINFO"]["IFLA_INFO_SLAVE_DATA"] == {"IFLA_BRPORT_ISOLATED": 1}  # type: ignore[index, call-overload]
    assert links["eth0"].attributes["IFLA_ADDRESS"] == "02:42:0a:58:00:02"
    found = [each.attributes for each in decoded(dumps["addresses"])]
    addresses = {each.get("IFA_LOCAL") or each.get("IFA_ADDRESS") for each in found}
    assert addresses >= {"10.88.0.1", "10.89.0.2", "fd88::1", "fd89::2"}
    routes = [each.attributes for each in decoded(dumps["routes"]) if each.fields["rtm_dst_len"] in (0, 16)]
    assert {"RTA_DST": "10.90.0.0", "RTA_GATEWAY": "10.89.0.1", "RTA_OIF": 10, "RTA_TABLE": 254} in routes


@pytest.mark.parametrize("subject", ["links", "addresses", "routes", "neighbours"])
def test_a_dump_that_is_cut_is_read_as_far_as_it_goes(dumps: dict[str, bytes], subject: str) -> None:
    raw = dumps[subject]
    whole = decoded(raw)
    for end in range(len(raw)):
        cut = decoded(raw[:end])
        assert cut == whole[: len(cut)] and len(cut) < len(whole)


def test_an_attribute_that_is_longer_than_its_message_is_not_read() -> None:
    raw = raw_of(netlink.new_link("br0", "bridge", mtu=1400), 1)
    whole = bytearray(raw)
    assert list(decoded(raw)[0].attributes) == ["IFLA_IFNAME", "IFLA_MTU", "IFLA_LINKINFO"]
    whole[32] = 0xFF  # the length of IFLA_IFNAME
    assert decoded(bytes(whole))[0].attributes == {}


@pytest.mark.parametrize("subject", ["links", "addresses", "routes", "neighbours"])
def test_no_mutation_of_a_dump_is_a_crash(dumps: dict[str, bytes], subject: str) -> None:
    chance = random.Random(20)
    for _ in range(200):
        raw = bytearray(dumps[subject])
        for _ in range(chance.randint(1, 20)):
            raw[chance.randrange(len(raw))] = chance.choice((0, 1, 3, 4, 0x7F, 0xFF, chance.randrange(256)))
        assert len(decoded(bytes(raw))) <= len(raw) // 16


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: netlink.new_link("a b", "bridge"), "no name for an interface"),
        (lambda: netlink.new_link("x" * 16, "bridge"), "no name for an interface"),
        (lambda: netlink.new_link("br0", "bridge", mtu=67), "an MTU cannot be 67"),
        (lambda: netlink.new_link("br0", "bridge", mac="02:42"), "no hardware address"),
        (lambda: netlink.new_link("br0", "bridge", index=-1), "an interface's index"),
        (lambda: netlink.new_link("br0", 7), "a kind of interface is text"),  # type: ignore[arg-type]
        (lambda: netlink.new_link("v1", "veth", peer={"IFLA_SPEED": 1}), "IFLA_SPEED is no attribute"),
        (lambda: netlink.set_link(0, up=True), "an interface's index"),
        (lambda: netlink.new_address(1, "10.0.0.1"), "no address with a prefix"),
        (lambda: netlink.new_address(1, "fe80::1%eth0/64"), "no address with a prefix"),
        (lambda: netlink.new_address(-1, "10.0.0.1/24"), "an interface's index"),
        (lambda: netlink.new_route("router", 1), "'router' is no address"),
        (lambda: netlink.new_route("10.0.0.1", 1, "10.0.0.1/24"), "no network"),
        (lambda: netlink.new_route("10.0.0.1", 1, "fd00::/64"), "of two families"),
        (lambda: netlink.new_route("10.0.0.1", 0), "an interface's index"),
        (lambda: netlink.list_all("rules"), "rules"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(make, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=why) as raised:
        make().pieces()
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
