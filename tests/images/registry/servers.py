"""Servers on loopback for the tests of the registry's client: Debian's docker-registry, and a server of tokens."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pyctr_lab.images.descriptors import Descriptor
from pyctr_lab.images.layout import Layout, digest_of

USER, PASSWORD = "ann", "s3cret:word"
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuu2JDQLR7mbHhdpill4/jMLDoVbsBhlUi\n"  # bcrypt of PASSWORD
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SERVICE, ISSUER = "tests", "tests-issuer"
Make = Callable[..., Descriptor]  # the fixture `make`


def need(*commands: str) -> None:
    """Skip where a program is missing."""
    if missing := [each for each in commands if not shutil.which(each)]:
        pytest.skip(f"not installed: {', '.join(missing)} (./lab packages test)")


def verify(*layouts: Layout) -> None:
    """Each blob is what its name says, and nothing else is left."""
    for layout in layouts:
        for path in layout.blobs.iterdir():
            assert digest_of(path.read_bytes()) == f"sha256:{path.name}"


@contextmanager
def docker_registry(folder: Path, auth: dict[str, Any] | None = None) -> Iterator[str]:
    """A registry with its storage in a folder; its address. It ends with the block, and with this process."""
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0"},
        **({"auth": auth} if auth else {}),
    }
    path = folder / "registry.json"  # JSON is YAML
    path.write_text(json.dumps(configuration))
    command = ["setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stderr
            said: list[str] = []
            for line in server.stderr:
                said.append(line)
                if found := re.search(r"listening on (127[\d.:]+)", line):
                    break
            else:
                raise RuntimeError("".join(said[-5:]))
            Thread(target=deque, args=(server.stderr, 0), daemon=True).start()  # read on, or it would block
            yield found[1]
        finally:
            server.kill()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate for 127.0.0.1 that it has signed itself."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tests -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *words.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    return key, made


class TokenServer(ThreadingHTTPServer):
    """Gives tokens: all that is asked for to USER, pulls to those without a name. `asked`: (user, scopes)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.key, self.certificate = certificate(folder)
        self.asked: list[tuple[str, list[str]]] = []
        self.broken: bytes | None = None
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/token"

    @property
    def settings(self) -> dict[str, Any]:
        """For docker-registry's configuration."""
        bundle = str(self.certificate)
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}

    def token(self, user: str, scopes: list[str]) -> str:
        """A token of JWT, signed by RS256. See jwt.md of the distribution project."""
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = [each for each in actions.split(",") if user or each == "pull"]
            access.append({"type": kind, "name": name, "actions": allowed})
        chain = "".join(self.certificate.read_text().split("\n")[1:-2])
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": SERVICE, "sub": user, "jti": str(now), "access": access}
        claims |= {"exp": now + 300, "nbf": now - 10, "iat": now}
        parts = [coded(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "RS256", "x5c": [chain]}, claims)]
        signing = ["openssl", "dgst", "-sha256", "-sign", self.key]
        signed = subprocess.run(signing, input=".".join(parts).encode(), capture_output=True, check=True).stdout
        return ".".join((*parts, coded(signed)))


def coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        query = parse_qs(urlsplit(self.path).query)
        scopes = query.get("scope", [])
        user = USER if given == BASIC else ""
        self.server.asked.append((user, scopes))
        good = query.get("service") == [SERVICE] and (not given or user)
        said = {"token": self.server.token(user, scopes)} if good else {"errors": [{"message": "wrong password"}]}
        raw = self.server.broken or json.dumps(said).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
