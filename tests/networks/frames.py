"""Frames that Linux sent over a virtual Ethernet cable. Their checksums may be partial: a card would complete them.

Made from such frames: 802.3, LLDP, the VLAN tag, FIN+ACK, time exceeded, protocol 89.
"""

from __future__ import annotations

from typing import NamedTuple


class Sent(NamedTuple):
    """A frame, what we say of it, and what tcpdump says before it lists options."""

    frame: bytes
    kind: str
    summary: str
    tcpdump: str


FRAMES = {
    "ARP who-has": Sent(
        bytes.fromhex("ffffffffffff02000000000a0806000108000604000102000000000a0a0001020000000000000a000101"),
        "ARP who-has",
        "ARP who-has 10.0.1.1 tell 10.0.1.2",
        "ARP, Request who-has 10.0.1.1 tell 10.0.1.2, length 28",
    ),
    "ARP is-at": Sent(
        bytes.fromhex("02000000000a020000000001080600010800060400020200000000010a00010102000000000a0a000102"),
        "ARP is-at",
        "ARP 10.0.1.1 is-at 02:00:00:00:00:01",
        "ARP, Reply 10.0.1.1 is-at 02:00:00:00:00:01, length 28",
    ),
    "echo request": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000054fb8a40004001291c0a0001020a00010108006606002300003877595f" + "00" * 52
        ),
        "ICMP echo request",
        "10.0.1.2 > 10.0.1.1: ICMP echo request, id 35, seq 0, length 64",
        "IP 10.0.1.2 > 10.0.1.1: ICMP echo request, id 35, seq 0, length 64",
    ),
    "echo reply": Sent(
        bytes.fromhex(
            "02000000000a0200000000010800450000541610000040014e970a0001010a00010200006e06002300003877595f" + "00" * 52
        ),
        "ICMP echo reply",
        "10.0.1.1 > 10.0.1.2: ICMP echo reply, id 35, seq 0, length 64",
        "IP 10.0.1.1 > 10.0.1.2: ICMP echo reply, id 35, seq 0, length 64",
    ),
    "first fragment": Sent(
        bytes.fromhex(
            "02000000000102000000000a0800450005dcfb8b2000400143930a0001020a00010108006bfb002400003281595f" + "00" * 1468
        ),
        "ICMP echo request",
        "10.0.1.2 > 10.0.1.1: ICMP echo request, id 36, seq 0, length 1480, fragment of 1480 bytes at 0, more follow",
        "IP 10.0.1.2 > 10.0.1.1: ICMP echo request, id 36, seq 0, length 1480",
    ),
    "last fragment": Sent(
        bytes.fromhex("02000000000102000000000a080045000224fb8b00b9400166920a0001020a000101" + "00" * 528),
        "IPv4 fragment",
        "10.0.1.2 > 10.0.1.1: IPv4 fragment, 528 bytes at 1480, the last",
        "IP 10.0.1.2 > 10.0.1.1: ip-proto-1",
    ),
    "multicast report behind hop-by-hop options": Sent(
        bytes.fromhex(
            "33330000001602000000000a86dd600000000038000100000000000000000000000000000000ff020000000000000000"
            "0000000000163a000502000001008f006d640000000204000000ff0200000000000000000001ff00000204000000ff02"
            "00000000000000000001ff00000a"
        ),
        "ICMPv6 multicast listener report",
        ":: > ff02::16: ICMPv6 multicast listener report",
        "IP6 :: > ff02::16: HBH ICMP6, multicast listener report v2, 2 group record(s), length 48",
    ),
    "neighbour solicitation": Sent(
        bytes.fromhex(
            "3333ff00000102000000000a86dd6000000000203afffd000001000000000000000000000002ff020000000000000000"
            "0001ff00000187007d8d00000000fd000001000000000000000000000001010102000000000a"
        ),
        "ICMPv6 neighbour solicitation",
        "fd00:1::2 > ff02::1:ff00:1: ICMPv6 neighbour solicitation who has fd00:1::1, tell 02:00:00:00:00:0a",
        "IP6 fd00:1::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has fd00:1::1, length 32",
    ),
    "neighbour advertisement": Sent(
        bytes.fromhex(
            "02000000000a02000000000186dd6000000000203afffd000001000000000000000000000001fd000001000000000000"
            "00000000000288009c98e0000000fd0000010000000000000000000000010201020000000001"
        ),
        "ICMPv6 neighbour advertisement",
        "fd00:1::1 > fd00:1::2: ICMPv6 neighbour advertisement fd00:1::1, is at 02:00:00:00:00:01",
        "IP6 fd00:1::1 > fd00:1::2: ICMP6, neighbor advertisement, tgt is fd00:1::1, length 32",
    ),
    "echo request over IPv6": Sent(
        bytes.fromhex(
            (
                "02000000000102000000000a86dd600a372e00403a40fd000001000000000000000000000002fd000001000000000000"
                "0000000000018000806e00250000ab8b595f"
            )
            + "00" * 52
        ),
        "ICMPv6 echo request",
        "fd00:1::2 > fd00:1::1: ICMPv6 echo request, id 37, seq 0, length 64",
        "IP6 fd00:1::2 > fd00:1::1: ICMP6, echo request, id 37, seq 0, length 64",
    ),
    "first fragment over IPv6": Sent(
        bytes.fromhex(
            (
                "02000000000102000000000a86dd600a372e05b02c40fd000001000000000000000000000002fd000001000000000000"
                "0000000000013a000001ad5e0ee18000fecb002600002595595f"
            )
            + "00" * 1436
        ),
        "ICMPv6 echo request",
        "fd00:1::2 > fd00:1::1: ICMPv6 echo request, id 38, seq 0, length 1448, "
        "fragment of 1448 bytes at 0, more follow",
        "IP6 fd00:1::2 > fd00:1::1: frag (0|1448) ICMP6, echo request, id 38, seq 0, length 1448",
    ),
    "last fragment over IPv6": Sent(
        bytes.fromhex(
            (
                "02000000000102000000000a86dd600a372e02382c40fd000001000000000000000000000002fd000001000000000000"
                "0000000000013a0005a8ad5e0ee1"
            )
            + "00" * 560
        ),
        "IPv6 fragment",
        "fd00:1::2 > fd00:1::1: IPv6 fragment, 560 bytes at 1448, the last",
        "IP6 fd00:1::2 > fd00:1::1: frag (1448|560)",
    ),
    "datagram": Sent(
        bytes.fromhex("02000000000102000000000a08004500001e00004000401124cd0a0001020a000101cdec0009000a161e6869"),
        "UDP",
        "10.0.1.2:52716 > 10.0.1.1:9: UDP, length 2",
        "IP 10.0.1.2.52716 > 10.0.1.1.9: UDP, length 2",
    ),
    "port unreachable": Sent(
        bytes.fromhex(
            "02000000000a020000000001080045c0003a1613000040014dee0a0001010a0001020303b075000000004500001e0000"
            "4000401124cd0a0001020a000101cdec0009000a161e6869"
        ),
        "ICMP port unreachable",
        "10.0.1.1 > 10.0.1.2: ICMP port unreachable, about UDP 10.0.1.2:52716 > 10.0.1.1:9",
        "IP 10.0.1.1 > 10.0.1.2: ICMP 10.0.1.1 udp port 9 unreachable, length 38",
    ),
    "fragmentation needed": Sent(
        bytes.fromhex(
            (
                "02000000000a020000000001080045c002401612000040014be90a0001010a0001020304acba00000578450005c60000"
                "400040111e240a0001020a000202cdec000905b21cc7"
            )
            + "78" * 520
        ),
        "ICMP fragmentation needed",
        "10.0.1.1 > 10.0.1.2: ICMP fragmentation needed, MTU 1400, about UDP 10.0.1.2:52716 > 10.0.2.2:9",
        "IP 10.0.1.1 > 10.0.1.2: ICMP 10.0.2.2 unreachable - need to frag (mtu 1400), length 556",
    ),
    "packet too big": Sent(
        bytes.fromhex(
            (
                "02000000000a02000000000186dd600e128c04d83a40fd000001000000000000000000000001fd000001000000000000"
                "0000000000020200ccec0000057860066f1005941140fd000001000000000000000000000002fd000002000000000000"
                "000000000002b0ac00090594ffad"
            )
            + "78" * 1184
        ),
        "ICMPv6 packet too big",
        "fd00:1::1 > fd00:1::2: ICMPv6 packet too big, MTU 1400, about UDP [fd00:1::2]:45228 > [fd00:2::2]:9",
        "IP6 fd00:1::1 > fd00:1::2: ICMP6, packet too big, mtu 1400, length 1240",
    ),
    "port unreachable over IPv6": Sent(
        bytes.fromhex(
            "02000000000a02000000000186dd600f75fc003a3a40fd000001000000000000000000000001fd000001000000000000"
            "0000000000020104013c00000000600e849a000a1140fd000001000000000000000000000002fd000001000000000000"
            "000000000001b0ac0009000afa216869"
        ),
        "ICMPv6 port unreachable",
        "fd00:1::1 > fd00:1::2: ICMPv6 port unreachable, about UDP [fd00:1::2]:45228 > [fd00:1::1]:9",
        "IP6 fd00:1::1 > fd00:1::2: ICMP6, destination unreachable, unreachable port, fd00:1::1 udp port 9, length 58",
    ),
    "no route over IPv6": Sent(
        bytes.fromhex(
            "02000000000a02000000000186dd600117de003a3a40fd000001000000000000000000000001fd000001000000000000"
            "00000000000201000cfc00000000600d78cf000a1140fd000001000000000000000000000002fd000009000000000000"
            "000000000001b0ac0009000afa296869"
        ),
        "ICMPv6 no route",
        "fd00:1::1 > fd00:1::2: ICMPv6 no route, about UDP [fd00:1::2]:45228 > [fd00:9::1]:9",
        "IP6 fd00:1::1 > fd00:1::2: ICMP6, destination unreachable, unreachable route fd00:9::1, length 58",
    ),
    "SYN": Sent(
        bytes.fromhex(
            "02000000000102000000000a08004500003c760b40004006aeae0a0001020a00010193160050edfa1a5c00000000a002"
            "faf016310000020405b40402080a9c058db1000000000103030a"
        ),
        "TCP SYN",
        "10.0.1.2:37654 > 10.0.1.1:80: TCP SYN, seq 3992590940, win 64240, mss 1460, length 0",
        "IP 10.0.1.2.37654 > 10.0.1.1.80: Flags [S], seq 3992590940, win 64240",
    ),
    "SYN+ACK": Sent(
        bytes.fromhex(
            "02000000000a02000000000108004500003c00004000400624ba0a0001010a00010200509316a9ea96b3edfa1a5da012"
            "fe8816310000020405b40402080a18d4c3ca9c058db10103030a"
        ),
        "TCP SYN+ACK",
        "10.0.1.1:80 > 10.0.1.2:37654: TCP SYN+ACK, seq 2850723507, ack 3992590941, win 65160, mss 1460, length 0",
        "IP 10.0.1.1.80 > 10.0.1.2.37654: Flags [S.], seq 2850723507, ack 3992590941, win 65160",
    ),
    "ACK": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000034760c40004006aeb50a0001020a00010193160050edfa1a5da9ea96b48010"
            "003f162900000101080a9c058db118d4c3ca"
        ),
        "TCP ACK",
        "10.0.1.2:37654 > 10.0.1.1:80: TCP ACK, seq 3992590941, ack 2850723508, win 63, length 0",
        "IP 10.0.1.2.37654 > 10.0.1.1.80: Flags [.], ack 2850723508, win 63",
    ),
    "data": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000039760d40004006aeaf0a0001020a00010193160050edfa1a5da9ea96b48018"
            "003f162e00000101080a9c058db118d4c3ca474554202f"
        ),
        "TCP PSH+ACK",
        "10.0.1.2:37654 > 10.0.1.1:80: TCP PSH+ACK, seq 3992590941, ack 2850723508, win 63, length 5",
        "IP 10.0.1.2.37654 > 10.0.1.1.80: Flags [P.], seq 3992590941:3992590946, ack 2850723508, win 63",
    ),
    "RST+ACK": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000034760f40004006aeb20a0001020a00010193160050edfa1a62a9ea96b68014"
            "003f162900000101080a9c058db118d4c3ca"
        ),
        "TCP RST+ACK",
        "10.0.1.2:37654 > 10.0.1.1:80: TCP RST+ACK, seq 3992590946, ack 2850723510, win 63, length 0",
        "IP 10.0.1.2.37654 > 10.0.1.1.80: Flags [R.], seq 3992590946, ack 2850723510, win 63",
    ),
    "RST+ACK over IPv6": Sent(
        bytes.fromhex(
            "02000000000a02000000000186dd6007368800140640fd000001000000000000000000000001fd000001000000000000"
            "0000000000020051c11c0000000094d45f0950140000fa200000"
        ),
        "TCP RST+ACK",
        "[fd00:1::1]:81 > [fd00:1::2]:49436: TCP RST+ACK, seq 0, ack 2496945929, win 0, length 0",
        "IP6 fd00:1::1.81 > fd00:1::2.49436: Flags [R.], seq 0, ack 2496945929, win 0, length 0",
    ),
    "question for A": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000031ba17400040116aa20a0001020a000101b7e60035001d1631123401000001"
            "000000000000037765620000010001"
        ),
        "DNS question",
        "10.0.1.2:47078 > 10.0.1.1:53: DNS question A? web.",
        "IP 10.0.1.2.47078 > 10.0.1.1.53: 4660+ A? web. (21)",
    ),
    "answer with CNAME and A": Sent(
        bytes.fromhex(
            "02000000000a0200000000010800450000547f8640004011a5100a0001010a0001020035b7e600401654123485800001"
            "000200000000037765620000010001c00c000500010000003c00070477656231c00cc021000100010000003c00040a00"
            "0109"
        ),
        "DNS answer",
        "10.0.1.1:53 > 10.0.1.2:47078: DNS answer A? web.: CNAME, A 10.0.1.9",
        "IP 10.0.1.1.53 > 10.0.1.2.47078: 4660* 2/0/0 CNAME web1.web., A 10.0.1.9 (56)",
    ),
    "name that does not exist": Sent(
        bytes.fromhex(
            "02000000000a0200000000010800450000317f8740004011a5320a0001010a0001020035b7e6001d1631123485830001"
            "0000000000000377656200001c0001"
        ),
        "DNS answer",
        "10.0.1.1:53 > 10.0.1.2:47078: DNS answer AAAA? web.: NXDOMAIN",
        "IP 10.0.1.1.53 > 10.0.1.2.47078: 4660 NXDomain* 0/0/0 (21)",
    ),
    "answer with AAAA": Sent(
        bytes.fromhex(
            "02000000000a02000000000108004500004d7f8840004011a5150a0001010a0001020035b7e60039164d123485800001"
            "0001000000000377656200001c0001c00c001c00010000003c0010fd000001000000000000000000000009"
        ),
        "DNS answer",
        "10.0.1.1:53 > 10.0.1.2:47078: DNS answer AAAA? web.: AAAA fd00:1::9",
        "IP 10.0.1.1.53 > 10.0.1.2.47078: 4660* 1/0/0 AAAA fd00:1::9 (49)",
    ),
    "question over TCP": Sent(
        bytes.fromhex(
            "02000000000102000000000a08004500004bc1a44000400663060a0001020a000101ec8800350b88e9c80af89ef48018"
            "003f164000000101080a6686e9a973ea1e710015123401000001000000000000037765620000010001"
        ),
        "DNS question",
        "10.0.1.2:60552 > 10.0.1.1:53: DNS question A? web.",
        "IP 10.0.1.2.60552 > 10.0.1.1.53: Flags [P.], seq 193522120:193522143, ack 184065780, win 63",
    ),
    "802.3": Sent(
        bytes.fromhex("0180c200000002000000000a0026424203" + "00" * 42),
        "802.3 frame",
        "02:00:00:00:00:0a > 01:80:c2:00:00:00: 802.3 frame",
        "STP 802.1d, Config, Flags [none], bridge-id 0000.00:00:00:00:00:00.0000, length 35",
    ),
    "LLDP": Sent(
        bytes.fromhex("02000000000102000000000a88cc0207"),
        "ethertype 0x88cc",
        "02:00:00:00:00:0a > 02:00:00:00:00:01: ethertype 0x88cc",
        "LLDP, length 2 [|lldp]",
    ),
    "ARP with a VLAN tag": Sent(
        bytes.fromhex("ffffffffffff02000000000a8100002a0806000108000604000102000000000a0a0001020000000000000a000101"),
        "ARP who-has",
        "ARP who-has 10.0.1.1 tell 10.0.1.2",
        "ARP, Request who-has 10.0.1.1 tell 10.0.1.2, length 28",
    ),
    "FIN+ACK": Sent(
        bytes.fromhex(
            "02000000000102000000000a080045000034760f40004006aeb20a0001020a00010193160050edfa1a62a9ea96b68011"
            "003f162900000101080a9c058db118d4c3ca"
        ),
        "TCP FIN+ACK",
        "10.0.1.2:37654 > 10.0.1.1:80: TCP FIN+ACK, seq 3992590946, ack 2850723510, win 63, length 0",
        "IP 10.0.1.2.37654 > 10.0.1.1.80: Flags [F.], seq 3992590946, ack 2850723510, win 63",
    ),
    "time exceeded": Sent(
        bytes.fromhex(
            "02000000000a020000000001080045c0003a1613000040014dee0a0001010a0001020b00b075000000004500001e0000"
            "4000401124cd0a0001020a000101cdec0009000a161e6869"
        ),
        "ICMP time exceeded",
        "10.0.1.1 > 10.0.1.2: ICMP time exceeded, about UDP 10.0.1.2:52716 > 10.0.1.1:9",
        "IP 10.0.1.1 > 10.0.1.2: ICMP time exceeded in-transit, length 38",
    ),
    "protocol 89 with padding": Sent(
        bytes.fromhex(
            "02000000000102000000000a08004500001800004000405924cd0a0001020a0001010201000400000000000000000000"
            "000000000000000000000000"
        ),
        "IPv4 protocol 89",
        "10.0.1.2 > 10.0.1.1: IPv4 protocol 89, length 4",
        "IP 10.0.1.2 > 10.0.1.1:  [|ospf2]",
    ),
}
