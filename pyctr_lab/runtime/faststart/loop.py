"""The smallest container runtime: a loop of machine code that carries out a list of system calls.

The launcher lays the list out in memory, one entry of twelve words a call, and calls `spawn(args, size, entries)`. That
makes one system call, clone3(2), for a child that *shares* the launcher's memory: nothing is copied for it. The child
has the launcher's stack pointer too, and must never touch a stack: it goes through the entries with registers alone.
An entry is

    0       number of the system call
    1 to 6  addresses of the words that are its arguments: a constant, or where an earlier call's result is put
    7       its result, as the kernel gives it: -4095 to -1 is an errno
    8, 9    bits: the errnos that are fine
    10      what the clock said when it came back
    11      address of an errno, negative or 0, that the kernel puts into its answer's bytes, as netlink does

The first entry is that of clone3 itself, the last is an execve that succeeds: the loop has no other end. At a failure
that is not fine the process ends.

Each line below: the bytes, the instruction, the reason. Sources: syscall(2), clone3(2), the manuals of Intel and Arm.
"""

from __future__ import annotations

import platform

WORDS = 12
"""Machine words of an entry."""

X86_64 = """
                spawn:
b8 b3 01 00 00    mov $435, %eax           # clone3(args, size): rdi and rsi are already where the kernel wants them
0f 05             syscall
48 85 c0          test %rax, %rax          # 0 in the child, which has a copy of all registers
74 01             jz child
c3                ret                      # the parent goes on in Python; a negative number is an errno
                child:
48 89 d3          mov %rdx, %rbx           # the third argument: the first entry, which is that of clone3 itself
eb 3d             jmp made                 # its result is stored like any other
                next:
48 8b 03          mov (%rbx), %rax         # which call
48 8b 7b 08       mov 8(%rbx), %rdi        # where the first argument is,
48 8b 3f          mov (%rdi), %rdi         # and what it is by now: perhaps the result of an earlier call
48 8b 73 10       mov 16(%rbx), %rsi
48 8b 36          mov (%rsi), %rsi
48 8b 53 18       mov 24(%rbx), %rdx
48 8b 12          mov (%rdx), %rdx
4c 8b 53 20       mov 32(%rbx), %r10       # the fourth: syscall takes rcx for itself
4d 8b 12          mov (%r10), %r10
4c 8b 43 28       mov 40(%rbx), %r8
4d 8b 00          mov (%r8), %r8
4c 8b 4b 30       mov 48(%rbx), %r9
4d 8b 09          mov (%r9), %r9
0f 05             syscall
48 8b 4b 58       mov 88(%rbx), %rcx       # where an answer of the kernel's has an errno of its own
48 63 09          movslq (%rcx), %rcx      # negative if it refuses; 0 for all other calls
48 85 c9          test %rcx, %rcx
48 0f 48 c1       cmovs %rcx, %rax         # then it is the call's result
                made:
48 89 43 38       mov %rax, 56(%rbx)       # the result, for the launcher to read and for later calls
48 89 c6          mov %rax, %rsi
0f 31             rdtsc                    # the processor's clock, in two halves
48 c1 e2 20       shl $32, %rdx
48 09 d0          or %rdx, %rax
48 89 43 50       mov %rax, 80(%rbx)       # when it came back
48 f7 de          neg %rsi                 # the errno, if it is one: 1 to 4095
48 8d 46 ff       lea -1(%rsi), %rax       # 0 to 4094; a result of 0 becomes the greatest number
48 3d fe 0f 00 00    cmp $4094, %rax
77 0d             ja good
48 83 fe 7f       cmp $127, %rsi           # the two words have as many bits
77 0d             ja failed
48 0f a3 73 40    bt %rsi, 64(%rbx)        # is this errno fine for this call?
73 06             jnc failed
                good:
48 83 c3 60       add $96, %rbx            # the next of the list
eb 8d             jmp next
                failed:
bf 7f 00 00 00    mov $127, %edi
b8 e7 00 00 00    mov $231, %eax           # exit_group(127)
0f 05             syscall
                ticks:                     # a function of its own: what the clock says now
0f 31             rdtsc
48 c1 e2 20       shl $32, %rdx
48 09 d0          or %rdx, %rax
c3                ret
"""

