from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from components.crawl.consent import parse_fields
from components.crawl.warc.writer import Record, exchange_records, split_warc, warc_date, warc_fields

DATE = datetime(2026, 11, 23, 10, 20, 30, 987654, tzinfo=UTC)
REQUEST = b"GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n"
INFO = Record("warcinfo", DATE, warc_fields([("software", "kalemint/0")]))


def exchange(body: bytes = b"<p>hi</p>", **more: object) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body)
    arguments = {"ip": "192.0.2.7", "evidence": [("robots", "allowed")], **more}
    return exchange_records("http://example.org/a", DATE, REQUEST, head, body, **arguments)


def members(data: bytes) -> list[bytes]:
    found = []
    while data:
        inflate = zlib.decompressobj(31)
        found.append(inflate.decompress(data))
        data = inflate.unused_data
    return found


@given(st.binary(max_size=3000))
def test_fastwarc_reads_what_was_written_and_finds_the_digests_right(body: bytes) -> None:
    data = b"".join(split_warc([exchange(body)], INFO, 1 << 20))
    kinds = []
    for record in ArchiveIterator(io.BytesIO(data), parse_http=False):
        assert record.verify_block_digest()
        kinds.append(record.headers["WARC-Type"])
    assert kinds == ["warcinfo", "request", "response", "metadata"]
    responses = ArchiveIterator(io.BytesIO(data), record_types=WarcRecordType.response, parse_http=True)
    for response in responses:
        assert response.verify_payload_digest()
        assert response.http_headers.status_code == 200
        assert response.reader.read() == body


def test_every_record_is_a_gzip_member_that_begins_with_the_version() -> None:
    found = members(next(split_warc([exchange()], INFO, 1 << 20)))
    assert len(found) == 4
    assert all(member.startswith(b"WARC/1.1\r\n") and member.endswith(b"\r\n\r\n") for member in found)


def test_fields_of_an_exchange() -> None:
    request, response, metadata = members(exchange())
    assert b"WARC-Date: 2026-11-23T10:20:30Z\r\n" in response
    assert b"WARC-IP-Address: 192.0.2.7\r\n" in response
    assert b"WARC-Target-URI: http://example.org/a\r\n" in response
    response_id = response.partition(b"WARC-Record-ID: ")[2].partition(b"\r\n")[0]
    assert response_id.startswith(b"<urn:uuid:")
    assert b"WARC-Concurrent-To: " + response_id in request
    assert b"WARC-Concurrent-To: " + response_id in metadata
    assert b"Content-Type: application/warc-fields" in metadata
    assert parse_fields(metadata.partition(b"\r\n\r\n")[2]) == {"robots": "allowed"}
    assert b"WARC-Truncated" not in response
    assert b"WARC-Truncated: unspecified\r\n" in members(exchange(truncated=True))[1]


def test_same_input_same_bytes_and_other_input_another_id() -> None:
    assert exchange() == exchange()
    record = Record("response", DATE, b"x", "http://example.org/")
    others = [
        replace(record, block=b"y"),
        replace(record, target_uri="http://example.org/b"),
        replace(record, part="2"),
        replace(record, date=DATE + timedelta(seconds=1)),
        replace(record, type="request"),
    ]
    assert len({record.id, *(other.id for other in others)}) == 6


def test_values_cannot_forge_header_lines() -> None:
    bad = "http://example.org/\r\nWARC-Type: warcinfo\r\n\r\nGET"
    record = Record("metadata", DATE, warc_fields([("via", "x\r\nrobots: allowed")]), bad)
    head, _, block = gzip.decompress(record.encode()).partition(b"\r\n\r\n")
    assert [line for line in head.split(b"\r\n") if line.startswith(b"WARC-Type")] == [b"WARC-Type: metadata"]
    assert parse_fields(block) == {"via": "x  robots: allowed"}


def test_dates_are_utc_and_a_time_without_zone_is_refused() -> None:
    east = DATE.astimezone(timezone(timedelta(hours=5)))
    assert warc_date(east) == "2026-11-23T10:20:30Z"
    with pytest.raises(ValueError, match="zone"):
        warc_date(DATE.replace(tzinfo=None))


@given(st.lists(st.integers(0, 400), max_size=12), st.integers(1, 3000))
def test_splitting_loses_nothing_parts_no_group_and_keeps_to_the_size(sizes: list[int], limit: int) -> None:
    groups = [bytes([65 + n % 26]) * (size + 1) for n, size in enumerate(sizes)]
    head = INFO.encode()
    files = list(split_warc(iter(groups), INFO, limit))
    assert all(data.startswith(head) for data in files)
    bodies = [data[len(head) :] for data in files]
    assert b"".join(bodies) == b"".join(groups)
    left = list(groups)
    for body in bodies:
        taken = 0
        while taken < len(body):
            taken += len(left.pop(0))
        assert taken == len(body)
    for data, body in zip(files, bodies, strict=True):
        assert len(data) <= limit or body in groups
    assert (files == []) == (groups == [])
