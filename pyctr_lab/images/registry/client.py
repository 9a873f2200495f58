"""A registry's client: push and pull images, list repositories and tags, delete. See spec.md of OCI's distribution."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urljoin

from ...errors import BadInput
from ...kernel.checks import check_count, check_file_name, check_function, check_kind, check_seconds
from ..descriptors import DIGEST, INDEXES, MANIFESTS, BadImage, Descriptor, ImageConfig, ImageManifest, parse_json
from ..layout import Layout, digest_of
from ..platforms import Platform, choose, fits, in_words, index_entries, read_platform
from ..references import check_address, check_repository, check_version
from .conversation import Conversation
from .credentials import given_credentials, stored_credentials
from .transfers import BlobProgress, Transfer
from .wire import RegistryError, RegistryWire, Reply

ACCEPT = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}
PAGE = 100  # names that one answer should list
MOST_PAGES = 10_000
NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')  # RFC 8288


class Registry:
    """A registry by its address, `127.0.0.1:5000`. `conversation` has all that was said.

    Credentials are those given, or what `docker login` keeps; they are sent when the registry asks for them. On
    loopback plain HTTP is spoken unless `tls` is set, elsewhere TLS always; `ca` names a file of certificates to trust.
    `timeout` is in seconds of silence; `at_once` blobs are transferred at once. `progress` is called with BlobProgress.
    """

    def __init__(self, address: str, *, username: str = "", password: str = "", tls: bool = False,
                 ca: str | None = None, timeout: float = 30.0, at_once: int = 4,
                 progress: Callable[[BlobProgress], object] | None = None) -> None:  # fmt: skip
        self.address = check_address(address)
        self._at_once = check_count(at_once, "blobs at once", most=64)
        self._progress = check_function(progress, "progress")
        self._wire = RegistryWire(
            address, given_credentials(username, password) or stored_credentials(address),
            tls=check_kind(tls, bool, "tls"), ca=ca if ca is None else str(check_file_name(ca, "ca")),
            timeout=check_seconds(timeout, "a timeout", most=3600), at_once=self._at_once,
        )  # fmt: skip
        self._places: dict[str, str] = {}  # digest -> a repository that has it: others mount it from there

    def __repr__(self) -> str:
        return f"Registry({self.address!r})"

    @property
    def conversation(self) -> Conversation:
        """All requests so far."""
        return self._wire.conversation

    # --- images
    def push(self, layout: Layout, manifest: Descriptor, repository: str, version: str = "latest", *,
             mount_from: str = "") -> Descriptor:  # fmt: skip
        """Send an image, or an index with all it lists: first the blobs that are not there, then the manifest.

        What this object has seen in another repository, or what `mount_from` has, is mounted and not sent. Raises
        RegistryError, and BadImage where the layout lacks a part.
        """
        check_repository(repository)
        check_kind(layout, Layout, "a layout")
        check_kind(manifest, Descriptor, "a manifest")
        if DIGEST.fullmatch(check_version(version)) and version != manifest.digest:
            raise BadInput(f"{manifest.digest} cannot be pushed as {version}", hint="a digest is that of the content")
        raw = layout.read(manifest)
        media_type = parse_json(raw, "a manifest").get("mediaType") or manifest.media_type
        if media_type in INDEXES:
            for child in index_entries(raw):
                self.push(layout, child, repository, child.digest, mount_from=mount_from)
        elif media_type in MANIFESTS:
            self._push_blobs(layout, ImageManifest.read(raw), repository, mount_from and check_repository(mount_from))
        else:
            raise BadImage(f"{manifest.digest} is no manifest of an image: {media_type!r}")
        path = f"/v2/{repository}/manifests/{version}"
        scope, headers = push_scope(repository), {"Content-Type": media_type}
        answer, _ = self._wire.ask("PUT", path, scope=scope, expected=(201,), headers=headers, body=raw)
        self._check_header(answer, manifest.digest)
        return manifest

    def _push_blobs(self, layout: Layout, manifest: ImageManifest, repository: str, mount_from: str) -> None:
        blobs = (manifest.config, *manifest.layers)
        for blob in blobs:
            layout.open(blob).close()  # before anything is sent
        transfer = Transfer(self._wire, layout, repository, push_scope(repository), self._progress)

        def upload(blob: Descriptor) -> None:
            source = self._places.get(blob.digest, mount_from)
            transfer.upload(blob, source if source != repository else "")
            self._places[blob.digest] = repository

        transfer.each(upload, blobs, self._at_once)

    def pull(self, layout: Layout, repository: str, version: str = "latest", *,
             platform: str | Platform | None = None) -> Descriptor:  # fmt: skip
        """Fetch an image's blobs into a layout, then its manifest as it was served; return what refers to it.

        Of an index the manifest for `platform` is chosen, `linux/arm64` for example; by default that of this machine.
        Raises RegistryError, and BadImage for content that is not what its digest says.
        """
        check_kind(layout, Layout, "a layout")
        wanted = read_platform(platform)
        found, raw = self._manifest(check_repository(repository), check_version(version))
        if listed := found.media_type in INDEXES:
            chosen = choose(raw, wanted, lambda entry: self._entry(layout, repository, entry))
            raw = self._entry(layout, repository, chosen)
            found = Descriptor(chosen.media_type, chosen.digest, chosen.size)
        manifest = ImageManifest.read(raw)
        transfer = Transfer(self._wire, layout, repository, pull_scope(repository), self._progress)
        transfer.each(transfer.download, (manifest.config, *manifest.layers), self._at_once)
        if platform and not listed:
            content = ImageConfig.read(layout.read(manifest.config)).content
            if not fits(content, wanted):
                raise BadImage(f"the image is for {in_words(content)}, not for {in_words(wanted)}")
        with layout.incoming(found) as blob:
            blob.write(raw)
        self._places.update(dict.fromkeys((each.digest for each in (manifest.config, *manifest.layers)), repository))
        return found

    def _manifest(self, repository: str, version: str) -> tuple[Descriptor, bytes]:
        """A manifest or an index, as it is served. Raises BadImage unless its digest is right."""
        path = f"/v2/{repository}/manifests/{version}"
        answer, raw = self._wire.ask("GET", path, scope=pull_scope(repository), headers=ACCEPT)
        digest = digest_of(raw)
        if DIGEST.fullmatch(version) and version != digest:
            raise BadImage(f"{self.address} sends the content of {digest} for {version}")
        self._check_header(answer, digest)
        return Descriptor(answered_type(answer, raw), digest, len(raw)), raw

    def _entry(self, layout: Layout, repository: str, entry: Descriptor) -> bytes:
        """What an index lists: from the layout, if it is there, or from the registry. Raises BadImage."""
        if layout.has(entry):
            self.conversation.spared("GET", f"/v2/{repository}/manifests/{entry.digest}")
            return layout.read(entry)
        found, raw = self._manifest(repository, entry.digest)
        if found.size != entry.size:
            raise BadImage(f"{entry.digest} has {found.size} bytes, not {entry.size} as its index says")
        return raw

    def _check_header(self, answer: Reply, digest: str) -> None:
        said = answer.header("Docker-Content-Digest")
        if said.startswith("sha256:") and said != digest:
            raise BadImage(f"{self.address} names {said} for what has the digest {digest}")

    def head(self, repository: str, version: str = "latest") -> Descriptor:
        """What a tag or a digest stands for, without its content. Raises RegistryError where there is none."""
        path = f"/v2/{check_repository(repository)}/manifests/{check_version(version)}"
        answer, _ = self._wire.ask("HEAD", path, scope=pull_scope(repository), headers=ACCEPT)
        digest, size = answer.header("Docker-Content-Digest"), answer.header("Content-Length")
        if DIGEST.fullmatch(digest) and size.isdigit():
            return Descriptor(answered_type(answer, b"{}"), digest, int(size))
        return self._manifest(repository, version)[0]

    def delete(self, repository: str, version: str) -> None:
        """Delete a manifest. By a tag, what it stands for is deleted, and with it all tags of the same content."""
        digest = version if DIGEST.fullmatch(check_version(version)) else self.head(repository, version).digest
        path = f"/v2/{check_repository(repository)}/manifests/{digest}"
        self._wire.ask("DELETE", path, scope=f"{pull_scope(repository)},delete", expected=(200, 202))
        self._places.clear()

    # --- lists
    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted."""
        scope = pull_scope(check_repository(repository))
        return self._pages(f"/v2/{repository}/tags/list?n={PAGE}", "tags", scope)

    def catalogue(self) -> list[str]:
        """The repositories of the registry, sorted; many registries do not tell all users."""
        return self._pages(f"/v2/_catalog?n={PAGE}", "repositories", "registry:catalog:*")

    def _pages(self, path: str, name: str, scope: str) -> list[str]:
        """All pages of a list: Link leads to the next one."""
        names: set[str] = set()
        seen: set[str] = set()
        while path not in seen and len(seen) < MOST_PAGES:
            seen.add(path)
            answer, raw = self._wire.ask("GET", path, scope=scope)
            listed = parse_json(raw, f"a list of {name}").get(name) or []
            if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
                raise BadImage(f"{self.address} answers with no list of {name}")
            names.update(listed)
            link = NEXT.search(answer.header("Link"))
            if not link:
                return sorted(names)
            path = urljoin(answer.url, link[1])
        raise RegistryError(f"{self.address}: the list of {name} has no end")


def pull_scope(repository: str) -> str:
    """What a token server is asked for, see scope.md of the distribution project."""
    return f"repository:{repository}:pull"


def push_scope(repository: str) -> str:
    """The same, for a push."""
    return f"repository:{repository}:pull,push"


def answered_type(answer: Reply, raw: bytes) -> str:
    """The media type of a manifest: as the answer says, or its content. Raises BadImage for one that is not known."""
    said = answer.header("Content-Type").partition(";")[0].strip().lower()
    if said not in (*MANIFESTS, *INDEXES):
        content = parse_json(raw, "a manifest")
        said = str(content.get("mediaType") or said)
        if said not in (*MANIFESTS, *INDEXES):
            ImageManifest.read(raw)  # says so where it is one of schema 1
            raise BadImage(f"{answer.wire.host} serves a manifest of an unknown type: {said[:80]!r}")
    return said
