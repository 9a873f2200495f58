from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from networks.served import Served, served
from pyctr_lab import Lab
from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.networks.programs import name_server
from pyctr_lab.networks.programs.dns import Names, answer
from pyctr_lab.runtime.service import LabService

A, PTR, MX, AAAA, ANY = 1, 12, 15, 28, 255
FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 1, 3, 4, 5, 16
TC = 0x0200
MANY = [f"10.0.{i // 250}.{i % 250}" for i in range(600)]


def query(
    name: str, kind: int = A, *, group: int = 1, flags: int = 0x0100, edns: tuple[int, int] | None = None
) -> bytes:
    words = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    extra = b"\0" + struct.pack("!HHIH", 41, edns[0], edns[1] << 16, 0) if edns else b""
    return struct.pack("!6H", 7, flags, 1, 0, 0, bool(edns)) + words + struct.pack("!2H", kind, group) + extra


def read(message: bytes) -> tuple[int, list[str]]:
    """The code of an answer, 16 bits of flags above it, and what its records say."""
    number, flags, questions, count, _, extra = struct.unpack_from("!6H", message)
    assert number == 7 and flags & 0x8000
    at, found = 12, []
    if questions:
        at = message.index(b"\0", 12) + 5
    for _ in range(count):
        kind, group, ttl, size = struct.unpack_from("!HHIH", message, at + 2)
        assert message[at : at + 2] == b"\xc0\x0c" and group == 1 and ttl <= 1
        data = message[at + 12 : at + 12 + size]
        families = {A: socket.AF_INET, AAAA: socket.AF_INET6}
        found.append(socket.inet_ntop(families[kind], data) if kind in families else data.decode("latin-1"))
        at += 12 + size
    high = struct.unpack_from("!HHIH", message, at + 1)[2] >> 24 if extra else 0
    assert len(message) == at + 11 * extra
    return flags & TC | high << 4 | flags & 15, found


@pytest.fixture
def names() -> Names:
    names = Names()
    names.add("web", ["10.0.0.2", "10.0.0.3", "fd00::2"])
    names.add("Db.Example.", ["10.0.0.3"])
    return names


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(name_server.serve, address="127.0.0.1", port=0, address6="::1") as made:
        made.ask({"add": "web", "addresses": ["10.0.0.2"]})
        made.ask({"add": "many", "addresses": MANY})
        yield made


def asked(names: Names, *words: Any, stream: bool = False, **options: Any) -> tuple[int, list[str]]:
    said = answer(names.records, query(*words, **options), stream=stream)
    assert said
    return read(said)


# --- answers
@pytest.mark.parametrize(
    ("words", "options", "code", "found"),
    [
        (("WEB", A), {}, 0, ["10.0.0.2", "10.0.0.3"]),
        (("web", AAAA), {}, 0, ["fd00::2"]),
        (("web", ANY), {}, 0, ["10.0.0.2", "10.0.0.3", "fd00::2"]),
        (("web", MX), {}, 0, []),
        (("db.example", AAAA), {}, 0, []),
        (("web.example", A), {}, NXDOMAIN, []),
        (("2.0.0.10.in-addr.arpa", PTR), {}, 0, ["\3web\0"]),
        (("3.0.0.10.in-addr.arpa", PTR), {}, 0, ["\3web\0", "\2db\7example\0"]),
        ((".".join("2" + 29 * "0" + "df") + ".ip6.arpa", PTR), {}, 0, ["\3web\0"]),
        (("9.0.0.10.in-addr.arpa", PTR), {}, NXDOMAIN, []),
        (("web", A), {"group": 3}, REFUSED, []),
        (("web", A), {"flags": 0x2800}, NOTIMP, []),
        (("web", A), {"edns": (1232, 1)}, BADVERS, []),
    ],
)
def test_what_is_answered(
    names: Names, words: tuple[Any], options: dict[str, Any], code: int, found: list[str]
) -> None:
    assert asked(names, *words, **options) == (code, found)


def test_several_addresses_are_rotated_in_each_family(names: Names) -> None:
    firsts = []
    for _ in range(3):
        firsts.append(asked(names, "web", A)[1][0])
        asked(names, "web", AAAA)
    assert firsts == ["10.0.0.2", "10.0.0.3", "10.0.0.2"]


def test_what_is_removed_is_unknown_at_once(names: Names) -> None:
    names.remove("WEB", ["10.0.0.3"])
    assert asked(names, "web", A) == (0, ["10.0.0.2"])
    assert asked(names, "3.0.0.10.in-addr.arpa", PTR) == (0, ["\2db\7example\0"])
    names.remove("db.example", None)
    names.remove("web", ["10.0.0.2"])
    names.remove("web", ["fd00::2"])
    names.remove("never", None)
    assert names.records == {} and names.addresses == {}


def test_long_answers_are_cut_to_what_a_client_takes(names: Names) -> None:
    names.add("many", MANY)
    for size, options in (
        (512, {}),
        (512, {"edns": (100, 0)}),
        (1232, {"edns": (1232, 0)}),
        (4096, {"edns": (9000, 0)}),
    ):
        code, found = asked(names, "many", A, **options)
        assert code == TC and size - 50 < 16 * len(found) < size
    code, found = asked(names, "many", A, stream=True)
    assert code == 0 and sorted(found) == sorted(MANY)


