"""What the pictures of networks are made from, by hand: the usual cases and the extreme ones."""

from __future__ import annotations

from dataclasses import replace

from pyctr_lab.draw import Picture
from pyctr_lab.draw.network import network
from pyctr_lab.draw.network.conversation import Said, conversation
from pyctr_lab.draw.network.packet_path import Hop, packet_path
from pyctr_lab.networks import Door, Learned, Link, NetworkView, Room

HOSTILE = "<script>alert(1)</script>&\u202e" * 4
LONG = "a" * 63
NAMES = ("web", "db", "shop", "cache", "mail", "queue", LONG, "<b>&amp;</b>")
BR0 = Link("br0", 2, "bridge", mac="02:00:0a:58:00:01", addresses=("10.88.0.1/24",))


def mac(number: int) -> str:
    return f"02:00:0a:58:{number >> 8:02x}:{number & 255:02x}"


def port(number: int, **other: object) -> Link:
    return replace(Link(f"v{number}", 1000 + number, peer=10, master="br0"), **other)  # type: ignore[arg-type]


def room(of: str, number: int, **other: object) -> Room:
    address = f"10.88.{number // 200}.{number % 200 + 1}/24"
    end = Link("eth0", 10, peer=1000 + number, mac=mac(number + 1), addresses=(address,),
               packets=400 + 7 * number)  # fmt: skip
    lo = Link("lo", 1, "loopback", addresses=("127.0.0.1/8",))
    return Room(of, 4026532400 + number, (lo, replace(end, **other)))  # type: ignore[arg-type]


def net(count: int, *, doors: int = 0, changed: str = "") -> NetworkView:
    """A network whose containers are all connected."""
    names = [NAMES[number] if number < len(NAMES) else f"box{number + 1}" for number in range(count)]
    host = Room("the lab's network", 4026532410, (BR0, *(port(number + 1) for number in range(count))))
    rooms = tuple(room(name, number + 1) for number, name in enumerate(names))
    learned = tuple(Learned(mac(number + 2), f"v{number + 1}", 0.1 + 3 * number) for number in range(count))
    published = tuple(Door("127.0.0.1", 8080 + n, "tcp", f"10.88.0.{n + 2}", 80) for n in range(doors))
    return NetworkView("shopnet", "10.88.0.0/24", "br0", host, rooms, learned, published, changed)


def unplugged(view: NetworkView, number: int) -> NetworkView:
    """The same with a port of the bridge set down: its container has no carrier, and what was learned there is gone."""
    links = tuple(
        replace(each, up=False, carrier=False) if each.name == f"v{number}" else each for each in view.host.links
    )
    rooms = list(view.rooms)
    lo, end = rooms[number - 1].links
    rooms[number - 1] = replace(rooms[number - 1], links=(lo, replace(end, carrier=False)))
    learned = tuple(each for each in view.learned if each.port != f"v{number}")
    return replace(view, host=replace(view.host, links=links), rooms=tuple(rooms), learned=learned)


THREE = net(3, doors=1)
CUT = replace(unplugged(THREE, 3), changed="v3")
EMPTY = NetworkView("none", "", "br0", Room("the lab's network", 4026532410))
STRANGE = replace(
    net(3, doors=5, changed="8080"),
    name=HOSTILE, bridge="br-0123456789ab", host=Room(HOSTILE, 1),
    rooms=(Room(LONG, 2), room(HOSTILE, 1, name="x" * 15, addresses=("2001:db8::1234:5678:9abc:def0/64", "10.0.0.1/8")),
           room("down", 2, up=False)),
    doors=(Door("::1", 8080, "udp", LONG, 53), Door("127.0.0.1", 65535, target=HOSTILE, relay=False),
           *(Door("127.0.0.1", 8080 + n, target="10.0.0.1", target_port=n) for n in range(4))),
)  # fmt: skip
LAST = net(500, doors=2, changed="box500")
ODD_ROOMS = [room(name, n, name="ifname-15-chars", packets=123_456_789) for n, name in enumerate(NAMES, 1)]
ODD_PORTS = replace(net(8, doors=3), rooms=tuple(ODD_ROOMS))
ODD_LINKS = [replace(each, name="veth-15-letters" if each.kind == "veth" else "br0") for each in ODD_PORTS.host.links]
ODD_PORTS = replace(ODD_PORTS, host=replace(ODD_PORTS.host, links=tuple(ODD_LINKS)))
MAPS = {
    "empty": EMPTY, "one": net(1, doors=1), "three": THREE, "cut": CUT, "eight": net(8, doors=3),
    "many": net(500, doors=1), "last": LAST, "strange": STRANGE, "odd ports": ODD_PORTS,
}  # fmt: skip