ARM64 = """
             spawn:
68 36 80 d2    mov x8, #435             # clone3(args, size): x0 and x1 are already where the kernel wants them
01 00 00 d4    svc #0
40 00 00 b4    cbz x0, child            # 0 in the child, which has a copy of all registers
c0 03 5f d6    ret                      # the parent goes on in Python; a negative number is an errno
             child:
e9 03 02 aa    mov x9, x2               # the third argument: the first entry, which is that of clone3 itself
10 00 00 14    b made                   # its result is stored like any other
             next:
28 01 40 f9    ldr x8, [x9]             # which call
20 85 40 a9    ldp x0, x1, [x9, #8]     # where the arguments are,
22 8d 41 a9    ldp x2, x3, [x9, #24]
24 95 42 a9    ldp x4, x5, [x9, #40]
00 00 40 f9    ldr x0, [x0]             # and what they are by now: perhaps results of earlier calls
21 00 40 f9    ldr x1, [x1]
42 00 40 f9    ldr x2, [x2]
63 00 40 f9    ldr x3, [x3]
84 00 40 f9    ldr x4, [x4]
a5 00 40 f9    ldr x5, [x5]
01 00 00 d4    svc #0
2a 2d 40 f9    ldr x10, [x9, #88]       # where an answer of the kernel's has an errno of its own
4a 01 80 b9    ldrsw x10, [x10]         # negative if it refuses; 0 for all other calls
5f 01 00 f1    cmp x10, #0
40 41 80 9a    csel x0, x10, x0, mi     # then it is the call's result
             made:
20 1d 00 f9    str x0, [x9, #56]        # the result, for the launcher to read and for later calls
df 3f 03 d5    isb                      # or the clock would be read too early
4a e0 3b d5    mrs x10, cntvct_el0      # the processor's clock
2a 29 00 f9    str x10, [x9, #80]       # when it came back
1f fc 3f b1    cmn x0, #4095            # -4095 to -1 carry: an errno
23 01 00 54    b.lo good
e0 03 00 cb    neg x0, x0
1f fc 01 f1    cmp x0, #127             # the two words have as many bits
08 01 00 54    b.hi failed
0a fc 46 d3    lsr x10, x0, #6          # which of the two words
2b 01 01 91    add x11, x9, #64
6a 79 6a f8    ldr x10, [x11, x10, lsl #3]
4a 25 c0 9a    lsr x10, x10, x0         # the bit of this errno (the shift is taken modulo 64)
6a 00 00 36    tbz x10, #0, failed      # is this errno fine for this call?
             good:
29 81 01 91    add x9, x9, #96          # the next of the list
e2 ff ff 17    b next
             failed:
e0 0f 80 d2    mov x0, #127
c8 0b 80 d2    mov x8, #94              # exit_group(127)
01 00 00 d4    svc #0
             ticks:                     # a function of its own: what the clock says now
df 3f 03 d5    isb
40 e0 3b d5    mrs x0, cntvct_el0
c0 03 5f d6    ret
"""

ARCHITECTURES = {"x86_64": X86_64, "aarch64": ARM64}


def source(listing: str) -> str:
    """The instructions alone, for an assembler."""
    return "\n".join(_columns(line)[1] for line in listing.strip().splitlines()) + "\n"


def code(listing: str) -> bytes:
    """The bytes alone, for a processor."""
    return bytes.fromhex(" ".join(_columns(line)[0] for line in listing.strip().splitlines()))


def code_here() -> bytes:
    """The bytes for this machine; none where the loop is not written for its processor."""
    return code(ARCHITECTURES.get(platform.machine(), ""))


def clock() -> int:
    """Where in them `ticks` is: the function that reads the clock."""
    before, _, _ = ARCHITECTURES[platform.machine()].partition("ticks:")
    return len(code(before))


def _columns(line: str) -> tuple[str, str]:
    """Bytes and instruction of a line. Bytes are followed by four blanks at least; a label has none before it."""
    source = line.partition(" # ")[0].rstrip()
    if source.endswith(":"):
        return "", source.strip()
    bytes_, _, instruction = source.partition("    ")
    return bytes_.strip(), instruction.strip()
