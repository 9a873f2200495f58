"""Docker's default policy: what it refuses, what a capability opens, and that podman's profile is not stricter."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel.constants import CAP_NAMES
from pyctr_lab.kernel.filters import ALLOW, decide, docker_policy, from_json
from pyctr_lab.kernel.filters.docker import BY_ARGUMENT, OPENED_BY, REFUSED, SOCKET_FAMILIES
from pyctr_lab.kernel.syscall_table import SYSCALLS

PODMANS = Path("/usr/share/containers/seccomp.json")
# Allowed by moby and not by containers-common of Debian 12, which knows no call newer than Linux 6.2.
FIRST_NEW = SYSCALLS["x86_64"]["cachestat"]
ONLY_MOBYS = {"futex_waitv", "io_pgetevents", "quotactl_fd", "set_mempolicy_home_node", "uretprobe", "vmsplice"}
EXAMPLES = {
    "CAP_BPF": "bpf", "CAP_DAC_READ_SEARCH": "open_by_handle_at", "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog", "CAP_SYS_ADMIN": "mount", "CAP_SYS_BOOT": "reboot", "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "finit_module", "CAP_SYS_NICE": "mbind", "CAP_SYS_PACCT": "acct", "CAP_SYS_PTRACE": "kcmp",
    "CAP_SYS_RAWIO": "iopl", "CAP_SYS_TIME": "settimeofday", "CAP_SYS_TTY_CONFIG": "vhangup",
}  # fmt: skip


def allowed(processor: str, capabilities: Collection[str] = ()) -> set[str]:
    """The calls that are allowed with all arguments 0."""
    policy = docker_policy(capabilities=capabilities, processor=processor)
    return {name for name in SYSCALLS[processor] if decide(policy, name, processor=processor) == ALLOW}


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("read", (), "allow"), ("ptrace", (), "allow"), ("process_vm_readv", (), "allow"), ("mount", (), "EPERM"),
        ("unshare", (), "EPERM"), ("setns", (), "EPERM"), ("keyctl", (), "EPERM"), ("add_key", (), "EPERM"),
        ("io_uring_setup", (), "EPERM"), ("userfaultfd", (), "EPERM"), ("clone3", (), "ENOSYS"),
        ("open_by_handle_at", (), "EPERM"), ("kexec_load", (), "EPERM"), ("bpf", (), "EPERM"),
        ("clone", (0x1200011,), "allow"), ("clone", (0x10000000,), "EPERM"), ("clone", (0x20000,), "EPERM"),
        ("personality", (0x20008,), "allow"), ("personality", (0x40000,), "EPERM"),
        ("socket", (1 << 32 | 1,), "EPERM"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("processor", SYSCALLS)
def test_what_it_says(processor: str, name: str, args: tuple[int, ...], said: str) -> None:
    assert str(decide(docker_policy(processor=processor), name, args, processor=processor)) == said


def test_families_of_sockets_with_a_bad_past_are_refused() -> None:
    policy = docker_policy(processor="x86_64")
    families = range(60)
    refused = [family for family in families if decide(policy, "socket", (family,), processor="x86_64") != ALLOW]
    assert refused == [12, 19, 20, 23, 25, 34, 37, 38, 40, *range(46, 60)]
    assert set(SOCKET_FAMILIES).isdisjoint(refused)


@pytest.mark.parametrize(("processor", "count"), [("x86_64", 308), ("aarch64", 266)])
def test_no_call_is_lost_from_the_lists_of_what_is_refused(processor: str, count: int) -> None:
    """A name that is missing there would be allowed. The counts are those of the same question to moby's own file."""
    assert len(allowed(processor)) == count
    assert EXAMPLES.keys() == OPENED_BY.keys()


@pytest.mark.parametrize(("capability", "example"), EXAMPLES.items())
def test_a_capability_opens_its_calls_and_no_others(capability: str, example: str) -> None:
    assert capability in CAP_NAMES
    assert example in allowed("x86_64", [capability])
    opened = set(OPENED_BY[capability].split())
    for processor, table in SYSCALLS.items():
        closed = allowed(processor)
        assert allowed(processor, [capability]) - closed == opened & set(table)
    assert opened.isdisjoint(" ".join(REFUSED.values()).split())


def test_each_name_is_a_system_call_of_a_processor() -> None:
    named = {name for names in (*REFUSED.values(), *OPENED_BY.values()) for name in names.split()} | set(BY_ARGUMENT)
    assert named <= set().union(*SYSCALLS.values())


def test_a_call_that_the_table_lacks_is_refused() -> None:
    policy = docker_policy(processor="aarch64")
    assert {str(decide(policy, number, processor="aarch64")) for number in (245, 259, 470, 1 << 31)} == {"EPERM"}
    with pytest.raises(BadInput, match="no table of system calls for 'riscv64'"):
        docker_policy(processor="riscv64")


@pytest.mark.skipif(not PODMANS.exists(), reason="containers-common is not installed")
@pytest.mark.parametrize("processor", SYSCALLS)
def test_it_is_as_strict_as_podmans_profile(processor: str) -> None:
    """With CAP_SYS_ADMIN and CAP_AUDIT_WRITE, for without them podman's contradicts itself, and sockets differ."""
    capabilities = ["CAP_SYS_ADMIN", "CAP_AUDIT_WRITE"]
    podmans = from_json(PODMANS.read_text(), capabilities=capabilities, processor=processor)
    ours = {name for name in allowed(processor, capabilities) if SYSCALLS[processor][name] < FIRST_NEW}
    assert {name for name in ours if decide(podmans, name, processor=processor) != ALLOW} <= ONLY_MOBYS
