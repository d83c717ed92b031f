from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.find_pdfs import FindPdfsParams, FindPdfsStage

REQUEST = {
    "Container": {"Filename": "x.warc.gz", "Compressed": True, "Offset": "80610308"},
    "Envelope": {
        "Payload-Metadata": {
            "Actual-Content-Type": "application/http; msgtype=request",
            "HTTP-Request-Metadata": {"Headers": {"Host": "a.example", "X": "application/pdf"}},
        },
        "WARC-Header-Metadata": {"WARC-Type": "request", "WARC-Target-URI": "https://a.example/x.pdf"},
    },
}


def warc(kind: str, url: str, block: bytes, content_type: str, *more: str) -> bytes:
    head = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: {url}",
        "WARC-Date: 2024-05-31T01:17:49Z",
        f"WARC-Record-ID: <urn:uuid:3d3f4785-c69a-4f8c-968c-{abs(hash(url)) % 10**12:012d}>",
        f"Content-Type: {content_type}",
        *more,
        f"Content-Length: {len(block)}",
    ]
    return gzip.compress("\r\n".join(head).encode() + b"\r\n\r\n" + block + b"\r\n\r\n")


def wat(url: str, links: list[Any], head: dict[str, Any] | None = None, kind: str = "text/html") -> bytes:
    """A record as ia-web-commons writes it for Common Crawl."""
    response: dict[str, Any] = {
        "Response-Message": {"Status": "200", "Version": "HTTP/1.1", "Reason": "OK"},
        "Headers": {"content-type": kind, "Server": "nginx"},
    }
    if links or head:
        response["HTML-Metadata"] = {"Head": head or {}, "Links": links}
    about = {
        "Container": {"Filename": "x.warc.gz"},
        "Envelope": {
            "Payload-Metadata": {"HTTP-Response-Metadata": response},
            "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url},
        },
    }
    return warc("metadata", url, json.dumps(about).encode(), "application/json")


def page(url: str, body: bytes, kind: str = "text/html", *more: str) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body
    return warc("response", url, http, "application/http; msgtype=response", *more)


def find(path: Path, data: bytes, kind: str = "wat", only: set[str] | None = None, **params: Any) -> Output:
    path.write_bytes(data)
    row = {"id": "s", "kind": kind, "uri": path.as_uri(), "start": 0, "stop": len(data), "bytes": len(data)}
    table = pa.Table.from_pylist([row], schema=schemas.get("sources/1"))
    stage = FindPdfsStage(FindPdfsParams(**params))
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"sources": table}, Stores(), None if only is None else frozenset(only)), out)
    decided = [line for line in out.ledger if line["action"] != "changed"]
    assert out.rows_in == out.kept + len(decided)  # type: ignore[operator]
    return out


def rows(out: Output) -> list[tuple[str, str | None]]:
    (targets,) = out.tables["targets"]
    assert {row["kind"] for row in targets.to_pylist()} <= {"pdf"}
    return [(row["url"], row["referrer"]) for row in targets.to_pylist()]


def test_links_of_a_wat_file(tmp_path: Path) -> None:
    links = [
        {"path": "A@/href", "url": "b/paper.pdf", "text": "the paper"},
        {"path": "A@/href", "url": "/Other.PDF?x=1#page=2"},
        {"path": "A@/href", "url": "//cdn.example/c%20d.pdf"},
        {"path": "A@/href", "url": "https://no.example/e.pdf", "rel": "external nofollow"},
        {"path": "A@/href", "url": "/viewer?file=f.pdf"},
        {"path": "FORM@/action", "url": "/form.pdf"},
        {"path": "IFRAME@/src", "url": "/frame.pdf"},
        {"path": "A@/href", "url": "ftp://x.example/g.pdf"},
        {"path": "A@/href", "url": "http://[broken/g.pdf"},
        {"path": "A@/href"},
        "odd",
    ]
    data = wat("https://a.example/dir/page.html", links)
    data += wat("https://a.example/dir/about.html", [{"path": "A@/href", "url": "b/paper.pdf"}])
    data += wat("https://b.example/x", [{"path": "A@/href", "url": "y.pdf"}], {"Base": "/base/"})
    data += wat("https://c.example/declared", [], None, "Application/PDF; charset=binary")
    data += warc("metadata", "https://a.example/x.pdf", json.dumps(REQUEST).encode(), "application/json")
    out = find(tmp_path / "x.warc.wat.gz", data)
    about = "https://a.example/dir/about.html"
    at = "https://a.example/dir/page.html"
    assert rows(out) == [
        ("https://a.example/Other.PDF?x=1", at),
        ("https://a.example/dir/b/paper.pdf", about),
        ("https://a.example/frame.pdf", at),
        ("https://b.example/base/y.pdf", "https://b.example/x"),
        ("https://c.example/declared", None),
        ("https://cdn.example/c%20d.pdf", at),
    ]
    hosts = out.tables["targets"][0].column("host").to_pylist()
    assert hosts == [*["a.example"] * 3, "b.example", "c.example", "cdn.example"]
    assert (out.counters["wat_records"], out.counters["links_nofollow"]) == (5, 1)
    assert (out.counters["pdf_addresses"], out.ledger) == (6, [])


