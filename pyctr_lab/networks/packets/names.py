"""DNS: questions and their answers. See RFC 1035."""

from __future__ import annotations

from dataclasses import dataclass

from .reader import Damage, Reader

PORT = 53
A, AAAA = 1, 28
RECORD_TYPES = {
    A: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    AAAA: "AAAA",
    33: "SRV",
    41: "OPT",
}
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
RESPONSE = 0x8000
MOST_RECORDS = 32  # of the questions, and of the answers
MOST_NAME = 255  # bytes; a name has at most 127 labels


@dataclass(frozen=True)
class DnsQuestion:
    """What a message asks for: a name, and a type of record."""

    name: str
    type: str


@dataclass(frozen=True)
class DnsRecord:
    """One record of an answer; `address` is that of an A or AAAA record, else empty. `ttl` is in seconds."""

    name: str
    type: str
    ttl: int
    address: str = ""


@dataclass(frozen=True)
class Dns:
    """A DNS message. `rcode` is "NOERROR" in a question."""

    identifier: int
    response: bool
    rcode: str
    questions: tuple[DnsQuestion, ...]
    answers: tuple[DnsRecord, ...] = ()

    @property
    def kind(self) -> str:
        """Question or answer."""
        return "DNS answer" if self.response else "DNS question"

    def words(self) -> str:
        """Which names, and which addresses."""
        asked = ", ".join(f"{query.type}? {query.name}" for query in self.questions)
        if not self.response:
            return f"DNS question {asked}"
        found = [f"{record.type} {record.address}".strip() for record in self.answers]
        said = self.rcode if self.rcode != "NOERROR" else ", ".join(found) or "no such record"
        return f"DNS answer {asked}: {said}"


def read_dns(reader: Reader) -> None:
    """Read a message up to the end of its answers."""
    reader.layer, start = "DNS", reader.at
    identifier = reader.number(2, "identifier")
    flags = reader.number(2, "flags", lambda bits: "answer" if bits & RESPONSE else "question")
    counts = [reader.number(2, f"number of {what}") for what in ("questions", "answers", "authorities", "additional")]
    questions = [read_question(reader, start) for _ in range(min(counts[0], MOST_RECORDS))]
    most = MOST_RECORDS if counts[0] <= MOST_RECORDS else 0  # else the answers' place is not known
    answers = [read_record(reader, start) for _ in range(min(counts[1], most))]
    reader.rest("other records")
    code = flags & 15
    rcode = RCODES[code] if code < len(RCODES) else f"rcode {code}"
    reader.layers.append(Dns(identifier, bool(flags & RESPONSE), rcode, tuple(questions), tuple(answers)))


def read_question(reader: Reader, start: int) -> DnsQuestion:
    """Read a question."""
    name, type = read_name(reader, start, "question's name"), reader.number(2, "type", record_type)
    reader.number(2, "class")
    return DnsQuestion(name, record_type(type))


def read_record(reader: Reader, start: int) -> DnsRecord:
    """Read a record; the data of a type that is not decoded here is passed over."""
    name, type = read_name(reader, start, "answer's name"), reader.number(2, "type", record_type)
    reader.number(2, "class")
    ttl, size = reader.number(4, "time to live"), reader.number(2, "data's length")
    address = ""
    if (type, size) == (A, 4):
        address = reader.ipv4("address")
    elif (type, size) == (AAAA, 16):
        address = reader.ipv6("address")
    elif size:
        reader.raw(size, "data", bytes.hex)
    return DnsRecord(name, record_type(type), ttl, address)


def read_name(reader: Reader, start: int, what: str) -> str:
    """Read a name; a pointer in it leads back in the message, and the name goes on there."""
    at, after, size, labels = reader.at, 0, 0, []
    while True:
        reader.need(at + 1)
        length = reader.frame[at]
        if length >= 0xC0:
            reader.need(at + 2)
            to = start + int.from_bytes(reader.frame[at : at + 2], "big") - 0xC000
            after, size = after or at + 2, size + 1  # each pointer counts: a circle of them ends
            at = to
        elif length > 63:
            raise Damage("damaged: a DNS label of an unknown kind")
        else:
            reader.need(at + 1 + length)
            labels.append(printable_label(reader.frame[at + 1 : at + 1 + length]))
            size, at = size + 1 + length, at + 1 + length
        if size > MOST_NAME:
            raise Damage(f"damaged: a DNS name of more than {MOST_NAME} bytes")
        if length == 0:
            break
    name = ".".join(labels) or "."
    reader.raw((after or at) - reader.at, what, lambda _: name)
    return name


def printable_label(label: bytes) -> str:
    """A label as zone files write it: bytes that are not printable, and dots, as three digits."""
    return "".join(chr(byte) if 33 <= byte < 127 and byte not in b".\\" else f"\\{byte:03}" for byte in label)


def record_type(number: int) -> str:
    """A record's type by its name."""
    return RECORD_TYPES.get(number, f"TYPE{number}")
