"""Blobs on their way: several at once, resumed as far as the registry allows. See "Pushing blobs" in spec.md of OCI."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from urllib.parse import urlencode

from ...errors import LabError, in_one_line
from ..descriptors import BadImage, Descriptor
from ..layout import Incoming, Layout
from .wire import CHUNK, PASSING, Body, Interrupted, RegistryError, RegistryWire, Reply, with_retries

PIECE = 64 << 20  # bytes of one request; after an answer the upload can be resumed behind them
LOST = (404, 416)  # the registry does not know an upload any more, or has come to another place in it


class Stopped(LabError):
    """A transfer that ends because another one has failed; it is not reported."""


@dataclass(frozen=True)
class BlobProgress:
    """An event: so many bytes of a blob have been sent or received. After a restart `done` is less than before."""

    blob: str
    done: int
    total: int


@dataclass
class Upload:
    """An upload as the registry's last answer had it: where it goes on, and how many bytes are there."""

    location: str = ""
    offset: int = 0


class Transfer:
    """The blobs of one push or pull. `scope` is what a token server is asked for."""

    def __init__(self, wire: RegistryWire, layout: Layout, repository: str, scope: str,
                 progress: Callable[[BlobProgress], object] | None) -> None:  # fmt: skip
        self.wire, self.layout, self.scope = wire, layout, scope
        self.blobs = f"/v2/{repository}/blobs/"
        self._progress, self._lock, self._stop = progress, Lock(), Event()

    def each(self, action: Callable[[Descriptor], None], blobs: Iterable[Descriptor], at_once: int) -> None:
        """Do it for each blob, some at once. After an error the others stop, and it is raised."""
        distinct = {blob.digest: blob for blob in blobs}.values()
        with ThreadPoolExecutor(at_once) as pool, self._stopping():
            futures = [pool.submit(self._one, action, blob) for blob in distinct]
            wait(futures)
        failures = [why for each in futures if (why := each.exception())]
        for why in sorted(failures, key=lambda why: isinstance(why, Stopped)):
            raise why

    def _one(self, action: Callable[[Descriptor], None], blob: Descriptor) -> None:
        with self._stopping():
            self._look_whether_to_stop()
            action(blob)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._stop.set()
            raise

    def _look_whether_to_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped("another transfer has failed")

    def _report(self, blob: Descriptor, done: int) -> None:
        self._look_whether_to_stop()
        if self._progress:
            try:
                with self._lock:
                    self._progress(BlobProgress(blob.digest, done, blob.size))
            except OSError as why:  # urllib3 would take it for one of the connection's
                raise LabError(f"the progress could not be reported: {in_one_line(why)}") from why

    # --- from the registry
    def download(self, blob: Descriptor) -> None:
        """Fetch a blob that is not here yet. It becomes visible when its size and digest are right."""
        if self.layout.has(blob):
            self.wire.conversation.spared("GET", self.blobs + blob.digest)
            return self._report(blob, blob.size)
        with self.layout.incoming(blob) as incoming:
            with_retries(lambda: self._receive(blob, incoming), lambda: incoming.size, self._stop)

    def _receive(self, blob: Descriptor, incoming: Incoming) -> None:
        """Receive a blob from where it has been interrupted."""
        begin = incoming.size
        if begin == blob.size > 0:  # only the end of the answer was lost
            return
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        with self.wire.once("GET", self.blobs + blob.digest, scope=self.scope, headers=headers) as answer:
            partial = answer.expect(200, 206).status == 206
            if partial and not answer.header("Content-Range").startswith(f"bytes {begin}-"):
                raise RegistryError(f"{self.wire.host} sends another part of {blob.digest} than it was asked for")
            known = 0 if partial else begin  # bytes that come a second time
            announced = answer.header("Content-Length")
            if announced.isdigit() and int(announced) != blob.size - begin + known:
                raise BadImage(f"{self.wire.host} has {blob.digest} with a size that is not {blob.size}")
            for chunk in answer.chunks():
                new, known = chunk[known:], max(0, known - len(chunk))
                if incoming.size + len(new) > blob.size:
                    raise BadImage(f"{self.wire.host} sends more of {blob.digest} than {blob.size} bytes")
                incoming.write(new)
                self._report(blob, incoming.size)
        if incoming.size < blob.size:
            raise Interrupted(f"{self.wire.host} has cut the connection")

    # --- to the registry
    def upload(self, blob: Descriptor, source: str = "") -> None:
        """Send a blob that is not there yet; `source` is a repository of the registry to mount it from."""
        upload = Upload()
        with_retries(lambda: self._go_on(blob, source, upload), lambda: upload.offset, self._stop)
        self._report(blob, blob.size)

    def _go_on(self, blob: Descriptor, source: str, upload: Upload) -> None:
        """Send what is missing of a blob, from where the last try has come to."""
        if upload.location:
            self._ask_where(blob, upload)
        if not upload.location and (self._is_there(blob) or self._begin(blob, source, upload)):
            return
        while blob.size - upload.offset > PIECE:
            self._send("PATCH", blob, upload, PIECE)
        self._send("PUT", blob, upload, blob.size - upload.offset)

    def _is_there(self, blob: Descriptor) -> bool:
        with self.wire.once("HEAD", self.blobs + blob.digest, scope=self.scope) as answer:
            answer.exchange.cached = answer.expect(200, 404).status == 200
            return answer.exchange.cached

    def _begin(self, blob: Descriptor, source: str, upload: Upload) -> bool:
        """Begin an upload; whether the blob could be mounted instead."""
        mounts = [f"?{urlencode({'mount': blob.digest, 'from': source})}"] if source else []
        for query in (*mounts, ""):
            with self.wire.once("POST", f"{self.blobs}uploads/{query}", scope=self.scope) as answer:
                answer.exchange.blob = blob.digest
                if query and answer.status in (401, 403, 404, 405):  # not for this user: send it
                    continue
                if answer.expect(*((201, 202) if query else (202,))).status == 201:
                    answer.exchange.cached = True
                    return True
                self._went_on(answer, upload, 0)
                break
        return False

    def _ask_where(self, blob: Descriptor, upload: Upload) -> None:
        """Ask how much of an upload has arrived; it begins anew where the registry has lost it."""
        with self.wire.once("GET", upload.location, scope=self.scope) as answer:
            answer.exchange.blob = blob.digest
            found = re.fullmatch(r"(?:bytes=)?0-(\d{1,18})", answer.header("Range"))
            if answer.status == 204 and found:
                end = int(found[1]) + 1
                self._went_on(answer, upload, 0 if end == 1 else end)  # `0-0` is nothing, too
            elif answer.status in PASSING:
                answer.expect(204)
            else:
                upload.location = ""

    def _went_on(self, answer: Reply, upload: Upload, offset: int) -> None:
        """Only the newest location is valid."""
        upload.location = self.wire.allowed(answer.header("Location") or upload.location, answer.url)
        upload.offset = offset

    def _send(self, method: str, blob: Descriptor, upload: Upload, length: int) -> None:
        """Send the next bytes; the last ones by PUT."""
        begin, url = upload.offset, upload.location
        headers = {"Content-Type": "application/octet-stream"}
        if method == "PATCH":
            headers["Content-Range"] = f"{begin}-{begin + length - 1}"
        else:
            url += ("&" if "?" in url else "?") + urlencode({"digest": blob.digest})
        body = Body(length, lambda: self._read(blob, begin, length))
        with self.wire.once(method, url, scope=self.scope, headers=headers, body=body) as answer:
            answer.exchange.blob = blob.digest
            if answer.status in LOST:
                upload.location = ""
                raise Interrupted(f"{self.wire.host} has lost the upload of {blob.digest}", status=answer.status)
            if answer.status == 400:
                self._look_at(blob)
            answer.expect(202 if method == "PATCH" else 201)
            if method == "PATCH":
                self._went_on(answer, upload, begin + length)

    def _read(self, blob: Descriptor, begin: int, length: int) -> Iterator[bytes]:
        with self.layout.open(blob) as file:
            file.seek(begin)
            for at in range(begin, begin + length, CHUNK):
                self._report(blob, at)
                yield file.read(min(CHUNK, begin + length - at))

    def _look_at(self, blob: Descriptor) -> None:
        """A registry that refuses a blob may be right. Raises BadImage where ours is damaged."""
        with self.layout.path(blob.digest).open("rb") as file:
            if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != blob.digest:
                raise BadImage(f"the blob {blob.digest} is damaged: its content has another digest")
