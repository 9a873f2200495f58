"""Images from what is on this machine: busybox, and real distributions made of Debian's packages."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile

from ..errors import Unsupported
from .descriptors import CONFIG, LAYER, MANIFEST, Config, Descriptor, Manifest, platform_here
from .layout import Layout, digest_of

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOLDERS = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "var": 0o755}
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
}


def busybox(layout: Layout) -> Descriptor:
    """An image of one program with hundreds of names: 2 MB. Raises Unsupported where busybox-static is missing."""
    program = shutil.which("busybox")
    if program is None:
        raise Unsupported("busybox is not installed", hint="./lab packages machine")
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, mode in sorted(FOLDERS.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        with open(program, "rb") as file:
            add(tar, "bin/busybox", file.read(), 0o755)
        for name, text in ETC.items():
            add(tar, name, text.encode())
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
    return single_layer(layout, raw.getvalue(), ["sh"])


def add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    """A file in an archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def single_layer(layout: Layout, archive: bytes, command: list[str]) -> Descriptor:
    """An image of one layer, from its archive."""
    layer = layout.write(archive, LAYER)
    settings = {"Env": [f"PATH={PATH}"], "Cmd": command}
    rootfs = {"type": "layers", "diff_ids": [digest_of(archive)]}
    config = Config({**platform_here(), "config": settings, "rootfs": rootfs})
    described = layout.write(config.encode(), CONFIG)
    return layout.write(Manifest(described, (layer,)).encode(), MANIFEST)
