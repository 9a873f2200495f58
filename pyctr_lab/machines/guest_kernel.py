"""The guest's kernel: the host's own if it is readable, else Debian's package, unpacked into the cache.

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
from ..kernel.checks import check_path
from . import cache

DRIVERS = ("virtio_mmio", "virtio_console", "virtio_blk", "virtio_net")
PACKAGE = {"x86_64": "linux-image-cloud-amd64", "aarch64": "linux-image-cloud-arm64"}
UNPACKED_BY = {".ko.xz": "lzma", ".ko.gz": "gzip"}  # Python modules; few versions of Python have one for .ko.zst
MODULES = Path("/lib/modules")
TREES = ("lib/modules", "usr/lib/modules")  # in a package: the latter since Debian 13
BOOT = Path("/boot")
SIGNED = b"~Module signature appended~\n"  # the end of a signed module: kernel/module_signature.c
SECTORS, PARAGRAPHS, MAGIC, VERSION = 0x1F1, 0x1F4, 0x202, 0x20E  # of a bzImage: Documentation/arch/x86/boot.rst


@dataclass(frozen=True)
class GuestKernel:
    """A kernel's image and the folder of its modules; without modules its drivers are built in."""

    image: Path
    tree: Path

    def modules(self) -> dict[str, bytes]:
        """The modules that a guest needs, each after its dependencies. Built-in drivers are left out."""
        files = {module_name(path): path for path in self.tree.rglob("*.ko*")}
        found: dict[str, bytes] = {}

        def add(name: str) -> None:
            if name in files and name not in found:
                content = read_module(files[name])
                for needed in depends(content):
                    add(needed)
                found[name] = content if forced else unsigned(content)

        forced = self.forces_signatures()
        for name in DRIVERS:
            add(name)
        return found

    def forces_signatures(self) -> bool:
        """Whether CONFIG_MODULE_SIG_FORCE is set, in the configuration file beside the image."""
        config = self.image.with_name(self.image.name.replace("vmlinuz", "config"))
        return config.is_file() and "CONFIG_MODULE_SIG_FORCE=y\n" in config.read_text()

    def has_drivers(self) -> bool:
        """Whether each driver that a guest needs is built in or a readable module."""
        try:
            modules = self.modules()
            built_in = (self.tree / "modules.builtin").read_text()
        except (OSError, Unsupported):
            return False
        return all(name in modules or f"/{name}.ko" in built_in.replace("-", "_") for name in DRIVERS)


def find_kernel() -> GuestKernel:
    """A kernel for guests. The first call may download one. Raises Unsupported if there is none."""
    return of_host() or in_cache() or download()


def of_host() -> GuestKernel | None:
    """The newest readable kernel in the host's /boot that has the drivers a guest needs."""
    for image in sorted(BOOT.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime, reverse=True):
        found = GuestKernel(image, MODULES / image.name.partition("-")[2])
        if os.access(image, os.R_OK) and found.has_drivers():
            return found
    return None


def named_kernel(image: Path) -> GuestKernel:
    """The kernel `image`, with its modules if the host has them. Raises BadInput if it is no kernel."""
    name = release(image) or image.name.partition("-")[2]
    cached = [path for folder in TREES for path in kernel_folder().glob(f"*/{folder}/*") if path.name == name]
    return GuestKernel(image, next(iter(cached), MODULES / (name or "none")))


def release(image: Path) -> str:
    """The release in a kernel's image; empty if it has none. Raises BadInput if it is no kernel."""
    check_path(str(image), "a kernel")
    try:
        found = image.stat()
        content = beginning(image) if stat.S_ISREG(found.st_mode) else b""  # /dev/zero has no end
    except OSError as why:
        raise BadInput(f"the kernel {image} cannot be read: {why.strerror}") from None
    if os.uname().machine == "aarch64" and (content[0x38:0x3C] == b"ARMd" or content[:2] == b"\x1f\x8b"):
        return ""  # an Image, plain or compressed
    if os.uname().machine != "x86_64" or content[MAGIC : MAGIC + 4] != b"HdrS":
        raise BadInput(f"{image} is no Linux kernel for this machine", hint="such as /boot/vmlinuz-...")
    (paragraphs,) = struct.unpack_from("<I", content, PARAGRAPHS)
    (version,) = struct.unpack_from("<H", content, VERSION)
    if found.st_size < (content[SECTORS] + 1) * 512 + paragraphs * 16:
        raise BadInput(f"the kernel {image} is truncated: it has {found.st_size} bytes, its header says more")
    return content[version + 0x200 :].partition(b"\0")[0].partition(b" ")[0].decode(errors="replace")


