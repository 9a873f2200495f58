"""Archives and layouts made by hand, true or lying; by Python's own tarfile, not by ours."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "org.opencontainers.image.ref.name"
HERE = {"architecture": "amd64", "os": "linux"}


def digest_of(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def archive(files: dict[str, bytes | str | None]) -> bytes:
    """A tar: bytes are a file, a text is a link to it, None a folder."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return raw.getvalue()


class Made:
    """An OCI layout in a folder, made blob by blob."""

    def __init__(self, folder: Path, version: str = "1.0.0") -> None:
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": version}))
        self.listed: list[dict[str, Any]] = []

    def blob(self, raw: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Keep a blob; return its descriptor, with changes."""
        digest = digest_of(raw)
        (self.blobs / digest[7:]).write_bytes(raw)
        return {"mediaType": media_type, "digest": digest, "size": len(raw), **more}

    def json(self, content: Any, media_type: str, **more: Any) -> dict[str, Any]:
        return self.blob(json.dumps(content).encode(), media_type, **more)

    def config(self, archives: list[bytes], **changed: Any) -> dict[str, Any]:
        diff_ids = [digest_of(each) for each in archives]
        content = {**HERE, "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}, **changed}
        return self.json(content, CONFIG)

    def image(
        self,
        *archives: bytes,
        config: dict[str, Any] | None = None,
        layers: list[dict[str, Any]] | None = None,
        manifest_type: str = MANIFEST,
        **changed: Any,
    ) -> dict[str, Any]:
        """An image of these layers, gzipped unless `layers` are descriptors; `changed` goes to its manifest."""
        packed = [self.blob(gzip.compress(each, mtime=0), f"{LAYER}+gzip") for each in archives]
        content = {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": config or self.config([*archives]),
            "layers": packed if layers is None else layers,
            **changed,
        }
        return self.json({key: value for key, value in content.items() if value is not None}, manifest_type)

    def index(self, *entries: dict[str, Any]) -> dict[str, Any]:
        return self.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries]}, INDEX)

    def tag(self, entry: dict[str, Any], name: str = "one") -> Made:
        """List an entry with a name, or without one."""
        self.listed.append({**entry, **({"annotations": {NAME: name}} if name else {})})
        self.save({"schemaVersion": 2, "manifests": self.listed})
        return self

    def save(self, index: Any) -> Made:
        (self.folder / "index.json").write_text(index if isinstance(index, str) else json.dumps(index))
        return self


def packed_folder(folder: Path) -> bytes:
    """A folder as a tar, with the names that are below it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False)
    return raw.getvalue()


def run_python(script: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A process of its own with this package."""
    argv = [sys.executable, "-c", script, *words]
    where = {"env": {**os.environ, **env}, "cwd": Path(__file__).parents[2]}
    return subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, **where)  # type: ignore
