"""HTTP messages stored in WARC records: head, transfer coding and content coding, within bounds."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fastwarc.stream_io import BrotliReader
from fastwarc.warc import HeaderMap

from components.core.errors import BadRecord
from components.core.records import Note
from components.crawl.warc.reader import parse_headers

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_MAX_HEAD: Final = 1 << 18
_MAX_CODINGS: Final = 3
_STEP: Final = 1 << 18


class HttpReason(StrEnum):
    """What can be wrong with an HTTP message."""

    BAD_HTTP = "bad_http"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UNKNOWN_ENCODING = "unknown_encoding"
    PAYLOAD_INCOMPLETE = "payload_incomplete"


@dataclass(slots=True)
class HttpResponse:
    """A response: status, header fields, decoded payload, and what was lost in decoding."""

    status: int
    headers: HeaderMap
    payload: bytes
    notes: list[Note] = field(default_factory=list)

    @property
    def content_type(self) -> str:
        """Media type without parameters, in lower case; empty where there is none."""
        return media_type(self.headers.get("Content-Type"))


def media_type(value: str | None) -> str:
    """`text/html` out of `Text/HTML; charset=x`."""
    return (value or "").partition(";")[0].strip().lower()


def _too_large(limit: int) -> BadRecord:
    return BadRecord(HttpReason.PAYLOAD_TOO_LARGE, f"decodes to more than {limit} bytes")


def dechunk(body: bytes) -> tuple[bytes, bool] | None:
    """Undo chunked transfer coding.

    Returns:
        (payload, whether it ends as it should), or None where the body is not chunked: many
        archives keep the header and store the body without its chunks.
    """
    parts: list[bytes] = []
    at = 0
    while True:
        found = _CHUNK_SIZE.match(body, at)
        if found is None:
            return (b"".join(parts), False) if parts else None
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts), True
        part = body[found.end() : found.end() + size]
        at = found.end() + size
        if not parts and len(part) == size and body[at : at + 1] not in (b"\r", b"\n", b""):
            return None  # a body that happens to begin like a chunk
        parts.append(part)
        if len(part) < size:
            return b"".join(parts), False
        at += 2 if body[at : at + 2] == b"\r\n" else 1


def _inflate(data: bytes, bits: int, limit: int) -> tuple[bytes, bool] | None:
    """Every zlib stream in `data` on end: (bytes, whether whole), or None if not even one begins."""
    parts: list[bytes] = []
    size = 0
    while data:
        inflate = zlib.decompressobj(bits)
        while not inflate.eof:
            try:
                part = inflate.decompress(data, _STEP)
            except zlib.error:
                return (b"".join(parts), False) if size else None
            data = inflate.unconsumed_tail
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not part and not data and not inflate.eof:
                return b"".join(parts), False
        data = inflate.unused_data
        if bits != 31 or not data.startswith(b"\x1f\x8b"):
            break
    return b"".join(parts), True


def _gunzip(data: bytes, limit: int) -> tuple[bytes, bool]:
    if not data.startswith(b"\x1f\x8b"):
        return data, True  # the archive stores the body decoded and keeps the header
    return _inflate(data, 31, limit) or (b"", False)


def _undeflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    # RFC 9110 says zlib format; many servers send the bare stream
    return _inflate(data, 15, limit) or _inflate(data, -15, limit) or (data, True)


def _unbrotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    reader = BrotliReader(io.BytesIO(data))
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            part = reader.read(_STEP)
        except OSError:
            # what does not begin as Brotli was stored decoded
            return (b"".join(parts), False) if parts else (data, True)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)


_DECODERS: Final = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
}


def _codings(headers: HeaderMap, name: str) -> list[str]:
    values = ",".join(headers.get_multiple(name)).lower().split(",")
    return [v.strip() for v in values if v.strip() and v.strip() != "identity"]


def read_response(block: bytes, max_payload_bytes: int) -> HttpResponse:
    """Parse the block of a `response` record and decode its payload.

    Memory is bounded by `max_payload_bytes`, whatever the payload decodes to.

    Raises:
        BadRecord: with an `HttpReason`.
    """
    end = _HEAD_END.search(block, 0, _MAX_HEAD)
    head, body = (block[: end.end()], block[end.end() :]) if end else (block[:_MAX_HEAD], b"")
    headers = parse_headers(head)
    status = headers.status_code
    if status is None or not head.startswith(b"HTTP/"):
        raise BadRecord(HttpReason.BAD_HTTP, f"no status line: {head[:40]!r}")
    response = HttpResponse(status, headers, body)
    codings = _codings(headers, "Content-Encoding")
    if len(codings) > _MAX_CODINGS:
        raise BadRecord(HttpReason.UNKNOWN_ENCODING, f"{len(codings)} content codings on end")
    if "chunked" in _codings(headers, "Transfer-Encoding"):
        plain = dechunk(body)
        if plain is not None:
            _take(response, plain, "chunked")
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise BadRecord(HttpReason.UNKNOWN_ENCODING, f"Content-Encoding: {coding[:40]}")
        _take(response, decoder(response.payload, max_payload_bytes), coding)
    if len(response.payload) > max_payload_bytes:
        raise _too_large(max_payload_bytes)
    return response


def _take(response: HttpResponse, decoded: tuple[bytes, bool], coding: str) -> None:
    response.payload, whole = decoded
    if not whole:
        detail = f"the {coding} coding ends too soon; {len(response.payload)} bytes could be read"
        response.notes.append(Note(HttpReason.PAYLOAD_INCOMPLETE, detail))
