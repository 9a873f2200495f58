"""Run a command for which the kernel refuses system calls: `python refusing.py flock=ENOLCK clone3=EPERM -- COMMAND`.

A seccomp filter answers with the errno, as an older kernel or a policy does. Children inherit it. See seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS of seccomp_data.nr, BPF_JMP|BPF_JEQ, BPF_RET
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBERS = {"clone3": 435, "mount_setattr": 442, "flock": 32 if os.uname().machine == "aarch64" else 73}


def refuse(refused: dict[str, str]) -> None:
    """Have these calls answered with these errnos, for this process and all its children."""
    program = [(LOAD_NUMBER, 0, 0, 0)]
    for name, why in refused.items():
        program += [(JUMP_EQUAL, 0, 1, NUMBERS[name]), (RETURN, 0, 0, ERRNO | getattr(errno, why))]
    program.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    fprog = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:  # else an ordinary user may have no filter
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(fprog), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    end = sys.argv.index("--")
    refuse(dict(word.split("=") for word in sys.argv[1:end]))
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])
