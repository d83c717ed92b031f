from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import random
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image as PilImage
import pyarrow as pa
import pytest

from components.core import schemas, shards
from components.core.manifest import Counts, Manifest, Partitioning
from components.core.plan import StepPlan
from components.core.records import record_id
from components.core.runner import publish, request_retry, run_step
from components.core.stage import Output, Unit
from components.core.store import Stores, open_store
from components.crawl.fetch_files import read_targets
from components.crawl.fetch_images import FetchImagesStage
from components.crawl.web.file_params import FetchImagesParams, FileReason
from tests.crawl.site_server import Handler, Site, serve

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
LOCAL: dict[str, Any] = {"fetch": True, "allow_private": True, "backoff_s": 0.01, "site_files": False}


def picture(seed: int = 0, size: tuple[int, int] = (60, 40), form: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    PilImage.fromarray(pixels).resize(size, PilImage.Resampling.BICUBIC).save(out, form)
    return out.getvalue()


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as server:
        yield server


def target(url: str, *page_shards: int, host: str = "127.0.0.1", kind: str = "image") -> dict[str, Any]:
    return {"url": url, "host": host, "kind": kind, "referrer": None, "shards": sorted(page_shards)}


def targets_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get("fetch_targets/1"))


class Result:
    """What one unit gave, with every invariant of the step checked."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.tables = {port: pa.concat_tables(tables) for port, tables in out.tables.items()}
        self.images = self.tables.get("images", schemas.get("images/1").empty_table()).to_pylist()
        self.links = self.tables["image_links"].to_pylist()
        self.fetches = {row["url"]: row for row in self.tables["fetches"].to_pylist()}
        self.reasons = {line["locator"]: (line["action"], line["reason"]) for line in out.ledger}
        assert out.rows_in == out.kept + len(out.ledger)  # type: ignore[operator]
        assert len(self.fetches) == self.tables["fetches"].num_rows == out.rows_in
        captured = {url for url, row in self.fetches.items() if row["outcome"] == "captured"}
        assert len(captured) == out.kept
        assert {url: reason for url, (_, reason) in self.reasons.items()} == {
            url: row["outcome"] for url, row in self.fetches.items() if url not in captured
        }
        assert {link["url"] for link in self.links} <= captured
        assert {link["image_id"] for link in self.links} <= {image["id"] for image in self.images}
        for image in self.images:
            assert hashlib.sha256(image["bytes"]).hexdigest() == image["id"]
            assert len(image["bytes"]) == image["size"]


def fetch(rows: list[dict[str, Any]], only: set[str] | None = None, **params: Any) -> Result:
    stage = FetchImagesStage(FetchImagesParams(**{**LOCAL, **params}), clock=lambda: NOW)
    out = Output(step=stage.name, reasons=stage.reasons)
    wanted = None if only is None else frozenset(only)
    try:
        stage.run(Unit(0, {"targets": targets_table(rows)}, Stores(), wanted), out)
    finally:
        stage.close()
    return Result(out)


@contextlib.contextmanager
def raw_server(answer: bytes, pause_s: float = 0.0, repeat: bytes = b"") -> Iterator[str]:
    """A server that sends bytes, HTTP or not, then `repeat` until the client goes away."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = threading.Event()

        def talk(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer)
                while repeat and not gone.is_set():
                    connection.sendall(repeat)
                    time.sleep(pause_s)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        gone.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_images_are_kept_as_they_came_and_linked_to_every_shard(site: Site) -> None:
    red, blue = picture(1), picture(2, form="JPEG")
    site.add("/red.png", red, content_type="image/png", x_robots_tag="noarchive")
    site.add("/same.png", red, content_type="image/png")
    site.add("/blue.jpg", blue, content_type="image/jpeg")
    rows = [
        target(site.url("/same.png"), 4),
        target(site.url("/red.png"), 7, 2),
        target(site.url("/blue.jpg")),
    ]
    got = fetch(rows)
    assert got.out.kept == 3
    by_id = {image["id"]: image for image in got.images}
    assert {i["bytes"] for i in got.images} == {red, blue}
    assert [image["id"] for image in got.images] == sorted(by_id)
    shared = by_id[hashlib.sha256(red).hexdigest()]
    assert (shared["format"], shared["width"], shared["height"]) == ("png", 60, 40)
    assert shared["url"] == site.url("/red.png")
    assert [(link["shard"], link["url"]) for link in got.links] == [
        (2, site.url("/red.png")),
        (4, site.url("/same.png")),
        (7, site.url("/red.png")),
    ]
    assert {(link["image_id"], link["width"], link["height"]) for link in got.links} == {
        (shared["id"], 60, 40)
    }
    row = got.fetches[site.url("/red.png")]
    assert row["consent"] == {
        "robots": "unavailable",
        "x_robots_tag": "noarchive",
        "meta_robots": None,
        "tdm_reservation": None,
        "noai": False,
    }
    assert (row["status"], row["attempts"], row["size"], row["sha256"]) == (200, 1, len(red), shared["id"])
    assert (row["content_type"], row["fetched_at"], row["final_url"]) == (
        "image/png",
        NOW,
        site.url("/red.png"),
    )
    assert got.out.counters["distinct_images"] == 2


