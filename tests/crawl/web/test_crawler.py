from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import itertools
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import PIL.Image as PilImage
import pytest
from fastwarc.warc import ArchiveIterator

from components.core.errors import BadRecord
from components.crawl.addresses import canonical
from components.crawl.consent import parse_fields
from components.crawl.warc.writer import Record, split_warc
from components.crawl.web.client import (
    Decoder,
    HostGate,
    check_url,
    is_loopback_host,
    may_connect,
    retry_after,
)
from components.crawl.web.crawler import Crawler, Outcome, Target, url_id
from components.crawl.web.links import decode, largest_candidate, page_links
from components.crawl.web.params import FetchParams, FetchReason
from components.crawl.web.rules import scope_root
from tests.crawl.site_server import Handler, Site, serve

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
FAST = {"backoff_s": 0.01, "timeout_s": 20.0, "loopback_delay_s": 0.0}


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as server:
        yield server


def png(color: str = "red") -> bytes:
    out = io.BytesIO()
    PilImage.new("RGB", (40, 30), color).save(out, "PNG")
    return out.getvalue()


@dataclass
class Capture:
    """The records of one exchange, as fastwarc reads them."""

    url: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    ip: str | None
    truncated: bool
    evidence: dict[str, str]
    request: bytes


def read_warc(data: bytes) -> list[Capture]:
    """Every exchange in order; each digest is verified on the way."""
    found: list[Capture] = []
    request = b""
    for record in ArchiveIterator(io.BytesIO(data), parse_http=False):
        assert record.verify_block_digest(), record.headers.asdict()
        kind = record.headers["WARC-Type"]
        if kind == "request":
            request = record.reader.read()
        elif kind == "response":
            target, ip = record.headers["WARC-Target-URI"], record.headers.get("WARC-IP-Address")
            truncated = "WARC-Truncated" in record.headers
            record.parse_http()
            assert record.verify_payload_digest()
            http = record.http_headers
            headers = list(http.items())
            body = record.reader.read()
            assert dict(headers)["Content-Length"] == str(len(body))
            found.append(Capture(target, http.status_code, headers, body, ip, truncated, {}, request))
        elif kind == "metadata":
            fields = parse_fields(record.reader.read())
            if found and found[-1].url == record.headers["WARC-Target-URI"] and not found[-1].evidence:
                found[-1].evidence = fields
            else:
                target = record.headers["WARC-Target-URI"]
                found.append(Capture(target, 0, [], b"", None, False, fields, b""))
    return found


@dataclass
class Crawl:
    outcomes: list[Outcome]
    counters: dict[str, int]
    warc: bytes

    @property
    def captures(self) -> list[Capture]:
        """What was captured, without policy files."""
        policy = re.compile(r"/(robots\.txt|ai\.txt|\.well-known/tdmrep\.json)$")
        return [c for c in read_warc(self.warc) if not policy.search(c.url)]

    @property
    def verdicts(self) -> dict[str, str]:
        """Path → captured, or the reason why not."""
        paths = [re.sub(r"^https?://[^/]*", "", o.target.url) for o in self.outcomes]
        found = [str(o.reason) if o.reason else o.action for o in self.outcomes]
        return dict(zip(paths, found, strict=True))


def crawl(
    *seeds: str,
    loopback: bool = True,
    wanted: Callable[[str], bool] = lambda _: True,
    clock: Callable[[], datetime] = lambda: NOW,
    **params: Any,
) -> Crawl:
    crawler = Crawler(FetchParams(**{**FAST, **params}), clock=clock, allow_loopback=loopback, wanted=wanted)
    try:
        targets = [Target(u, f"seed{n}", n, wanted=wanted(f"seed{n}")) for n, u in enumerate(seeds)]
        asyncio.run(crawler.run(targets))
        warc = b"".join(split_warc(crawler.groups(), Record("warcinfo", NOW, b""), 1 << 30))
    finally:
        crawler.close()
    assert crawler.counters["urls_attempted"] == len(crawler.outcomes)
    return Crawl(crawler.outcomes, dict(crawler.counters), warc)


# what is captured


