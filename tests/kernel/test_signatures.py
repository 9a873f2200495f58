"""Calls of other processes, spelled: against what strace prints."""

from __future__ import annotations

import pytest

from pyctr_lab.kernel.signatures import SIGNATURES, SPELLERS, paths_in, read_texts, spell_call
from pyctr_lab.kernel.syscall_table import SYSCALLS

CWD = (1 << 64) - 100
HIGH = 0xFFFFFFFF00000000


def test_every_listed_call_exists_and_every_kind_is_spelled() -> None:
    assert not set(SIGNATURES) - set(SYSCALLS["x86_64"])
    assert {kind for kinds in SIGNATURES.values() for kind in kinds} == set(SPELLERS)


@pytest.mark.parametrize(
    ("name", "arguments", "texts", "spelled"),
    [
        ("mkdirat", (CWD, 9, 0o755), {1: "/tmp/x"}, 'mkdirat(AT_FDCWD, "/tmp/x", 0755)'),
        ("openat", (CWD, 9, 0o2000000, 0o666), {1: "a"}, 'openat(AT_FDCWD, "a", O_RDONLY|O_CLOEXEC)'),
        ("openat", (7, 9, 0o1101, 0o666), {1: "a"}, 'openat(7, "a", O_WRONLY|O_CREAT|O_TRUNC, 0666)'),
        ("openat", (CWD & 0xFFFFFFFF, 9, 0x40000002), {}, "openat(AT_FDCWD, 0x9, O_RDWR|0x40000000)"),
        ("mkdir", (0, 0), {}, "mkdir(NULL, 000)"),
        ("unlinkat", (CWD, 9, 0x200), {1: "d"}, 'unlinkat(AT_FDCWD, "d", AT_REMOVEDIR)'),
        ("faccessat2", (CWD, 9, 5, 0x100), {1: "d"}, 'faccessat2(AT_FDCWD, "d", R_OK|X_OK, AT_SYMLINK_NOFOLLOW)'),
        ("access", (9, 0), {0: "d"}, 'access("d", F_OK)'),
        ("unshare", (0x10020000,), {}, "unshare(CLONE_NEWNS|CLONE_NEWUSER)"),
        ("socket", (1, 0o2004001, 0), {}, "socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0)"),
        ("kill", (CWD, 9), {}, "kill(-100, SIGKILL)"),
        ("close", (HIGH | 3,), {}, "close(3)"),
        ("execve", (9, 9, 9), {0: "ls", 1: ("ls", "a\nb"), 2: 4}, r'execve("ls", ["ls", "a\nb"], /* 4 vars */)'),
        ("mount", (9, 9, 0, 4096, 0), {0: "/a", 1: "/b"}, 'mount("/a", "/b", NULL, MS_BIND, NULL)'),
        ("getpid", (1, 2, 3, 4, 5, 6), {}, "getpid()"),
        ("prctl", (1, 0, 255, 0, 0, 6), {}, "prctl(0x1, 0, 0xff, 0, 0, 0x6)"),
    ],
)  # fmt: skip
def test_a_call_is_spelled_as_strace_does(name: str, arguments: tuple[int, ...], texts: dict, spelled: str) -> None:  # type: ignore[type-arg]
    assert spell_call(name, (*arguments, *[0] * (6 - len(arguments))), texts) == spelled


WORDS = b"".join(word.to_bytes(8, "little") for word in (64, 72, 0))
MEMORY = bytes(64) + b"/bin/ls\0-l\0" + bytes(5) + WORDS


def read(address: int, size: int) -> bytes:
    return MEMORY[address : address + size]


def test_texts_are_read_where_pointers_lead() -> None:
    found = read_texts("execve", (64, 80, 80), read)
    assert found == {0: "/bin/ls", 1: ("/bin/ls", "-l"), 2: 2}
    assert paths_in("execve", found) == ("/bin/ls",)
    assert read_texts("close", (64,), read) == {}


def test_what_cannot_be_read_is_left_out_and_what_has_no_end_says_so() -> None:
    assert read_texts("mkdir", (5000, 0), read) == {} == read_texts("mkdir", (0, 0), read)
    assert read_texts("mkdir", (64, 0), lambda address, size: b"/so/long") == {0: "/so/long..."}
