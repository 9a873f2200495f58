"""Requests to a registry: TLS, redirects, tokens, timeouts, and trouble that passes.

TLS is used everywhere but on loopback. Credentials are sent when a challenge asks for them, only to the registry
itself, and to the token server that it names.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from errno import errorcode
from threading import Event, Lock
from time import time
from typing import TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from ...errors import BadInput, LabError, Unsupported, in_one_line
from ...kernel.checks import short_repr
from ..descriptors import MOST_JSON, BadImage, parse_json
from .conversation import Conversation, Exchange, shown_path
from .credentials import Credentials, challenges

try:
    import urllib3

    from .connections import whole_answers
except ImportError:
    raise Unsupported("registries need urllib3", hint="pip install urllib3") from None

T = TypeVar("T")
TRIES = 4
PAUSE = 0.25  # seconds before the second try; each further pause is twice as long
LONGEST_WAIT = 60.0  # seconds that a registry may ask for, see Retry-After in RFC 9110
PROGRESS = 1 << 20  # bytes after which tries are counted anew
CHUNK = 1 << 18
REDIRECTS, MOST_REDIRECTS = (301, 302, 303, 307, 308), 5
PASSING = (408, 429, 500, 502, 503, 504)  # statuses of trouble that passes
NETWORK = (urllib3.exceptions.HTTPError, OSError)
HINTS = {
    401: "give `username` and `password`, or log in with docker login",
    403: "this user may not do that there",
    404: "is the name right?",
    405: "the registry's configuration forbids it",
}


class RegistryError(LabError):
    """A registry that refuses, or cannot be reached. `status` is that of HTTP, or 0 if no answer came."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Interrupted(RegistryError):
    """Trouble that may pass. `wait`: seconds that the registry asks for, if it does."""

    wait: float | None = None


@dataclass(frozen=True)
class Body:
    """What is sent: so many bytes, from chunks that can be produced again."""

    length: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass
