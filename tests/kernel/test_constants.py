"""Flags remember their names, and the numbers are those of the machine's own headers."""

from __future__ import annotations

import marshal
import pickle
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pyctr_lab.kernel import constants
from pyctr_lab.kernel.constants import CAPABILITIES, CLONE_NEWNS, CLONE_NEWUTS, KIND_FLAGS, KINDS, RLIMITS, Named

HEADERS = (
    *("linux/sched.h", "linux/mount.h", "fcntl.h", "linux/prctl.h", "signal.h", "sys/wait.h", "time.h", "sys/socket.h"),
    *("netinet/in.h", "linux/sockios.h", "net/if.h", "sys/ioctl.h", "sys/shm.h", "sys/msg.h", "sys/sem.h"),
    *("sys/resource.h", "linux/capability.h", "linux/futex.h", "linux/openat2.h"),
    *("linux/netlink.h", "linux/rtnetlink.h", "linux/if_addr.h", "linux/seccomp.h", "linux/securebits.h"),
    "linux/landlock.h",
    *("stdio.h", "unistd.h"),
)


GROUPS = (RLIMITS.values(), CAPABILITIES, constants.LANDLOCK_ACCESS_FS.values())


def every_constant() -> dict[str, int]:
    named = {repr(value): int(value) for value in vars(constants).values() if isinstance(value, Named)}
    named |= {repr(value): int(value) for group in GROUPS for value in group}
    return named


def test_a_joined_flag_says_its_parts_whatever_the_order() -> None:
    assert repr(CLONE_NEWUTS | CLONE_NEWNS) == repr(CLONE_NEWNS | CLONE_NEWUTS) == "CLONE_NEWNS|CLONE_NEWUTS"
    assert CLONE_NEWUTS | CLONE_NEWNS == 0x4020000


def test_a_number_without_a_name_joins_in_hexadecimal() -> None:
    assert repr(CLONE_NEWNS | 0x10) == repr(0x10 | CLONE_NEWNS) == "0x10|CLONE_NEWNS"
    assert repr(CLONE_NEWNS | 0) == "CLONE_NEWNS"
    assert repr(CLONE_NEWNS | CLONE_NEWNS) == "CLONE_NEWNS"


def test_a_flag_is_a_number_to_everybody_else() -> None:
    assert pickle.loads(pickle.dumps(CLONE_NEWNS)) == marshal.loads(marshal.dumps(int(CLONE_NEWNS))) == 0x20000
    assert f"{CLONE_NEWNS:d}" == "131072"


def test_there_are_eight_kinds_in_the_order_of_the_course() -> None:
    assert KINDS == ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time") == tuple(KIND_FLAGS)


def test_the_kernel_knows_no_capability_that_is_missing_here() -> None:
    assert int(Path("/proc/sys/kernel/cap_last_cap").read_text()) <= len(CAPABILITIES) - 1


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler is installed")
def test_the_headers_agree(tmp_path: Path) -> None:
    wanted = every_constant()
    for name in ("RLIMIT_RTTIME", "SUID_DUMP_USER"):  # the first only in a kernel header, the other not for programs
        wanted.pop(name, None)
    lines = [f'#ifdef {name}\nprintf("{name} %lld\\n", (long long)(int){name});\n#endif' for name in wanted]
    big = r"RLIM_INFINITY|CLONE_INTO_CGROUP|CLONE_CLEAR_SIGHAND|SECCOMP_IOCTL_\w+"
    lines = [re.sub(rf"\(int\)({big})", r"(long)\1", line) for line in lines]
    lines += [
        f'printf("{name} %lld\\n", (long long){name});'
        for name in wanted
        if name.startswith("RLIMIT_") and not name.endswith("LOCKS")
    ]  # fmt: skip  glibc has them as an enum, not as macros
    includes = "".join(f"#include <{header}>\n" for header in HEADERS)
    source = tmp_path / "constants.c"
    source.write_text(f"#define _GNU_SOURCE\n#include <stdio.h>\n{includes}\nint main(void) {{\n" + "\n".join(lines)
                      + "\nreturn 0; }\n")  # fmt: skip
    built = subprocess.run(["cc", "-w", "-o", str(tmp_path / "say"), str(source)], capture_output=True, text=True)
    if "No such file or directory" in built.stderr:
        pytest.skip("the headers of libc or of the kernel are not installed")
    assert built.returncode == 0, built.stderr
    said = subprocess.run([str(tmp_path / "say")], capture_output=True, text=True, check=True).stdout
    found = {name: int(number) for name, number in map(str.split, said.splitlines())}
    assert {name: value for name, value in found.items() if wanted[name] != value} == {}
    assert len(found) > len(wanted) * 0.9, sorted(set(wanted) - set(found))