def test_an_address_of_two_rows_is_asked_for_once() -> None:
    rows = [
        target("http://a.example/x", 3),
        target("http://a.example/x", 1, 3),
        target("http://a.example/p", kind="pdf"),
    ]
    rows[0]["referrer"], rows[1]["referrer"] = "http://b/", "http://a/"
    (one,) = read_targets(targets_table(rows), "image")
    assert (one.shards, one.referrer) == ((1, 3), "http://a/")


def test_each_answer_has_its_reason(site: Site) -> None:
    robots = "User-agent: *\nDisallow: /private"
    site.add("/robots.txt", robots, content_type="text/plain")
    image = picture()

    def short(handler: Handler) -> None:
        handler.reply(200, image, {"Content-Length": str(len(image) + 5), "Connection": "close"})
        handler.close_connection = True

    site.add("/gone.png", b"", 410)
    site.add("/forbidden.png", b"", 403)
    site.add("/broken.png", b"", 500)
    site.add("/nothing.png", b"", 204)
    site.add("/empty.png", b"", content_type="image/png")
    site.add("/page.png", "<html>not here</html>", content_type="image/png")
    site.add("/cut.png", image[: len(image) // 2], content_type="image/png")
    site.add("/liar", image, content_type="text/html")
    site.add("/noai.png", image, content_type="image/png", x_robots_tag="noimageai")
    site.add("/tdm.png", image, content_type="image/png", tdm_reservation="1")
    site.add("/huge.png", image, content_type="image/png", content_length="99999999")
    site.add("/zip.png", image, content_type="image/png", content_encoding="zstd")
    site.pages["/short.png"] = short
    wanted = {
        "/missing.png": ("dropped", "gone"),
        "/gone.png": ("dropped", "gone"),
        "/forbidden.png": ("dropped", "http_4xx"),
        "/broken.png": ("failed", "http_5xx"),
        "/nothing.png": ("dropped", "http_other"),
        "/empty.png": ("dropped", "empty"),
        "/page.png": ("dropped", "not_an_image"),
        "/cut.png": ("dropped", "image_undecodable"),
        "/private/a.png": ("dropped", "robots_disallowed"),
        "/noai.png": ("dropped", "noimageai"),
        "/tdm.png": ("dropped", "tdm_reserved"),
        "/short.png": ("failed", "truncated"),
        "/huge.png": ("dropped", "too_large"),
        "/zip.png": ("dropped", "bad_encoding"),
    }
    got = fetch([target(site.url(path), 1) for path in (*wanted, "/liar")])
    assert got.reasons == {site.url(path): verdict for path, verdict in wanted.items()}
    assert [link["url"] for link in got.links] == [site.url("/liar")]
    # never again what can't change; once more what may have passed
    assert [site.asked.count(path) for path in ("/missing.png", "/gone.png", "/forbidden.png")] == [1, 1, 1]
    assert site.asked.count("/broken.png") == got.fetches[site.url("/broken.png")]["attempts"] == 2
    assert site.asked.count("/private/a.png") == got.fetches[site.url("/private/a.png")]["attempts"] == 0
    assert site.asked.count("/robots.txt") == 1
    assert got.fetches[site.url("/gone.png")]["status"] == 410


def test_publishers_wishes_can_be_set_aside(site: Site) -> None:
    site.add("/robots.txt", "User-agent: *\nDisallow: /", content_type="text/plain")
    site.add("/a.png", picture(), content_type="image/png", x_robots_tag="noai", tdm_reservation="1")
    switches: dict[str, Any] = {"respect_robots": False, "respect_noai": False, "respect_tdm": False}
    got = fetch([target(site.url("/a.png"), 0)], **switches)
    assert got.out.kept == 1
    said = got.fetches[site.url("/a.png")]["consent"]
    assert (said["robots"], said["noai"], said["tdm_reservation"]) == ("disallowed", True, True)


def test_redirects_are_followed_checked_and_counted(site: Site) -> None:
    site.add("/robots.txt", "User-agent: *\nDisallow: /private", content_type="text/plain")
    site.add("/a.png", picture(), content_type="image/png")
    site.add("/hop", b"", 302, location="/a.png")
    site.add("/ring", b"", 302, location="/gnir")
    site.add("/gnir", b"", 302, location="/ring")
    site.add("/in", b"", 301, location="/private/a.png")
    site.add("/far", b"", 301, location="gopher://x/")
    for n in range(8):
        site.add(f"/long{n}", b"", 302, location=f"/long{n + 1}")
    site.add("/long8", picture(), content_type="image/png")
    paths = ["/hop", "/ring", "/in", "/far", "/long0"]
    got = fetch([target(site.url(path), 1) for path in paths])
    assert {path: got.reasons.get(site.url(path)) for path in paths} == {
        "/hop": None,
        "/ring": ("dropped", "too_many_redirects"),
        "/in": ("dropped", "robots_disallowed"),
        "/far": ("dropped", "bad_url"),
        "/long0": ("dropped", "too_many_redirects"),
    }
    hop = got.fetches[site.url("/hop")]
    assert (hop["final_url"], hop["attempts"]) == (site.url("/a.png"), 1)
    assert "/private/a.png" not in site.asked
    assert fetch([target(site.url("/long0"))], max_redirects=8).out.kept == 1


def test_private_addresses_are_out_of_reach(site: Site) -> None:
    site.add("/a.png", picture(), content_type="image/png")
    rows = [
        target(site.url("/a.png")),
        target(site.url("/a.png", "localhost"), host="localhost"),
        target(site.url("/a.png", "0x7f.1"), host="0x7f.1"),
        target("http://[::ffff:10.0.0.1]/a.png", host="::ffff:10.0.0.1"),
        target("http://169.254.169.254/latest/meta-data", host="169.254.169.254"),
        target("http://user:secret@127.0.0.1/a.png"),
        target("ftp://127.0.0.1/a.png"),
    ]
    got = fetch(rows, allow_private=False)
    assert site.asked == []
    assert [got.reasons[row["url"]] for row in rows] == [
        *[("dropped", "private_address")] * 5,
        ("dropped", "bad_url"),
        ("dropped", "bad_url"),
    ]


ODD = [
    "http://a..b/x",
    "http://-/",
    "http://a_b.invalid/x",
    "http://[::1/",
    "http://1.2.3/x",
    "http://%41/",
    "http:///x",
    "http://a.invalid:99999/",
    "http://a.invalid:x/",
    "http://é.invalid/",
    "http://a b/",
    f"http://{'a' * 300}.invalid/",
    f"http://{'a' * 70}.invalid/",
    "http://a.invalid/%zz",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://127.1/",
    "http://[fe80::1%25eth0]/",
    "http://a.invalid/x#y",
    "HTTP://127.0.0.1/",
    "http://\\x",
    "http://a.invalid\\@127.0.0.1/",
]


def test_odd_addresses_cost_only_themselves(site: Site) -> None:
    site.add("/a.png", picture(), content_type="image/png")
    rows = [target(url, host=str(number)) for number, url in enumerate(ODD)]
    for switch in (False, True):
        got = fetch(rows, allow_private=False, own_servers=switch, retries=0)
        assert set(got.reasons) == set(ODD)
        assert {reason for _, reason in got.reasons.values()} <= {
            "bad_url",
            "dns",
            "private_address",
            "bad_http",
        }
    assert site.asked == []


def test_a_redirect_into_a_private_network_is_not_followed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # this machine may be reached here, a private network still must not
    from components.crawl.web import client

    site.add("/in", b"", 302, location="http://10.1.2.3/a.png")
    monkeypatch.setattr(
        client, "may_connect", lambda address, **_: address.startswith("127.") and address != "10.1.2.3"
    )
    got = fetch([target(site.url("/in"))], allow_private=False)
    assert got.reasons == {site.url("/in"): ("dropped", "private_address")}


def test_a_server_that_asks_for_patience_gets_it(site: Site) -> None:
    image = picture()
    for path, seconds in (("/soon.png", "0"), ("/late.png", "3600")):

        def answer(handler: Handler, seconds: str = seconds) -> None:
            first = handler.site.asked.count(handler.path) == 1
            if first:
                handler.reply(429, b"", {"Retry-After": seconds})
            else:
                handler.reply(200, image, {"Content-Type": "image/png"})

        site.pages[path] = answer
    site.add("/busy.png", b"", 503, retry_after="1")
    got = fetch([target(site.url(path)) for path in ("/soon.png", "/late.png", "/busy.png")])
    assert got.fetches[site.url("/soon.png")]["attempts"] == 2
    assert got.reasons == {
        site.url("/late.png"): ("failed", "throttled"),
        site.url("/busy.png"): ("failed", "http_5xx"),
    }
    first, second = (request for request in site.requests if request.path == "/busy.png")
    assert second.began - first.ended >= 0.95
    assert site.asked.count("/late.png") == 1


def test_servers_that_never_end_are_left(site: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + picture()
    with (
        raw_server(head, 0.0, b"\0" * 65536) as endless,
        raw_server(head, 0.05, b"\0") as drip,
        raw_server(b"HTTP/1.1 200 OK\r\n", 0.0, b"X-More: yes\r\n" * 999) as headers,
        raw_server(b"SSH-2.0-OpenSSH_9.2\r\n") as no_http,
        raw_server(b"") as silent,
    ):
        rows = [target(f"{base}/a.png") for base in (endless, drip, headers, no_http, silent)]
        got = fetch(
            rows,
            total_timeout_s=4.0,
            retries=0,
            max_file_bytes=1 << 20,
            own_servers=True,
            in_flight_bytes=1 << 20,
        )
    assert [got.reasons[row["url"]] for row in rows] == [
        ("dropped", "too_large"),
        ("failed", "timeout"),
        ("failed", "bad_http"),
        ("failed", "bad_http"),
        ("failed", "disconnected"),
    ]


def test_a_host_that_does_not_answer_is_given_up(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rows = [target(f"http://127.0.0.1:{port}/{n}.png") for n in range(9)]
    rows += [target(f"http://no-such-host.invalid/{n}.png", host="no-such-host.invalid") for n in range(9)]
    for switch in (False, True):
        got = fetch(rows, own_servers=switch, retries=0)
        assert {got.reasons[row["url"]] for row in rows[:9]} == {("failed", "connect")}
        assert {got.reasons[row["url"]] for row in rows[9:]} == {("failed", "dns")}
        asked = sum(row["attempts"] for row in got.fetches.values())
        assert asked == (6 if switch else 0)  # robots.txt could not be had: nothing else was asked


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_host_whose_rules_cannot_be_known_is_not_asked(site: Site, status: int) -> None:
    site.add("/robots.txt", b"", status)
    site.add("/a.png", picture(), content_type="image/png")
    got = fetch([target(site.url("/a.png"))], retries=0)
    assert got.reasons == {site.url("/a.png"): ("failed", "robots_unreachable")}
    assert site.asked == ["/robots.txt"]


def test_a_host_is_asked_gently_and_others_meanwhile(site: Site) -> None:
    for n in range(6):
        site.add(f"/{n}.png", picture(n), content_type="image/png")
    site.add("/robots.txt", "User-agent: kalemint\nCrawl-delay: 0.1", content_type="text/plain")
    rows = [
        target(site.url(f"/{n}.png", host), host=host)
        for host in ("127.0.0.1", "localhost")
        for n in range(6)
    ]
    got = fetch(rows, per_host_connections=2)
    assert got.out.kept == 12
    times = []
    for host in ("127.0.0.1", "localhost"):
        asked = [r for r in site.requests if r.headers["Host"].startswith(host)]
        assert len(asked) == 7
        gaps = [b.began - a.began for a, b in itertools.pairwise(asked)]
        assert min(gaps) >= 0.09
        times.append((asked[0].began, asked[-1].began))
    (first, last), (other_first, other_last) = times
    assert first < other_last  # side by side, not one host after the other
    assert other_first < last


def test_own_servers_get_no_robots_and_no_pauses(site: Site) -> None:
    for n in range(30):
        site.add(f"/{n}.png", picture(n), content_type="image/png")
    got = fetch([target(site.url(f"/{n}.png")) for n in range(30)], own_servers=True, loopback_delay_s=1.0)
    assert got.out.kept == 30
    assert "/robots.txt" not in site.asked
    assert {row["consent"]["robots"] for row in got.fetches.values()} == {"unknown"}


def test_limits_of_bytes_and_time_leave_the_rest_to_a_retry(site: Site) -> None:
    for n in range(12):
        site.add(f"/{n}.png", picture(n), content_type="image/png")
    rows = [target(site.url(f"/{n}.png"), 0) for n in range(12)]
    size = len(picture())
    got = fetch(rows, per_host_connections=1, max_unit_bytes=3 * size)
    left = {url for url, verdict in got.reasons.items() if verdict == ("failed", "budget_reached")}
    assert 0 < len(left) == 12 - got.out.kept < 12  # type: ignore[operator]
    assert all(got.fetches[url]["attempts"] == 0 for url in left)
    only = {record_id("image", url) for url in left}
    again = fetch(rows, only)
    assert again.out.rows_in == again.out.kept == len(left)
    assert {link["url"] for link in again.links} == left
    slow = fetch(rows, per_host_connections=1, loopback_delay_s=0.4, host_time_s=2.0)
    assert set(slow.reasons.values()) == {("failed", "host_time")}
    assert 0 < slow.out.kept < 12  # type: ignore[operator]
    late = fetch(rows, per_host_connections=1, loopback_delay_s=0.4, unit_time_s=2.0)
    assert set(late.reasons.values()) == {("failed", "unit_time")}


def test_the_order_of_answers_does_not_show(site: Site) -> None:
    chance = random.Random(5)
    rows = []
    for n in range(40):
        body, pause = picture(n % 30), chance.random() / 40

        def answer(handler: Handler, body: bytes = body, pause: float = pause) -> None:
            time.sleep(pause * chance.random())
            handler.reply(200, body, {"Content-Type": "image/png"})

        site.pages[f"/{n}.png"] = answer
        host = ("127.0.0.1", "localhost")[n % 2]
        rows.append(target(site.url(f"/{n}.png", host), n % 3, 9, host=host))
    first = fetch(rows, own_servers=True, concurrency=20)
    second = fetch(rows[::-1], per_host_connections=1, concurrency=1)
    assert first.out.kept == 40
    for port in ("images", "image_links"):
        assert first.tables[port].equals(second.tables[port])
    unsaid = {"consent": None}
    assert [{**r, **unsaid} for r in first.fetches.values()] == [
        {**r, **unsaid} for r in second.fetches.values()
    ]


@pytest.mark.parametrize(("mode", "size"), [("fit", (100, 50)), ("border", (100, 100)), ("crop", (100, 100))])
def test_resized_images_say_what_they_were(site: Site, mode: str, size: tuple[int, int]) -> None:
    big = picture(3, (800, 400), "JPEG")
    site.add("/big.jpg", big, content_type="image/jpeg")
    url = site.url("/big.jpg")
    got = fetch([target(url, 1)], resize=mode, max_side=100)
    (image,) = got.images
    with PilImage.open(io.BytesIO(image["bytes"])) as stored:
        assert (stored.format, stored.size) == ("JPEG", size)
    assert (image["format"], image["width"], image["height"]) == ("jpeg", *size)
    assert dict(image["scores"]) == {
        "original_bytes": len(big),
        "original_height": 400,
        "original_width": 800,
    }
    assert got.fetches[url]["sha256"] == hashlib.sha256(big).hexdigest() != image["id"]
    assert [(link["image_id"], link["width"]) for link in got.links] == [(image["id"], size[0])]


def test_small_and_narrow_images_can_be_left_out_by_their_header(site: Site) -> None:
    sizes = {"/tiny": (20, 100), "/narrow": (400, 100), "/good": (150, 100)}
    for path, size in sizes.items():
        # noise: the body is longer than what is looked at
        noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        data = io.BytesIO()
        PilImage.fromarray(noise).save(data, "PNG")
        site.add(path, data.getvalue(), content_type="image/png")
    got = fetch([target(site.url(path)) for path in sizes], min_side=50, max_aspect=2.0)
    assert got.reasons == {
        site.url("/tiny"): ("dropped", "image_too_small"),
        site.url("/narrow"): ("dropped", "image_aspect"),
    }
    assert fetch([target(site.url(path)) for path in sizes]).out.kept == 3


def test_an_image_that_kills_the_decoder_costs_only_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from components.crawl import image_reader

    whole = image_reader.read_image

    def crash(data: bytes) -> Any:
        if data.endswith(b"crash"):
            os._exit(11)
        return whole(data)

    monkeypatch.setattr(image_reader, "read_image", crash)
    for n in range(8):
        site.add(f"/{n}.png", picture(n) + (b"crash" if n == 3 else b""), content_type="image/png")
    got = fetch([target(site.url(f"/{n}.png")) for n in range(8)], own_servers=True)
    assert got.reasons == {site.url("/3.png"): ("failed", "crashed")}


def test_a_retry_asks_for_nothing_but_what_failed(site: Site, tmp_path: Path) -> None:
    root = tmp_path.as_uri()
    site.add("/a.png", picture(1), content_type="image/png")
    site.add("/b.png", b"", 500)
    site.add("/c.png", b"", 404)
    rows = [target(site.url(f"/{name}.png"), 0, 1) for name in "abc"]
    given = {"targets": _published(rows, root)}
    params = FetchImagesParams(**LOCAL)
    found = run_step(FetchImagesStage(params), given, root)
    counts = found["images"].counts
    assert (counts.rows_in, counts.kept, counts.dropped, counts.failed) == (
        3,
        1,
        {"gone": 1},
        {"http_5xx": 1},
    )
    site.add("/b.png", picture(2), content_type="image/png")
    asked = len(site.asked)
    failed = record_id("image", site.url("/b.png"))
    plan = StepPlan(FetchImagesStage(params), given)
    unit = next(u for u in plan.units if plan.read(open_store(root), u)["targets"].num_rows)
    request_retry(open_store(root), "fetch_images", {unit.fingerprint: [failed]})
    found = run_step(FetchImagesStage(params), given, root)
    counts = found["images"].counts
    assert (counts.rows_in, counts.kept, counts.dropped, counts.failed) == (3, 2, {"gone": 1}, {})
    assert site.asked[asked:] == ["/robots.txt", "/b.png"]
    assert [row["url"] for row in _rows(found["images"])] == [site.url("/a.png"), site.url("/b.png")]
    assert len(_rows(found["image_links"])) == 4
    outcomes = [(row["url"][-5:], row["outcome"]) for row in _rows(found["fetches"])]
    assert outcomes == [
        ("a.png", "captured"),
        ("b.png", "http_5xx"),
        ("c.png", "gone"),
        ("b.png", "captured"),
    ]


def _published(rows: list[dict[str, Any]], root: str) -> Manifest:
    """A dataset of targets, partitioned by host as a step writes it."""
    counts = Counts(rows_in=len(rows), kept=len(rows))
    table = targets_table(rows)
    manifest = publish("given", "targets", "fetch_targets/1", [table], [], counts, root, params={})
    data, groups = shards.encode(table, "fetch_targets/1", partition_by="host", partitions=3)
    open_store(root).put("given/targets/p.parquet", data)
    return manifest.model_copy(
        update={
            "shards": [shards.describe("given/targets/p.parquet", data, len(rows), groups)],
            "partitioning": Partitioning(column="host", partitions=3, layout="row_groups"),
        }
    )


def _rows(manifest: Manifest) -> list[dict[str, Any]]:
    store = open_store(manifest.location)
    return [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]


def test_originals_that_become_the_same_picture_are_told_by_the_least_address(site: Site) -> None:
    rows = []
    for n, side in enumerate((300, 200, 400)):
        plain = io.BytesIO()
        PilImage.new("RGB", (side, side), "red").save(plain, "PNG")
        site.add(f"/{n}.png", plain.getvalue(), content_type="image/png")
        rows.append(target(site.url(f"/{n}.png"), n))
    for order in (rows, rows[::-1]):
        for connections in (1, 3):
            got = fetch(order, resize="fit", max_side=50, per_host_connections=connections)
            (image,) = got.images
            assert image["url"] == site.url("/0.png")
            assert dict(image["scores"])["original_width"] == 300
            assert len(got.links) == 3


def test_large_bodies_wait_for_room_and_all_arrive(site: Site) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (800, 800, 3), dtype=np.uint8)
    body = io.BytesIO()
    PilImage.fromarray(noise).save(body, "PNG", compress_level=1)
    assert body.tell() > 3 << 19
    for n in range(6):
        site.add(f"/{n}.png", body.getvalue() + b"%d" % n, content_type="image/png")
    rows = [target(site.url(f"/{n}.png")) for n in range(6)]
    got = fetch(rows, own_servers=True, in_flight_bytes=1 << 20, max_file_bytes=1 << 22)
    assert got.out.kept == 6


@pytest.mark.parametrize(("remembered", "asked"), [(4096, 1), (1, 2)])
def test_rules_that_were_forgotten_are_asked_for_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, remembered: int, asked: int
) -> None:
    from components.crawl.web import files

    monkeypatch.setattr(files, "_ORIGINS_REMEMBERED", remembered)
    monkeypatch.setattr(files, "_HOSTS_PER_SLOT", 1)  # one host after the other
    site.add("/robots.txt", "User-agent: *\nDisallow: /private", content_type="text/plain")
    site.add("/a.png", picture(), content_type="image/png")
    site.add("/hop", b"", 302, location=site.url("/private.png"))
    rows = [
        target(site.url("/a.png")),
        target(site.url("/b.png")),
        target(site.url("/hop", "localhost"), host="localhost"),
    ]
    got = fetch(rows, concurrency=1)
    assert got.reasons[rows[2]["url"]] == ("dropped", "robots_disallowed")
    hosts = [r.headers["Host"].partition(":")[0] for r in site.requests if r.path == "/robots.txt"]
    assert (hosts.count("127.0.0.1"), hosts.count("localhost")) == (asked, 1)


def test_nothing_is_fetched_unless_asked_for() -> None:
    assert FetchImagesStage(FetchImagesParams()).enabled is False
    assert FetchImagesStage(FetchImagesParams(fetch=True)).enabled is True
    assert FetchImagesStage.max_failed_share == 1.0
    assert set(FileReason) == {FileReason(str(reason)) for reason in FetchImagesStage.reasons}
