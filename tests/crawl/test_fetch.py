from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from components.core import schemas, shards
from components.core.manifest import Counts, Manifest
from components.core.plan import StepPlan
from components.core.records import record_id
from components.core.runner import publish, request_retry, run_step
from components.core.stage import Output, Unit
from components.core.store import Stores, open_store
from components.crawl.consent import consent_of, parse_fields
from components.crawl.fetch import FetchParams, FetchReason, FetchStage
from components.crawl.warc.reader import WarcRecord, read_warc
from tests.crawl.site_server import Site, serve
from tests.crawl.web.test_crawler import FAST, png
from tests.crawl.web.test_crawler import read_warc as captures

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as server:
        server.add("/", '<title>Home</title><img src="/a.png"><img src="/gone.png"><img src="/private.png">')
        server.add("/a.png", png(), content_type="image/png")
        server.add("/two", "<p>two</p>", x_robots_tag="noarchive")
        server.add("/robots.txt", "User-agent: *\nDisallow: /private", content_type="text/plain")
        yield server


def row(kind: str, uri: str, size: int = -1) -> dict[str, Any]:
    found = record_id(kind, uri)
    return {"id": found, "kind": kind, "uri": uri, "start": 0, "stop": 0, "bytes": size, "url": None}


def run(rows: list[dict[str, Any]], only: set[str] | None = None, **params: Any) -> Output:
    stage = FetchStage(FetchParams(**{**FAST, **params}), clock=lambda: NOW)
    table = pa.Table.from_pylist(rows, schema=schemas.get("sources/1"))
    out = Output(step="fetch", reasons=FetchReason)
    unit = Unit(0, {"sources": table}, Stores("file:///tmp"), frozenset(only) if only is not None else None)
    stage.run(unit, out)
    stage.close()
    assert out.rows_in is not None
    assert out.kept is not None
    decided = [line for line in out.ledger if line["action"] != "changed"]
    assert out.rows_in == out.kept + len(decided)
    return out


def kept(out: Output) -> list[dict[str, Any]]:
    return pa.concat_tables(out.tables["sources"]).to_pylist()


def test_addresses_become_warc_files_and_other_sources_pass(site: Site) -> None:
    others = [row("warc", "file:///a.warc.gz", 10), row("pdf", "file:///b.pdf", 20)]
    out = run([others[0], row("url", site.url("/")), row("url", site.url("/two")), others[1]])
    *passed, warc = kept(out)
    assert passed == others
    (attachment,) = out.attachments
    assert warc["kind"] == "warc"
    assert warc["uri"] == f"attachment:{attachment.name}"
    assert (warc["start"], warc["stop"], warc["bytes"]) == (0, len(attachment.data), len(attachment.data))
    assert attachment.name.startswith("crawl-")
    assert attachment.name.endswith(".warc.gz")
    pages = [c.url.removeprefix(site.url("")) for c in captures(attachment.data) if c.status == 200]
    assert pages == ["/robots.txt", "/", "/two", "/a.png"]
    assert out.rows_in == 2 + 5
    assert out.kept == 2 + 3
    lines = {line["locator"]: (line["action"], line["reason"]) for line in out.ledger}
    assert lines == {
        site.url("/gone.png"): ("failed", "http_4xx"),
        site.url("/private.png"): ("dropped", "robots_disallowed"),
    }
    assert out.counters["urls_attempted"] == 5
    assert out.counters["warc_bytes"] == len(attachment.data)


def test_the_same_answers_give_the_same_files(site: Site) -> None:
    rows = [row("url", site.url("/")), row("url", site.url("/two"))]
    first, second = run(rows), run(rows, concurrency=1, per_host_connections=3)
    assert first.attachments == second.attachments
    assert kept(first) == kept(second)
    site.add("/two", "<p>changed</p>")
    assert run(rows).attachments[0].name != first.attachments[0].name


def test_a_large_crawl_is_split_between_exchanges(site: Site) -> None:
    rows = [row("url", site.url("/")), row("url", site.url("/two"))]
    whole, parts = run(rows), run(rows, warc_bytes=1500)
    assert len(parts.attachments) > 2
    assert [r["uri"] for r in kept(parts)] == [f"attachment:{a.name}" for a in parts.attachments]
    assert len({r["id"] for r in kept(parts)}) == len(parts.attachments)
    exchanges = [c for a in parts.attachments for c in captures(a.data)]
    assert exchanges == captures(whole.attachments[0].data)


def test_the_url_itself_can_fail_in_many_ways_and_no_file_is_written_for_nothing() -> None:
    rows = [
        row("url", "http://no-such-host.invalid/"),
        row("url", "gopher://x/"),
        row("url", "http://10.0.0.1/"),
    ]
    out = run(rows, retries=0)
    assert kept(out) == []
    assert out.attachments == []
    reasons = {line["record_id"]: line["reason"] for line in out.ledger}
    assert reasons == {
        rows[0]["id"]: "dns",
        rows[1]["id"]: "bad_url",
        rows[2]["id"]: "private_address",
    }
    assert {line["record_kind"] for line in out.ledger} == {"source"}


