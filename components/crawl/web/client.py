"""One polite HTTP exchange at a time: turns per host, retries, limits, and no way into private networks.

The client follows no redirects, keeps no cookies and knows no robots.txt; the crawler does.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from components.core.errors import BadRecord
from components.crawl.web.params import FetchReason, PoliteParams

MAX_URL_LENGTH: Final = 8192
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEAD_BYTES: Final = 64 * 1024
_LOOK_BYTES: Final = 8192
"""How much of a body a `Watch` is shown before the rest is read."""
_CLOSE: Final = {"Connection": "close"}
_DNS_SECONDS: Final = 600
_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is kept: with thousands of hosts each holds a file descriptor."""


class NotPublic(OSError):
    """A host name leads to an address that this crawl may not reach."""


def is_loopback_host(host: str) -> bool:
    """True for `localhost` and for loopback address literals."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def may_connect(address: str, *, allow_private: bool, allow_loopback: bool) -> bool:
    """Whether an IP address may be reached: public ones always, others by permission.

    Addresses that carry an IPv4 address inside (mapped, 6to4, NAT64) are judged by that.
    """
    if allow_private:
        return True
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv6Network("64:ff9b::/96")
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in nat64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    if ip.is_loopback:
        return allow_loopback
    return ip.is_global and not ip.is_multicast


class _GuardedResolver(AbstractResolver):
    """Resolves names to reachable addresses only, so that no name can lead into a private network.

    The address that was judged is the address that is connected to: there is no second look-up.
    """

    def __init__(self, permission: Callable[[str], bool]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._permission = permission

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if self._permission(result["host"])]
        if found and not allowed:
            raise NotPublic(f"{host} is at {found[0]['host']}, which is not a public address")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


class HostGate:
    """Turns for one host: `connections` at a time, each `delay_s` after the last one began and ended."""

    def __init__(self, connections: int, delay_s: float) -> None:
        self.delay_s = delay_s
        self._slots = asyncio.Semaphore(connections)
        self._start = asyncio.Lock()
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it."""
        clock = asyncio.get_running_loop().time
        async with self._slots:
            async with self._start:
                while (wait := self._free_at - clock()) > 0:
                    await asyncio.sleep(wait)
                self._free_at = clock() + self.delay_s
            try:
                yield
            finally:
                self._free_at = max(self._free_at, clock() + self.delay_s)

    def hold(self, seconds: float) -> None:
        """Give nobody a turn for so long: the host asked for it, or is in trouble."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time() + seconds)


class Decoder:
    """Undoes a Content-Encoding as bytes come in, never holding more than `limit` bytes.

    Raises (from `feed` and `finish`):
        BadRecord: TOO_LARGE, BAD_ENCODING or TRUNCATED.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._encoding = encoding.strip().lower() or "identity"
        if self._encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
            raise BadRecord(FetchReason.BAD_ENCODING, f"Content-Encoding {encoding[:60]!r} was not asked for")
        self._body = bytearray()
        self._received = 0
        self._inflater = self._new_inflater()
        self._begun = False

    def _new_inflater(self, wbits: int = 47) -> Any:
        return zlib.decompressobj(wbits)  # 47: gzip or zlib, whichever it is

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._received += len(chunk)
        if self._received > self._limit:
            raise self._too_large()
        if self._encoding == "identity":
            self._body += chunk
            return
        while chunk:
            try:
                chunk = self._inflate(chunk)
            except zlib.error as error:
                if self._encoding != "deflate" or self._begun:
                    raise BadRecord(FetchReason.BAD_ENCODING, f"{self._encoding}: {error}") from None
                self._inflater = self._new_inflater(-15)  # deflate without the zlib header, as some send it
                self._begun = True

    def _inflate(self, chunk: bytes) -> bytes:
        """Decode a chunk; returns what belongs to a further gzip member."""
        self._body += self._inflater.decompress(chunk, self._limit - len(self._body) + 1)
        self._begun = True
        if len(self._body) > self._limit:
            raise self._too_large()
        rest: bytes = self._inflater.unused_data
        if self._inflater.eof and rest.startswith(b"\x1f\x8b"):
            self._inflater = self._new_inflater()
            return rest
        return b""

    def _too_large(self) -> BadRecord:
        return BadRecord(FetchReason.TOO_LARGE, f"the body has more than {self._limit} bytes")

    @property
    def size(self) -> int:
        """Bytes of the body so far."""
        return len(self._body)

    def head(self) -> bytes:
        """The first bytes of the body so far."""
        return bytes(self._body[:_LOOK_BYTES])

    def finish(self) -> bytes:
        """The whole body."""
        if self._encoding != "identity" and self._received and not self._inflater.eof:
            raise BadRecord(FetchReason.TRUNCATED, f"the {self._encoding} stream ends early")
        return bytes(self._body)


