"""WARC bytes for tests, sound and unsound."""

from __future__ import annotations

import gzip
from pathlib import Path

from components.core.store import Stores
from components.crawl.warc.reader import WarcDamage, WarcParams, WarcRecord, read_warc

END = b"\r\n\r\n"


def http(
    body: bytes, content_type: str = "text/html; charset=utf-8", status: str = "200 OK", *extra: str
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *extra]
    return "\r\n".join(lines).encode() + END + body


def record(
    number: int,
    block: bytes,
    kind: str = "response",
    *extra: str,
    length: int | str | None = None,
    url: str = "",
    record_id: str | None = None,
) -> bytes:
    """One plain record. `length` is what Content-Length says, if that is to be a lie."""
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: {record_id or f'<urn:uuid:00000000-0000-0000-0000-{number:012d}>'}",
        "WARC-Date: 2024-02-03T04:05:06Z",
        f"WARC-Target-URI: {url or f'https://example.org/{number}'}",
        "Content-Type: application/http; msgtype=response"
        if kind == "response"
        else "Content-Type: text/plain",
        *extra,
        f"Content-Length: {len(block) if length is None else length}",
    ]
    return "\r\n".join(lines).encode() + END + block + END


def zipped(records: list[bytes]) -> list[bytes]:
    return [gzip.compress(r, mtime=0) for r in records]


def save(folder: Path, data: bytes, name: str = "x.warc.gz") -> str:
    path = folder / name
    path.write_bytes(data)
    return path.as_uri()


def read(
    uri: str, start: int = 0, stop: int | None = None, params: WarcParams | None = None
) -> tuple[list[WarcRecord], list[WarcDamage]]:
    found = list(read_warc(Stores(), uri, start, stop, params))
    records = [r for r in found if isinstance(r, WarcRecord)]
    return records, [d for d in found if isinstance(d, WarcDamage)]


def numbers(records: list[WarcRecord]) -> list[int]:
    return [int((r.record_id or "0")[-12:]) for r in records]
