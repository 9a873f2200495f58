"""The root file system that every engine gets: busybox, and files to read. Made in milliseconds, a few MB."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..kernel.calls import mount
from ..kernel.constants import MS_BIND
from ..machines import initramfs
from .sandbox import make_calls

FOLDERS = ("bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr/bin", "var")
FILES = 1000  # in /data, to be read
FILE = 4096  # bytes each has
DEVICES = ("null", "zero")
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/hostname": "sandbox\n",
    "etc/resolv.conf": "",
    "etc/os-release": 'ID=busybox\nNAME="busybox"\n',
}


def make_rootfs(place: Path, *, files: int = FILES) -> Path:
    """Make it at `place`, which must not exist. Raises Unsupported without a static busybox."""
    program = initramfs.busybox()
    for name in FOLDERS:
        (place / name).mkdir(parents=True)
    shutil.copy(program, place / "bin/busybox")
    for name in initramfs.applets(program):
        (place / "bin" / name).symlink_to("busybox")
    for name in ("sbin", "lib", "lib64"):
        (place / name).mkdir()
    for name, text in ACCOUNTS.items():
        (place / name).write_text(text)
    data = place / "data"
    data.mkdir()
    for number in range(files):
        (data / f"{number:04}").write_bytes(number.to_bytes(4, "little") * (FILE // 4))
    for folder in (place, *place.rglob("*")):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)  # root inside a container may be no owner here
    (place / "tmp").chmod(0o1777)
    for name in DEVICES:  # for engines that make no /dev of their own
        (place / "dev" / name).touch()
    make_calls(*(mount(f"/dev/{name}", str(place / "dev" / name), None, MS_BIND) for name in DEVICES))
    return place