@dataclass(slots=True)
class Exchange:
    """A request and its response. `body` is free of transfer and content codings."""

    url: str
    date: datetime
    request_head: bytes
    status: int
    reason: str
    headers: list[tuple[str, str]]
    ip: str | None
    body: bytes = b""
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    version: str = "1.1"
    unread: bool = False
    """True where the body was left on the wire: of redirects and errors."""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; "" where none was sent."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def is_redirect(self) -> bool:
        """True where another address is to be asked."""
        return self.status in _REDIRECTS and self.header("location") is not None

    def response_head(self) -> bytes:
        """Status line and headers that fit the decoded body.

        As in Common Crawl's archives, headers that describe the bytes on the wire keep their values
        under names that begin with `X-Crawl-`, and Content-Length is the length of `body`.
        """
        lines = [f"HTTP/{self.version} {self.status} {self.reason}".encode("latin-1", "replace")]
        for name, value in self.raw_headers:
            if name.lower() in {b"transfer-encoding", b"content-encoding", b"content-length"}:
                name = b"X-Crawl-" + name  # noqa: PLW2901
            lines.append(name + b": " + value)
        lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n"


class _Response(aiohttp.ClientResponse):
    """Remembers the peer's address, which is gone once the connection went back to the pool."""

    peer: str | None = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        transport = connection.transport
        name = transport.get_extra_info("peername") if transport is not None else None
        self.peer = name[0] if name else None
        return await super().start(connection)


_FAULTS: Final[tuple[tuple[tuple[type[BaseException], ...], FetchReason], ...]] = (
    ((aiohttp.InvalidURL,), FetchReason.BAD_URL),
    ((aiohttp.ClientConnectorDNSError,), FetchReason.DNS),
    ((aiohttp.ClientSSLError, ssl.SSLError), FetchReason.TLS),
    ((TimeoutError,), FetchReason.TIMEOUT),
    ((aiohttp.ClientPayloadError,), FetchReason.TRUNCATED),
    ((aiohttp.ClientConnectorError,), FetchReason.CONNECT),
    ((OSError, aiohttp.ServerDisconnectedError), FetchReason.DISCONNECTED),
)
"""What aiohttp raises, the special before the general."""


def _fault(error: BaseException) -> FetchReason:
    """The reason for what aiohttp raised."""
    if isinstance(error, aiohttp.ClientConnectorDNSError) and isinstance(error.os_error, NotPublic):
        return FetchReason.PRIVATE_ADDRESS
    for types, reason in _FAULTS:
        if isinstance(error, types):
            return reason
    return FetchReason.BAD_HTTP


