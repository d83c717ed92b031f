"""Payloads that earlier runs have processed are not parsed again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.seen import encode_keys, payload_key
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.extract import ExtractStage
from components.crawl.params import ExtractParams
from components.crawl.sources import list_sources
from tests.crawl import bad_inputs as bad
from tests.crawl.test_extract import PAGE, picture, warc
from tests.crawl.warc_bytes import http, record

OTHER = PAGE.replace(b"queen", b"king")


def seen(folder: Path, *payloads: bytes) -> pa.Table:
    """A registered run that has processed these payloads."""
    data = encode_keys(np.array([payload_key(p) for p in payloads], np.uint64))
    path = folder / "seen.u64"
    path.write_bytes(data)
    row = {"run": "2024-10", "part": 0, "parts": 1, "uri": path.as_uri(), "payloads": len(payloads)}
    row["sha256"] = hashlib.sha256(data).hexdigest()
    return pa.Table.from_pylist([row], schema=schemas.get("seen_payloads/1"))


def extract(known: pa.Table, *inputs: Path) -> Output:
    stage = ExtractStage(ExtractParams())
    out = Output(stage.name, stage.reasons)
    (shard,) = list_sources([str(path) for path in inputs], Stores()).files()
    stage.run(Unit(0, {"sources": shard, "seen": known}, Stores()), out)
    stage.close()
    return out


def keys(out: Output) -> list[int]:
    return [key for table in out.tables["payloads"] for key in table.column("key").to_pylist()]


def test_a_page_seen_before_is_dropped_before_it_is_parsed(tmp_path: Path, monkeypatch) -> None:
    parsed = []
    real = ExtractStage._parsed
    monkeypatch.setattr(
        ExtractStage,
        "_parsed",
        lambda self, payload, shard: parsed.append(payload.url) or real(self, payload, shard),
    )
    captures = warc(tmp_path, record(1, http(PAGE)), record(2, http(OTHER)), record(3, http(PAGE)))
    out = extract(seen(tmp_path, PAGE), captures)
    assert parsed == ["https://example.org/2"]
    assert [(line["action"], line["reason"], line["detail"]) for line in out.ledger] == [
        ("dropped", "seen_before", "run 2024-10 has processed the same bytes")
    ] * 2
    assert (out.rows_in, out.kept) == (3, 1)
    assert keys(out) == [payload_key(OTHER)]


def test_transfer_encodings_don_t_make_another_page(tmp_path: Path) -> None:
    size = f"{len(PAGE):x}".encode()
    chunked = http(
        size + b"\r\n" + PAGE + b"\r\n0\r\n\r\n", "text/html", "200 OK", "Transfer-Encoding: chunked"
    )
    out = extract(seen(tmp_path, PAGE), warc(tmp_path, record(1, chunked)))
    assert [line["reason"] for line in out.ledger] == ["seen_before"]


@pytest.mark.parametrize(("name", "data"), [("a.html", PAGE), ("a.pdf", bad.GOOD_PDF)])
def test_files_too(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert keys(extract(seen(tmp_path, OTHER), tmp_path / name)) == [payload_key(data)]
    out = extract(seen(tmp_path, data), tmp_path / name)
    assert [line["reason"] for line in out.ledger] == ["seen_before"]
    assert keys(out) == []


def test_images_are_never_skipped(tmp_path: Path) -> None:
    red = picture("red")
    out = extract(seen(tmp_path, red), warc(tmp_path, record(1, http(red, "image/png"))))
    assert (out.rows_in, out.kept, out.ledger) == (1, 1, [])
    assert keys(out) == []


def test_what_was_dropped_counts_as_seen_and_what_failed_does_not(tmp_path: Path) -> None:
    nothing = b"<!doctype html><html><body></body></html>"
    broken = b"%PDF-1.4\n" + b"no pdf " * 20
    captures = warc(tmp_path, record(1, http(nothing)), record(2, http(broken, "application/pdf")))
    out = extract(seen(tmp_path, OTHER), captures)
    assert [line["action"] for line in out.ledger] == ["dropped", "failed"]
    assert keys(out) == [payload_key(nothing)]


def test_a_capture_that_is_no_document_has_no_key(tmp_path: Path) -> None:
    out = extract(seen(tmp_path, OTHER), warc(tmp_path, record(1, http(PAGE, "text/html", "404 Not Found"))))
    assert [line["reason"] for line in out.ledger] == ["http_status"]
    assert keys(out) == []
