"""The store: a layout whose images have names, on this user's disk."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from ..errors import BadInput, Busy, LabError, Unsupported
from ..kernel.checks import check_text, short_repr
from .descriptors import BadImage, Descriptor, ImageConfig, ImageManifest, encode_json, parse_json
from .layout import NAME, Layout, digest_of, file_lock, write_whole
from .references import Reference

VERSION = 1  # of what lies beside the layout: a store of a newer version is not touched
MARKER = "pyctr-lab.json"
LONG_ENOUGH = re.compile(r"(sha256:)?[0-9a-f]{6,64}")  # of an id, to stand for an image
PLACE = "PYCTR_LAB_IMAGES"  # names another folder than ~/.local/share/pyctr-lab/images


@dataclass(frozen=True)
class Image:
    """An image of the store, for one platform. `name` is the name it was asked for by."""

    name: str
    descriptor: Descriptor
    manifest: ImageManifest
    config: ImageConfig

    def __repr__(self) -> str:
        count = len(self.manifest.layers)
        return f"Image({self.name!r}, {count} layer{'s' * (count != 1)}, {self.digest[:19]})"

    @property
    def digest(self) -> str:
        """The digest of its manifest: the name that no one can move."""
        return self.descriptor.digest

    @property
    def id(self) -> str:
        """The digest of its configuration: what Docker calls the image's id."""
        return self.manifest.config.digest

    @cached_property
    def chain_ids(self) -> tuple[str, ...]:
        """For each layer a digest of it and of all below it, the lowest first: what a layer means depends on these."""
        return tuple(accumulate(self.config.diff_ids, lambda below, above: digest_of(f"{below} {above}".encode())))

    @property
    def layers(self) -> tuple[tuple[str, str], ...]:
        """For each layer the digest of its blob and that of its archive, the lowest first."""
        return tuple(zip((layer.digest for layer in self.manifest.layers), self.config.diff_ids, strict=True))

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All that it is made of: its manifest, its configuration, its layers."""
        return (self.descriptor, self.manifest.config, *self.manifest.layers)

    @property
    def size(self) -> int:
        """The bytes of all its blobs, compressed as they came."""
        return sum({blob.digest: blob.size for blob in self.blobs}.values())


class ImageStore:
    """The images of this user: an OCI layout, with names in its index."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        refuse_newer(self.folder / MARKER)
        self.layout = Layout(self.folder, create=True)
        with suppress(OSError), file_lock(self.folder / ".adding", fcntl.LOCK_EX | fcntl.LOCK_NB):  # or a full disk
            if not (self.folder / MARKER).exists():
                write_whole(self.folder / MARKER, encode_json({"version": VERSION}))
            self.layout.sweep()

    def names(self) -> dict[str, Descriptor]:
        """All names, and what each stands for."""
        return {each.annotations[NAME]: each for each in self.layout.manifests if NAME in each.annotations}

    def image(self, name: str) -> Image:
        """The image of this name, or whose id or digest begins so. Raises BadInput where there is none."""
        known, start = self.names(), check_text(name, "an image's name").rpartition("@")[2]
        by_id = LONG_ENOUGH.fullmatch(start) is not None
        whole = start if by_id and len(start) == 64 else full_name(name)
        if whole in known:
            return self.read(whole, known[whole])
        alike = {image.digest: image for image in self._by_id(start)} if by_id else {}
        if len(alike) == 1:
            return alike.popitem()[1]
        some = f"there are {', '.join(sorted(known)[:5])}" if known else "the store is empty"
        why = f"several images begin with {name}" if alike else f"there is no image {short_repr(name)}"
        raise BadInput(why, hint=some)

    def _by_id(self, start: str) -> Iterator[Image]:
        wanted = f"sha256:{start.removeprefix('sha256:')}"
        return (each for each in self.images() if each.digest.startswith(wanted) or each.id.startswith(wanted))

    def images(self) -> Iterator[Image]:
        """All images that have a name. Raises BadImage with the name of a damaged one."""
        for name, found in sorted(self.names().items()):
            try:
                yield self.read(name, found)
            except BadImage as why:
                raise BadImage(f"{name}: {why.message}", hint=f"pyctr-lab image rm {name}, or bring it anew") from None

    def read(self, name: str, found: Descriptor) -> Image:
        """An image by its manifest's descriptor. Raises BadImage."""
        manifest = ImageManifest.read(self.layout.read(found))
        config = ImageConfig.read(self.layout.read(manifest.config))
        if len(config.diff_ids) != len(manifest.layers):
            raise BadImage(f"{name} has {len(manifest.layers)} layers, and its configuration {len(config.diff_ids)}")
        return Image(name, found, manifest, config)

    def tag(self, name: str, descriptor: Descriptor) -> Image:
        """Give a name to a manifest of the layout; an image that has it already loses it."""
        name = full_name(name)
        named = replace(descriptor, annotations={**descriptor.annotations, NAME: name})
        image = self.read(name, named)
        for layer in image.manifest.layers:
            self.layout.open(layer).close()
        with self.layout.changing() as listed:
            listed[:] = [each for each in listed if each.annotations.get(NAME) != name] + [named]
        return image

    def untag(self, name: str) -> None:
        """Take a name away. What no name holds is removed by `prune`."""
        name = full_name(name)
        with self.layout.changing() as listed:
            rest = [each for each in listed if each.annotations.get(NAME) != name]
            if rest == listed:
                self.image(name)
            listed[:] = rest

    def verified(self) -> Iterator[tuple[str, str]]:
        """Pairs of a layer's digest and its diff_id that were verified when they came."""
        for name, found in self.names().items():
            with suppress(BadImage):  # a damaged one: `verify` says so
                yield from self.read(name, found).layers

    # --- blobs on their way in and out
    @contextmanager
    def adding(self, *, keep: bool = False) -> Iterator[None]:
        """Hold off `prune` while blobs come that no name reaches yet.

        What an error leaves of them is removed, unless whole ones are to be kept: a build finds its layers again.
        """
        before: set[str] | None = None
        try:
            with file_lock(self.folder / ".adding", fcntl.LOCK_SH):
                before = None if keep else set(os.listdir(self.layout.blobs))
                yield
        except BaseException as why:
            if before is not None:
                with suppress(LabError, OSError):
                    self.remove_unreachable(older=before)
            if isinstance(why, OSError) and why.errno in (errno.ENOSPC, errno.EDQUOT):
                said = f"{self.folder}: {os.strerror(why.errno)}"
                raise LabError(said, hint="pyctr-lab image prune makes room") from why
            raise

    def remove_unreachable(self, *, older: Collection[str] = ()) -> tuple[int, int]:
        """Remove blobs that no name reaches, but for the files `older`; return how many, and their bytes.

        Raises Busy while another process adds an image, and BadImage where a manifest is damaged.
        """
        try:
            with file_lock(self.folder / ".adding", fcntl.LOCK_EX | fcntl.LOCK_NB):
                self.layout.sweep()
                reached = {blob.digest for found in self.layout.manifests for blob in self.read("", found).blobs}
                kept = {*older, *(digest.removeprefix("sha256:") for digest in reached)}
                left = {path: path.stat().st_size for path in self.layout.blobs.iterdir() if path.name not in kept}
                for path in left:
                    path.unlink()
                return len(left), sum(left.values())
        except BlockingIOError:
            raise Busy("another process is adding an image", hint="try again when it has ended") from None


def refuse_newer(marker: Path) -> None:
    """Raise Unsupported for a store that a newer version has written."""
    with suppress(FileNotFoundError):
        version = parse_json(marker.read_bytes(), str(marker)).get("version")
        if version != VERSION:
            hint = f"a newer course reads it; {PLACE} names another folder"
            raise Unsupported(f"{marker.parent} is a store of version {short_repr(version)}, not {VERSION}", hint=hint)


def full_name(name: str) -> str:
    """A name with its tag: `latest` where none is given. Raises BadInput for one that no registry would take."""
    return str(Reference.read(name))


def default_folder() -> Path:
    """Where images are kept. Raises Unsupported for a user without a home directory."""
    if chosen := os.environ.get(PLACE, ""):
        return Path(chosen).absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(data) if data.startswith("/") else Path.home() / ".local/share") / "pyctr-lab" / "images"
    except RuntimeError:
        why = "no place for images: HOME is not set, and this user has no passwd entry"
        raise Unsupported(why, hint=f"set HOME, or {PLACE}, to a folder of yours") from None