def test_a_page_and_its_images_become_records_with_digests_and_evidence(site: Site) -> None:
    page = """<html><head><base href="/img/"><meta name="robots" content="noarchive"></head><body>
      <img src="a.png"><img src="a.png"><img data-src="b.png" src="data:image/gif;base64,R0lGOD">
      <picture><source srcset="c-small.png 100w, c.png 800w"><img src="c-old.png"></picture>
      <a href="/other">other</a></body></html>"""
    site.add("/p", page, x_robots_tag="noarchive")
    for name, color in (("a", "red"), ("b", "blue"), ("c", "green"), ("c-old", "black")):
        site.add(f"/img/{name}.png", png(color), content_type="image/png")
    found = crawl(site.url("/p#top"))
    assert found.verdicts == dict.fromkeys(
        ["/p", "/img/a.png", "/img/b.png", "/img/c.png", "/img/c-old.png"], "captured"
    )
    assert site.asked.count("/img/a.png") == 1
    assert "/other" not in site.asked
    first, *images = found.captures
    assert first.body == page.encode()
    assert first.ip == "127.0.0.1"
    assert first.request.startswith(b"GET /p HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"User-Agent: kalemint/" in first.request
    assert first.evidence == {
        "robots": "unavailable",
        "x-robots-tag": "noarchive",
        "meta-robots": "noarchive",
        "noai": "false",
    }
    assert [image.body for image in images] == [png("red"), png("blue"), png("green"), png("black")]
    assert images[0].evidence["via"] == site.url("/p")
    # what the archive says was sent is what the server got
    sent = next(r for r in site.requests if r.path == "/p").headers
    assert f"User-Agent: {sent['User-Agent']}\r\n".encode() in first.request
    assert "+https://" in sent["User-Agent"]
    assert "Mozilla" not in sent["User-Agent"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw", "members", "chunked"])
def test_transfer_and_content_codings_are_undone_and_declared(site: Site, coding: str) -> None:
    text = b"<p>" + "größer ".encode() * 5000 + b"</p>"
    raw = zlib.compressobj(wbits=-15)
    wire = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw": raw.compress(text) + raw.flush(),
        "members": gzip.compress(text[:100]) + gzip.compress(text[100:]),
        "chunked": b"".join(b"%x\r\n%s\r\n" % (len(t), t) for t in (text[:9], text[9:])) + b"0\r\n\r\n",
    }[coding]
    name = {"raw": "deflate", "members": "gzip"}.get(coding, coding)
    if coding == "chunked":
        site.add("/z", wire, transfer_encoding="chunked")
    else:
        site.add("/z", wire, content_encoding=name)
    (capture,) = crawl(site.url("/z")).captures
    assert capture.body == text
    headers = {key.lower(): value for key, value in capture.headers}
    assert "content-encoding" not in headers
    assert "transfer-encoding" not in headers
    declared = "x-crawl-transfer-encoding" if coding == "chunked" else "x-crawl-content-encoding"
    assert headers[declared] == name


def test_same_answers_give_the_same_bytes_however_many_connections(site: Site) -> None:
    images = "".join(f'<img src="/{n}.png">' for n in range(12))
    site.add("/", images + '<a href="/a">a</a><a href="/b">b</a>')
    for name in ("a", "b"):
        site.add(f"/{name}", f'<p>{name}</p><img src="/{name}.png">')
    for name in [*map(str, range(12)), "a", "b"]:
        site.add(f"/{name}.png", png(), content_type="image/png")
    runs = {
        crawl(site.url("/"), follow="host", per_host_connections=n, concurrency=n).warc for n in (1, 4, 1)
    }
    assert len(runs) == 1


def test_mixed_charsets_and_odd_addresses(site: Site) -> None:
    site.add(
        "/sjis",
        '<meta charset="shift_jis"><a href="/日本.html">日本</a>'.encode("shift_jis"),
        content_type="text/html",
    )
    site.add(
        "/latin",
        '<a href="/caf\xe9 au lait.html?q=\xe9">x</a>'.encode("latin-1"),
        content_type="text/html; charset=iso-8859-1",
    )
    site.add("/utf16", '<a href="/sechzehn.html">x</a>'.encode("utf-16"), content_type="text/html")
    site.add("/lies", b'<a href="/wahr.html">x</a>', content_type="text/html; charset=no-such-thing")
    seeds = [site.url(f"/{name}") for name in ("sjis", "latin", "utf16", "lies")]
    asked = set()
    crawl(*seeds, follow="host")
    asked = set(site.asked)
    assert {
        "/%E6%97%A5%E6%9C%AC.html",
        "/caf%C3%A9%20au%20lait.html?q=%C3%A9",
        "/sechzehn.html",
        "/wahr.html",
    } <= asked


def test_links_are_followed_in_scope_and_to_the_depth_only(site: Site) -> None:
    site.add(
        "/docs/a.html",
        '<a href="b.html">b</a><a href="/out.html">out</a><a href="paper.pdf">pdf</a>'
        '<a rel="nofollow" href="no.html">no</a><a href="http://localhost:1/docs/x">host</a>'
        '<a href="mailto:a@b.c">m</a><area href="c.html">',
    )
    site.add("/docs/b.html", '<a href="a.html">back</a><a href="deep.html">deep</a>')
    site.add("/docs/c.html", "<p>c</p>", x_robots_tag="nofollow")
    site.add("/docs/paper.pdf", b"%PDF-1.4 minimal", content_type="application/pdf")
    site.add("/docs/deep.html", '<a href="deeper.html">deeper</a>')
    site.add("/docs/deeper.html", "<p>too deep</p>")
    found = crawl(site.url("/docs/a.html"), follow="prefix", max_depth=2)
    names = ["a.html", "b.html", "paper.pdf", "c.html", "deep.html"]
    assert found.verdicts == {f"/docs/{name}": "captured" for name in names}
    assert [o.target.depth for o in found.outcomes] == [0, 1, 1, 1, 2]
    assert found.captures[2].body == b"%PDF-1.4 minimal"


def test_a_calendar_without_end_stops_at_max_pages_and_says_so(site: Site) -> None:
    def day(handler: Handler) -> None:
        number = int(handler.path.rpartition("=")[2] or 0)
        links = "".join(f'<a href="/day?d={number + n}">next</a>' for n in range(1, 6))
        handler.reply(200, links.encode(), {"Content-Type": "text/html"})

    site.default = day
    site.add("/robots.txt", b"", 404)
    found = crawl(site.url("/day?d=0"), follow="host", max_pages=12, max_depth=1000, site_files=False)
    assert found.counters["urls_attempted"] == found.counters["urls_captured"] == 12
    assert found.counters["links_over_limit"] > 0
    notes = [change for outcome in found.outcomes for change in outcome.changes]
    assert all(reason == FetchReason.LIMIT_REACHED and "max_pages is 12" in text for reason, text in notes)
    assert notes


def test_images_beyond_the_limit_are_counted(site: Site) -> None:
    site.add("/", "".join(f'<img src="/{n}.png">' for n in range(5)))
    for n in range(5):
        site.add(f"/{n}.png", png(), content_type="image/png")
    found = crawl(site.url("/"), max_requisites=2)
    assert found.counters["urls_captured"] == 3
    assert found.counters["images_over_limit"] == 3


# what the publisher wants


def test_robots_rules_are_obeyed_and_recorded(site: Site) -> None:
    robots = "User-agent: kalemint\nDisallow: /private\nAllow: /\n\nUser-agent: *\nDisallow: /\n"
    site.add("/robots.txt", robots, content_type="text/plain")
    site.add("/", '<img src="/private/a.png"><a href="/private/b">b</a>')
    found = crawl(site.url("/"), follow="host")
    assert found.verdicts == {
        "/": "captured",
        "/private/a.png": "robots_disallowed",
        "/private/b": "robots_disallowed",
    }
    assert not [path for path in site.asked if path.startswith("/private")]
    assert site.asked.count("/robots.txt") == 1
    records = read_warc(found.warc)
    assert records[0].url == site.url("/robots.txt")
    assert records[0].body == robots.encode()
    assert found.captures[0].evidence["robots"] == "allowed"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(404, "captured"), (401, "captured"), (500, "robots_unreachable"), (429, "robots_unreachable")],
)
def test_robots_that_cannot_be_had(site: Site, status: int, verdict: str) -> None:
    site.add("/robots.txt", b"User-agent: *\nAllow: /", status, content_type="text/plain")
    site.add("/", "<p>hello</p>")
    assert crawl(site.url("/"), retries=0).verdicts == {"/": verdict}
    assert ("/" in site.asked) == (verdict == "captured")
    # it is asked for but not obeyed where the user says so
    assert crawl(site.url("/"), retries=0, respect_robots=False).verdicts == {"/": "captured"}