_PASSING: Final = frozenset(
    {
        FetchReason.DNS,
        FetchReason.CONNECT,
        FetchReason.TIMEOUT,
        FetchReason.DISCONNECTED,
        FetchReason.TRUNCATED,
    }
)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait that a Retry-After header asks for (a number or a date); None where it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def check_url(url: str, permission: Callable[[str], bool]) -> str:
    """The URL's host, if this crawl may ask for it.

    Raises:
        BadRecord: BAD_URL or PRIVATE_ADDRESS.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadRecord(FetchReason.BAD_URL, str(error)) from None
    if parts.scheme not in {"http", "https"} or not host or len(url) > MAX_URL_LENGTH:
        raise BadRecord(FetchReason.BAD_URL, f"{url[:200]!r} is no http or https address")
    if parts.username or parts.password:
        raise BadRecord(FetchReason.BAD_URL, "the address carries a user name or password")
    try:
        literal = str(ipaddress.ip_address(host))
    except ValueError:
        return host
    if not permission(literal):
        raise BadRecord(FetchReason.PRIVATE_ADDRESS, f"{host} is not a public address")
    return host


class Watch:
    """Follows one file while it is fetched. This one lets everything pass.

    Attributes:
        last: nothing more will be asked of this host, so the connection is not kept.
    """

    last = False

    def asked(self) -> None:
        """A request is about to be sent."""

    def answered(self) -> None:
        """The head of a response has come."""

    def look(self, head: bytes) -> None:
        """The first bytes of the body (all of a short one); raises `Drop` or `BadRecord` to read no more."""

    async def grown(self, size: int) -> None:
        """So many bytes of the body are here; returns once there is room for more."""


_UNWATCHED: Final = Watch()


class Client:
    """Fetches from many hosts at once, few URLs at a time from each. Use as `async with`.

    Args:
        clock: gives the time that is written into WARC records.
        allow_loopback: this machine's addresses may be reached (the seeds are on it).
        accept: the Accept header.
    """

    def __init__(
        self,
        params: PoliteParams,
        *,
        allow_loopback: bool = False,
        clock: Callable[[], datetime],
        accept: str = "text/html,application/xhtml+xml,application/pdf,image/*;q=0.9,*/*;q=0.5",
    ) -> None:
        self.params = params
        self._clock = clock
        self._accept = accept
        self._allow_loopback = allow_loopback
        self._gates: dict[str, HostGate] = {}
        self._slots = asyncio.Semaphore(params.concurrency)
        self._session: aiohttp.ClientSession | None = None

    def permission(self, address: str) -> bool:
        """Whether an IP address may be reached."""
        private = self.params.allow_private
        return may_connect(address, allow_private=private, allow_loopback=self._allow_loopback)

    async def __aenter__(self) -> Client:
        params = self.params
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                resolver=_GuardedResolver(self.permission),
                ttl_dns_cache=_DNS_SECONDS,
                keepalive_timeout=_IDLE_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            response_class=_Response,
            headers={
                "User-Agent": params.user_agent,
                "Accept": self._accept,
                "Accept-Encoding": "gzip, deflate",
            },
            timeout=aiohttp.ClientTimeout(
                total=params.total_timeout_s, connect=params.timeout_s, sock_read=params.timeout_s
            ),
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    def gate(self, host: str) -> HostGate:
        """The host's gate; the same for every port and scheme."""
        if host not in self._gates:
            delay = self.params.pause_s(loopback=is_loopback_host(host))
            self._gates[host] = HostGate(self.params.host_connections, delay)
        return self._gates[host]

    async def get(self, url: str, limit: Callable[[Exchange], int], watch: Watch = _UNWATCHED) -> Exchange:
        """Ask for `url` and, after faults that may pass, ask again.

        Args:
            limit: told of the response before its body is read; gives the most bytes that the body
                may have, or raises `Drop` or `BadRecord`. The bodies of redirects and of errors are
                not read.

        Returns:
            the exchange, whatever its status: only 408, 425, 429 and 5xx are tried again.

        Raises:
            BadRecord: with a `FetchReason`.
        """
        gate = self.gate(check_url(url, self.permission))
        for attempt in range(self.params.retries + 1):
            last = attempt == self.params.retries
            wait = self.params.backoff_s * 2**attempt
            try:
                exchange = await self._once(url, gate, limit, watch)
            except BadRecord as bad:
                if last or bad.reason != FetchReason.TRUNCATED:
                    raise
            except (aiohttp.ClientError, OSError) as error:
                reason = _fault(error)
                if last or reason not in _PASSING:
                    raise BadRecord(reason, f"{type(error).__name__}: {error}") from None
            else:
                if exchange.status not in _RETRIED or last:
                    return exchange
                asked = retry_after(exchange.header("retry-after"), self._clock()) or 0.0
                if asked > self.params.max_retry_after_s:
                    return exchange
                wait = max(wait, asked)
            gate.hold(wait)
        raise AssertionError("unreachable")

    async def _once(
        self, url: str, gate: HostGate, limit: Callable[[Exchange], int], watch: Watch
    ) -> Exchange:
        assert self._session is not None
        async with gate.turn(), self._slots:
            date = self._clock()
            target = yarl.URL(url, encoded=True)
            watch.asked()
            headers = _CLOSE if watch.last else None
            async with self._session.get(target, allow_redirects=False, headers=headers) as response:
                assert isinstance(response, _Response)
                watch.answered()
                exchange = _exchange(url, date, response)
                if exchange.is_redirect or exchange.status >= 400:
                    exchange.unread = True
                    return exchange
                decoder = Decoder(exchange.header("content-encoding") or "", limit(exchange))
                looked = False
                async for chunk in response.content.iter_any():
                    decoder.feed(chunk)
                    if not looked and decoder.size >= _LOOK_BYTES:
                        watch.look(decoder.head())
                        looked = True
                    await watch.grown(decoder.size)
                exchange.body = decoder.finish()
                if not looked:
                    watch.look(exchange.body)
                return exchange


def _exchange(url: str, date: datetime, response: _Response) -> Exchange:
    info = response.request_info
    path = yarl.URL(url, encoded=True).raw_path_qs or "/"
    sent = [f"{info.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in info.headers.items())]
    version = response.version
    return Exchange(
        url=url,
        date=date,
        request_head=("\r\n".join(sent) + "\r\n\r\n").encode("latin-1", "replace"),
        status=response.status,
        reason=response.reason or "",
        headers=list(response.headers.items()),
        ip=response.peer,
        raw_headers=list(response.raw_headers),
        version=f"{version.major}.{version.minor}" if version else "1.1",
    )
