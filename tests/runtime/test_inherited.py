"""What whoever started us has left behind changes no result: ignored signals, a umask, few descriptors."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.machine

RUN = "from pyctr_lab import Lab\nwith Lab() as lab:\n    "


def python(code: str, before: str) -> str:
    """What a program says that is started by a shell behind `before`."""
    command = ["sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, "-P", "-c", RUN + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["CHLD", "QUIT", "INT", "HUP", "TERM", "PIPE", "USR1"])
def test_an_ignored_signal(name: str) -> None:
    code = 'print(lab.run(["sh", "-c", "exit 5"]).returncode, lab.run(["grep", "SigIgn", "/proc/self/status"]).stdout)'
    assert python(code, f"trap '' {name}").split() == ["5", "SigIgn:", "0" * 16]


@pytest.mark.parametrize("umask", ["077", "777"])
def test_a_umask(umask: str, delegated: None) -> None:
    code = """print(lab.run(["sh", "-c", "umask; stat -c %a / /etc /etc/passwd"]).stdout)
    print(lab.run(["stat", "-c", "%a", "/"], limits=__import__("pyctr_lab").Limits(pids=9)).returncode)
    print(*(oct(__import__("os").stat(folder).st_mode & 0o777) for folder in lab.cgroup("web").folders[:1]))"""
    assert python(code, f"umask {umask}").split() == ["0022", "755", "755", "644", "0", "0o755"]


def test_few_descriptors() -> None:
    code = """programs = [lab.run(["sh", "-c", "ulimit -n; ulimit -Hn"]).stdout.split()]
    try:
        while len(programs) < 50:
            programs.append(lab.start(["sleep", "1000"]))
    except Exception as why:
        print(type(why).__name__, programs[0], len(programs) > 5)
        del programs
        print(why)"""
    said = python(code, "ulimit -n 60")
    assert said.startswith(
        "Unsupported ['60', '60'] True\nthis process has 60 files open, and may have no more (wait for"
    )


def test_so_few_that_no_lab_opens() -> None:
    code = """import os, resource
from pyctr_lab import Lab
full = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (full, full))
Lab()"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert "files open, and may have no more" in done.stderr.splitlines()[-1], done.stderr


@pytest.mark.parametrize("number", range(40, 48))
def test_a_start_at_the_last_descriptor_leaves_nothing(number: int) -> None:
    """Wherever it fails, the lab goes on when there is room again."""
    code = f"""import gc, os, resource
    from pyctr_lab import Unsupported
    box = lab.container("box")
    before = len(os.listdir("/proc/self/fd"))
    for use in (lambda: lab.run(["true"]), lambda: lab.start(["true"]).wait(), lambda: box.run(["true"])):
        spare = [os.dup(0) for _ in range({number} - before)]
        resource.setrlimit(resource.RLIMIT_NOFILE, ({number} + {number} % 7, 4096))
        try:
            use()
        except Unsupported:
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        for fd in spare:
            os.close(fd)
        gc.collect()
        assert lab.run(["echo", "on"]).stdout == "on\\n" and box.run(["echo", "on"]).stdout == "on\\n"
    print(before - len(os.listdir("/proc/self/fd")))"""
    assert int(python(code, ":")) in (0, -1)  # the thread that reads output keeps one