def test_robots_redirects_are_followed_but_not_for_ever(site: Site) -> None:
    site.add("/robots.txt", b"", 301, location="/moved.txt")
    site.add("/moved.txt", b"User-agent: *\nDisallow: /no", content_type="text/plain")
    site.add("/yes", "<p>yes</p>")
    found = crawl(site.url("/yes"), site.url("/no"))
    assert found.verdicts == {"/yes": "captured", "/no": "robots_disallowed"}
    site.add("/moved.txt", b"", 302, location="/robots.txt")
    assert crawl(site.url("/yes")).verdicts == {"/yes": "robots_unreachable"}


@pytest.mark.parametrize(
    ("headers", "meta", "verdict", "switch"),
    [
        ({"x_robots_tag": "noai"}, "", "noai", {"respect_noai": False}),
        ({"x_robots_tag": ["noindex", "kalemint: noml"]}, "", "noai", {"respect_noai": False}),
        ({}, '<meta name="robots" content="index, noai">', "noai", {"respect_noai": False}),
        ({}, '<meta name="Kalemint" content="noai">', "noai", {"respect_noai": False}),
        ({"content_usage": "train-ai=n"}, "", "ai_usage", {"respect_noai": False}),
        ({"tdm_reservation": "1"}, "", "tdm_reserved", {"respect_tdm": False}),
        ({}, '<meta name="tdm-reservation" content="1">', "tdm_reserved", {"respect_tdm": False}),
        ({"x_robots_tag": "otherbot: noai"}, '<meta name="googlebot" content="noai">', "captured", {}),
        ({"tdm_reservation": "1"}, '<meta name="tdm-reservation" content="0">', "captured", {}),
    ],
)
def test_refusals_leave_evidence_and_no_content(
    site: Site, headers: dict[str, Any], meta: str, verdict: str, switch: dict[str, bool]
) -> None:
    site.add(
        "/", f'<html><head>{meta}</head><p>secret words</p><img src="/i.png"><a href="/next">n</a>', **headers
    )
    found = crawl(site.url("/"), follow="host")
    assert found.verdicts["/"] == verdict
    if verdict != "captured":
        assert found.verdicts == {"/": verdict}, "what a refused page shows is left alone, too"
        assert b"secret words" not in b"".join(c.body for c in read_warc(found.warc))
        (evidence,) = found.captures
        assert evidence.status == 0
        assert evidence.evidence["content"] == "not kept"
        assert {"noai", "tdm-reservation"} & evidence.evidence.keys()
        assert crawl(site.url("/"), **switch).verdicts["/"] == "captured"


