from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

from pyctr_lab.measure.programs import aggregator


@contextmanager
def begun(tmp_path, *, count):
    """An aggregator in a session of its own, which is ended whatever comes: a worker stops for nobody."""
    log = tmp_path / "access.log"
    log.write_bytes(b'127.0.0.1 - - [x] "GET /near/1 HTTP/1.1" 200 1\n' * 1000)
    command = [sys.executable, "-I", "-S", aggregator.__file__, str(log), str(tmp_path), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as program:
        try:
            yield program
            program.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def test_it_says_how_many_work_and_at_its_end_what_they_used_and_leaves_nothing(tmp_path):
    with begun(tmp_path, count=2) as program:
        assert program.stdout.readline() == "2\n"
        with open(f"/proc/{program.pid}/task/{program.pid}/children") as file:
            workers = file.read().split()
        program.send_signal(signal.SIGTERM)
        cpu, memory, _ = map(float, program.stdout.readline().split())
    assert program.returncode == 0 and cpu > 0 and memory > 1 << 20
    assert len(workers) == 2 and not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
    assert [path.name for path in tmp_path.iterdir()] == ["access.log"]


def test_when_the_kernel_allows_no_more_workers_it_goes_on_with_those_it_has(monkeypatch):
    answers = [11, 12]

    def fork():
        if not answers:
            raise BlockingIOError
        return answers.pop(0)

    monkeypatch.setattr(os, "fork", fork)
    assert aggregator.start(4, "log", "folder") == [11, 12]
