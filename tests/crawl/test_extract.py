"""Sources become documents and images, and every one of them is accounted for."""

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import PIL.Image as PilImage
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import Consent, record_id
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.extract import ExtractReason, ExtractStage
from components.crawl.params import ExtractParams
from components.crawl.payload import kind_of, merge_consent
from components.crawl.sources import SourcesParams, list_sources
from components.crawl.warc.writer import exchange_records
from tests.crawl import bad_inputs as bad
from tests.crawl.warc_bytes import http, record, zipped

PAGE = (
    b"<!doctype html><html lang=en><head><title>Bees</title></head><body><article>"
    b"<h1>Bees</h1><p>Bees are insects that make honey, and they live together in hives of thousands.</p>"
    b"<img src=/hive.jpg alt='A hive' width=640 height=480>"
    b"<p>A hive has one queen, who may lay as many as two thousand eggs on a single day of summer.</p>"
    b"</article></body></html>"
)


def picture(color: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    PilImage.new("RGB", size, color).save(stream, "PNG")
    return stream.getvalue()


class Result:
    """What the stage gave for some inputs, over all shards."""

    def __init__(self, outputs: list[Output]) -> None:
        self.outputs = outputs
        self.ledger = [line for out in outputs for line in out.ledger]

    def rows(self, port: str) -> list[dict]:
        return [row for out in self.outputs for table in out.tables[port] for row in table.to_pylist()]

    @property
    def documents(self) -> list[dict]:
        return self.rows("documents")

    @property
    def images(self) -> list[dict]:
        return self.rows("images")

    def reasons(self, *actions: str) -> Counter:
        return Counter(
            line["reason"] for line in self.ledger if line["action"] in (actions or ("dropped", "failed"))
        )

    def reason_of(self, locator: str) -> str:
        return next(
            str(x["reason"])
            for x in self.ledger
            if x["locator"].endswith(locator) and x["action"] != "changed"
        )


def account(out: Output) -> None:
    actions = Counter(line["action"] for line in out.ledger)
    assert out.rows_in == out.kept + actions["dropped"] + actions["failed"]
    for port, tables in out.tables.items():
        for table in tables:
            schemas.check(table.schema, ExtractStage.produces[port], producer="extract", consumer="test")
    assert pa.Table.from_pylist(out.ledger, schema=schemas.get("ledger/1")).num_rows == len(out.ledger)
    assert all(line["reason"] in set(ExtractReason) for line in out.ledger)


def extract(
    *inputs: object,
    params: ExtractParams | None = None,
    only: frozenset[str] | None = None,
    **grouping: int,
) -> Result:
    stores = Stores()
    plan = list_sources([str(i) for i in inputs], stores, SourcesParams(**grouping))
    stage = ExtractStage(params or ExtractParams())
    outputs = []
    try:
        for index, shard in enumerate(plan.files()):
            out = Output(stage.name, stage.reasons)
            stage.run(Unit(index, {"sources": shard}, stores, only), out)
            if only is None:
                account(out)
            outputs.append(out)
    finally:
        stage.close()
    return Result(outputs)


def warc(folder: Path, *records: bytes, name: str = "x.warc.gz") -> Path:
    path = folder / name
    path.write_bytes(b"".join(zipped(list(records))))
    return path


def text(document: dict) -> str:
    return " ".join(item["text"] for item in document["items"] if item["text"])


def test_a_page_in_a_warc_file(tmp_path):
    result = extract(
        warc(
            tmp_path,
            record(1, b"software: test", "warcinfo"),
            record(2, b"GET / HTTP/1.1\r\n\r\n", "request"),
            record(3, http(PAGE, "text/html", "200 OK", "X-Robots-Tag: noai", "TDM-Reservation: 1")),
        )
    )
    (page,) = result.documents
    assert page["id"] == record_id("warc", "urn:uuid:00000000-0000-0000-0000-000000000003")
    assert page["source"] == "html"
    assert page["url"] == "https://example.org/3"
    assert page["crawl_time"].isoformat() == "2024-02-03T04:05:06+00:00"
    assert page["title"] == "Bees"
    assert page["declared_language"] == "en"
    assert "make honey" in text(page)
    assert page["consent"] == {
        "robots": "unknown",
        "x_robots_tag": "noai",
        "meta_robots": None,
        "tdm_reservation": True,
        "noai": True,
    }
    (image,) = [item for item in page["items"] if item["kind"] == "image"]
    assert (image["url"], image["alt"], image["image_id"]) == ("https://example.org/hive.jpg", "A hive", None)
    assert result.outputs[0].counters == {"warcinfo_records": 1, "request_records": 1}
    assert (result.outputs[0].rows_in, result.outputs[0].kept) == (1, 1)


def test_records_that_are_no_pages(tmp_path):
    png = picture()
    result = extract(
        warc(
            tmp_path,
            record(1, http(PAGE, "text/html", "404 Not Found"), url="https://e.org/gone"),
            record(2, http(b"", "text/html"), url="https://e.org/empty"),
            record(3, http(b"body{}", "text/css"), url="https://e.org/css"),
            record(
                4, b"", "revisit", "WARC-Refers-To-Target-URI: https://e.org/1", url="https://e.org/revisit"
            ),
            record(5, b"more bytes", "continuation", url="https://e.org/segment"),
            record(6, b"nonsense", url="https://e.org/no-http"),
            record(7, http(PAGE, "image/png"), url="https://e.org/soft404.png"),
            record(8, http(png, "image/png"), url="https://e.org/a.png"),
            record(9, http(png, "image/png"), url="https://e.org/same.png"),
            record(
                10, http(PAGE, "text/html", "200 OK", "Content-Encoding: compress"), url="https://e.org/lzw"
            ),
            record(11, b"dns answer", "response", url="dns:e.org").replace(b"application/http", b"text/dns"),
            record(12, b"x", "conversion"),
            record(13, b"x", "metadata"),
            record(14, b"x", "surprise"),
        )
    )
    assert not result.documents
    (image,) = result.images
    assert image["url"] == "https://e.org/a.png"
    assert image["id"] == hashlib.sha256(png).hexdigest()
    found = [(row["url"], row["image_id"], row["width"], row["height"]) for row in result.rows("image_index")]
    assert found == [
        ("https://e.org/a.png", image["id"], 40, 30),
        ("https://e.org/same.png", image["id"], 40, 30),
    ]
    assert {line["locator"]: line["reason"] for line in result.ledger} == {
        "https://e.org/gone": "http_status",
        "https://e.org/empty": "empty_payload",
        "https://e.org/css": "unsupported_type",
        "https://e.org/revisit": "revisit",
        "https://e.org/segment": "unsupported_record",
        "https://e.org/no-http": "bad_http",
        "https://e.org/soft404.png": "unsupported_type",
        "https://e.org/same.png": "repeated_image",
        "https://e.org/lzw": "unknown_encoding",
        "dns:e.org": "unsupported_record",
    }
    out = result.outputs[0]
    assert (out.rows_in, out.kept) == (11, 1)
    assert out.counters == {"conversion_records": 1, "metadata_records": 1, "other_records": 1}


def test_every_kind_in_a_warc_file(tmp_path):
    result = extract(
        warc(
            tmp_path,
            record(1, http(bad.GOOD_PDF, "application/pdf")),
            record(2, http(bad.zipped_tex(), "application/x-eprint")),
            record(3, http(gzip.compress(PAGE), "text/html", "200 OK", "Content-Encoding: gzip")),
            record(4, bad.GOOD_PDF, "resource").replace(b"text/plain", b"application/pdf"),
            record(5, http(bad.GOOD_PDF, "application/octet-stream")),
        )
    )
    assert [d["source"] for d in result.documents] == ["pdf", "latex", "html", "pdf", "pdf"]
    assert "Words on a page." in text(result.documents[0])
    assert "Some plain words" in text(result.documents[1])
    assert len({d["id"] for d in result.documents}) == 5


def test_files_of_every_kind(tmp_path):
    png = picture()
    files = {
        "a.html": PAGE,
        "b.pdf": bad.GOOD_PDF,
        "c.tar.gz": bad.tar({"main.tex": bad.TEX}),
        "d.png": png,
        "e.png": png,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    result = extract(tmp_path)
    assert [d["source"] for d in result.documents] == ["html", "pdf", "latex", "image", "image"]
    assert len({d["id"] for d in result.documents}) == 5
    assert result.documents[1]["id"] == record_id("pdf", hashlib.sha256(bad.GOOD_PDF).digest(), "b.pdf")
    assert [i["id"] for i in result.images] == [hashlib.sha256(png).hexdigest()]
    (item,) = result.documents[3]["items"]
    assert (item["kind"], item["image_id"], item["width"], item["height"]) == (
        "image",
        result.images[0]["id"],
        40,
        30,
    )
    assert (result.outputs[0].rows_in, result.outputs[0].kept) == (5, 5)
    # a saved page shows the files beside it, and every image file is found under its location
    assert [item["url"] for d in result.documents for item in d["items"] if item["url"]] == [
        "file:///hive.jpg"
    ]
    assert [row["url"] for row in result.rows("image_index")] == [
        (tmp_path / name).as_uri() for name in ("d.png", "e.png")
    ]


def test_nothing_depends_on_how_the_work_is_cut(tmp_path):
    pages = [PAGE.replace(b"Bees", b"Bees %d" % n) + os.urandom(30_000).hex().encode() for n in range(12)]
    path = warc(tmp_path, *(record(n, http(page)) for n, page in enumerate(pages)))
    (tmp_path / "y.pdf").write_bytes(bad.GOOD_PDF)
    whole, cut = extract(tmp_path), extract(tmp_path, shard_bytes=1 << 16)
    assert len(cut.outputs) > 4
    assert whole.documents == cut.documents
    assert len(whole.documents) == 13
    assert extract(path).documents == whole.documents[:12]


def test_ids_are_unique_within_a_shard(tmp_path):
    one = record(1, http(PAGE))
    warc(tmp_path, one, one)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.pdf").write_bytes(bad.GOOD_PDF)
    ids = [d["id"] for d in extract(tmp_path).documents]
    assert len(set(ids)) == len(ids) == 4
    assert [d["id"] for d in extract(tmp_path).documents] == ids


def test_damage_is_on_the_ledger(tmp_path):
    good = zipped([record(n, http(PAGE)) for n in range(4)])
    broken = [
        good[0],
        good[1][:-30],
        good[2],
        bad.corrupt(good[3], 60),
        *zipped([record(9, http(PAGE), length=10**12), record(10, http(b"y" * 9999))]),
        b"junk",
    ]
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"".join(broken))
    params = ExtractParams.model_validate({"warc": {"max_record_bytes": 4096}})
    result = extract(path, params=params)
    assert len(result.documents) == 2
    assert result.reasons("failed") == {"warc_damage": 4, "record_too_large": 1}
    assert all("x.warc.gz#" in line["locator"] for line in result.ledger)


def test_evidence_of_our_own_crawler(tmp_path):
    from datetime import UTC, datetime

    date = datetime(2024, 1, 1, tzinfo=UTC)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    exchanges = [
        exchange_records(
            f"https://example.org/{n}",
            date,
            b"GET / HTTP/1.1\r\n\r\n",
            head,
            PAGE + os.urandom(20_000).hex().encode(),
            evidence=[("robots", "allowed"), ("tdm-reservation", "0"), ("noai", "true")],
        )
        for n in range(8)
    ]
    path = tmp_path / "own.warc.gz"
    path.write_bytes(b"".join(exchanges))
    for cut in (1 << 16, 1 << 20):
        result = extract(path, shard_bytes=cut)
        assert len(result.documents) == 8
        for document in result.documents:
            assert document["consent"]["robots"] == "allowed"
            assert document["consent"]["tdm_reservation"] is False
            assert document["consent"]["noai"] is True


def test_an_image_is_found_under_the_address_that_was_redirected_to_it(tmp_path):
    from datetime import UTC, datetime

    path = tmp_path / "own.warc.gz"
    path.write_bytes(
        exchange_records(
            "https://cdn.example.org/1.png",
            datetime(2024, 1, 1, tzinfo=UTC),
            b"GET / HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n",
            picture(),
            evidence=[("requested-url", "https://example.org/a.png"), ("robots", "allowed")],
        )
    )
    index = extract(path).rows("image_index")
    assert [row["url"] for row in index] == ["https://cdn.example.org/1.png", "https://example.org/a.png"]
    assert len({row["image_id"] for row in index}) == 1


def test_evidence_behind_the_end_of_a_range(tmp_path):
    """Each cut between two bytes of the file leaves the evidence with its capture."""
    from datetime import UTC, datetime

    date = datetime(2024, 1, 1, tzinfo=UTC)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    raw = b"".join(
        exchange_records(
            f"https://example.org/{n}",
            date,
            b"GET / HTTP/1.1\r\n\r\n",
            head,
            PAGE,
            evidence=[("robots", "allowed")],
        )
        for n in range(2)
    )
    path = tmp_path / "own.warc.gz"
    path.write_bytes(raw)
    row = {"id": "s", "kind": "warc", "uri": path.as_uri(), "bytes": len(raw), "url": None}
    stage = ExtractStage(ExtractParams())
    for cut in range(0, len(raw), 101):
        found = []
        for start, stop in ((0, cut), (cut, len(raw))):
            out = Output("extract", stage.reasons)
            shard = pa.Table.from_pylist(
                [{**row, "start": start, "stop": stop}], schema=schemas.get("sources/1")
            )
            stage.run(Unit(0, {"sources": shard}, Stores()), out)
            account(out)
            found += Result([out]).documents
        assert [d["consent"]["robots"] for d in found] == ["allowed", "allowed"], cut
    stage.close()


def test_notes_of_the_capture_are_changes(tmp_path):
    squeezed = gzip.compress(PAGE + b" " * 5000 + os.urandom(500).hex().encode())[:-300]
    result = extract(
        warc(
            tmp_path,
            record(
                1,
                http(squeezed, "text/html", "200 OK", "Content-Encoding: gzip"),
                "response",
                "WARC-Truncated: length",
            ),
        )
    )
    assert len(result.documents) == 1
    assert result.reasons("changed") == {"truncated_capture": 1, "payload_incomplete": 1}


def test_a_retry_does_only_what_is_asked(tmp_path):
    path = warc(tmp_path, *(record(n, http(PAGE)) for n in range(5)))
    (tmp_path / "a.pdf").write_bytes(bad.GOOD_PDF)
    ids = [d["id"] for d in extract(tmp_path).documents]
    again = extract(tmp_path, only=frozenset({ids[0], ids[3]}))
    assert [d["id"] for d in again.documents] == [ids[0], ids[3]]
    assert (again.outputs[0].rows_in, again.outputs[0].kept) == (2, 2)
    # a source that failed as a whole is asked for by its own id
    source = next(list_sources([str(path)], Stores()).files()).column("id")[0].as_py()
    assert [d["id"] for d in extract(path, only=frozenset({source})).documents] == ids[1:]
    lost = extract(path, only=frozenset({"0" * 32}))
    assert lost.reasons("failed") == {"not_found_again": 1}
    assert lost.outputs[0].rows_in == 1


def test_limits_are_checked_before_a_file_is_read(tmp_path):
    class Counting(Stores):
        opened = 0

        def open(self, uri, start=0, stop=None):
            Counting.opened += 1
            return super().open(uri, start, stop)

    path = tmp_path / "big.html"
    path.write_bytes(PAGE + b" " * 5000)
    shard = next(list_sources([str(path)], Stores()).files())
    stage = ExtractStage(ExtractParams(max_file_bytes=4096))
    out = Output("extract", stage.reasons)
    stage.run(Unit(0, {"sources": shard}, Counting()), out)
    stage.close()
    account(out)
    assert Counting.opened == 0
    (line,) = out.ledger
    assert (line["reason"], line["score"], line["threshold"]) == ("file_too_large", len(PAGE) + 5000, 4096)


def test_a_file_that_is_gone_costs_one_line(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(bad.GOOD_PDF)
    shard = next(list_sources([str(path)], Stores()).files())
    path.unlink()
    stage = ExtractStage(ExtractParams())
    out = Output("extract", stage.reasons)
    stage.run(Unit(0, {"sources": shard}, Stores()), out)
    stage.close()
    account(out)
    assert [line["reason"] for line in out.ledger] == ["unreadable"]


def _hang(payload: bytes, url: str, **_: object) -> None:
    if b"hang" in payload:
        time.sleep(60)
    if b"crash" in payload:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"eat" in payload:
        bytes(8 << 30)
    raise ValueError("some bug")


def test_a_parser_that_dies_costs_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("components.crawl.html.extractor.extract_html", _hang)
    words = ("hang", "crash", "eat", "other")
    path = warc(
        tmp_path,
        *(record(n, http(b"<p>" + w.encode()), url=f"https://e.org/{w}") for n, w in enumerate(words)),
    )
    params = ExtractParams.model_validate({"limits": {"html_s": 4}})
    result = extract(path, params=params)
    assert {line["locator"].rpartition("/")[2]: line["reason"] for line in result.ledger} == {
        "hang": "timeout",
        "crash": "crashed",
        "eat": "out_of_memory",
        "other": "parser_error",
    }


@pytest.mark.parametrize(
    ("declared", "payload", "kind"),
    [
        ("text/html; charset=x", b"words only", "html"),
        ("text/html", b"%PDF-1.4", "pdf"),
        ("TEXT/HTML", picture(), "image"),
        ("application/xhtml+xml", PAGE, "html"),
        ("", PAGE, "html"),
        ("application/octet-stream", bad.zipped_tex(), "latex"),
        ("application/pdf", b"%PDF-1.4", "pdf"),
        ("application/pdf", PAGE, None),
        ("image/jpeg", picture(), "image"),
        ("image/svg+xml", b"<svg></svg>", None),
        ("text/plain", PAGE, None),
        ("application/json", b"{}", None),
        ("text/html", b"\x00\x00\x00\x20ftypisom", None),
        ("application/gzip", gzip.compress(b"words"), None),
    ],
)
def test_what_a_payload_is(declared, payload, kind):
    from components.core.errors import Drop

    if kind is None:
        with pytest.raises(Drop):
            kind_of(declared, payload)
    else:
        assert kind_of(declared, payload) == kind


def test_a_refusal_stands_whoever_says_it():
    page, header = Consent(noai=False, tdm_reservation=False), Consent(noai=True, tdm_reservation=True)
    merged = merge_consent(page, header)
    assert merged is not None
    assert merged.noai is True
    assert merged.tdm_reservation is False  # TDMRep: the page beats the header
    assert merge_consent(None, header) == header
    assert merge_consent(Consent(), Consent(robots="allowed")).robots == "allowed"


BAD_FILES = {
    "big.html": lambda: PAGE + b"<p>word word</p>" * (50 * 65_536),
    "nested.html": bad.nested_html,
    "encrypted.pdf": lambda: bad.ENCRYPTED_PDF,
    "looping.pdf": lambda: bad.LOOPING_PDF,
    "no-pages.pdf": lambda: bad.EMPTY_PDF,
    "cut.pdf": lambda: bad.GOOD_PDF[:60],
    "bomb.tar.gz": bad.tar_bomb,
    "cut.tar.gz": lambda: bad.tar({"main.tex": bad.TEX + os.urandom(5000)})[:-900],
    "no-tex.tar": lambda: bad.tar({"a.txt": b"x"}, mode="w"),
    "liar.png": bad.lying_png,
    "cut.png": lambda: picture(size=(500, 500))[:-40],
}


def _write_bad_files(folder: Path) -> None:
    for name, make in BAD_FILES.items():
        (folder / name).write_bytes(make())
    warc(
        folder,
        record(1, http(bad.nested_html()), url="https://e.org/nested"),
        record(
            2,
            http(bad.gzip_bomb_page(), "text/html", "200 OK", "Content-Encoding: gzip"),
            url="https://e.org/bomb",
        ),
        record(3, http(bad.lying_png(), "image/png"), url="https://e.org/liar.png"),
        record(4, http(PAGE), url="https://e.org/good"),
        name="z.warc.gz",
    )


CHILD = """
import json, resource, sys
from pathlib import Path
from tests.crawl.test_extract import extract
result = extract(Path(sys.argv[1]))
lost = {x["locator"].rpartition("/")[2]: x["reason"] for x in result.ledger if x["action"] != "changed"}
# ru_maxrss of a process counts what its parent had before exec: the test's own process is large
own = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
peaks = [own * 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]
kept = [d["url"] or d["source_uri"] for d in result.documents]
print(json.dumps({"lost": lost, "kept": kept, "peaks": peaks}))
"""


def test_inputs_made_to_break_us_cost_ledger_lines_only(tmp_path):
    _write_bad_files(tmp_path)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert time.monotonic() - began < 110
    found = json.loads(done.stdout)
    lost = found["lost"]
    assert found["kept"] == ["https://e.org/good"]
    assert set(lost) == {*BAD_FILES, "nested", "bomb", "liar.png"}
    assert lost["big.html"] == "file_too_large"
    assert lost["nested.html"] == lost["nested"] == "too_deep"
    assert lost["encrypted.pdf"] == "pdf_encrypted"
    assert lost["bomb.tar.gz"] == "archive_bomb"
    assert lost["liar.png"] == "image_too_large"
    assert lost["cut.png"] == "image_undecodable"
    assert lost["bomb"] == "payload_too_large"
    # the largest bytes object that is legal here, a payload of 64 MiB, is held a few times
    worker, parsers = found["peaks"]
    assert worker < 600 << 20
    assert parsers < 1200 << 20


def test_archive_members_stay_inside(tmp_path):
    target = Path("/tmp/kalemint-was-here")
    (tmp_path / "climb.tar.gz").write_bytes(bad.climbing_tar())
    result = extract(tmp_path)
    assert not target.exists()
    assert len(result.documents) == 1
    assert "root:" not in str(result.documents)


@pytest.mark.corpora
def test_every_page_of_the_web_corpus_is_accounted_for(corpora: Path):
    result = extract(corpora / "web" / "pages.warc.gz", shard_bytes=1 << 20)
    assert sum(out.rows_in for out in result.outputs) == 604
    assert sum(out.kept for out in result.outputs) == len(result.documents)
    assert len(result.documents) >= 595
    assert not result.reasons("failed")
    assert len({d["id"] for d in result.documents}) == len(result.documents)


@pytest.mark.corpora
def test_odd_archives_are_accounted_for(corpora: Path):
    result = extract(corpora / "warc")
    assert result.reasons("failed") == {"warc_damage": 3, "bad_http": 1}
    assert result.reasons("dropped")["revisit"] == 140
    assert len(result.documents) >= 30
