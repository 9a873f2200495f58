"""A registry that cuts, stalls, lies or is down: resumed, or refused in one line; the layout is right afterwards."""

from __future__ import annotations

import io
import itertools
import re
import signal
import subprocess
import sys
from email.utils import formatdate
from errno import ENOSPC
from http.client import HTTPException
from pathlib import Path
from time import time
from types import SimpleNamespace

import pytest
from faulty import Proxy, Rule
from servers import Make, certificate, need, verify

from pyctr_lab.errors import LabError
from pyctr_lab.images.descriptors import MANIFEST, BadImage, ImageManifest, encode_json
from pyctr_lab.images.layout import Incoming, Layout
from pyctr_lab.images.registry import Registry, RegistryError
from pyctr_lab.images.registry.connections import WholeAnswer
from pyctr_lab.images.registry.wire import TRIES

PIECE = 100_000
SIZES = (260_000, 700, 1)
BLOB = "GET /v2/.*/blobs/"


@pytest.fixture(autouse=True)
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs of this size go in several requests, and come in several reads."""
    monkeypatch.setattr("pyctr_lab.images.registry.transfers.PIECE", PIECE)
    monkeypatch.setattr("pyctr_lab.images.registry.transfers.CHUNK", 30_000)
    monkeypatch.setattr("pyctr_lab.images.registry.wire.CHUNK", 30_000)


def in_a_line(why: BaseException) -> bool:
    said = str(why)
    return said.isprintable() and 10 < len(said) < 400


def refused(proxy: Proxy, layout: Layout, repository: str, match: str, timeout: float = 20.0) -> LabError:
    """A pull that is refused in one line; a retry succeeds."""
    with pytest.raises(LabError, match=match) as why:
        Registry(proxy.address, timeout=timeout).pull(layout, repository, "1")
    assert in_a_line(why.value)
    verify(layout)
    proxy.rules.clear()
    Registry(proxy.address).pull(layout, repository, "1")
    verify(layout)
    return why.value


def moments(total: int, number: int) -> list[int]:
    """Bytes after which to cut, from the first to nearly the last: the registry's answers differ a little in length."""
    return [1 + (total - 200) * each // max(1, number - 1) for each in range(number)]


@pytest.mark.repeat(few=8, many=40)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_push_that_is_cut_goes_on(way: str, reset: bool, repeats: int, proxy: Proxy, plain: str, repository: str,
                                    make: Make, layout: Layout, other: Layout) -> None:  # fmt: skip
    proxy.reset = reset
    Registry(proxy.address).push(layout, make(*SIZES), repository, "first")
    total = getattr(proxy, way)
    for number, cut in enumerate(moments(total, repeats)):
        image = make(*SIZES)
        proxy.up = proxy.down = 0
        setattr(proxy, f"cut_{way}", cut)
        Registry(proxy.address).push(layout, image, repository, str(number))
        assert getattr(proxy, f"cut_{way}") is None, "nothing was cut"
        assert Registry(plain).pull(other, repository, str(number)) == image
    verify(other)


@pytest.mark.repeat(few=8, many=40)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_pull_that_is_cut_goes_on(way: str, reset: bool, repeats: int, proxy: Proxy, plain: str, repository: str,
                                    make: Make, layout: Layout, other: Layout) -> None:  # fmt: skip
    proxy.reset = reset
    image = make(*SIZES)
    Registry(plain).push(layout, image, repository, "1")
    Registry(proxy.address).pull(other, repository, "1")
    total = getattr(proxy, way)
    for cut in moments(total, repeats):
        for path in other.blobs.iterdir():
            path.unlink()
        proxy.up = proxy.down = 0
        setattr(proxy, f"cut_{way}", cut)
        assert Registry(proxy.address).pull(other, repository, "1") == image
        assert getattr(proxy, f"cut_{way}") is None, "nothing was cut"
        verify(other)
        assert len(list(other.blobs.iterdir())) == len(SIZES) + 2


HEADERS = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nDocker-Content-Digest: sha256:0123\r\n\r\n"


@pytest.mark.parametrize("cut", [*range(len(HEADERS) - 2), None])
def test_headers_that_are_cut_are_not_taken_for_whole(cut: int | None) -> None:
    arrived = io.BytesIO(HEADERS[:cut])
    answer = WholeAnswer(SimpleNamespace(makefile=lambda mode: arrived))
    if cut is None:
        answer.begin()
        assert answer.getheader("Docker-Content-Digest") == "sha256:0123"
    else:
        with pytest.raises(HTTPException):
            answer.begin()


@pytest.mark.repeat(few=4, many=20)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
def test_transfers_by_tls_that_are_cut_go_on(reset: bool, repeats: int, plain: str, repository: str, make: Make,
                                             layout: Layout, other: Layout, tmp_path: Path) -> None:  # fmt: skip
    need("openssl")
    key, trusted = certificate(tmp_path)
    proxy = Proxy(plain, tls=(key, trusted))
    proxy.reset = reset
    try:
        for number, cut in enumerate(moments(260_000, repeats)):
            image = make(*SIZES)
            proxy.cut_up, proxy.cut_down = proxy.up + cut, proxy.down + cut
            registry = Registry(proxy.address, tls=True, ca=str(trusted))
            registry.push(layout, image, repository, str(number))
            assert registry.pull(other, repository, str(number)) == image
            assert proxy.cut_up is proxy.cut_down is None, "nothing was cut"
        verify(other)
    finally:
        proxy.end()


def test_a_download_goes_on_where_it_was_cut(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(*SIZES)
    Registry(plain).push(layout, image, repository, "1")
    proxy.cut_down, proxy.reset = 200_000, False
    registry = Registry(proxy.address, at_once=1)
    registry.pull(other, repository, "1")
    ranges = [headers["Range"] for _, headers in proxy.requests if "Range" in headers]
    assert len(ranges) == 1 and int(re.findall(r"\d+", ranges[0])[0]) > 100_000
    assert registry.conversation.received < sum(SIZES) + 10_000


def test_a_download_of_a_server_without_ranges_begins_anew(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(50_000)
    Registry(plain).push(layout, image, repository, "1")
    blob = ImageManifest.read(layout.read(image)).layers[0]
    whole = Rule(f"GET .*{blob.digest}", status=200, body=layout.read(blob))
    headers = {"Content-Length": "50000", "Connection": "close"}
    half = Rule(whole.request, status=200, body=layout.read(blob)[:30_000], headers=headers)
    proxy.rules += [half, whole]
    assert Registry(proxy.address, at_once=1).pull(other, repository, "1") == image
    assert [rule.times for rule in proxy.rules] == [0, 0]
    verify(other)


def test_an_upload_goes_on_behind_the_last_answer(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(260_000)
    layer = ImageManifest.read(layout.read(image)).layers[0].digest.partition(":")[2]
    proxy.rules.append(Rule(f"PUT .*/blobs/uploads/.*{layer}", status=503))  # both pieces before it are there
    registry = Registry(proxy.address, at_once=1)
    registry.push(layout, image, repository, "1")
    methods = [each.method for each in registry.conversation.exchanges]
    asked = [each for each in registry.conversation.exchanges if each.method == "GET" and "uploads" in each.path]
    assert methods.count("PATCH") == 2 and [each.status for each in asked] == [204]
    assert Registry(plain).pull(other, repository, "1") == image


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_the_registry_has_lost_begins_anew(
    status: int, proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    proxy.rules += [Rule("PATCH", status=status), Rule("PUT .*/blobs/", status=status)]
    image = make(260_000)
    Registry(proxy.address, at_once=1).push(layout, image, repository, "1")
    assert [rule.times for rule in proxy.rules] == [0, 0]
    assert Registry(plain).pull(other, repository, "1") == image


def test_an_upload_whose_answer_is_lost_begins_anew(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    proxy.rules.append(Rule("PATCH", lose=True))
    proxy.rules.append(Rule("PUT .*/manifests/", lose=True))
    image = make(260_000)
    Registry(proxy.address).push(layout, image, repository, "1")
    assert all(rule.times == 0 for rule in proxy.rules)
    assert Registry(plain).pull(other, repository, "1") == image


def test_an_uploaded_blob_whose_answer_is_lost_is_not_sent_again(
    proxy: Proxy, repository: str, make: Make, layout: Layout
) -> None:
    proxy.rules.append(Rule("PUT .*/blobs/", lose=True))
    registry = Registry(proxy.address, at_once=1)
    registry.push(layout, make(90_000), repository, "1")
    assert registry.conversation.sent < 100_000


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_trouble_that_passes_is_waited_for(status: int, proxy: Proxy, repository: str, make: Make, layout: Layout,
                                           other: Layout, pauses: list[float]) -> None:  # fmt: skip
    image = make(*SIZES)
    proxy.rules += [Rule(pattern, status=status) for pattern in ("HEAD", "POST", "PATCH", "PUT .*/manifests/")]
    Registry(proxy.address, at_once=1).push(layout, image, repository, "1")
    proxy.rules += [Rule(pattern, status=status) for pattern in ("GET .*/manifests/", BLOB)]
    assert Registry(proxy.address, at_once=1).pull(other, repository, "1") == image
    assert [rule.times for rule in proxy.rules] == [0] * 6
    assert len(pauses) == 6
    verify(other)


def test_a_registry_is_given_the_time_that_it_asks_for(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout, pauses: list[float]
) -> None:
    Registry(plain).push(layout, make(10), repository, "1")
    ahead = formatdate(time() + 50, usegmt=True)
    for said in ("7", ahead, "soon"):
        proxy.rules.append(Rule("GET .*/manifests/", status=429, headers={"Retry-After": said}))
    Registry(proxy.address).pull(other, repository, "1")
    assert pauses[0] == 7 and 0 <= pauses[1] <= 50 and 0 < pauses[2] < 5


def test_a_registry_that_asks_for_too_much_time_is_left(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout, pauses: list[float]
) -> None:
    Registry(plain).push(layout, make(10), repository, "1")
    proxy.rules.append(Rule("GET .*/manifests/", status=429, headers={"Retry-After": "3600"}))
    refused(proxy, other, repository, "429.*in 3600 seconds")
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "said", "match"),
    [
        (401, "", "401.*docker login"),
        (403, '{"errors": [{"code": "DENIED", "message": "not\\nfor you\\u001b[1m"}]}', "403 not for you"),
        (404, '{"errors": [{"code": "BLOB_UNKNOWN"}]}', "404 BLOB_UNKNOWN"),
        (404, '{"errors": []}', "404 Not Found"),
        (404, '{"errors": [{"message": "' + "x" * 5000 + '"}]}', "404 x{100}"),
        (418, "[[[", "418"),
        (500, "\x00\xff", f"500.*{TRIES} times"),
        (429, "", f"429.*{TRIES} times"),
    ],
)
def test_a_refusal_is_one_line(status: int, said: str, match: str, proxy: Proxy, plain: str, repository: str,
                               make: Make, layout: Layout, other: Layout) -> None:  # fmt: skip
    Registry(plain).push(layout, make(*SIZES), repository, "1")
    proxy.rules.append(Rule(BLOB, times=100, status=status, body=said.encode("latin-1")))
    why = refused(proxy, other, repository, match)
    assert isinstance(why, RegistryError) and why.status == status


@pytest.mark.parametrize("pattern", ["GET .*/manifests/", BLOB])
def test_silence_has_an_end(pattern: str, proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout,
                            other: Layout) -> None:  # fmt: skip
    Registry(plain).push(layout, make(*SIZES), repository, "1")
    proxy.rules.append(Rule(pattern, times=100, stall=True))
    refused(proxy, other, repository, "is silent for", timeout=0.2)


def test_a_silence_amid_a_blob_is_gone_on_behind(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(260_000)
    layer = ImageManifest.read(layout.read(image)).layers[0]
    proxy.rules.append(Rule("PUT .*/blobs/", stall=True))
    Registry(proxy.address, timeout=2).push(layout, image, repository, "1")
    half = layout.read(layer)[:130_000]
    proxy.rules.append(Rule(f"GET .*{layer.digest}", status=200, body=half, headers={"Content-Length": "260000"}))
    assert Registry(proxy.address, timeout=2).pull(other, repository, "1") == image
    assert [rule.times for rule in proxy.rules] == [0, 0]
    (begin,) = [headers["Range"] for _, headers in proxy.requests if "Range" in headers]
    assert 0 < int(re.findall(r"\d+", begin)[0]) <= len(half)
    verify(other)


def test_a_registry_that_is_down_is_refused(proxy: Proxy, layout: Layout, make: Make, pauses: list[float]) -> None:
    proxy.end()
    for action in (lambda registry: registry.push(layout, make(10), "x"), lambda registry: registry.tags("x")):
        with pytest.raises(RegistryError, match=r"cannot be reached: ECONNREFUSED.*does it run") as why:
            action(Registry(proxy.address, at_once=1))
        assert in_a_line(why.value)
    assert len(pauses) >= 2 * (TRIES - 1)


def flipped(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


@pytest.mark.parametrize("change", [flipped, lambda raw: raw[:-1], lambda raw: raw + b"x", lambda raw: b""],
                         ids=["flipped", "short", "long", "empty"])  # fmt: skip
@pytest.mark.parametrize("number", range(len(SIZES) + 1))
def test_another_blob_is_refused(change: object, number: int, proxy: Proxy, plain: str, repository: str, make: Make,
                                 layout: Layout, other: Layout) -> None:  # fmt: skip
    image = make(*SIZES)
    Registry(plain).push(layout, image, repository, "1")
    manifest = ImageManifest.read(layout.read(image))
    blob = (manifest.config, *manifest.layers)[number]
    proxy.rules.append(Rule(f"GET .*{blob.digest}", times=100, answer=change))  # type: ignore[arg-type]
    why = refused(proxy, other, repository, blob.digest)
    assert isinstance(why, BadImage)


def test_another_manifest_is_refused(proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout,
                                     other: Layout) -> None:  # fmt: skip
    image = make(10)
    Registry(plain).push(layout, image, repository, "1")
    changed = Rule("GET .*/manifests/", times=100, answer=lambda raw: raw + b" ")
    unnamed = Rule("GET .*/manifests/sha256", times=1, answer=changed.answer, headers={"Docker-Content-Digest": ""})
    proxy.rules += [unnamed, changed]
    for version in ("1", image.digest):
        with pytest.raises(BadImage) as why:
            Registry(proxy.address).pull(other, repository, version)
        assert in_a_line(why.value)
    assert list(other.blobs.glob("*")) == []
    refused(proxy, other, repository, "digest")


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "no JSON"),
        (b"[]", "no object"),
        (b"[" * 100_000, "no JSON"),
        (b'{"schemaVersion": 1}', "schema 1"),
        (b'{"schemaVersion": 2}', "layers"),
        (b'{"schemaVersion": 2, "config": {"digest": "sha256:../x", "size": 1}, "layers": []}', "digest"),
        (b" " * (5 << 20), "more than"),
    ],
    ids=range(7),
)
def test_what_is_no_manifest_is_refused(raw: bytes, match: str, proxy: Proxy, repository: str, other: Layout) -> None:
    for media_type in (MANIFEST, "application/json"):
        proxy.rules = [Rule("GET", times=100, status=200, body=raw, headers={"Content-Type": media_type})]
        with pytest.raises(BadImage) as why:
            Registry(proxy.address).pull(other, repository, "1")
        assert in_a_line(why.value)
        if media_type == MANIFEST:
            assert re.search(match, str(why.value))


def test_a_size_that_lies_is_refused(proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout,
                                     other: Layout) -> None:  # fmt: skip
    image = make(1000)
    Registry(plain).push(layout, image, repository, "1")
    manifest = ImageManifest.read(layout.read(image))
    for size in (999, 1001, 1 << 62):
        layers = [{**manifest.layers[0].as_json(), "size": size}]
        lying = encode_json({"schemaVersion": 2, "config": manifest.config.as_json(), "layers": layers})
        headers = {"Content-Type": MANIFEST}
        proxy.rules = [Rule("GET .*/manifests/", status=200, body=lying, headers=headers)]
        with pytest.raises(BadImage, match=str(size)) as why:
            Registry(proxy.address).pull(other, repository, "1")
        assert in_a_line(why.value)
        verify(other)
        assert not other.path(manifest.layers[0].digest).exists()


def test_a_blob_that_changes_on_its_way_up_is_refused(
    proxy: Proxy, plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(90_000)
    proxy.rules.append(Rule("PUT .*/blobs/", sent=flipped))
    with pytest.raises(RegistryError, match=r"400.*digest") as why:
        Registry(proxy.address, at_once=1).push(layout, image, repository, "1")
    assert in_a_line(why.value)
    Registry(proxy.address).push(layout, image, repository, "1")
    assert Registry(plain).pull(other, repository, "1") == image


def test_a_blob_that_is_damaged_here_is_named(plain: str, repository: str, make: Make, layout: Layout) -> None:
    image = make(90_000)
    blob = ImageManifest.read(layout.read(image)).layers[0]
    layout.path(blob.digest).write_bytes(flipped(layout.read(blob)))
    with pytest.raises(BadImage, match=f"{blob.digest} is damaged"):
        Registry(plain).push(layout, image, repository, "1")


KILLED = """
import os, signal, sys
from pathlib import Path
from pyctr_lab.images.layout import Incoming, Layout
from pyctr_lab.images.registry import Registry

address, word, folder, name, left = sys.argv[1:]
left = int(left)

def count(event):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

layout, registry = Layout(Path(folder)), Registry(address, progress=count, at_once=2)
registry.pull(layout, name, "1") if word == "pull" else registry.push(layout, layout.manifests[0], name, "1")
"""


@pytest.mark.repeat(few=3, many=25)
@pytest.mark.parametrize("word", ["push", "pull"])
def test_a_transfer_that_is_killed_leaves_what_can_be_swept(
    word: str, repeats: int, plain: str, repository: str, make: Make, layout: Layout, tmp_path: Path
) -> None:
    for moment in range(repeats):
        image, name = make(3_000_000, 400_000), f"{repository}/{moment}"
        with layout.changing() as listed:
            listed[:] = [image]
        Registry(plain).push(layout, image, f"{name}/source" if word == "push" else name, "1")
        target = layout if word == "push" else Layout(tmp_path / str(moment), create=True)
        words = [plain, word, str(target.folder), name, str(moment % 12)]
        done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr
        target.sweep()
        verify(target)
        if word == "push":
            with pytest.raises(RegistryError, match="404"):
                Registry(plain).head(name, "1")
            Registry(plain).push(layout, image, name, "1")
            target = Layout(tmp_path / f"after{moment}", create=True)
        assert Registry(plain).pull(target, name, "1") == image
        verify(target)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_full_disk_is_no_trouble_of_the_network(after: int, plain: str, repository: str, make: Make, layout: Layout,
                                                  other: Layout, monkeypatch: pytest.MonkeyPatch,
                                                  pauses: list[float]) -> None:  # fmt: skip
    image = make(*SIZES)
    Registry(plain).push(layout, image, repository, "1")
    calls = itertools.count()
    write = Incoming.write

    def full(self: Incoming, data: bytes) -> None:
        if next(calls) >= after:
            raise OSError(ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(Incoming, "write", full)
    with pytest.raises(OSError, match="No space left"):
        Registry(plain).pull(other, repository, "1")
    assert pauses == []
    verify(other)
    monkeypatch.setattr(Incoming, "write", write)
    assert Registry(plain).pull(other, repository, "1") == image


def test_a_list_without_end_is_refused(proxy: Proxy) -> None:
    headers = {"Link": '</v2/_catalog?last=x>; rel="next"', "Content-Type": "application/json"}
    proxy.rules.append(Rule("GET", times=100, status=200, body=b'{"repositories": ["x"]}', headers=headers))
    with pytest.raises(RegistryError, match="no end"):
        Registry(proxy.address).catalogue()


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"tags": 5}', b'{"tags": [5]}', b"\xff"])
def test_a_list_that_is_none_is_refused(raw: bytes, proxy: Proxy) -> None:
    proxy.rules.append(Rule("GET", status=200, body=raw))
    with pytest.raises(BadImage) as why:
        Registry(proxy.address).tags("x")
    assert in_a_line(why.value)