def test_noimageai_keeps_the_text_and_leaves_the_images(site: Site) -> None:
    site.add("/", '<meta name="robots" content="noimageai"><p>text</p><img src="/a.png"><img src="/b.png">')
    site.add("/direct.png", png(), content_type="image/png", x_robots_tag="noimageai")
    found = crawl(site.url("/"), site.url("/direct.png"))
    assert found.verdicts == {"/": "captured", "/direct.png": "noimageai"}
    assert found.outcomes[0].changes == [(FetchReason.IMAGES_WITHHELD, "2 images: noimageai")]
    assert "/a.png" not in site.asked


def test_policy_files_of_the_site(site: Site) -> None:
    site.add(
        "/.well-known/tdmrep.json",
        '[{"location": "/reserved/", "tdm-reservation": 1, "tdm-policy": "https://example.org/p"}]',
        content_type="application/json",
    )
    site.add("/ai.txt", "User-Agent: *\nDisallow: *.png\nAllow: /", content_type="text/plain")
    site.add("/free", '<p>free</p><img src="/x.png">')
    site.add("/reserved/page", "<p>reserved</p>")
    site.add("/x.png", png(), content_type="image/png")
    seeds = site.url("/free"), site.url("/reserved/page")
    found = crawl(*seeds)
    assert found.verdicts == {"/free": "captured", "/reserved/page": "tdm_reserved", "/x.png": "ai_txt"}
    assert "/x.png" not in site.asked
    refused = next(c for c in found.captures if c.url.endswith("/reserved/page"))
    assert refused.evidence["tdm-policy"] == "https://example.org/p"
    site.requests.clear()
    assert set(crawl(*seeds, site_files=False).verdicts.values()) == {"captured"}
    assert not {"/ai.txt", "/.well-known/tdmrep.json"} & set(site.asked)


