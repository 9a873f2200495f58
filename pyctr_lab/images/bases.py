"""Images from what is on this machine: busybox, and real distributions made of Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ..errors import LabError, Unsupported
from .archive import BLOCK
from .copying import Report, copy_layer, single_layer
from .descriptors import LAYER, Descriptor
from .diff import RECORD, header
from .layout import Layout, pending_file

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOLDERS = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "var": 0o755}
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
}
OWNER = (0, 0)
RELEASES = {"debian:12": "bookworm", "debian:13": "trixie"}
PACKAGES = ("base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "grep", "hostname", "libc-bin",
            "procps", "sed", "util-linux")  # fmt: skip
MASTERS = "for name in passwd group; do cp $1/usr/share/base-passwd/$name.master $1/etc/$name; done"
EPOCH = "1700000000"  # no file is newer: the same packages give the same bytes


def busybox_image(layout: Layout, report: Report | None = None) -> Descriptor:
    """An image of one program with hundreds of names: 2 MB. Raises Unsupported where busybox-static is missing."""
    program = shutil.which("busybox")
    if program is None:
        raise Unsupported("busybox is not installed", hint="./lab packages machine")
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    entries = [header(f"{name}/".encode(), b"5", mode, OWNER, 0) for name, mode in FOLDERS.items()]
    entries += [small_file("bin/busybox", Path(program).read_bytes(), 0o755)]
    entries += [small_file(name, text.encode()) for name, text in ETC.items()]
    links = sorted({*names} - {"busybox"})
    entries += [header(f"bin/{name}".encode(), b"2", 0o777, OWNER, 0, target=b"busybox") for name in links]
    raw = b"".join([*entries, bytes(2 * BLOCK)])
    layer = layout.write(raw + bytes(-len(raw) % RECORD), LAYER)
    return single_layer(layout, layer, layer.digest, settings("sh"), "busybox")


def small_file(name: str, data: bytes, mode: int = 0o644) -> bytes:
    """A file in an archive."""
    return header(name.encode(), b"0", mode, OWNER, 0, size=len(data)) + data + bytes(-len(data) % BLOCK)


def settings(command: str) -> dict[str, list[str]]:
    """What a container of a base runs."""
    return {"Env": [f"PATH={PATH}"], "Cmd": [command]}


def debian_image(name: str, layout: Layout, report: Report | None = None) -> Descriptor:
    """A Debian with bash and the usual commands, of packages as they are today: about 100 MB, unpacked.

    mmdebstrap fetches them, outside the lab: it wants a network, and an ordinary user subordinate ids.
    Raises Unsupported where mmdebstrap is missing, and what it says where it fails.
    """
    command = debian_command(RELEASES[name])
    with pending_file(layout.folder) as archive:
        follow(command, archive.fileno(), partial(report, name) if report else lambda done, total: None)
        with open(archive.name, "rb") as file:
            layer, diff_id = copy_layer(layout, file, os.fstat(file.fileno()).st_size, None, "", report)
    return single_layer(layout, layer, diff_id, settings("bash"), f"mmdebstrap {RELEASES[name]}")


def debian_command(release: str, more: Iterable[str] = ()) -> list[str]:
    """mmdebstrap's words for a release with bash and the usual commands, and more packages; the archive is its output.

    What packages do when they are installed is not done. Raises Unsupported where mmdebstrap is missing.
    """
    if shutil.which("mmdebstrap") is None:
        raise Unsupported("mmdebstrap is not installed", hint="./lab packages vm, or apt-get install mmdebstrap")
    mode = "root" if os.geteuid() == 0 else "unshare"
    packages = ",".join((*PACKAGES, *more))
    return ["mmdebstrap", f"--mode={mode}", "--variant=extract", f"--include={packages}", f"--extract-hook={MASTERS}",
            release, "-"]  # fmt: skip


def follow(command: list[str], out: int, report: Callable[[int, int], object]) -> None:
    """Run a command that says what it does in lines; report each. Raises LabError with its last words."""
    said: list[str] = []
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": EPOCH}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=environment,
                          text=True, errors="replace", cwd="/") as process:  # fmt: skip
        assert process.stderr
        for line in process.stderr:
            said.append(line.strip())
            report(len(said), 0)
    if process.returncode:
        why = next((line for line in reversed(said) if line.startswith("E:")), said[-1] if said else "it said nothing")
        raise LabError(f"{command[0]} failed: {why[:200]}", hint="it fetches Debian's packages: is there a network?")


def all_bases() -> Iterator[tuple[str, Callable[[Layout, Report | None], Descriptor]]]:
    """Each base's name, and what makes it."""
    yield "busybox", busybox_image
    yield from ((name, partial(debian_image, name)) for name in RELEASES)


BASES = dict(all_bases())
