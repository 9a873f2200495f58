"""Files of /proc and /sys that a container shall not read, or not write. See config.md of the OCI's runtime-spec."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EINVAL, ENOENT, ENOTDIR
from posixpath import normpath

from ..errors import BadInput
from ..kernel.arguments import Ref
from ..kernel.calls import Call, close, mount, openat
from ..kernel.checks import check_list, check_path, short_repr
from ..kernel.constants import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT
from .mounts import ROOT, MountStep

MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/scsi", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats",
)  # fmt: skip
FOLDERS = ("/proc/acpi", "/proc/asound", "/proc/scsi")  # of these; the others are files
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""Docker's defaults below /proc."""
LINKS = [["proc", name] for name in ("mounts", "net", "self", "thread-self")]  # to the reader's own folder
MISSING = (ENOENT, ENOTDIR)


def check_places(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute paths of files below /proc or /sys. Raises BadInput."""
    for path in (found := check_list(paths, "paths")):
        plain = check_path(path).startswith(("/proc/", "/sys/")) and normpath(path) == path
        if not plain:
            raise BadInput(f"{short_repr(path)} cannot be masked", hint="a path below /proc or /sys: /proc/interrupts")
        if path.split("/")[1:3] in LINKS:
            raise BadInput(f"{path} is another file for each process: /{'/'.join(path.split('/')[1:3])} is a link",
                           hint="one file of all: /proc/interrupts")  # fmt: skip
    return found


def proc_is_there() -> list[Call]:
    """Fail with ENOENT where the new root has no /proc: then masks would cover nothing, and say so to no one."""
    return [openat(f"{ROOT}/proc/self/status"), close(Ref("fd"))]


class ProcMask(MountStep):
    """Mounts on files of a new root's /proc, before that root is the only one."""

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"/proc in the new root", "new root's folder"}


def covering(path: str) -> list[Call]:
    """Mounts on one path. A path of Docker's that is of the other kind fails: it would stay readable."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY
    null = mount("/dev/null", f"{ROOT}{path}", None, MS_BIND)
    empty = mount("tmpfs", f"{ROOT}{path}", "tmpfs", flags, "size=0")
    if path in MASKED:
        return [(empty if path in FOLDERS else null).accepting(ENOENT)]
    return [null.accepting(*MISSING), empty.accepting(*MISSING)]


@dataclass(frozen=True)
class MaskPaths(ProcMask):
    """Cover files of /proc by /dev/null, and folders by an empty one. A path that is not there is passed over.

    A process with CAP_SYS_ADMIN could take a mask off; from a user namespace within, the kernel lets none do that.
    """

    paths: tuple[str, ...] = MASKED

    def __post_init__(self) -> None:
        check_places(self.paths)

    def calls(self) -> list[Call]:
        """One call for a path of Docker's. Of another both are tried: a folder takes no file, and a file no folder.

        To try a file on a folder is dear: the kernel waits for all processors (RCU) to throw the new mount away.
        """
        return [*proc_is_there(), *(call for path in self.paths for call in covering(path))]

    def describe(self) -> str:
        return f"Cover {len(self.paths)} files and folders of /proc, so that they cannot be read."

    def shell(self) -> str:
        paths = " ".join(shlex.quote(f"{ROOT}{path}") for path in self.paths)
        tmpfs = 'mount -t tmpfs -o ro,nosuid,nodev,noexec,size=0 tmpfs "$path"'
        null = 'mount --bind /dev/null "$path"'
        return f'for path in {paths}; do if [ -d "$path" ]; then {tmpfs}; elif [ -e "$path" ]; then {null}; fi; done'

    @property
    def title(self) -> str:
        return "masks"


@dataclass(frozen=True)
class ReadOnlyPaths(ProcMask):
    """Let files of /proc be read only: /proc/sys has settings of the kernel. Pass over a path that is not there."""

    paths: tuple[str, ...] = READ_ONLY

    def __post_init__(self) -> None:
        check_places(self.paths)

    def calls(self) -> list[Call]:
        flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
        made = proc_is_there()
        for path in self.paths:
            place = f"{ROOT}{path}"
            made += [
                mount(place, place, None, MS_BIND | MS_REC).accepting(*MISSING),
                mount(None, place, None, flags).accepting(*MISSING, EINVAL),
            ]
        return made

    def describe(self) -> str:
        return f"Let {len(self.paths)} files and folders of /proc be read only."

    def shell(self) -> str:
        paths = " ".join(shlex.quote(f"{ROOT}{path}") for path in self.paths)
        bound = 'mount --rbind "$path" "$path" && mount -o remount,bind,ro,nosuid,nodev,noexec "$path"'
        return f'for path in {paths}; do if [ -e "$path" ]; then {bound}; fi; done'

    @property
    def title(self) -> str:
        return "read-only /proc/sys"


__all__ = ["MaskPaths", "ReadOnlyPaths"]
