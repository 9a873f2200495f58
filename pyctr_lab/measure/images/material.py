"""Archives to measure with: a Debian tree, a tree like it, a large layer, a bomb. All compressed by gzip."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import LabError
from ...images.bases import debian_command, follow
from ...images.compression import compress
from .sizes import ImageSizes

PATIENCE = 300  # seconds for a mirror of Debian's
PACKAGES = ("git", "perl", "python3", "vim")  # with bash and the usual commands about 250 MB
BLOCK = 1 << 20
SEED = 19


def tree_archive(sizes: ImageSizes, target: Path) -> str:
    """Write a root file system; return what is to be said of it."""
    why = ""
    if sizes.debian:
        try:
            debian_archive(target)
            return f"the tree is Debian 12 with {', '.join(PACKAGES)}"
        except LabError as failed:
            why = f": {failed.message}"
    size = pack(synthetic_tree(sizes), target)
    return f"the tree is synthetic, of {sizes.entries:,} files and {size / 1e6:.0f} MB in sizes as Debian has them{why}"


def debian_archive(target: Path) -> None:
    """Debian 12, fetched by mmdebstrap. Raises LabError where it is not installed, or where no mirror answers."""
    command = ["timeout", str(PATIENCE), *debian_command("bookworm", PACKAGES)]
    plain = target.with_suffix(".plain")
    with plain.open("wb") as file:
        follow(command, file.fileno(), lambda done, total: None)
    with plain.open("rb") as file:
        pack(iter(lambda: file.read(BLOCK), b""), target)


def pack(chunks: Iterator[bytes], target: Path) -> int:
    """Compress an archive into a file; return its bytes before."""
    with target.open("wb") as file:
        return compress(chunks, file.write).content_size


def synthetic_tree(sizes: ImageSizes) -> Iterator[bytes]:
    """An archive of folders, links and files: half of the files below 3 kB, a few of several MB, as in Debian."""
    noise = random.Random(SEED)
    pool = b"".join(noise.randbytes(380) + bytes([number % 251]) * 620 for number in range(4000))
    kinds = noise.choices("dlf", (10, 12, 78), k=sizes.entries)
    some = [min(noise.lognormvariate(8, 2), 2e7) for kind in kinds if kind == "f"]
    scale = (sizes.tree - 1000 * sizes.entries) / sum(some)
    wanted = iter([int(each * scale) for each in some])
    folders = ["usr"]
    for number, kind in enumerate(kinds):
        entry = tarfile.TarInfo(f"{noise.choice(folders)}/{number}")
        entry.mtime, entry.mode = 1_700_000_000 + number, 0o755
        if kind == "d":
            entry.type = tarfile.DIRTYPE
            folders.append(entry.name)
        elif kind == "l":
            entry.type, entry.linkname = tarfile.SYMTYPE, "target"
        else:
            entry.size = next(wanted)
        yield entry.tobuf()
        yield from content(pool, noise.randrange(len(pool)), entry.size)
    yield bytes(1024)


def content(pool: bytes, begin: int, size: int) -> Iterator[bytes]:
    """So many bytes of a pool, from a place on, in whole blocks."""
    left = size
    while left:
        piece = pool[begin : begin + left]
        begin, left = 0, left - len(piece)
        yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)


def large_layer(size: int) -> Iterator[bytes]:
    """An archive of files of 64 MiB, of which a quarter cannot be compressed."""
    block = random.Random(SEED).randbytes(BLOCK // 4) + bytes(BLOCK - BLOCK // 4)
    each = min(size, 64 * BLOCK)
    for number in range(size // each):
        yield tar_header(f"large/{number}", each)
        yield from (block for _ in range(each // BLOCK))
    yield bytes(1024)


def bomb(size: int) -> Iterator[bytes]:
    """An archive of one file of zeros."""
    yield tar_header("bomb", size)
    yield from (bytes(BLOCK) for _ in range(size // BLOCK))
    yield bytes(1024)


def tar_header(name: str, size: int) -> bytes:
    """The header of a file."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf()


def noise_layer(seed: int, size: int) -> bytes:
    """An archive, not compressed, of one file of noise."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        entry = tarfile.TarInfo(f"noise{seed}")
        entry.size = size
        archive.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    return raw.getvalue()