def test_a_page_in_place_of_a_policy_file_is_no_policy(site: Site) -> None:
    site.default = lambda handler: handler.reply(
        200, b"<p>User-agent: * Disallow: / not found</p>", {"Content-Type": "text/html"}
    )
    assert crawl(site.url("/page")).verdicts == {"/page": "captured"}


# politeness


def test_one_exchange_at_a_time_each_after_the_pause(site: Site) -> None:
    site.add("/", "".join(f'<img src="/{n}.png">' for n in range(4)))
    for n in range(4):
        site.add(f"/{n}.png", png(), content_type="image/png")
    crawl(site.url("/"), loopback_delay_s=0.05)
    # the pause runs from the moment our side has the whole answer, which is after the server began
    # to give it: so these inequalities hold on a machine of any speed
    for before, after in itertools.pairwise(site.requests):
        assert after.began - before.began >= 0.05
    assert len(site.requests) == 8


def test_crawl_delay_is_honoured_up_to_the_cap(site: Site) -> None:
    site.add("/robots.txt", "User-agent: *\nCrawl-delay: 3600", content_type="text/plain")
    site.add("/a", "<p>a</p>")
    site.add("/b", "<p>b</p>")
    crawl(site.url("/a"), site.url("/b"), max_crawl_delay_s=0.1, site_files=False)
    began = [request.began for request in site.requests]
    assert all(after - before >= 0.1 for before, after in itertools.pairwise(began))


def test_no_more_connections_to_a_host_than_allowed(site: Site) -> None:
    level, peak = 0, 0

    def slow(handler: Handler) -> None:
        nonlocal level, peak
        with site.lock:
            level += 1
            peak = max(peak, level)
        time.sleep(0.002)
        handler.reply(200, png(), {"Content-Type": "image/png"})
        with site.lock:
            level -= 1

    site.add("/", "".join(f'<img src="/{n}.png">' for n in range(30)))
    for n in range(30):
        site.pages[f"/{n}.png"] = slow
    crawl(site.url("/"), per_host_connections=2)
    assert peak <= 2


def test_gate_gives_turns_in_order_with_pauses() -> None:
    async def play() -> list[tuple[str, int, float]]:
        gate, log = HostGate(2, 0.02), []
        clock = asyncio.get_running_loop().time

        async def use(number: int) -> None:
            async with gate.turn():
                log.append(("begin", number, clock()))
                await asyncio.sleep(0.005)
                log.append(("end", number, clock()))
                if number == 2:
                    gate.hold(0.1)

        await asyncio.gather(*(use(n) for n in range(5)))
        return log

    log = asyncio.run(play())
    begins = [(number, moment) for what, number, moment in log if what == "begin"]
    ends = {number: moment for what, number, moment in log if what == "end"}
    assert [number for number, _ in begins] == list(range(5))
    assert all(b - a >= 0.02 for (_, a), (_, b) in itertools.pairwise(begins))
    assert begins[3][1] - ends[2] >= 0.1


# what goes wrong


def test_503_with_retry_after_is_waited_for(site: Site) -> None:
    answers = iter([(503, {"Retry-After": "1"}), (429, {}), (200, {"Content-Type": "text/html"})])

    def answer(handler: Handler) -> None:
        status, headers = next(answers)
        handler.reply(status, b"<p>at last</p>", headers)

    site.pages["/busy"] = answer
    found = crawl(site.url("/busy"), retries=2)
    assert found.verdicts == {"/busy": "captured"}
    first, second, third = [request for request in site.requests if request.path == "/busy"]
    assert second.began - first.began >= 1.0
    assert third.began - second.began >= 0.02, "the back-off doubles"


def test_a_retry_after_of_hours_fails_at_once(site: Site) -> None:
    site.add("/busy", b"", 503, retry_after="7200")
    assert crawl(site.url("/busy"), retries=5).verdicts == {"/busy": "http_5xx"}
    assert site.asked.count("/busy") == 1


def test_retry_after_in_all_its_spellings() -> None:
    assert retry_after("120", NOW) == 120
    assert retry_after(format_datetime(NOW + timedelta(seconds=90), usegmt=True), NOW) == 90
    assert retry_after(format_datetime(NOW - timedelta(seconds=90), usegmt=True), NOW) == 0
    assert retry_after("soon", NOW) is None
    assert retry_after("-5", NOW) is None
    assert retry_after(None, NOW) is None


