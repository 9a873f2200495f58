"""The probes of isolation, in words: what each tries, how its success is known, and which class of fault it stands for.

What they do, and what each tries in a sentence, stands in ../programs/probes.py: a function of the same name each.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from ...errors import BadInput
from ...kernel.checks import check_list

PROGRAM = Path(__file__).parents[1] / "programs/probes.py"


@dataclass(frozen=True)
class Probe:
    """One attempt to reach the outer side from inside a container.

    `tries`, `known_by` and `fault` are sentences for readers: what it does, how its success is known, and the class of
    fault it stands for, with a known case. `out` are the sets of walls whose absence lets it out, each the least that
    is needed; an empty set stands for a probe that no wall of the recipe stops. `success` is the same as `known_by` for
    the program: "works", "seen" outside, "secret NAME", "is TEXT", "not TEXT", or "lab NAME" of what the victim knows.
    """

    name: str
    tries: str
    known_by: str
    fault: str
    group: str
    success: str = "works"
    out: tuple[frozenset[str], ...] = ()

    @cached_property
    def source(self) -> str:
        """The function that does it, in Python."""
        found = next(node for node in functions() if node.name == self.name)
        return ast.get_source_segment(PROGRAM.read_text(), found) or ""

    @property
    def walls(self) -> frozenset[str]:
        """All walls that have a part in stopping it."""
        return frozenset(chain.from_iterable(self.out))

    def is_let_out(self, missing: Iterable[str]) -> bool:
        """Whether it gets out where these walls are missing."""
        return any(each <= frozenset(missing) for each in self.out)


def sets(text: str) -> tuple[frozenset[str], ...]:
    """Sets of walls: "ids+mnt user+mnt"."""
    return tuple(frozenset(word.split("+")) for word in text.split())


FILES, PROCESSES, SHARED = "files", "processes", "messages and names"
NETWORK, SETTINGS, DOORS, AMOUNTS = "network", "mounts and settings", "the kernel's doors", "amounts"


ROWS: dict[str, dict[str, tuple[str, str, str, str]]] = {
    FILES: {
        "read_lab_file": ("It reads the file's secret.", "host files: a path that leads out", "secret file", "mnt"),
        "read_private_file": ("It reads the file's secret.", "root inside is root outside", "secret private",
            "ids+mnt mnt+user"),
        "connect_by_path": ("The service answers its secret.", "a daemon's socket in the container: docker.sock",
            "secret socket", "mnt"),
        "write_lab_folder": ("The file appears outside.", "host files: a path that leads out", "seen", "mnt"),
        "read_mount_table": ("A mount of the host's is there.", "information: where the host keeps what", "is found",
            "mnt"),
        "leave_chroot": ("It reads a file of the host's.", "chroot is no wall: chroot(2) says so", "secret file",
            "mnt pivot_root"),
        "reset_root": ("It reads a file of the host's.", "chroot undone", "secret file", "caps+pivot_root+seccomp"),
        "write_shared_folder": ("The file appears outside.", "shared folders", "seen", "ro_bind mnt"),
        "plant_setuid_file": ("It appears outside, and belongs to root there.",
            "a planted program: a user outside becomes root", "seen", "ids+ro_bind ro_bind+user ids+mnt mnt+user"),
        "run_setuid_program": ("The program runs as uid 0.", "gained privileges: set-user-id programs", "is uid 0",
            "no_new_privs+nosuid mnt+no_new_privs"),
        "watch_shared_file": ("It is notified when the host opens the file.", "information: who runs what, and when",
            "is opened", ""),
        "lock_shared_file": ("The host finds the lock.", "a file that two worlds share", "seen", ""),
    },
    PROCESSES: {
        "signal_victim": ("The signal is pending there.", "same uid: one kills the other", "seen", "ids+pid pid+user"),
        "read_victim_arguments": ("They have its secret.", "secrets on command lines", "secret arguments", "pid mnt"),
        "read_victim_environment": ("It has its secret.", "secrets in environments", "secret environment",
            "caps+pid+user"),
        "read_victim_memory": ("It reads the secret there.", "a sidecar that spies", "secret memory", "caps+pid+user"),
        "read_victim_root": ("It reads a file of the host's.", "a way around the mount namespace", "secret file",
            "caps+pid+user"),
        "renice_victim": ("Its nice value has changed.", "same uid: one slows the other", "seen",
            "caps+ids+pid caps+pid+user"),
        "steal_victim_descriptor": ("It reads the secret in that file.", "descriptor theft", "secret fd",
            "caps+pid+seccomp+user"),
        "lower_victim_limit": ("The limit has changed.", "same uid: one starves the other", "seen", "ids+pid pid+user"),
    },
    SHARED: {
        "set_semaphore": ("Its value has changed.", "shared IPC", "seen", "ipc"),
        "read_shared_memory": ("It reads the secret there.", "shared IPC", "secret shm", "ipc"),
        "send_to_queue": ("The message has come.", "shared IPC", "seen", "ipc"),
        "read_host_name": ("It is the host's.", "information", "lab name", "uts"),
        "rename_host": ("The host has another name.", "harm to all", "seen", "caps+seccomp+user+uts"),
        "read_cgroup_path": ("The path shows the host's tree.", "information", "not /", "cgroup"),
        "read_boot_clock": ("It is the machine's time.", "information: which machine it is", "clock", "time"),
    },
    NETWORK: {
        "ask_loopback_service": ("It answers its secret.", "host network: services that trust loopback", "secret port",
            "net"),
        "ask_abstract_socket": ("It answers its secret.", "CVE-2020-15257: containerd's socket", "secret abstract",
            "net"),
        "list_sockets": ("The service's port is there.", "information", "is found", "net"),
        "sniff_loopback": ("It reads a secret in a packet.", "CVE-2020-14386 class", "secret datagram",
            "caps+net+user"),
        "take_datagrams": ("It gets the host's datagram.", "a stolen port", "secret datagram", "net"),
        "change_link": ("The interface has changed.", "harm to all", "seen", "caps+net+user"),
        "open_packet_socket": ("The kernel makes one.", "CVE-2020-14386: AF_PACKET; forged ARP, CVE-2020-10749",
            "works", "caps"),
    },
    SETTINGS: {
        "mount_tmpfs": ("It is mounted.", "the kernel's mount code", "works", "caps+seccomp"),
        "take_mask_off": ("It can be read again.", "masks are mounts", "works", "caps+seccomp"),
        "remount_settings": ("The remount succeeds.", "masks are mounts", "works", "caps+seccomp"),
        "write_setting": ("The write succeeds.", "settings below /proc/sys", "works", "masks mnt"),
        "lower_lab_quota": ("The host's number has changed.", "a quota of all", "seen",
            "caps+seccomp+user caps+masks+user"),
        "time_interrupts": ("There are lines to read.", "keystroke timing by /proc/interrupts", "counts", "masks mnt"),
        "write_lab_terminal": ("The text appears there.", "a shared /dev", "seen", "ids+mnt mnt+user dev+ids dev+user"),
        "write_shared_memory_folder": ("The file appears there.", "a shared /dev", "seen", "mnt dev"),
    },
    DOORS: {
        "make_user_namespace": ("The kernel makes one.", "the door to CVE-2022-0185 and CVE-2024-1086", "works",
            "seccomp"),
        "open_file_system": ("The kernel opens one.", "CVE-2022-0185", "works", "seccomp"),
        "nested_packet_socket": ("The kernel makes one.", "CVE-2020-14386, CVE-2017-7308", "works", "seccomp"),
        "set_up_io_uring": ("The kernel makes one.", "CVE-2023-2598", "works", "seccomp"),
        "open_userfault": ("The kernel makes one.", "holds the kernel up: an aid to races", "works", "seccomp"),
        "open_machine_socket": ("The kernel makes one.", "CVE-2021-26708", "works", "seccomp"),
        "stop_randomization": ("The kernel agrees.", "an aid to attacks on programs", "works", "seccomp"),
        "read_keyring": ("It reads the key's secret.", "keys are in no namespace: CVE-2016-0728 class", "secret key",
            "seccomp+user"),
    },
    AMOUNTS: {
        "make_many_processes": ("All of them run.", "fork bomb", "is 150", "pids"),
        "take_much_memory": ("It gets all of them.", "exhausted memory", "works", "memory"),
        "open_many_files": ("All of them are open.", "exhausted descriptors", "is 3000", "rlimits"),
        "make_big_file": ("It has that size.", "a full disk", "works", "rlimits"),
        "lock_memory": ("The kernel locks it.", "memory that cannot be reclaimed", "works", "rlimits"),
    },
}  # fmt: skip
"""By group and name: how success is known, the class of fault, success for the program, and the sets of walls."""


def all_probes() -> Iterator[Probe]:
    """All probes; what each tries is said where it does it."""
    tries = {node.name: ast.get_docstring(node) or "" for node in functions()}
    for group, rows in ROWS.items():
        for name, (known_by, fault, success, out) in rows.items():
            yield Probe(name, tries[name], known_by, fault, group, success, sets(out) if out else (frozenset(),))


def functions() -> list[ast.FunctionDef]:
    """Those of the program that runs in a container."""
    return [node for node in ast.parse(PROGRAM.read_text()).body if isinstance(node, ast.FunctionDef)]


PROBES = {probe.name: probe for probe in all_probes()}
ONLY_THEIR_WALLS = ("make_many_processes", "take_much_memory")
"""Probes that take so much that they are tried only where a wall of theirs is missing, and where none is."""


def known_probes(names: Iterable[str] | None) -> tuple[Probe, ...]:
    """These probes, or all, in the order of the table. Raises BadInput for a name that is no probe's."""
    if names is None:
        return tuple(PROBES.values())
    wanted = check_list(names, "probes")
    for name in wanted:
        if not isinstance(name, str) or name not in PROBES:
            raise BadInput(f"there is no probe {name!r:.40}", hint="measure.isolation.PROBES has them all")
    return tuple(probe for probe in PROBES.values() if probe.name in wanted)


