"""The guest's kernel: the host's own where it can be read, else Debian's package, unpacked into a cache of ours.

The package is never installed: that would change how the host itself boots.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput, Unsupported
from ..kernel.checks import check_path as path
from . import cache

DRIVERS = ("virtio_mmio", "virtio_console", "virtio_blk", "virtio_net")
PACKAGE = {"x86_64": "linux-image-cloud-amd64", "aarch64": "linux-image-cloud-arm64"}
UNPACKED_BY = {".ko.xz": "lzma", ".ko.gz": "gzip"}  # modules of Python; .ko.zst has none in most of them
MODULES = Path("/lib/modules")
TREES = ("lib/modules", "usr/lib/modules")  # in a package: the latter since Debian 13
BOOT = Path("/boot")
SIGNED = b"~Module signature appended~\n"  # the last words of a signed module: kernel/module_signature.c
SECTORS, PARAGRAPHS, MAGIC, VERSION = 0x1F1, 0x1F4, 0x202, 0x20E  # of a bzImage: Documentation/arch/x86/boot.rst


@dataclass(frozen=True)
class GuestKernel:
    """A kernel's image, and the tree of its modules, if it has any: else its drivers are built in."""

    image: Path
    tree: Path

    def modules(self) -> dict[str, bytes]:
        """The modules that a guest needs, each behind those that it depends on. What is built in is left out."""
        files = {module_name(path): path for path in self.tree.rglob("*.ko*")}
        found: dict[str, bytes] = {}

        def add(name: str) -> None:
            if name in files and name not in found:
                content = read_module(files[name])
                for needed in depends(content):
                    add(needed)
                found[name] = content if insists else unsigned(content)

        insists = self.insists_on_signatures()
        for name in DRIVERS:
            add(name)
        return found

    def insists_on_signatures(self) -> bool:
        """Whether it takes no module that nobody has signed, as its configuration beside the image says."""
        config = self.image.with_name(self.image.name.replace("vmlinuz", "config"))
        return config.is_file() and "CONFIG_MODULE_SIG_FORCE=y\n" in config.read_text()

    def has_drivers(self) -> bool:
        """Whether each driver that a guest needs is there, as a module that we can read or built in."""
        try:
            modules = self.modules()
            built_in = (self.tree / "modules.builtin").read_text()
        except (OSError, Unsupported):
            return False
        return all(name in modules or f"/{name}.ko" in built_in.replace("-", "_") for name in DRIVERS)


def find() -> GuestKernel:
    """A kernel for guests. The first time that may mean a download. Raises Unsupported where there is none."""
    return of_host() or in_cache() or download()


def of_host() -> GuestKernel | None:
    """The newest kernel in the host's /boot that we may read and that has what a guest needs."""
    for image in sorted(BOOT.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime, reverse=True):
        found = GuestKernel(image, MODULES / image.name.partition("-")[2])
        if os.access(image, os.R_OK) and found.has_drivers():
            return found
    return None


def given(image: Path) -> GuestKernel:
    """A kernel that somebody names, with its modules if the host has them. Raises BadInput where it is no kernel."""
    name = release(image) or image.name.partition("-")[2]
    cached = [path for folder in TREES for path in kept().glob(f"*/{folder}/*") if path.name == name]
    return GuestKernel(image, next(iter(cached), MODULES / (name or "none")))


def release(image: Path) -> str:
    """The release that a kernel's image says it is; "" where it does not say. Raises BadInput where it is no kernel."""
    path(str(image), "a kernel")
    try:
        found = image.stat()
        content = beginning(image) if stat.S_ISREG(found.st_mode) else b""  # /dev/zero has no end
    except OSError as why:
        raise BadInput(f"the kernel {image} cannot be read: {why.strerror}") from None
    if os.uname().machine == "aarch64" and (content[0x38:0x3C] == b"ARMd" or content[:2] == b"\x1f\x8b"):
        return ""  # an Image, as it is or packed
    if os.uname().machine != "x86_64" or content[MAGIC : MAGIC + 4] != b"HdrS":
        raise BadInput(f"{image} is no Linux kernel for this machine", hint="a kernel is a file as /boot/vmlinuz-...")
    (paragraphs,) = struct.unpack_from("<I", content, PARAGRAPHS)
    (version,) = struct.unpack_from("<H", content, VERSION)
    if found.st_size < (content[SECTORS] + 1) * 512 + paragraphs * 16:
        raise BadInput(f"the kernel {image} is cut short: it has {found.st_size} bytes, and says that it has more")
    return content[version + 0x200 :].partition(b"\0")[0].partition(b" ")[0].decode(errors="replace")