def _cut_short(handler: Handler) -> None:
    handler.reply(200, b"<p>half", {"Content-Type": "text/html", "Content-Length": "5000"})
    handler.close_connection = True


def _cut_gzip(handler: Handler) -> None:
    body = gzip.compress(b"<p>" + b"word " * 9999)[:-40]
    handler.reply(200, body, {"Content-Type": "text/html", "Content-Encoding": "gzip"})


def _hang(handler: Handler) -> None:
    handler.connection.settimeout(3)
    handler.send_response_only(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.flush()
    with contextlib.suppress(OSError):
        handler.connection.recv(1)  # until the client gives up
    handler.close_connection = True


def _nonsense(handler: Handler) -> None:
    handler.wfile.write(b"NONSENSE\r\n\r\n")
    handler.close_connection = True


def _slam(handler: Handler) -> None:
    handler.close_connection = True


BOMB = gzip.compress(bytes(50_000_000), 1)


def _bomb(handler: Handler) -> None:
    handler.reply(200, BOMB, {"Content-Type": "text/html", "Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("answer", "reason", "times"),
    [
        (_cut_short, "truncated", 2),
        (_cut_gzip, "truncated", 2),
        (_hang, "timeout", 2),
        # twice by us, and each time once more by aiohttp, for the server may have closed an idle connection
        (_slam, "disconnected", 4),
        (_nonsense, "bad_http", 1),
        (_bomb, "too_large", 1),
        (lambda h: h.reply(200, bytes(2_000_000), {"Content-Type": "text/html"}), "too_large", 1),
        (
            lambda h: h.reply(200, b"x", {"Content-Type": "text/html", "Content-Encoding": "br"}),
            "bad_encoding",
            1,
        ),
        (
            lambda h: h.reply(200, b"no gzip", {"Content-Type": "text/html", "Content-Encoding": "gzip"}),
            "bad_encoding",
            1,
        ),
        (lambda h: h.reply(404, b"gone", {}), "http_4xx", 1),
        (lambda h: h.reply(500, b"oh", {}), "http_5xx", 2),
        (lambda h: h.reply(204, b"", {}), "http_other", 1),
        (lambda h: h.reply(304, b"", {}), "http_other", 1),
        (lambda h: h.reply(200, b"", {"Content-Type": "text/html"}), "empty", 1),
        (lambda h: h.reply(200, b"a,b", {"Content-Type": "text/csv"}), "content_type", 1),
        (lambda h: h.reply(200, b"\0\1\2", {"Content-Type": "application/octet-stream"}), "content_type", 1),
        (lambda h: h.reply(302, b"", {"Location": "file:///etc/passwd"}), "bad_url", 1),
        (lambda h: h.reply(302, b"", {"Location": "http://169.254.169.254/latest/"}), "private_address", 1),
        (lambda h: h.reply(302, b"", {"Location": "http://10.0.0.1/"}), "private_address", 1),
        (lambda h: h.reply(302, b"", {"Location": "http://[::ffff:10.0.0.1]/"}), "private_address", 1),
        (lambda h: h.reply(302, b"", {"Location": "http://user:pass@127.0.0.1/"}), "bad_url", 1),
        (lambda h: h.reply(302, b"", {"Location": "http://[bad"}), "bad_url", 1),
        (lambda h: h.reply(302, b"", {"Location": "/x"}), "too_many_redirects", 1),
    ],
)
def test_every_fault_has_its_reason(site: Site, answer: Any, reason: str, times: int) -> None:
    site.pages["/x"] = answer
    site.add("/robots.txt", b"", 404)
    timeout = 0.4 if answer is _hang else 20.0
    found = crawl(site.url("/x"), retries=1, timeout_s=timeout, max_bytes=1_000_000, site_files=False)
    assert found.verdicts == {"/x": reason}
    assert site.asked.count("/x") == times
    assert found.captures == []


def test_a_fault_that_passes_is_forgotten(site: Site) -> None:
    answers = iter(
        [_cut_short, _slam, lambda h: h.reply(200, b"<p>whole</p>", {"Content-Type": "text/html"})]
    )

    def answer(handler: Handler) -> None:
        next(answers)(handler)

    site.pages["/x"] = answer
    found = crawl(site.url("/x"), retries=2)
    assert [capture.body for capture in found.captures] == [b"<p>whole</p>"]


def test_hosts_that_are_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/"
        found = crawl(
            closed, "http://no-such-host.invalid/", "http://no host/", "ftp://127.0.0.1/", retries=0
        )
    reasons = [str(outcome.reason) for outcome in found.outcomes]
    # seeds that are no addresses are settled first, for they are never asked for
    assert reasons == ["bad_url", "bad_url", "connect", "dns"]
    assert found.warc == b""


def test_a_server_without_tls(site: Site) -> None:
    site.add("/", "<p>plain</p>")
    found = crawl(site.url("/").replace("http:", "https:"), retries=0)
    assert found.verdicts == {"/": "tls"}


def test_redirects_are_recorded_hop_by_hop_and_ends_met_twice_are_kept_once(site: Site) -> None:
    site.add("/1", b"moved", 301, location="/2", content_type="text/plain")
    site.add("/2", b"", 307, location="3?x=y z#frag")
    site.add("/3?x=y%20z", "<p>here</p>")
    found = crawl(site.url("/1"), site.url("/3?x=y%20z"))
    assert found.verdicts == {"/1": "captured", "/3?x=y%20z": "duplicate_url"}
    assert [(c.url.removeprefix(site.url("")), c.status, c.truncated) for c in found.captures] == [
        ("/1", 301, True),
        ("/2", 307, True),
        ("/3?x=y%20z", 200, False),
    ]
    assert found.captures[-1].evidence["requested-url"] == site.url("/1")


def test_redirects_out_of_scope_and_chains_too_long(site: Site) -> None:
    site.add("/in/", '<a href="away">x</a>')
    site.add("/in/away", b"", 302, location="/out/")
    site.add("/out/", "<p>out</p>")
    assert crawl(site.url("/in/"), follow="prefix").verdicts == {"/in/": "captured", "/in/away": "off_scope"}
    for n in range(12):
        site.add(f"/hop{n}", b"", 302, location=f"/hop{n + 1}")
    site.add("/hop12", "<p>end</p>")
    assert crawl(site.url("/hop0")).verdicts == {"/hop0": "too_many_redirects"}
    assert crawl(site.url("/hop2")).verdicts == {"/hop2": "captured"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "127.1", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_a_public_crawl_reaches_nothing_on_this_machine(site: Site, host: str) -> None:
    site.add("/", "<p>intranet</p>")
    found = crawl(site.url("/", host), loopback=False, retries=0)
    assert found.verdicts == {"/": "bad_url" if host in {"2130706433", "127.1"} else "private_address"}
    assert site.asked == []
    if host in {"127.0.0.1", "localhost"}:
        allowed = crawl(site.url("/", host), loopback=False, retries=0, allow_private=True)
        assert allowed.verdicts == {"/": "captured"}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert may_connect(address, allow_private=False, allow_loopback=False) is public
    assert may_connect(address, allow_private=True, allow_loopback=False)


def test_loopback_needs_its_own_permission() -> None:
    assert may_connect("127.0.0.1", allow_private=False, allow_loopback=True)
    assert may_connect("::1", allow_private=False, allow_loopback=True)
    assert not may_connect("10.0.0.1", allow_private=False, allow_loopback=True)
    assert [
        is_loopback_host(h) for h in ("LOCALHOST.", "a.localhost", "127.8.8.8", "::1", "example.org")
    ] == [
        True,
        True,
        True,
        True,
        False,
    ]
    with pytest.raises(BadRecord, match="private_address"):
        check_url("http://127.0.0.1/", lambda _: False)


def test_images_have_to_be_images(site: Site) -> None:
    site.add(
        "/",
        "".join(f'<img src="/{name}">' for name in ("html.png", "bin.png", "fake.png", "big.png", "v.svg")),
    )
    site.add("/html.png", "<p>not found</p>")
    site.add("/bin.png", png(), content_type="application/octet-stream")
    site.add("/fake.png", b"%PDF-1.4", content_type="application/octet-stream")
    site.add("/big.png", png() + bytes(9000), content_type="image/png")
    site.add("/v.svg", "<svg/>", content_type="image/svg+xml")
    found = crawl(site.url("/"), max_image_bytes=5000)
    assert found.verdicts == {
        "/": "captured",
        "/html.png": "content_type",
        "/bin.png": "captured",
        "/fake.png": "content_type",
        "/big.png": "too_large",
        "/v.svg": "content_type",
    }


def test_the_budget_of_bytes_ends_a_crawl(site: Site) -> None:
    site.add("/", "".join(f'<img src="/{n}.png">' for n in range(5)))
    for n in range(5):
        site.add(f"/{n}.png", png() + bytes(range(256)) * 8, content_type="image/png")
    found = crawl(site.url("/"), max_total_bytes=6000, site_files=False)
    verdicts = list(found.verdicts.values())
    assert verdicts[0] == "captured"
    assert verdicts[-1] == "crawl_budget"
    assert found.counters["urls_dropped"] == verdicts.count("crawl_budget") > 0


def test_a_retry_visits_a_page_only_for_the_image_that_failed(site: Site) -> None:
    site.add("/", '<img src="/good.png"><img src="/bad.png">')
    site.add("/good.png", png(), content_type="image/png")
    site.add("/bad.png", b"", 500)
    first = crawl(site.url("/"), retries=0)
    assert first.verdicts == {"/": "captured", "/good.png": "captured", "/bad.png": "http_5xx"}
    failed = first.outcomes[2].target.id
    assert failed == url_id(site.url("/bad.png"))
    site.add("/bad.png", png("blue"), content_type="image/png")
    site.requests.clear()
    again = crawl(site.url("/"), wanted={failed}.__contains__)
    assert again.verdicts == {"/bad.png": "captured"}
    assert [capture.url for capture in again.captures] == [site.url("/bad.png")]
    assert "/good.png" not in site.asked


# small parts


@pytest.mark.parametrize(
    ("srcset", "chosen"),
    [
        ("a.jpg 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 800w, b.jpg 400w", "a.jpg"),
        ("a,b.jpg 1x, c.jpg 3x", "c.jpg"),
        ("a.jpg, b.jpg 2x", "b.jpg"),
        ("data:image/png;base64,AAAA 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg nonsense, b.jpg", "b.jpg"),
        (" , ,", None),
        ("", None),
        ("," * 60_000, None),
    ],
)
def test_largest_candidate(srcset: str, chosen: str | None) -> None:
    assert largest_candidate(srcset) == chosen


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("HTTP://Example.ORG:80/a b#c", "http://example.org/a%20b"),
        ("https://example.org:443", "https://example.org/"),
        ("https://example.org:8443/x?q=ä&r=%20+", "https://example.org:8443/x?q=%C3%A4&r=%20+"),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]/x"),
        ("http://example.org/%7Ea/../b", "http://example.org/%7Ea/../b"),
        ("ftp://example.org/", None),
        ("http://", None),
        ("http://example.org:99999/", None),
        ("http://[::1", None),
        ("http://example.org/" + "a" * 5000, None),
    ],
)
def test_canonical(url: str, asked: str | None) -> None:
    assert canonical(url) == asked
    assert asked is None or canonical(asked) == asked


