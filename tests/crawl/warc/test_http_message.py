"""HTTP payloads are decoded within bounds, and archives that stored them decoded already are read too."""

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import BadRecord
from components.crawl.warc.http_message import HttpReason, dechunk, read_response

PAYLOAD = b"<html>" + random.Random(5).randbytes(40_000).hex().encode()
LIMIT = 1 << 20


def message(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode() + body


def chunked(body: bytes, size: int = 1000, extension: bytes = b"") -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


CHUNKED, GZIP, DEFLATE, BROTLI = (
    "Transfer-Encoding: chunked",
    "Content-Encoding: gzip",
    "Content-Encoding: deflate",
    "Content-Encoding: br",
)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAYLOAD, ()),
        (chunked(PAYLOAD), (CHUNKED,)),
        (chunked(PAYLOAD, extension=b";name=value"), (CHUNKED,)),
        (gzip.compress(PAYLOAD), (GZIP,)),
        (gzip.compress(PAYLOAD[:99]) + gzip.compress(PAYLOAD[99:]), (GZIP,)),
        (chunked(gzip.compress(PAYLOAD)), (GZIP, CHUNKED)),
        (zlib.compress(PAYLOAD), (DEFLATE,)),
        (raw_deflate(PAYLOAD), (DEFLATE,)),
        (gzip.compress(zlib.compress(PAYLOAD)), ("Content-Encoding: deflate, gzip",)),
        (PAYLOAD, ("Content-Encoding: identity",)),
        # the header is kept from the wire, the body is stored decoded
        (PAYLOAD, (CHUNKED,)),
        (PAYLOAD, (GZIP,)),
        (PAYLOAD, (DEFLATE,)),
        (PAYLOAD, (BROTLI,)),
    ],
)
def test_codings(body, headers):
    response = read_response(message(body, *headers), LIMIT)
    assert response.payload == PAYLOAD
    assert not response.notes


def test_brotli():
    brotli = pytest.importorskip("brotli", reason="only the test needs a Brotli encoder")
    assert read_response(message(brotli.compress(PAYLOAD), BROTLI), LIMIT).payload == PAYLOAD
    with pytest.raises(BadRecord) as error:
        read_response(message(brotli.compress(bytes(3 << 20)), BROTLI), LIMIT)
    assert error.value.reason == HttpReason.PAYLOAD_TOO_LARGE


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(bytes(50_000_000)), (GZIP,)),
        (zlib.compress(bytes(50_000_000)), (DEFLATE,)),
        (gzip.compress(gzip.compress(bytes(50_000_000))), ("Content-Encoding: gzip, gzip",)),
        (gzip.compress(bytes(900_000)) * 2, (GZIP,)),
        (b"x" * (LIMIT + 1), ()),
    ],
)
def test_bombs(body, headers):
    with pytest.raises(BadRecord) as error:
        read_response(message(body, *headers), LIMIT)
    assert error.value.reason == HttpReason.PAYLOAD_TOO_LARGE


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(PAYLOAD)[:-2000], (GZIP,)),
        (zlib.compress(PAYLOAD)[:-2000], (DEFLATE,)),
        (chunked(PAYLOAD)[:-2000], (CHUNKED,)),
    ],
)
def test_what_is_cut_off_is_kept_and_noted(body, headers):
    response = read_response(message(body, *headers), LIMIT)
    assert PAYLOAD.startswith(response.payload)
    assert len(response.payload) > 70_000
    assert [note.reason for note in response.notes] == [HttpReason.PAYLOAD_INCOMPLETE]


@pytest.mark.parametrize("coding", ["compress", "zstd", "made-up", "gzip, gzip, gzip, gzip"])
def test_unknown_codings(coding):
    with pytest.raises(BadRecord) as error:
        read_response(message(PAYLOAD, f"Content-Encoding: {coding}"), LIMIT)
    assert error.value.reason == HttpReason.UNKNOWN_ENCODING


@pytest.mark.parametrize("status", ["HTTPX/1.1 200 OK", "GET / HTTP/1.1", "", "HTTP/1.1 words"])
def test_what_is_no_response(status):
    with pytest.raises(BadRecord) as error:
        read_response(message(PAYLOAD, status=status), LIMIT)
    assert error.value.reason == HttpReason.BAD_HTTP


@pytest.mark.parametrize("status", ["HTTP/1.0 200", "HTTP/1.1 200 Fine", "HTTP/2 200"])
def test_status_lines(status):
    response = read_response(message(PAYLOAD, "content-TYPE: Text/HTML; charset=x", status=status), LIMIT)
    assert response.status == 200
    assert response.content_type == "text/html"


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_chunks_go_back_together(body, size):
    assert dechunk(chunked(body, size)) == (body, True)


@given(
    st.binary(max_size=400),
    st.sampled_from([(), (CHUNKED,), (GZIP,), (DEFLATE,), (BROTLI,), (CHUNKED, GZIP)]),
)
def test_any_body_ends_in_a_payload_or_a_reason(body, headers):
    for variant in (body, gzip.compress(body)[:-3], chunked(body)[:-3]):
        try:
            assert len(read_response(message(variant, *headers), 4096).payload) <= 4096
        except BadRecord as error:
            assert error.reason in HttpReason
