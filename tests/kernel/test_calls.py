"""Calls as data: what is refused before the kernel sees it, and how the rest prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from errno import EEXIST, ENOENT, EPERM
from pathlib import Path

import pytest

from pyctr_lab import kernel as k
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel.arguments import Ref
from pyctr_lab.kernel.calls import Answer, Call, CallError

SPELLINGS = [
    (k.unshare(k.CLONE_NEWUTS), "unshare(CLONE_NEWUTS)"),
    (k.unshare(k.CLONE_NEWPID | k.CLONE_NEWNS), "unshare(CLONE_NEWNS|CLONE_NEWPID)"),
    (k.setns(Ref("fd"), k.CLONE_NEWNET), "setns(fd, CLONE_NEWNET)"),
    (k.sethostname("a\"b\n"), r'sethostname("a\"b\n", 4)'),
    (k.mount(None, "/", None, k.MS_REC | k.MS_PRIVATE), 'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)'),
    (k.umount2(".", k.MNT_DETACH), 'umount2(".", MNT_DETACH)'),
    (k.mkdirat("/new", 0o755), 'mkdirat(AT_FDCWD, "/new", 0755)'),
    (k.openat("/x", k.O_WRONLY), 'openat(AT_FDCWD, "/x", O_WRONLY|O_CLOEXEC) = fd'),
    (k.write(Ref("fd"), "0 0 1"), 'write(fd, "0 0 1", 5)'),
    (k.write(Ref("fd"), "é"), r'write(fd, "\303\251", 2)'),
    (k.prlimit64(k.RLIMITS["nofile"], 7, k.RLIM_INFINITY),
     "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=7, rlim_max=RLIM_INFINITY}, NULL)"),
    (k.fork(), "fork()"),
    (k.fork(k.CLONE_NEWUTS), "clone3({flags=CLONE_NEWUTS, exit_signal=SIGCHLD, stack=NULL, stack_size=0}, 88)"),
    (k.execve(["/bin/sh", "-c", ":"], {"A": "1", "B": "2"}), 'execve("/bin/sh", ["/bin/sh", "-c", ":"], /* 2 vars */)'),
    (k.setgroups([]), "setgroups(0, [])"),
    (k.setgroups([4, 24]), "setgroups(2, [4, 24])"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "spelling"), SPELLINGS, ids=[spelling[:24] for _, spelling in SPELLINGS])
def test_a_call_prints_as_strace_prints_it(call: Call, spelling: str) -> None:
    assert str(call) == spelling


STRACED = [
    k.sethostname("x\t\"y\\"), k.mount("tmpfs", "/nowhere", "tmpfs", k.MS_NOSUID | k.MS_NODEV, "size=4k"),
    k.umount2("/nowhere", k.MNT_DETACH), k.chroot("/nowhere"), k.chdir("/nowhere"), k.symlinkat("a", "/no/b"),
    k.mkdirat("/no/where", 0o711), k.pivot_root(".", "."),
]  # fmt: skip


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_strace_agrees(tmp_path: Path) -> None:
    code = "import ctypes\nlibc = ctypes.CDLL(None)\n"
    for call in STRACED:
        words = ", ".join(repr(arg.encode()) if isinstance(arg, str) else str(int(arg)) if arg is not None else "None"
                          for arg in call.args)  # fmt: skip
        code += f"libc.{call.name}({words})\n"
    trace = tmp_path / "trace"
    code = f"import os\nos.chdir('/')\n{code}"
    argv = ["strace", "-s", "999", "-o", str(trace), "/usr/bin/python3", "-I", "-c", code]
    user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"] if os.getuid() == 0 else []
    argv[5:5] = user  # nobody's machine is renamed by a test
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if "PTRACE" in done.stderr:
        pytest.skip("this machine refuses ptrace")
    lines = [line.rpartition(" = ")[0].rstrip() for line in trace.read_text().splitlines()]
    wanted = [str(call) for call in STRACED]
    assert [line for line in lines if line in wanted] == wanted


REFUSED = [
    (lambda: k.sethostname("a\0b"), "NUL"),
    (lambda: k.sethostname("x" * 65), "64 bytes"),
    (lambda: k.sethostname("é" * 33), "not 66"),
    (lambda: k.sethostname(7), "text, not int"),
    (lambda: k.openat("", k.O_WRONLY), "empty"),
    (lambda: k.openat("/" * 4096, k.O_WRONLY), "PATH_MAX"),
    (lambda: k.mkdirat("/a\0"), "NUL"),
    (lambda: k.chdir(3), "text, not int"),
    (lambda: k.chroot("\0"), "NUL"),
    (lambda: k.mount("tmpfs", ""), "empty"),
    (lambda: k.mount("tmpfs", "/x", "tmpfs", 0, "x" * 4096), "4095"),
    (lambda: k.mount("a\0b", "/x"), "NUL"),
    (lambda: k.mount("a", "/x", "tm\0pfs"), "NUL"),
    (lambda: k.mount("a", "/x", "tmpfs", 0, "si\0ze"), "NUL"),
    (lambda: k.unshare(-1), "from 0"),
    (lambda: k.unshare(1 << 63), "2^63"),
    (lambda: k.unshare("uts"), "number"),
    (lambda: k.unshare(True), "number"),
    (lambda: k.setns("4", 0), "number"),
    (lambda: k.kill("1", 9), "number"),
    (lambda: k.setresuid(-5), "number"),
    (lambda: k.setgroups([-1]), "number"),
    (lambda: k.setgroups([1 << 32]), "number"),
    (lambda: k.execve([], {}), "empty"),
    (lambda: k.execve(["a\0"], {}), "NUL"),
    (lambda: k.execve(["a"], {"A": "\0"}), "NUL"),
    (lambda: k.fork("all"), "number"),
]


@pytest.mark.parametrize(("make", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_c_could_not_carry_is_refused_in_one_line(make, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=why.replace("^", r"\^")) as refused:
        make()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 5000


def test_variants_of_a_call_leave_it_as_it_was() -> None:
    call = k.mkdirat("/a")
    other = call.accepting(EEXIST).named("x").from_outside()
    assert (other.accept, other.result, other.outside) == ((EEXIST,), "x", True)
    assert (call.accept, call.result, call.outside) == ((), "", False)


def test_an_answer_prints_as_strace_does() -> None:
    call = k.chdir("/gone")
    assert str(Answer(call, 0)) == 'chdir("/gone") = 0'
    assert str(Answer(call, -1, ENOENT)) == 'chdir("/gone") = -1 ENOENT (No such file or directory)'
    fine = Answer(call.accepting(ENOENT), -1, ENOENT)
    assert str(fine) == 'chdir("/gone") = -1 ENOENT (No such file or directory), which is fine'
    assert Answer(call, -1, ENOENT).failed and not Answer(call.accepting(ENOENT), -1, ENOENT).failed
    assert not Answer(call, 5).failed


def test_a_failure_is_an_oserror_with_call_errno_path_and_hint() -> None:
    answer = Answer(k.mount("proc", "/p", "proc"), -1, EPERM)
    before = Answer(k.getpid(), 7)
    why = answer.error([before, answer])
    assert isinstance(why, CallError) and isinstance(why, OSError)
    assert (why.errno, why.call, why.answers) == (EPERM, answer.call, (before, answer))
    assert why.strerror == "Operation not permitted"
    assert "pid namespace" in why.hint and why.hint in str(why)
    assert "EPERM" in str(why) and "\n" not in str(why)
    assert Answer(k.chdir("/gone"), -1, ENOENT).error().filename == "/gone"


def test_the_path_of_a_failed_mount_is_where_it_was_to_be() -> None:
    """`filename` is what the errno speaks of; for a mount that is its target, not the name of a file system."""
    assert Answer(k.mount("proc", "/p", "proc"), -1, EPERM).error().filename == "/p"


@pytest.mark.parametrize("call", [k.write(3, "0 0 1"), k.sethostname("demo"), k.unshare(k.CLONE_NEWUTS)], ids=str)
def test_a_text_that_names_no_file_is_no_file_name(call: Call) -> None:
    assert Answer(call, -1, EPERM).error().filename is None


def test_the_path_of_a_failed_link_is_the_link() -> None:
    assert Answer(k.symlinkat("usr/bin", "/mnt/bin"), -1, EEXIST).error().filename == "/mnt/bin"