def test_page_links_of_a_hostile_page_are_bounded() -> None:
    page = b"<div>" * 2_000 + b'<a href="/x">' + b"".join(b'<img src="/%d.png">' % n for n in range(20_000))
    found = page_links(page, "http://example.org/")
    assert found.links == ["http://example.org/x"]
    assert len(found.images) == 10_000


def test_decode_prefers_the_mark_then_the_header_then_the_page() -> None:
    assert decode("\ufeffä".encode(), "latin-1") == "ä"
    assert decode("ä".encode("latin-1"), "latin-1") == "ä"
    assert decode(b'<meta charset="windows-1251">' + "д".encode("cp1251"), None).endswith("д")
    assert decode(b'<meta charset="utf-16">' + "ä".encode(), None).endswith("ä")


@pytest.mark.parametrize("size", [999, 1000])
def test_the_decoder_takes_just_what_the_limit_allows(size: int) -> None:
    for encoding, data in (("identity", bytes(size)), ("gzip", gzip.compress(bytes(size)))):
        decoder = Decoder(encoding, 1000)
        for byte in data:
            decoder.feed(bytes([byte]))
        assert decoder.finish() == bytes(size)
        with pytest.raises(BadRecord, match="too_large"):
            decoder = Decoder(encoding, size - 1)
            decoder.feed(data)


def test_scope_roots() -> None:
    assert scope_root("https://a.org/x/y.html", "prefix") == "a.org/x/"
    assert scope_root("https://a.org/x/y.html", "host") == "a.org/"
    assert scope_root("https://a.org", "prefix") == "a.org/"