def test_damage_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    good = wat("https://a.example/", [{"path": "A@/href", "url": "a.pdf"}])
    bad = warc("metadata", "https://b.example/", b'{"Envelope": ".pdf"', "application/json")
    deep = warc("metadata", "https://b.example/", b'[".pdf"' + b"[" * 100_000, "application/json")
    odd = warc("metadata", "https://b.example/", b'["a.pdf", {"Envelope": []}]', "application/json")
    out = find(tmp_path / "x.wat.gz", bad + deep + b"junk between records" + odd + good)
    assert rows(out) == [("https://a.example/a.pdf", "https://a.example/")]
    (line,) = out.ledger
    assert (line["action"], line["reason"], line["record_id"]) == ("changed", "record_unreadable", "s")
    assert line["detail"].startswith("3 records; the first: ")


def test_what_was_not_asked_for_is_not_read(tmp_path: Path) -> None:
    data = page("https://a.example/", b'<a href="a.pdf">')
    missing = tmp_path / "gone"
    table = pa.Table.from_pylist(
        [
            {"id": str(n), "kind": kind, "uri": missing.as_uri(), "start": 0, "stop": 9, "bytes": 9}
            for n, kind in enumerate(("warc", "html", "pdf", "url"))
        ],
        schema=schemas.get("sources/1"),
    )
    stage = FindPdfsStage(FindPdfsParams())
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"sources": table}, Stores()), out)
    assert (out.rows_in, out.kept, rows(out)) == (0, 0, [])
    assert rows(find(tmp_path / "x.warc.gz", data, "warc")) == []
    assert find(tmp_path / "x.warc.gz", data, "wat", only=set()).rows_in == 0


def test_a_source_that_is_gone_can_be_retried(tmp_path: Path) -> None:
    row = {"id": "s", "kind": "wat", "uri": (tmp_path / "no").as_uri(), "start": 0, "stop": 9, "bytes": 9}
    table = pa.Table.from_pylist([row], schema=schemas.get("sources/1"))
    stage = FindPdfsStage(FindPdfsParams())
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"sources": table}, Stores()), out)
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("failed", "unreadable")]


def test_links_of_pages_in_a_warc_file(tmp_path: Path) -> None:
    body = (
        b"<base href=\"/docs/\"><A class=x HREF=one.pdf>1</A> <a href='two.pdf?a=1&amp;b=2'>2</a>"
        b'<a rel="nofollow" href="no.pdf">n</a><a href="no.pdf" rel=nofollow>n</a><embed src="three.pdf">'
        b'<p title="four.pdf">not a link</p><img src="five.pdf"><a href="six.html">6</a>'
    )
    data = page("https://a.example/x/y", body) + page("https://a.example/t", body, "text/plain")
    data += page("https://a.example/cut.pdf", b"%PDF-1.4 cut", "application/pdf", "WARC-Truncated: length")
    data += page("https://a.example/whole.pdf", b"%PDF-1.4 whole", "application/pdf")
    path = tmp_path / "x.warc.gz"
    found = [
        ("https://a.example/docs/one.pdf", "https://a.example/x/y"),
        ("https://a.example/docs/three.pdf", "https://a.example/x/y"),
        ("https://a.example/docs/two.pdf?a=1&b=2", "https://a.example/x/y"),
    ]
    cut = ("https://a.example/cut.pdf", None)
    out = find(path, data, "warc", from_warc=True)
    assert rows(out) == found
    assert out.counters["links_nofollow"] == 2
    assert rows(find(path, data, "warc", truncated=True)) == [cut]
    assert rows(find(path, data, "warc", truncated=True, from_warc=True)) == [cut, *found]


@pytest.mark.parametrize(
    "unit", [b"<a ", b"<a href=", b'<a href="', b"<a href='x.pdf ", b"<base href=", b"<a rel="]
)
def test_pages_made_to_cost_time_do_not(tmp_path: Path, unit: bytes) -> None:
    import time

    began = time.process_time()
    find(tmp_path / "x.warc.gz", page("https://a.example/", b".pdf" + unit * 40_000), "warc", from_warc=True)
    assert time.process_time() - began < 60


@pytest.mark.corpora
def test_real_pages(tmp_path: Path, corpora: Path) -> None:
    path = next((corpora / "web").glob("*.warc*"))
    stage = FindPdfsStage(FindPdfsParams(from_warc=True))
    size = path.stat().st_size
    row = {"id": "s", "kind": "warc", "uri": path.as_uri(), "start": 0, "stop": size, "bytes": size}
    out = Output(step=stage.name, reasons=stage.reasons)
    table = pa.Table.from_pylist([row], schema=schemas.get("sources/1"))
    stage.run(Unit(0, {"sources": table}, Stores()), out)
    found = rows(out)
    assert len(found) > 20
    assert all(url.lower().partition("?")[0].endswith(".pdf") for url, _ in found)
    assert all(page for _, page in found)
