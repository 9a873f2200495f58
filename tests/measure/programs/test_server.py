from __future__ import annotations

import re
import socket

from pyctr_lab.measure.programs import server


class Closed:
    def recv(self, _):
        raise ConnectionResetError


def test_the_answer_has_the_ten_nearest_and_its_own_length():
    head, _, body = server.answer(b"GET /near/5000 HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and head.endswith(b"Content-Length: %d" % len(body))
    near = [int(price) for price in re.findall(rb"\d+", body)]
    farthest = max(abs(price - 5000) for price in near)
    assert len(near) == 10
    assert sum(abs(price - 5000) < farthest for price in server.GOODS) < 10


def test_a_line_of_the_log_is_in_the_common_format():
    line = server.line(b"GET /near/1 HTTP/1.1\r\nHost: x\r\n\r\n", 123)
    assert re.fullmatch(
        rb'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d:]{8} \+0000\] "GET /near/1 HTTP/1\.1" 200 123\n', line
    )


def test_a_guest_is_answered_and_logged_and_one_that_has_gone_is_not(tmp_path):
    ours, theirs = socket.socketpair()
    with (tmp_path / "log").open("wb", buffering=0) as log, ours, theirs:
        ours.sendall(b"GET /near/7 HTTP/1.1\r\n\r\n")
        assert server.attend(theirs, log)
        ours.close()
        assert not server.attend(theirs, log) and not server.attend(Closed(), log)
    assert (tmp_path / "log").read_bytes().count(b"/near/7") == 1