def tried_with(probes: Iterable[Probe], missing: Iterable[str]) -> tuple[Probe, ...]:
    """Which probes are tried where these walls are missing: all for one wall, for several those they let out."""
    without = frozenset(missing)
    if len(without) > 1:
        return tuple(probe for probe in probes if without in probe.out)
    return tuple(p for p in probes if not without or p.name not in ONLY_THEIR_WALLS or without & p.walls)


def combined_walls(probes: Iterable[Probe]) -> list[frozenset[str]]:
    """The sets of several walls that these probes need gone, the small ones first."""
    found = {each for probe in probes for each in probe.out if len(each) > 1}
    return sorted(found, key=lambda each: (len(each), sorted(each)))


def least_sets(found: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """The sets that contain no other, the small ones first."""
    given = set(found)
    return tuple(sorted((e for e in given if not any(o < e for o in given)), key=lambda e: (len(e), sorted(e))))


def where_absent(probe: Probe, absent: Iterable[str]) -> Probe:
    """The same probe against a recipe that lacks some walls to begin with."""
    return replace(probe, out=least_sets(each - set(absent) for each in probe.out))


def on_image(probe: Probe) -> Probe:
    """The same probe where files are an image's: overlayfs shows files of its own, whatever they are made of."""
    return replace(probe, out=tuple(each for each in probe.out if each))