def beginning(image: Path) -> bytes:
    """What stands before the kernel itself: at most 64 sectors of 512 bytes. The file may be anything, of any size."""
    with image.open("rb") as file:
        return file.read(1 << 16)


# --- modules
def module_name(path: Path) -> str:
    """The name of a module: the kernel takes - and _ for the same."""
    return path.name.partition(".")[0].replace("-", "_")


def read_module(path: Path) -> bytes:
    """Its content, unpacked. Raises Unsupported where Python cannot unpack it."""
    packed, ending = path.read_bytes(), "." + path.name.partition(".")[2]
    if ending == ".ko":
        return packed
    if ending not in UNPACKED_BY:
        raise Unsupported(f"the module {path} is packed in a way that Python cannot unpack")
    unpacked: bytes = importlib.import_module(UNPACKED_BY[ending]).decompress(packed)
    return unpacked


def unsigned(module: bytes) -> bytes:
    """A module without the signature behind it, which an emulated processor verifies for a fifth of a guest's boot.

    Debian's kernel takes it as it is, and notes that nobody vouched for it (Documentation/admin-guide/module-signing).
    """
    if not module.endswith(SIGNED):
        return module
    about = len(module) - len(SIGNED) - 12  # twelve bytes, of which the last four are the length of the signature
    (length,) = struct.unpack_from(">I", module, about + 8)
    return module[: about - length]


def depends(module: bytes) -> list[str]:
    """The modules that must be there before it: its .modinfo says "depends=a,b"."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []


# --- Debian's package
def kept() -> Path:
    """Where downloaded kernels are kept."""
    return cache.folder() / "kernels"


def in_cache() -> GuestKernel | None:
    """The newest kernel that was downloaded before."""
    images = sorted(kept().glob("linux-image-*/boot/vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    kernels = [GuestKernel(image, tree) for image in reversed(images) for tree in trees(image)]
    return next((kernel for kernel in kernels if kernel.has_drivers()), None)


def trees(image: Path) -> list[Path]:
    """Where the modules of a kernel may lie that was unpacked to our cache."""
    return [image.parents[1] / folder / image.name.partition("-")[2] for folder in TREES]


def download() -> GuestKernel:
    """Fetches Debian's kernel for virtual machines with apt-get, which checks its signature. About 30 MB."""
    machine = os.uname().machine
    if machine not in PACKAGE or not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))):
        raise Unsupported(
            "no kernel for a guest: none in /boot can be used, and this is no Debian to fetch one from",
            hint="give one: Machine(kernel=...), with its modules in /lib/modules",
        )
    with only_one():
        return in_cache() or unpacked(newest(PACKAGE[machine]))


@contextmanager
def only_one() -> Iterator[None]:
    """Two at once would download twice. What a killed download has left behind is cleared."""
    try:
        kept().mkdir(parents=True, exist_ok=True)
        lock = (kept() / "lock").open("w")
    except OSError as why:
        hint = "set XDG_CACHE_HOME to a folder that is yours"
        raise Unsupported(f"a kernel for guests cannot be kept in {kept()}: {why.strerror}", hint=hint) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in kept().glob(".new-*"):
            shutil.rmtree(left)
        yield


def newest(package: str) -> str:
    """The kernel that a package like linux-image-cloud-amd64 stands for."""
    listed = apt("apt-cache", "depends", package)
    found = re.search(r"Depends: (linux-image-\S+)", listed)
    if not found:
        raise Unsupported(f"apt-get knows no kernel for a guest ({package})", hint="apt-get update")
    return found[1]


def unpacked(package: str) -> GuestKernel:
    """Fetches a package and unpacks it; it appears in the cache whole or not at all."""
    with tempfile.TemporaryDirectory(dir=kept(), prefix=".new-") as folder:
        apt("apt-get", "download", "-o", "APT::Sandbox::User=root", package, cwd=folder)
        (archive,) = Path(folder).glob("*.deb")
        apt("dpkg-deb", "-x", str(archive), f"{folder}/root")
        shutil.rmtree(kept() / package, ignore_errors=True)  # one that was of no use, or we would not be here
        os.rename(f"{folder}/root", kept() / package)
    found = in_cache()
    if not found:
        raise Unsupported(f"Debian's kernel {package} lacks a driver of a guest")
    return found


def apt(*command: str, cwd: str | None = None) -> str:
    """What one of Debian's tools says. Raises Unsupported with its complaint."""
    plain = {**os.environ, "LC_ALL": "C"}  # they translate even what only programs read
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=plain)
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise Unsupported(
            f"no kernel for a guest: {command[0]} says: {complaint}", hint="apt-get update, and try again"
        )
    return done.stdout
