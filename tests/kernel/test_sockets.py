from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pyctr_lab import BadInput, CallError, Lab
from pyctr_lab import kernel as k
from pyctr_lab.kernel import Call, Ref, Spelled

pytestmark = pytest.mark.machine

FD = Ref("fd")
SPELLINGS = [
    (k.socket(k.AF_INET, k.SOCK_STREAM), "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = fd"),
    (k.bind(FD, "127.0.0.1", 80),
     'bind(fd, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)'),
    (k.connect(FD, "10.0.0.1", 65535),
     'connect(fd, {sa_family=AF_INET, sin_port=htons(65535), sin_addr=inet_addr("10.0.0.1")}, 16)'),
    (k.listen(FD, 3), "listen(fd, 3)"),
    (k.ioctl(FD, k.SIOCSIFFLAGS, k.ifreq("lo", k.IFF_UP)),
     'ioctl(fd, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP})'),
]  # fmt: skip


@pytest.mark.parametrize(("call", "spelling"), SPELLINGS, ids=[spelling[:24] for _, spelling in SPELLINGS])
def test_a_call_prints_as_strace_prints_it(call: Call, spelling: str) -> None:
    assert str(call) == spelling


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_strace_agrees(tmp_path: Path) -> None:
    code = "import socket\nwith socket.socket() as s: s.connect_ex(('127.0.0.1', 1))"
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-e", "trace=connect", "-o", trace, sys.executable, "-c", code], check=True)
    ours = str(k.connect(FD, "127.0.0.1", 1)).partition(", ")[2]
    assert ours in trace.read_text()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: k.connect(FD, "localhost", 80), "no IPv4 address"),
        (lambda: k.connect(FD, "127.0.0.1", 65536), "65535"),
        (lambda: k.bind(FD, "127.0.0.1", -1), "65535"),
        (lambda: k.bind("3", "127.0.0.1", 80), "number"),
        (lambda: k.ifreq(""), "1 to 15"),
        (lambda: k.ifreq("x" * 16), "1 to 15"),
    ],
)
def test_what_the_kernel_could_not_take_is_refused_in_one_line(make, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=why):
        make()


def test_a_structure_is_its_bytes_and_remembers_its_spelling() -> None:
    spelled = k.ifreq("lo", k.IFF_UP)
    assert isinstance(spelled, Spelled) and len(spelled) == 40
    assert spelled[:3] == b"lo\0" and struct.unpack_from("H", spelled, 16) == (1,)


def test_a_process_of_the_lab_listens_and_another_knocks() -> None:
    with Lab() as lab:
        one, two = lab.container("one"), lab.container("two")
        knock = [k.socket(k.AF_INET, k.SOCK_STREAM), k.connect(FD, "127.0.0.1", 8080)]
        with pytest.raises(CallError, match="ECONNREFUSED"):
            two.carry(knock)
        one.carry([k.socket(k.AF_INET, k.SOCK_STREAM), k.bind(FD, "127.0.0.1", 8080), k.listen(FD)])
        assert two.carry(knock)[-1].result == 0


def test_the_address_is_what_python_takes_it_for() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert k.sockaddr_in("127.0.0.1", port)[2:8] == struct.pack("!H4B", port, 127, 0, 0, 1)
