"""Writes WARC 1.1 (ISO 28500:2017): one gzip member a record, the same bytes for the same input.

Record ids are derived from what a record says, gzip headers carry no time, and dates come from the
caller, so that a capture written twice is the same file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

RecordType = Literal["warcinfo", "request", "response", "metadata"]

_CONTENT_TYPES: Final[dict[RecordType, str]] = {
    "warcinfo": "application/warc-fields",
    "metadata": "application/warc-fields",
    "request": "application/http; msgtype=request",
    "response": "application/http; msgtype=response",
}
_GZIP_LEVEL: Final = 6


def digest(data: bytes) -> str:
    """A WARC digest: `sha256:` and 56 base32 characters."""
    return "sha256:" + base64.b32encode(hashlib.sha256(data).digest()).decode()


def warc_date(moment: datetime) -> str:
    """UTC with whole seconds, which every reader understands.

    Raises:
        ValueError: for a time without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a WARC-Date needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_line(value: str) -> str:
    """The value without line breaks or other control characters, which would forge a header."""
    return "".join(c if c.isprintable() else " " for c in value).strip()


def warc_fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    """An `application/warc-fields` block."""
    return "".join(f"{one_line(name)}: {one_line(value)}\r\n" for name, value in pairs).encode()


@dataclass(frozen=True, slots=True)
class Record:
    """One WARC record.

    Attributes:
        type: warcinfo, request, response or metadata.
        date: when the exchange began.
        block: for request and response a whole HTTP message, else warc-fields.
        target_uri: the address, except for warcinfo.
        payload: HTTP body inside the block, for its digest; None where there is none.
        part: tells records apart that are otherwise the same (the same page fetched twice a second).
        extra: further WARC header fields, in order.
    """

    type: RecordType
    date: datetime
    block: bytes
    target_uri: str | None = None
    payload: bytes | None = None
    ip: str | None = None
    part: str = ""
    extra: tuple[tuple[str, str], ...] = field(default=())

    @property
    def id(self) -> str:
        """`<urn:uuid:…>`, a name-based UUID over everything that the record says."""
        said = [self.type, self.target_uri or "", warc_date(self.date), self.part, digest(self.block)]
        return f"<{uuid.uuid5(uuid.NAMESPACE_URL, chr(10).join(said)).urn}>"

    def encode(self) -> bytes:
        """The record as one gzip member."""
        head: list[tuple[str, str]] = [
            ("WARC-Type", self.type),
            ("WARC-Record-ID", self.id),
            ("WARC-Date", warc_date(self.date)),
        ]
        if self.target_uri is not None:
            head.append(("WARC-Target-URI", self.target_uri))
        if self.ip is not None:
            head.append(("WARC-IP-Address", self.ip))
        head += self.extra
        head += [("Content-Type", _CONTENT_TYPES[self.type]), ("WARC-Block-Digest", digest(self.block))]
        if self.payload is not None:
            head.append(("WARC-Payload-Digest", digest(self.payload)))
        head.append(("Content-Length", str(len(self.block))))
        lines = b"WARC/1.1\r\n" + warc_fields(head) + b"\r\n"
        return gzip.compress(lines + self.block + b"\r\n\r\n", compresslevel=_GZIP_LEVEL, mtime=0)


def exchange_records(
    url: str,
    date: datetime,
    request: bytes,
    response_head: bytes,
    body: bytes,
    *,
    ip: str | None = None,
    evidence: Iterable[tuple[str, str]] = (),
    truncated: bool = False,
    part: str = "",
) -> bytes:
    """One HTTP exchange as consecutive records: request, response, metadata (if there is evidence).

    Args:
        request: request line and headers, with the empty line.
        response_head: status line and headers, with the empty line; its Content-Length is that of `body`.
        body: without any transfer or content coding.
        evidence: (name, value) pairs for the metadata record, which refers to the response.
        truncated: the body was not read (WARC-Truncated, section 5.13).

    The metadata record comes last, as in Common Crawl; each names the response in WARC-Concurrent-To.
    """
    cut = (("WARC-Truncated", "unspecified"),) if truncated else ()
    message = response_head + body
    response = Record("response", date, message, url, payload=body, ip=ip, part=part, extra=cut)
    beside = (("WARC-Concurrent-To", response.id),)
    sent = Record("request", date, request, url, ip=ip, part=part, extra=beside)
    members = [sent.encode(), response.encode()]
    pairs = list(evidence)
    if pairs:
        refers = (*beside, ("WARC-Refers-To", response.id))
        members.append(Record("metadata", date, warc_fields(pairs), url, part=part, extra=refers).encode())
    return b"".join(members)


def split_warc(groups: Iterable[bytes], warcinfo: Record, max_bytes: int) -> Iterator[bytes]:
    """Lay groups of encoded records into WARC files, each with a warcinfo record first.

    A group (an exchange with its evidence) is never parted; a file exceeds `max_bytes` only where one
    group alone does. No groups, no file.
    """
    head = warcinfo.encode()
    parts: list[bytes] = []
    size = len(head)
    for group in groups:
        if parts and size + len(group) > max_bytes:
            yield head + b"".join(parts)
            parts, size = [], len(head)
        parts.append(group)
        size += len(group)
    if parts:
        yield head + b"".join(parts)
