"""What an image is made of, as data: descriptors, manifests and configurations.

See the OCI image specification: descriptor.md, manifest.md, config.md, image-index.md.
"""

from __future__ import annotations

import json
import platform as machine
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import LabError
from ..kernel.checks import short_repr

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS, INDEXES = (MANIFEST, DOCKER_MANIFEST), (INDEX, DOCKER_INDEX)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MOST_JSON = 4 << 20  # bytes of a manifest, an index or a configuration: registries take no more


class BadImage(LabError):
    """An image, or a part of one, that is not as the specification has it, or not what its digest says."""


@dataclass(frozen=True)
class Descriptor:
    """What refers to a blob: its media type, its digest and its size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    platform: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, found: object) -> Descriptor:
        """A descriptor as JSON has it. Raises BadImage."""
        content = json_object(found, "a descriptor")
        size = content.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise BadImage(f"a descriptor's size is {short_repr(size)}")
        return cls(
            json_text(content.get("mediaType", ""), "a media type"),
            check_digest(content.get("digest")),
            size,
            {
                str(key): str(value)
                for key, value in json_object(content.get("annotations") or {}, "annotations").items()
            },
            json_object(content.get("platform") or {}, "a platform"),
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON has it, in the specification's order."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        if self.platform:
            found["platform"] = dict(self.platform)
        return found


@dataclass(frozen=True)
class ImageManifest:
    """One image for one platform: the descriptors of its configuration and of its layers, the lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @classmethod
    def read(cls, raw: bytes) -> ImageManifest:
        """A manifest of OCI's or Docker's form. Raises BadImage."""
        content = parse_json(raw, "a manifest")
        if content.get("schemaVersion") != 2:
            raise BadImage(
                f"a manifest of schema {short_repr(content.get('schemaVersion'))}",
                hint="only schema 2 holds what its digests say; Docker has written it since 2016",
            )
        if "manifests" in content:
            raise BadImage("an index where a manifest should be")
        layers = content.get("layers")
        if not isinstance(layers, list):
            raise BadImage("a manifest without a list of layers")
        return cls(Descriptor.read(content.get("config")), tuple(map(Descriptor.read, layers)))

    def encode(self) -> bytes:
        """The manifest as OCI writes it; the same content gives the same bytes."""
        content = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.as_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }
        return encode_json(content)


@dataclass(frozen=True)
class ImageConfig:
    """What an image says of itself: its platform, what its containers run, and its layers' diff_ids, lowest first.

    `content` is all of it as JSON has it: fields that are not known here are kept.
    """

    content: Mapping[str, Any]

    @classmethod
    def read(cls, raw: bytes) -> ImageConfig:
        """A configuration. Raises BadImage where a field that is used is of a wrong kind."""
        self = cls(parse_json(raw, "a configuration"))
        for name in ("Env", "Cmd", "Entrypoint"):
            words = self.settings.get(name)
            if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
                raise BadImage(f"a configuration's {name} is no list of words: {short_repr(words)}")
        for name in ("WorkingDir", "User", "StopSignal"):
            json_text(self.settings.get(name) or "", f"a configuration's {name}")
        assert self.diff_ids is not None
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """Env, Cmd, Entrypoint, WorkingDir, User, Labels, ExposedPorts, Volumes: as Docker has them."""
        return json_object(self.content.get("config") or {}, "a configuration's settings")

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The digests of the layers' archives, uncompressed."""
        found = json_object(self.content.get("rootfs") or {}, "a configuration's rootfs").get("diff_ids")
        if not isinstance(found, list):
            raise BadImage("a configuration without diff_ids", hint="no tool can tell whether its layers are right")
        return tuple(map(check_digest, found))

    @property
    def environment(self) -> dict[str, str]:
        """Env as a mapping; the last of one name wins."""
        pairs = (word.partition("=") for word in self.settings.get("Env") or ())
        return {name: value for name, _, value in pairs if name}

    def encode(self) -> bytes:
        """As JSON; the same content gives the same bytes."""
        return encode_json(self.content)


def encode_json(content: Mapping[str, Any]) -> bytes:
    """JSON without blanks, in the order of the fields. A name that is not UTF-8 is escaped, as JSON has it."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")


def parse_json(raw: bytes, what: str) -> dict[str, Any]:
    """A JSON object. Raises BadImage."""
    try:
        return json_object(json.loads(raw), what)
    except (ValueError, RecursionError) as why:
        raise BadImage(f"{what} that is no JSON: {str(why)[:80]}") from None


def json_object(found: object, what: str) -> dict[str, Any]:
    """An object of JSON. Raises BadImage."""
    if not isinstance(found, dict):
        raise BadImage(f"{what} is no object of JSON: {short_repr(found)}")
    return found


def json_text(found: object, what: str) -> str:
    """A text of JSON. Raises BadImage."""
    if not isinstance(found, str) or "\0" in found:
        raise BadImage(f"{what} is no text: {short_repr(found)}")
    return found


def check_digest(found: object) -> str:
    """A digest that we can verify. Raises BadImage."""
    if not isinstance(found, str) or not DIGEST.fullmatch(found):
        raise BadImage(f"{short_repr(found)} is no digest", hint="sha256: and 64 digits of 0-9 and a-f")
    return found


def platform_here() -> dict[str, str]:
    """The platform of this machine, as images name it."""
    name = machine.machine()
    return {"architecture": ARCHITECTURES.get(name, name), "os": "linux"}