CORPUS = [
    b"",
    b"\0" * 11,
    b"\0\7\1\0\0\1" + b"\0" * 6,  # no question
    query("web")[:-1],
    query("web")[:14],
    query("web").replace(b"\3web", b"\xc0\x0cxx"),  # points to itself
    query("web").replace(b"\3web", b"\x43web"),
    query(".".join(["x" * 60] * 5)),
    query("web", flags=0x8100),  # an answer
    query("web").replace(b"\0\1", b"\0\2", 1),  # two questions
    query("web", edns=(512, 0))[:-3],
    b"\xff" * 600,
]


@pytest.mark.parametrize("message", CORPUS)
def test_a_malformed_question_is_an_error_or_silence(names: Names, message: bytes) -> None:
    said = answer(names.records, message, stream=False)
    known = message == CORPUS[10]  # a record that is cut off is none
    assert said is None or struct.unpack_from("!6H", said)[1] & 15 == (0 if known else FORMERR)


def test_no_mutation_of_a_question_is_a_crash(names: Names) -> None:
    chance = random.Random(20)
    good = [query("web", edns=(1232, 0)), query("db.example", ANY), query("2.0.0.10.in-addr.arpa", PTR)]
    for _ in range(20_000):
        message = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(len(message))] = chance.choice((0, 1, 63, 64, 0xC0, 0xFF, chance.randrange(256)))
        said = answer(names.records, bytes(message[: chance.randint(0, len(message)) or None]), stream=False)
        assert said is None or 12 <= len(said) <= 4096


# --- sockets
def datagram(server: Served, message: bytes, family: int = socket.AF_INET) -> bytes:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(("127.0.0.1" if family == socket.AF_INET else "::1", server.port))
        sock.send(message)
        return sock.recv(5000)


def stream(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 20)


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def test_it_answers_over_udp_and_tcp_in_both_families(server: Served) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        assert read(datagram(server, query("web"), family)) == (0, ["10.0.0.2"])
    assert read(datagram(server, query("many")))[0] == TC
    with stream(server) as sock, sock.makefile("rb") as file:
        for byte in framed(query("web")):
            sock.send(bytes([byte]))
        sock.sendall(framed(query("many")) * 800)  # more than sockets hold
        sizes = []
        for _ in range(801):
            _, found = read(file.read(int.from_bytes(file.read(2), "big")))
            sizes.append(len(found))
    assert sizes == [1, *[len(MANY)] * 800]


def test_malformed_messages_do_not_end_it(server: Served) -> None:
    for message in CORPUS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, stream(server) as other:
            sock.sendto(message, ("127.0.0.1", server.port))
            other.sendall(framed(message) + b"\xff\xff")
    assert read(datagram(server, query("web"))) == (0, ["10.0.0.2"])


def test_a_flood_of_connections_keeps_no_other_out(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_server, "PATIENCE", 1000)
    crowd = [stream(server) for _ in range(3 * name_server.CLIENTS)]
    with stream(server) as sock:
        sock.sendall(framed(query("web")))
        assert sock.recv(2)
    assert not crowd[0].recv(1), "the oldest made room"
    for each in crowd:
        each.close()


def test_a_connection_without_a_question_is_closed(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_server, "PATIENCE", 0)
    with stream(server) as sock:
        assert sock.recv(1) == b""


def test_wrong_orders_are_refused_and_change_nothing(server: Served) -> None:
    before = server.ask({"names": True})
    names = [{"add": name, "addresses": []} for name in ("x" * 64, "a..b", "", "\xe4", 5, None)]
    wrong = [
        {"add": "y", "addresses": ["10.0.0"]},
        {"add": "y"},
        {"remove": "web", "addresses": [1]},
        {},
        [],
        "add",
        None,
    ]
    for order in (*names, *wrong):
        assert "wrong order" in server.ask(order)["error"], order
    assert server.ask({"names": True}) == before and before["names"]["web"] == ["10.0.0.2"]


# --- in a lab
ASK = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(20)
sock.sendto({!r}, ("127.0.0.1", 53))
print(sock.recv(600).hex())
"""


@pytest.mark.machine
def test_in_a_lab_a_name_is_known_once_the_order_is_answered(lab: Lab) -> None:
    lab.host.run(["ip", "link", "set", "lo", "up"])
    with LabService(lab.world, f"{name_server.__name__}:serve", address="127.0.0.1") as service:
        assert service.ready == {"port": 53}
        service.ask({"add": "web", "addresses": ["10.0.0.2"]})
        said = lab.host.run(["python3", "-c", ASK.format(query("web"))]).stdout
        assert read(bytes.fromhex(said)) == (0, ["10.0.0.2"])
        with pytest.raises(BadInput, match="wrong order"):
            service.ask({"add": ""})
        with pytest.raises(LabError, match=r"^127\.0\.0\.1 port 53: Address already in use$"):
            LabService(lab.world, f"{name_server.__name__}:serve", address="127.0.0.1")
    with LabService(lab.world, f"{name_server.__name__}:serve", address="127.0.0.1"):
        pass
