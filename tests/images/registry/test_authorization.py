"""Credentials, tokens, TLS and redirects: who is told what, and that nobody else is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from faulty import Proxy, Rule
from servers import BASIC, PASSWORD, USER, Make, TokenServer, certificate, need

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.images.layout import Layout
from pyctr_lab.images.registry import Registry, RegistryError
from pyctr_lab.images.registry.credentials import challenges, given_credentials, stored_credentials


def login(tmp_path: Path, content: object) -> None:
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker" / "config.json").write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize("stored", [False, True])
def test_a_password_opens_a_registry(stored: bool, guarded: str, repository: str, make: Make, layout: Layout,
                                     other: Layout, tmp_path: Path) -> None:  # fmt: skip
    if stored:
        login(tmp_path, {"auths": {guarded: {"auth": BASIC.partition(" ")[2]}}})
    registry = Registry(guarded) if stored else Registry(guarded, username=USER, password=PASSWORD)
    image = make(100_000, 5)
    registry.push(layout, image, repository, "1")
    assert registry.pull(other, repository, "1") == image
    assert registry.tags(repository) == ["1"] and repository in registry.catalogue()
    challenged = [each for each in registry.conversation.exchanges if each.status == 401]
    assert 1 <= len(challenged) <= 4  # the threads that began at once


def test_without_the_password_it_stays_shut(guarded: str, repository: str, make: Make, layout: Layout) -> None:
    for words in ({}, {"username": USER, "password": "wr0ng"}, {"username": "bob", "password": PASSWORD}):
        registry = Registry(guarded, **words, at_once=1)
        with pytest.raises(RegistryError, match=r"401.*docker login") as why:
            registry.push(layout, make(10), repository)
        assert "wr0ng" not in str(why.value) + repr(registry) and PASSWORD not in str(why.value)
        assert len(registry.conversation.exchanges) <= 2  # no blob more, nothing again


def test_tokens_open_a_registry(tokened: str, tokens: TokenServer, repository: str, make: Make, layout: Layout,
                                other: Layout) -> None:  # fmt: skip
    registry = Registry(tokened, username=USER, password=PASSWORD)
    image = make(100_000, 5)
    tokens.asked.clear()
    registry.push(layout, image, repository, "1")
    assert tokens.asked == [(USER, [f"repository:{repository}:pull,push", f"repository:{repository}:pull"])]
    registry.push(layout, image, f"{repository}/mounted", "1")
    assert registry.conversation.sent < 110_000
    assert registry.tags(repository) == ["1"] and repository in registry.catalogue()
    tokens.asked.clear()
    assert Registry(tokened).pull(other, repository, "1") == image
    assert tokens.asked == [("", [f"repository:{repository}:pull"])]
    registry.delete(repository, "1")


def test_a_token_for_pulls_does_not_push(tokened: str, repository: str, make: Make, layout: Layout) -> None:
    registry = Registry(tokened, at_once=1)
    with pytest.raises(RegistryError, match="401"):
        registry.push(layout, make(10), repository)
    assert len(registry.conversation.exchanges) <= 6


def test_a_wrong_password_at_the_token_server_is_one_line(tokened: str, other: Layout) -> None:
    with pytest.raises(RegistryError, match="401 wrong password") as why:
        Registry(tokened, username=USER, password="wr0ng").pull(other, "x")
    assert "wr0ng" not in str(why.value)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b"\xff"])
def test_a_token_that_is_none_is_refused(raw: bytes, tokened: str, tokens: TokenServer, other: Layout) -> None:
    tokens.broken = raw
    try:
        with pytest.raises(LabError, match="token") as why:
            Registry(tokened).pull(other, "x")
        assert str(why.value).isprintable()
    finally:
        tokens.broken = None


def test_an_expired_token_is_asked_for_again(tokened: str, tokens: TokenServer, repository: str, make: Make,
                                             layout: Layout) -> None:  # fmt: skip
    registry = Registry(tokened, username=USER, password=PASSWORD)
    image = make(10)
    registry.push(layout, image, repository)
    for scope in registry._wire._authorizations:
        registry._wire._authorizations[scope] = f"Bearer {tokens.token('', [])}"
    registry.push(layout, image, repository, "2")
    assert registry.tags(repository) == ["2", "latest"]


@pytest.mark.parametrize("realm", ["http://example.org/token", "file:///etc/passwd", "", "https://user:x@127.0.0.1/",
                                   "http://127.0.0.1:99999/", "http://[::1/"])  # fmt: skip
def test_credentials_go_to_no_token_server_without_tls(realm: str, proxy: Proxy, other: Layout) -> None:
    proxy.rules.append(Rule("GET", times=9, status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'}))
    registry = Registry(proxy.address, username=USER, password=PASSWORD)
    with pytest.raises(RegistryError, match=r"401|leads to") as why:
        registry.pull(other, "x")
    assert PASSWORD not in str(why.value) and "user:x" not in str(why.value)
    assert not any("Authorization" in headers for request, headers in proxy.requests if "token" not in request)


def test_a_redirect_takes_no_credentials_along(guarded: str, repository: str, make: Make, layout: Layout,
                                               other: Layout) -> None:  # fmt: skip
    registry = Registry(guarded, username=USER, password=PASSWORD)
    image = make(1000)
    registry.push(layout, image, repository, "1")
    first, second = Proxy(guarded), Proxy(guarded, host="127.0.0.2")
    try:
        blob = f"GET /v2/{repository}/blobs/"
        first.rules.append(Rule(blob, times=9, status=307, headers={"Location": f"http://{second.address}/elsewhere"}))
        second.rules.append(Rule("GET", times=9, status=404))
        with pytest.raises(RegistryError, match=r"GET http://127.0.0.2:.*404"):
            Registry(first.address, username=USER, password=PASSWORD, at_once=1).pull(other, repository, "1")
        assert any(headers.get("Authorization") == BASIC for _, headers in first.requests)
        assert second.requests and not any("Authorization" in headers for _, headers in second.requests)
        first.rules[:] = [Rule(blob, times=9, status=307, headers={"Location": "/v2/loop"}),
                          Rule("/v2/loop", times=99, status=307, headers={"Location": "/v2/loop"})]  # fmt: skip
        with pytest.raises(RegistryError, match="redirects more than 5 times"):
            Registry(first.address, username=USER, password=PASSWORD).pull(other, repository, "1")
    finally:
        first.end()
        second.end()


def test_a_redirected_blob_is_fetched(plain: str, repository: str, make: Make, layout: Layout, other: Layout,
                                      proxy: Proxy) -> None:  # fmt: skip
    image = make(1000, 50)
    Registry(plain).push(layout, image, repository, "1")
    for digest in layout.blobs.iterdir():
        where = f"http://{plain}/v2/{repository}/blobs/sha256:{digest.name}"
        proxy.rules.append(Rule(f"GET .*/blobs/sha256:{digest.name}", status=307, headers={"Location": where}))
    assert Registry(proxy.address).pull(other, repository, "1") == image


@pytest.mark.parametrize("location", ["http://example.org/x", "ftp://127.0.0.1/x", "//user@127.0.0.1/x", "http://[::1"])
def test_a_redirect_without_tls_is_refused(location: str, proxy: Proxy, other: Layout) -> None:
    proxy.rules.append(Rule("GET", status=307, headers={"Location": location}))
    with pytest.raises(RegistryError, match="leads to") as why:
        Registry(proxy.address).pull(other, "x")
    assert str(why.value).isprintable()


def test_tls_is_used_everywhere_but_on_loopback() -> None:
    origins = {"example.org": "https", "10.0.0.1:5000": "https", "127.0.0.1:5000": "http", "localhost": "http",
               "127.9.9.9": "http", "[::1]:5000": "http", "localhost.example.org": "https"}  # fmt: skip
    for address, scheme in origins.items():
        assert Registry(address)._wire.origin == f"{scheme}://{address}"
    assert Registry("localhost", tls=True)._wire.origin == "https://localhost"
    for place in ("http://127.0.0.1/", "https://localhost:5000/", "http://example.org/"):  # far away, to this machine
        with pytest.raises(RegistryError, match="leads to"):
            Registry("example.org")._wire.allowed(place)


def test_a_certificate_is_verified(plain: str, repository: str, make: Make, layout: Layout, other: Layout,
                                   tmp_path: Path) -> None:  # fmt: skip
    need("openssl")
    key, trusted = certificate(tmp_path)
    server = Proxy(plain, tls=(key, trusted))
    try:
        image = make(100_000)
        with pytest.raises(RegistryError, match=r"TLS fails.*`ca`") as why:
            Registry(server.address, tls=True).push(layout, image, repository)
        assert str(why.value).isprintable() and len(str(why.value)) < 400
        registry = Registry(server.address, tls=True, ca=str(trusted))
        server.rules.append(Rule("PUT .*/manifests", status=503))
        registry.push(layout, image, repository)
        assert registry.pull(other, repository) == image
    finally:
        server.end()


def test_a_missing_file_of_certificates_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nonsense")
    for name in ("missing.pem", "none.pem"):
        with pytest.raises(BadInput, match="holds no certificates") as why:
            Registry("127.0.0.1:1", tls=True, ca=str(tmp_path / name))
        assert str(why.value).isprintable()


# --- what is written
def test_stored_credentials_are_found_as_docker_writes_them(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"ann:a:b").decode()
    login(tmp_path, {"auths": {"https://one:5000/v1/": {"auth": encoded}, "two": {"username": "u", "password": "p"},
                               "three": {}}, "credsStore": "desktop"})  # fmt: skip
    found = stored_credentials("one:5000")
    assert found and (found.username, found.password) == ("ann", "a:b") and "a:b" not in repr(found)
    assert stored_credentials("two") == given_credentials("u", "p")
    assert stored_credentials("three") is None and stored_credentials("four") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"auths": 5}', '{"auths": {"one": 5}}',
                                     '{"auths": {"one": {"auth": 5}}}',
                                     '{"auths": {"one": {"auth": "s3cret"}}}',
                                     '{"auths": {"one": {"password": "s3cret"}}}'])  # fmt: skip
def test_stored_credentials_that_are_none_are_one_line(content: str, tmp_path: Path) -> None:
    login(tmp_path, content)
    with pytest.raises(LabError, match=r"config\.json") as why:
        stored_credentials("one")
    assert "s3cret" not in str(why.value)


def test_given_credentials_are_checked() -> None:
    assert given_credentials("", "") is None
    for username, password in (("", "x"), ("a:b", "x"), ("a", 5), (5, "x"), ("\0", "s3cret")):
        with pytest.raises(BadInput) as why:
            given_credentials(username, password)
        assert "s3cret" not in str(why.value)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Basic realm="r"', {"basic": {"realm": "r"}}),
        ('bearer realm="http://x/y,z",service=s, scope="a:b:c d:e:f,g"',
         {"bearer": {"realm": "http://x/y,z", "service": "s", "scope": "a:b:c d:e:f,g"}}),
        ('Basic realm="a\\"b", Bearer realm="u"', {"basic": {"realm": 'a"b'}, "bearer": {"realm": "u"}}),
        ("Negotiate", {"negotiate": {}}),
        ("", {}),
        ("\x00 =,=,\"", None),
    ],
)  # fmt: skip
def test_challenges_are_read(header: str, found: object) -> None:
    assert challenges(header) == found or found is None
