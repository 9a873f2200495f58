"""A real registry on loopback: plain, with passwords, with tokens; a proxy before it; images and layouts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from faulty import Proxy
from servers import HTPASSWD, Make, TokenServer, docker_registry, need

from pyctr_lab.images.descriptors import CONFIG, LAYER, MANIFEST, Descriptor, ImageConfig, ImageManifest, platform_here
from pyctr_lab.images.layout import Layout
from pyctr_lab.images.registry import wire

NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never read the credentials of the user who runs the tests."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, in seconds; they are not waited."""
    found: list[float] = []

    def pause(seconds: float, stop: Event) -> None:
        found.append(seconds)

    monkeypatch.setattr(wire, "pause", pause)
    return found


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry without credentials."""
    need("docker-registry", "setpriv")
    with docker_registry(tmp_path_factory.mktemp("plain")) as address:
        yield address


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry that asks for USER's password."""
    need("docker-registry", "setpriv")
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "htpasswd").write_text(HTPASSWD)
    with docker_registry(folder, {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}) as address:
        yield address


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    """A server of tokens."""
    need("openssl")
    server = TokenServer(tmp_path_factory.mktemp("tokens"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def tokened(tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry that asks for a token of that server."""
    need("docker-registry", "setpriv")
    with docker_registry(tmp_path_factory.mktemp("tokened"), tokens.settings) as address:
        yield address


@pytest.fixture
def proxy(plain: str) -> Iterator[Proxy]:
    """A proxy before the plain registry."""
    server = Proxy(plain)
    yield server
    server.end()


@pytest.fixture
def repository() -> str:
    """The name of a repository that no other test of this process has."""
    return f"team{next(NUMBERS)}/web"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout", create=True)


@pytest.fixture
def other(tmp_path: Path) -> Layout:
    """A second layout, to pull into."""
    return Layout(tmp_path / "other", create=True)


@pytest.fixture
def make(layout: Layout) -> Make:
    """Make an image in the layout: layers of so many bytes, of nonsense that differs by `seed`."""

    def made(*sizes: int, seed: object = None, shared: tuple[Descriptor, ...] = ()) -> Descriptor:
        noise = random.Random(str(next(NUMBERS) if seed is None else seed))
        new = tuple(layout.write(noise.randbytes(size), LAYER) for size in sizes)
        rootfs = {"type": "layers", "diff_ids": [each.digest for each in (*shared, *new)]}
        config = ImageConfig({**platform_here(), "author": str(noise.random()), "rootfs": rootfs}).encode()
        manifest = ImageManifest(layout.write(config, CONFIG), (*shared, *new))
        return layout.write(manifest.encode(), MANIFEST)

    return made