def test_no_rows_no_work() -> None:
    out = run([])
    assert (out.rows_in, out.kept, out.attachments, out.ledger) == (0, 0, [], [])


def test_a_public_seed_does_not_get_what_a_local_seed_may(site: Site) -> None:
    # 0x7f.1 is this machine, too, but does not say so: it is crawled with the public seeds
    out = run([row("url", site.url("/two")), row("url", site.url("/two", "0x7f.1"))], retries=0)
    assert [(line["locator"], line["reason"]) for line in out.ledger] == [
        (site.url("/two", "0x7f.1"), "private_address")
    ]
    assert out.kept == 1


def test_the_reader_of_this_family_reads_the_files(site: Site, tmp_path: Path) -> None:
    out = run([row("url", site.url("/two"))])
    path = tmp_path / "x.warc.gz"
    path.write_bytes(out.attachments[0].data)
    records = list(read_warc(Stores(tmp_path.as_uri()), path.as_uri()))
    assert all(isinstance(record, WarcRecord) for record in records)
    assert records[0].type == "warcinfo"
    assert parse_fields(records[0].block)["robots"] == "obey (RFC 9309)"
    assert parse_fields(records[0].block)["http-header-user-agent"].startswith("kalemint/")
    page = next(r for r in records if r.type == "response" and r.target_uri == site.url("/two"))
    assert page.date == NOW
    about = next(r for r in records if r.type == "metadata")
    assert about.headers["WARC-Refers-To"] == page.headers["WARC-Record-ID"]
    consent = consent_of(parse_fields(about.block))
    assert (consent.robots, consent.x_robots_tag, consent.noai) == ("allowed", "noarchive", False)


def test_retry_of_a_failed_image_adds_only_that(site: Site, tmp_path: Path) -> None:
    root = tmp_path.as_uri()
    table = pa.Table.from_pylist(
        [row("url", site.url("/")), row("url", site.url("/two"))], schema=schemas.get("sources/1")
    )
    counts = Counts(rows_in=2, kept=2)
    given = {"sources": publish("sources", "sources", "sources/1", [table], [], counts, root, params={})}
    stage = FetchStage(FetchParams(**FAST))
    manifest = run_step(stage, given, root)["sources"]
    assert (manifest.counts.rows_in, manifest.counts.kept) == (5, 3)
    assert manifest.counts.failed == {"http_4xx": 1}
    (first,) = _files(manifest)
    assert [c.url for c in captures(first) if c.status == 200][-1] == site.url("/a.png")

    site.add("/gone.png", png("blue"), content_type="image/png")
    failed = record_id("url", site.url("/gone.png"))
    unit = StepPlan(stage, given).units[0]
    request_retry(open_store(root), "fetch", {unit.fingerprint: [failed]})
    again = run_step(FetchStage(FetchParams(**FAST)), given, root)["sources"]
    assert (again.counts.rows_in, again.counts.kept, again.counts.failed) == (5, 4, {})
    before, after = _files(again)
    assert before == first
    kinds = [(c.url, c.status) for c in captures(after)]
    assert kinds[-1] == (site.url("/gone.png"), 200)
    assert site.url("/a.png") not in dict(kinds)


def _files(manifest: Manifest) -> list[bytes]:
    store = open_store(manifest.location)
    rows = [r for shard in manifest.shards for r in shards.read(store, shard).to_pylist()]
    return [Stores(manifest.location).read(r["uri"]) for r in rows]


def test_a_retry_of_what_nothing_leads_to_any_more_is_not_forgotten(site: Site) -> None:
    lost = record_id("url", "http://127.0.0.1/lost.png")
    out = run([row("url", site.url("/two"))], only={lost})
    assert [(line["record_id"], line["reason"]) for line in out.ledger] == [(lost, "not_found_again")]
    assert (out.rows_in, out.kept, out.attachments) == (1, 0, [])


def test_a_retry_of_one_seed_leaves_the_others_alone(site: Site) -> None:
    rows = [row("url", site.url("/")), row("url", site.url("/two"))]
    out = run(rows, only={rows[1]["id"]})
    assert out.kept == 1
    assert "/" not in site.asked


def test_parameters_are_checked() -> None:
    assert FetchParams().user_agent.startswith("kalemint/")
    assert FetchParams(contact="mailto:me@example.org").user_agent.endswith("(+mailto:me@example.org)")
    for wrong in ({"contact": "two\r\nlines"}, {"follow": "web"}, {"timeout_s": 0}, {"no_such": 1}):
        with pytest.raises(ValidationError):
            FetchParams(**wrong)
