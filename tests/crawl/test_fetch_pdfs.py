from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import record_id
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.extract import ExtractStage
from components.crawl.fetch_pdfs import FetchPdfsStage
from components.crawl.params import ExtractParams
from components.crawl.web.file_params import FetchPdfsParams
from tests.crawl import pdf_bytes
from tests.crawl.site_server import Handler, Site, serve
from tests.crawl.web.test_crawler import read_warc as captures

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
PAGE = "https://a.example/papers.html"


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as server:
        yield server


def paper(words: str) -> bytes:
    return pdf_bytes.document([pdf_bytes.lines(60, 700, [words] * 12)])


def fetch(urls: list[str], only: set[str] | None = None, **params: Any) -> Output:
    rows = [{"url": url, "host": "127.0.0.1", "kind": "pdf", "referrer": PAGE, "shards": []} for url in urls]
    table = pa.Table.from_pylist(rows, schema=schemas.get("fetch_targets/1"))
    given = {"allow_private": True, "backoff_s": 0.01, "site_files": False, **params}
    stage = FetchPdfsStage(FetchPdfsParams(**given), clock=lambda: NOW)
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"targets": table}, Stores(), None if only is None else frozenset(only)), out)
    assert out.rows_in == out.kept + len(out.ledger)  # type: ignore[operator]
    assert out.tables["fetches"][0].num_rows == out.rows_in
    return out


def sources(out: Output) -> list[dict[str, Any]]:
    return out.tables["sources"][0].to_pylist()


def test_pdfs_become_a_warc_file_that_the_extraction_reads(site: Site, tmp_path: Path) -> None:
    first, second = paper("It was the best of times"), paper("It was the worst of times")
    site.add("/1.pdf", first, content_type="application/pdf", x_robots_tag="noarchive")
    site.add("/2", second, content_type="text/html")
    site.add("/moved.pdf", b"", 302, location="/2")
    out = fetch([site.url("/1.pdf"), site.url("/moved.pdf")])
    assert (out.rows_in, out.kept, out.ledger) == (2, 2, [])
    (file,) = out.attachments
    (row,) = sources(out)
    assert row["uri"] == f"attachment:{file.name}"
    assert (row["kind"], row["start"], row["stop"], row["bytes"]) == (
        "warc",
        0,
        len(file.data),
        len(file.data),
    )
    found = captures(file.data)
    assert [(c.url, c.body) for c in found] == [(site.url("/1.pdf"), first), (site.url("/2"), second)]
    assert found[0].evidence == {
        "robots": "unavailable",
        "x-robots-tag": "noarchive",
        "noai": "false",
        "via": PAGE,
    }
    assert found[1].evidence["requested-url"] == site.url("/moved.pdf")
    evidence = out.tables["fetches"][0].to_pylist()
    assert [e["sha256"] for e in evidence] == [hashlib.sha256(b).hexdigest() for b in (first, second)]

    path = tmp_path / file.name
    path.write_bytes(file.data)
    table = pa.Table.from_pylist([{**row, "uri": path.as_uri()}], schema=schemas.get("sources/1"))
    extract = ExtractStage(ExtractParams())
    read = Output(step=extract.name, reasons=extract.reasons)
    extract.run(Unit(0, {"sources": table}, Stores()), read)
    extract.close()
    (document, *_) = read.tables["documents"][0].to_pylist()
    assert (document["source"], document["url"]) == ("pdf", site.url("/1.pdf"))
    assert "the best of times" in " ".join(item["text"] or "" for item in document["items"])
    assert document["consent"]["x_robots_tag"] == "noarchive"


def test_what_is_no_pdf_or_too_large_is_dropped_and_faults_fail(site: Site) -> None:
    whole = paper("words")
    sent: list[int] = []

    def endless(handler: Handler) -> None:
        handler.send_response_only(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            handler.wfile.write(b"<html>" + b"x" * 9000)
            for _ in range(4000):
                sent.append(handler.wfile.write(b"x" * 65536))
        except OSError:
            pass
        handler.close_connection = True

    site.pages["/endless.pdf"] = endless
    site.add("/big.pdf", whole + b"\0" * (1 << 20), content_type="application/pdf")
    site.add(
        "/chunked.pdf", b"200000\r\n" + whole.ljust(1 << 21) + b"\r\n0\r\n\r\n", transfer_encoding="chunked"
    )
    site.add("/late.pdf", b"\0" * 1000 + whole, content_type="application/pdf")
    site.add("/down.pdf", b"", 503)
    names = ("endless", "big", "chunked", "late", "down", "gone")
    out = fetch([site.url(f"/{name}.pdf") for name in names], max_file_bytes=1 << 20)
    got = {line["locator"].rpartition("/")[2][:-4]: (line["action"], line["reason"]) for line in out.ledger}
    assert got == {
        "endless": ("dropped", "not_a_pdf"),
        "big": ("dropped", "too_large"),
        "chunked": ("dropped", "too_large"),
        "down": ("failed", "http_5xx"),
        "gone": ("dropped", "gone"),
    }
    assert {line["record_kind"] for line in out.ledger} == {"source"}
    assert out.kept == 1
    assert sum(sent) < 128 << 20  # judged by its first bytes, it is not read to its end


def test_files_are_split_by_size_and_named_by_what_is_in_them(site: Site) -> None:
    for n in range(6):
        site.add(f"/{n}.pdf", paper(f"paper {n}"), content_type="application/pdf")
    urls = [site.url(f"/{n}.pdf") for n in range(6)]
    whole, again = fetch(urls), fetch(urls[::-1], per_host_connections=8)
    assert whole.attachments == again.attachments
    assert sources(whole) == sources(again)
    parts = fetch(urls, warc_bytes=2500)
    assert len(parts.attachments) > 2
    assert [row["uri"] for row in sources(parts)] == [f"attachment:{file.name}" for file in parts.attachments]
    assert [c.url for file in parts.attachments for c in captures(file.data)] == urls


def test_what_the_budget_leaves_out_comes_with_a_retry(site: Site) -> None:
    for n in range(6):
        site.add(f"/{n}.pdf", paper(f"paper {n}"), content_type="application/pdf")
    urls = [site.url(f"/{n}.pdf") for n in range(6)]
    out = fetch(urls, max_unit_bytes=1, per_host_connections=1)
    assert (out.kept, {line["reason"] for line in out.ledger}) == (1, {"budget_reached"})
    assert "/5.pdf" not in site.asked
    rest = fetch(urls, {record_id("pdf", url) for url in urls[1:]})
    assert (rest.rows_in, rest.kept) == (5, 5)
    assert [c.url for c in captures(rest.attachments[0].data)] == urls[1:]


def test_no_targets_no_file() -> None:
    out = fetch([])
    assert (out.rows_in, out.kept, out.attachments, sources(out)) == (0, 0, [], [])