class Reply:
    """An answer whose body is not read yet."""

    wire: RegistryWire
    url: str
    exchange: Exchange
    response: urllib3.BaseHTTPResponse

    @property
    def status(self) -> int:
        """The status of HTTP."""
        return self.response.status

    def header(self, name: str) -> str:
        """A header, or nothing."""
        return str(self.response.headers.get(name, ""))

    def chunks(self) -> Iterator[bytes]:
        """The body, in pieces. Raises Interrupted where the connection ends before it does."""
        while True:
            try:
                chunk = self.response.read(CHUNK, decode_content=False)
            except NETWORK as why:
                raise self.wire.trouble(why) from None
            if not chunk:
                return
            self.exchange.received += len(chunk)
            yield chunk

    def body(self) -> bytes:
        """All of a small body. Raises BadImage for more than 4 MiB."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) > MOST_JSON:
                raise BadImage(f"{self.wire.host} answers {self.exchange.path} with more than {MOST_JSON} bytes")
        return bytes(found)

    def expect(self, *statuses: int) -> Reply:
        """Raise RegistryError for another status; Interrupted where it is worth another try."""
        if self.status in statuses:
            return self
        where = f"{self.wire.host}: {self.exchange.method} {self.exchange.path}: {self.status} {self.reason()}".rstrip()
        if self.status not in PASSING:
            raise RegistryError(where, status=self.status, hint=HINTS.get(self.status, ""))
        wait = seconds_to_wait(self.header("Retry-After"))
        if wait is not None and wait > LONGEST_WAIT:
            raise RegistryError(where, status=self.status, hint=f"it asks to come back in {wait:.0f} seconds")
        why = Interrupted(where, status=self.status)
        why.wait = wait
        raise why

    def reason(self) -> str:
        """What the registry says of an error, in one short line. See "Error codes" in spec.md."""
        try:
            first = parse_json(self.body(), "it")["errors"][0]
            said = str(first.get("message") or first["code"])
        except (LabError, LookupError, TypeError, AttributeError):
            said = self.response.reason or ""
        return in_one_line(LabError(" ".join(said.split())[:120]))


class RegistryWire:
    """Connections to one registry; several threads may use it."""

    def __init__(self, host: str, credentials: Credentials | None, *, tls: bool | None, ca: str | None,
                 timeout: float, at_once: int) -> None:  # fmt: skip
        self.host = host
        self.local = is_loopback(urlsplit(f"//{host}").hostname)
        self.origin = f"{'http' if self.local and not tls else 'https'}://{host}"
        self.conversation = Conversation()
        self._credentials, self._timeout = credentials, timeout
        self._authorizations: dict[str, str] = {}  # by scope; Basic fits all of them, and has none
        self._lock = Lock()
        if ca is not None:
            try:
                ssl.create_default_context(cafile=ca)
            except OSError:  # an SSLError is one, too
                raise BadInput(f"{ca} holds no certificates", hint="`ca` names a file in the form PEM") from None
        self._pool = whole_answers(urllib3.PoolManager(
            maxsize=at_once, timeout=urllib3.Timeout(connect=timeout, read=timeout), ca_certs=ca,
            cert_reqs="CERT_REQUIRED", headers={"User-Agent": "pyctr-lab"},
        ))  # fmt: skip

    def ask(self, method: str, path: str, *, scope: str, expected: tuple[int, ...] = (200,),
            headers: Mapping[str, str] | None = None, body: bytes | None = None) -> tuple[Reply, bytes]:  # fmt: skip
        """A request with a small body, and an answer with one; repeated a few times where trouble may pass."""
        sent = None if body is None else Body(len(body), lambda: iter([body]))

        def action() -> tuple[Reply, bytes]:
            with self.once(method, path, scope=scope, headers=headers, body=sent) as answer:
                return answer, answer.expect(*expected).body()

        return with_retries(action)

    @contextmanager
    def once(self, method: str, target: str, *, scope: str, headers: Mapping[str, str] | None = None,
             body: Body | None = None) -> Iterator[Reply]:  # fmt: skip
        """One request, whatever the status of its answer; a challenge is answered once, and redirects are followed."""
        url, challenged, redirects = self.allowed(target), False, 0
        with ExitStack() as stack:
            while True:
                ours = origin_of(url) == self.origin
                used = self._authorizations.get(scope) or self._authorizations.get("", "") if ours else ""
                sent = {**(headers or {}), **({"Authorization": used} if used else {})}
                answer = stack.enter_context(self._send(method, url, sent, body))
                if answer.status == 401 and ours and not challenged:
                    challenged = True
                    if self._authorize(answer, scope, used):
                        stack.close()
                        continue
                elif answer.status in REDIRECTS and method in ("GET", "HEAD") and answer.header("Location"):
                    url, redirects = self.allowed(answer.header("Location"), url), redirects + 1
                    stack.close()
                    if redirects > MOST_REDIRECTS:
                        raise RegistryError(f"{self.host} redirects more than {MOST_REDIRECTS} times")
                    continue
                break
            yield answer

    def allowed(self, target: str, base: str = "") -> str:
        """An address that the registry names, if it may be used. Raises RegistryError.

        Only what is on loopback itself may lead to loopback: nothing far away reaches into this machine.
        """
        try:
            url = urljoin(base or self.origin, target)
            found = urlsplit(url)
            local = is_loopback(found.hostname)
            good = found.hostname and "@" not in found.netloc and (found.port is None or found.port > 0)
        except ValueError:
            good, local = False, False
        if good and (self.local if local else True) and found.scheme in (("http", "https") if local else ("https",)):
            return url
        shown = short_repr(shown_path(url, self.origin)) if good else "no address"
        raise RegistryError(f"{self.host} leads to {shown}", hint="followed are https:, and loopback from loopback")

    @contextmanager
    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Iterator[Reply]:
        with self.conversation.exchange(method, shown_path(url, self.origin)) as exchange:
            length = {"Content-Length": str(body.length)} if body else {}
            chunks = counted_chunks(body.chunks(), exchange) if body else None
            try:
                response = self._pool.request(
                    method, url, body=chunks, headers={**self._pool.headers, **headers, **length},
                    preload_content=False, redirect=False, retries=False,
                )  # fmt: skip
            except NETWORK as why:
                raise self.trouble(why) from None
            exchange.status = response.status
            try:
                yield Reply(self, url, exchange, response)
            finally:
                if not getattr(response, "closed", True):  # a rest that was not read: this connection is of no more use
                    response.close()
                response.release_conn()

    def _authorize(self, answer: Reply, scope: str, used: str) -> bool:
        """Get what a challenge asks for, unless another thread has; whether the request can be repeated."""
        asked = challenges(answer.header("WWW-Authenticate"))
        with self._lock:
            if asked.get("bearer", {}).get("realm"):
                if self._authorizations.get(scope, "") == used:
                    self._authorizations[scope] = self._token(asked["bearer"], scope)
                return True
            if "basic" in asked and self._credentials:
                self._authorizations[""] = self._credentials.header
        return self._authorizations.get("", "") != used

    def _token(self, challenge: Mapping[str, str], scope: str) -> str:
        """A token from the server that a challenge names. See token.md of the distribution project."""
        realm = self.allowed(challenge["realm"])
        scopes = dict.fromkeys(f"{scope} {challenge.get('scope', '')}".split())
        query = [("service", challenge.get("service", "")), *(("scope", each) for each in scopes)]
        headers = {}
        if self._credentials:
            query.append(("account", self._credentials.username))
            headers["Authorization"] = self._credentials.header
        with self._send("GET", realm + ("&" if "?" in realm else "?") + urlencode(query), headers, None) as answer:
            found = parse_json(answer.expect(200).body(), "a token server's answer")
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryError(f"{self.host}: its token server has sent no token")
        return f"Bearer {token}"

    def trouble(self, why: BaseException) -> RegistryError:
        """What has gone wrong with a connection, in one line."""
        inner = [why, *why.args, why.__cause__, why.__context__]
        if isinstance(why, urllib3.exceptions.SSLError):
            said = f"{self.host}: TLS fails: {in_one_line(LabError(str(why)[:160]))}"
            if any(isinstance(each, ssl.SSLCertVerificationError) for each in inner):
                return RegistryError(said, hint="`ca` names a file with its authority")
            return Interrupted(said)
        if isinstance(why, urllib3.exceptions.NameResolutionError):
            return Interrupted(f"{self.host} is no known host")
        if isinstance(why, urllib3.exceptions.NewConnectionError):
            number = next((each.errno for each in inner if isinstance(each, OSError) and each.errno), 0)
            return Interrupted(f"{self.host} cannot be reached: {errorcode.get(number, '')}", hint="does it run?")
        if any(isinstance(each, TimeoutError | urllib3.exceptions.TimeoutError) for each in inner):
            return Interrupted(f"{self.host} is silent for {self._timeout:g} seconds")
        return Interrupted(f"{self.host} has cut the connection")


def pause(seconds: float, stop: Event) -> None:
    """Wait before another try, or until the others of a transfer have to stop."""
    stop.wait(seconds)


def with_retries(action: Callable[[], T], position: Callable[[], int] = lambda: 0, stop: Event | None = None) -> T:
    """Repeat what trouble interrupts, TRIES times; they are counted anew when `position` has gone on by PROGRESS."""
    tries, reached = 0, position()
    while True:
        try:
            return action()
        except Interrupted as why:
            tries += 1
            if position() >= reached + PROGRESS:
                tries, reached = 1, position()
            if tries == TRIES:
                why.message += f" ({TRIES} times)"
                raise
            pause(PAUSE * 2 ** (tries - 1) if why.wait is None else why.wait, stop or Event())


def counted_chunks(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    """Chunks to be sent; each is counted when the next one is asked for."""
    for chunk in chunks:
        yield chunk
        exchange.sent += len(chunk)


def seconds_to_wait(header: str) -> float | None:
    """The value of Retry-After in seconds from now; None for none, and for one that cannot be read."""
    try:
        return max(0.0, float(header) if header.isdigit() else parsedate_to_datetime(header).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by its name: see RFC 6761."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}"