def beginning(image: Path) -> bytes:
    """The first 64 KiB of a file, which hold the header of a kernel image."""
    with image.open("rb") as file:
        return file.read(1 << 16)


# --- modules
def module_name(path: Path) -> str:
    """The name of a module; - and _ are the same to the kernel."""
    return path.name.partition(".")[0].replace("-", "_")


def read_module(path: Path) -> bytes:
    """The content of a module, decompressed. Raises Unsupported if Python cannot decompress it."""
    packed, ending = path.read_bytes(), "." + path.name.partition(".")[2]
    if ending == ".ko":
        return packed
    if ending not in UNPACKED_BY:
        raise Unsupported(f"the module {path} has a compression that Python cannot read")
    unpacked: bytes = importlib.import_module(UNPACKED_BY[ending]).decompress(packed)
    return unpacked


def unsigned(module: bytes) -> bytes:
    """A module without its signature: verifying it takes a fifth of a boot on an emulated processor.

    Debian's kernel loads unsigned modules and marks itself tainted (Documentation/admin-guide/module-signing).
    """
    if not module.endswith(SIGNED):
        return module
    about = len(module) - len(SIGNED) - 12  # twelve bytes, of which the last four hold the length of the signature
    (length,) = struct.unpack_from(">I", module, about + 8)
    return module[: about - length]


def depends(module: bytes) -> list[str]:
    """The modules to load before it: "depends=a,b" in its .modinfo."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []


# --- Debian's package
def kernel_folder() -> Path:
    """The folder of downloaded kernels."""
    return cache.cache_folder() / "kernels"


def in_cache() -> GuestKernel | None:
    """The newest kernel in the cache, if any."""
    images = sorted(kernel_folder().glob("linux-image-*/boot/vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    kernels = [GuestKernel(image, tree) for image in reversed(images) for tree in module_trees(image)]
    return next((kernel for kernel in kernels if kernel.has_drivers()), None)


def module_trees(image: Path) -> list[Path]:
    """The folders that may hold the modules of a kernel in the cache."""
    return [image.parents[1] / folder / image.name.partition("-")[2] for folder in TREES]


def download() -> GuestKernel:
    """Download Debian's kernel for virtual machines with apt-get, which checks its signature. About 30 MB."""
    machine = os.uname().machine
    if machine not in PACKAGE or not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))):
        raise Unsupported(
            "no kernel for a guest: none in /boot can be used, and this is no Debian to download one from",
            hint="name one: Machine(kernel=...), with its modules in /lib/modules",
        )
    with download_lock():
        return in_cache() or unpacked(newest(PACKAGE[machine]))


@contextmanager
def download_lock() -> Iterator[None]:
    """Lock against a second download at the same time; remove folders of killed downloads."""
    try:
        kernel_folder().mkdir(parents=True, exist_ok=True)
        lock = (kernel_folder() / "lock").open("w")
    except OSError as why:
        hint = "set XDG_CACHE_HOME to a folder that is yours"
        raise Unsupported(f"cannot keep a kernel for guests in {kernel_folder()}: {why.strerror}", hint=hint) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in kernel_folder().glob(".new-*"):
            shutil.rmtree(left)
        yield


def newest(package: str) -> str:
    """The kernel package that a metapackage such as linux-image-cloud-amd64 depends on."""
    listed = apt("apt-cache", "depends", package)
    found = re.search(r"Depends: (linux-image-\S+)", listed)
    if not found:
        raise Unsupported(f"apt-get knows no kernel for a guest ({package})", hint="apt-get update")
    return found[1]


def unpacked(package: str) -> GuestKernel:
    """Download and unpack a package; rename it into the cache when it is complete."""
    with tempfile.TemporaryDirectory(dir=kernel_folder(), prefix=".new-") as folder:
        apt("apt-get", "download", "-o", "APT::Sandbox::User=root", package, cwd=folder)
        (archive,) = Path(folder).glob("*.deb")
        apt("dpkg-deb", "-x", str(archive), f"{folder}/root")
        shutil.rmtree(kernel_folder() / package, ignore_errors=True)  # an unusable one: in_cache() did not return it
        os.rename(f"{folder}/root", kernel_folder() / package)
    found = in_cache()
    if not found:
        raise Unsupported(f"Debian's kernel {package} lacks a driver of a guest")
    return found


def apt(*command: str, cwd: str | None = None) -> str:
    """The output of one of Debian's tools. Raises Unsupported with its error message."""
    plain = {**os.environ, "LC_ALL": "C"}  # they translate even output for programs
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=plain)
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise Unsupported(
            f"no kernel for a guest: {command[0]} says: {complaint}", hint="apt-get update, and try again"
        )
    return done.stdout