# --- a packet's path
ARRIVES = [
    Hop("browser", "127.0.0.1:8080", "connect", namespace="your machine"),
    Hop("listening socket", "made here, handed to the relay", "accept", namespace="your machine"),
    Hop("relay", "its target, 10.88.0.2:80", "a connection of its own", namespace="the lab's network"),
    Hop("route", "10.88.0.0/24 dev br0", "to br0", namespace="the lab's network"),
    Hop("br0", "its forwarding table: …58:00:02", "out of v1", namespace="the lab's network"),
    Hop("eth0", "10.88.0.2 is its own", "up to TCP", namespace="web"),
    Hop("port 80", "a socket listens", "python reads GET /", namespace="web"),
]
DROPPED = [
    *ARRIVES[2:4],
    Hop(
        "nft forward",
        "oifname br0 drop",
        "dropped by policy, counted once",
        passed=False,
        namespace="the lab's network",
    ),
    *ARRIVES[4:],
]
PATHS = {"arrives": (ARRIVES, "GET / of the browser"), "dropped": (DROPPED, "the SYN"), "one": (ARRIVES[:1], ""),
         "hostile": ([Hop(HOSTILE, HOSTILE, HOSTILE, namespace=LONG), Hop(LONG, LONG * 3, LONG, False, HOSTILE)] * 3,
                     HOSTILE)}  # fmt: skip

# --- a conversation
WHO = {mac(2): "web", "10.88.0.2": "web", "br0": "br0", mac(3): "db", "10.88.0.3": "db", mac(4): "shop"}
PING = [
    Said(
        10.0, mac(2), "ff:ff:ff:ff:ff:ff", "who-has 10.88.0.3?", "br0: web's address is behind v1; db: 10.88.0.2 is …02"
    ),
    Said(10.000022, mac(3), mac(2), "is-at …58:00:03", "web's neighbours: 10.88.0.3 INCOMPLETE → REACHABLE"),
    Said(10.000036, "10.88.0.2", "10.88.0.3", "echo request 1"),
    Said(10.000058, "10.88.0.3", "10.88.0.2", "echo reply 1"),
    Said(11.000100, "10.88.0.2", "10.88.0.3", "echo request 2"),
    Said(11.000127, "10.88.0.3", "10.88.0.2", "echo reply 2"),
]
TABLES = {"web's neighbours": ("", "10.88.0.3 lladdr 02:00:0a:58:00:03 REACHABLE")}
CONVERSATIONS = {
    "ping": (PING, WHO | {mac(4): "shop"}, TABLES),
    "with shop": ([*PING, Said(11.5, mac(4), mac(2), "SYN 80")], WHO, None),
    "empty": ([], None, None),
    "long": ([Said(n * 1e-5, f"10.88.0.{n % 7}", f"10.88.0.{(n + 1) % 7}", f"packet {n}") for n in range(90)], {}, {}),
    "hostile": ([Said(0, HOSTILE, LONG, HOSTILE, HOSTILE), Said(0.5, LONG, "", LONG * 2, LONG * 9),
                 Said(0.6, LONG, LONG, "")],
                {HOSTILE: HOSTILE}, {HOSTILE: (HOSTILE, LONG * 5)}),
}  # fmt: skip


def pictures() -> dict[str, Picture]:
    """Pictures of networks, by name."""
    made = {f"network, {name}": network(view) for name, view in MAPS.items()}
    made |= {f"path, {name}": packet_path(hops, packet) for name, (hops, packet) in PATHS.items()}
    return made | {f"conversation, {name}": conversation(*each) for name, each in CONVERSATIONS.items()}
