"""Requests to the kernel's rtnetlink as system calls, and its answers. See netlink(7).

The kernel answers each message with one of its own, whose error lies in its bytes: a list of calls stops there all the
same, for `recvfrom` says where in its buffer that number is (`Call.own_errno`).
"""

from __future__ import annotations

import struct
from errno import errorcode
from functools import partial, reduce
from operator import or_

from .. import constants as k
from ..arguments import LazilySpelled, Ref, Spelled, SubjectBytes
from ..calls import Call, close
from ..checks import check_number
from ..constants import Named
from .messages import HEADER, TYPES, NetlinkMessage, spell_header

ANSWER = 512  # bytes: an error repeats the message that it answers, and says more behind it
ERRNO_AT = HEADER  # where an answer has its errno, negative; 0 for none
KERNEL = Spelled(struct.pack("=HHII", k.AF_NETLINK, 0, 0, 0), "{sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}")
REQUESTS = (k.NLM_F_REQUEST, k.NLM_F_ACK, k.NLM_F_EXCL, k.NLM_F_CREATE)
ANSWERS = (Named(0x100, "NLM_F_CAPPED"), Named(0x200, "NLM_F_ACK_TLVS"))


def request(*messages: NetlinkMessage) -> list[Call]:
    """Send messages one by one, and read the answer to each; the list ends at the first that the kernel refuses."""
    fd = Ref("netlink")
    pairs = [call for number, message in enumerate(messages, 1) for call in exchange(message, number)]
    return [netlink_socket(), extended_errors(), *pairs, close(fd)]


def exchange(message: NetlinkMessage, sequence: int = 1) -> list[Call]:
    """Send one message on the socket `netlink`, and read its answer."""
    return [send_message(Ref("netlink"), message, sequence), receive(Ref("netlink"))]


def netlink_socket() -> Call:
    """socket(2) to the kernel's rtnetlink; NETLINK_ROUTE is 0. Its descriptor is named `netlink`."""
    return Call("socket", (k.AF_NETLINK, k.SOCK_RAW | k.SOCK_CLOEXEC, k.NETLINK_ROUTE), result="netlink")


def extended_errors() -> Call:
    """setsockopt(2): have the kernel say in words what it refuses."""
    one = Spelled(struct.pack("=i", 1), "[1]")
    return Call("setsockopt", (Ref("netlink"), k.SOL_NETLINK, k.NETLINK_EXT_ACK, one, 4))


def send_message(fd: int | Ref, message: NetlinkMessage, sequence: int = 1) -> Call:
    """sendto(2): send one message to the kernel."""
    pieces, spell = message.pieces(sequence), partial(message.spelling, sequence)
    if len(pieces) == 1:
        (raw,) = pieces
        assert isinstance(raw, bytes)
        buffer: Spelled | SubjectBytes = LazilySpelled(raw, spell)
    else:
        before, _, after = pieces
        assert isinstance(before, bytes) and isinstance(after, bytes)
        buffer = SubjectBytes(before, after, spell)
    size = sum(len(piece) if isinstance(piece, bytes) else 4 for piece in pieces)
    return Call("sendto", (check_number(fd, "a descriptor"), buffer, size, 0, KERNEL, len(KERNEL)))


def receive(fd: int | Ref) -> Call:
    """recvfrom(2): read one answer, whose error is the call's."""
    buffer = Spelled(bytes(ANSWER), "[{nlmsg_type=NLMSG_ERROR, ...}]")
    return Call("recvfrom", (check_number(fd, "a descriptor"), buffer, ANSWER, 0, None, None), own_errno=ERRNO_AT)


def spell_answer(answer: bytes) -> str:
    """The kernel's answer to one message, as strace prints it; of a refusal without the message that it repeats."""
    size, type, flags, sequence, pid = struct.unpack("=IHHII", answer[:HEADER])
    error, *repeated = struct.unpack("=iIHHII", answer[HEADER : HEADER + 20])
    kind, asked = TYPES.get(repeated[1], repeated[1]), spell_flags(repeated[2], REQUESTS)
    inner = spell_header(repeated[0], kind, asked, *repeated[3:])
    said = f"-{errorcode.get(-error, -error)}" if error else "0"
    header = spell_header(size, Named(type, "NLMSG_ERROR"), spell_flags(flags, ANSWERS), sequence, pid)
    return f"[{{{header}}}, {{error={said}, msg={{{inner}}}}}]"


def spell_flags(flags: int, names: tuple[Named, ...]) -> int:
    """Flags with their names."""
    known = [flag for flag in names if flags & flag == flag]
    return reduce(or_, known) if known else flags
