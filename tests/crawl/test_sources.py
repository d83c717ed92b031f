"""What people name as input becomes source rows in shards of about equal work."""

import errno
import gzip
import io
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.store import Stores, open_store
from components.crawl.kinds import Kind
from components.crawl.source_units import OPEN_END, File, UnitParams, UnitPlan
from components.crawl.sources import Hashes, SourcesParams, list_sources
from components.crawl.warc.reader import read_warc
from tests.core.file_server import file_server
from tests.crawl.warc_bytes import http, record, zipped

HTML = b"<!doctype html><p>Hello"
PDF = b"%PDF-1.4\n%%EOF"


class Planned:
    """A plan with all it gives in memory."""

    def __init__(self, found: UnitPlan) -> None:
        self.files, self.urls, self.ledger = list(found.files()), list(found.urls()), list(found.ledger())
        self.kept, self.rows_in = found.counts.kept, found.counts.rows_in
        assert self.rows_in == self.kept + len(self.ledger)
        assert found.counts.imbalance() == 0
        for shard in found.shards():
            schemas.check(shard.schema, "sources/1", producer="sources", consumer="test")
            assert shard.num_rows


def plan(*inputs: object, **params: Any) -> Planned:
    return Planned(list_sources([str(i) for i in inputs], Stores(), SourcesParams(**params)))


def rows(tables: list[pa.Table]) -> list[dict]:
    return [row for table in tables for row in table.to_pylist()]


def names(found: Planned) -> list[str]:
    return [row["uri"].rpartition("/")[2] for row in rows(found.files)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "b.html": HTML,
        "a.pdf": PDF,
        "sub/c.html": HTML,
        "sub/deep/d.tex": b"\\documentclass{article}",
        ".hidden.html": HTML,
        ".git/e.html": HTML,
        "sub/empty.html": b"",
        "clip.bin": b"\x00\x00\x00\x20ftypisom",
        "notes.txt": b"Some prose, nothing more.",
        "odd #1%.html": HTML,
    }
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def test_a_folder_with_all_below_it(tree):
    found = plan(tree)
    assert names(found) == ["a.pdf", "b.html", "odd%20%231%25.html", "c.html", "d.tex"]
    assert [row["kind"] for row in rows(found.files)] == ["pdf", "html", "html", "html", "latex"]
    assert Counter((line["action"], line["reason"]) for line in found.ledger) == {
        ("dropped", "unsupported_kind"): 2,
        ("dropped", "empty_file"): 1,
    }
    details = {line["locator"].rpartition("/")[2]: line["detail"] for line in found.ledger}
    assert "video" in details["clip.bin"]
    assert pa.Table.from_pylist(found.ledger, schema=schemas.get("ledger/1")).num_rows == 3
    # what is planned can be opened under the same name
    for row in rows(found.files):
        assert len(Stores().read(row["uri"])) == row["bytes"] == row["stop"]


def test_the_plan_depends_on_nothing_but_the_inputs(tree):
    assert plan(tree).files == plan(tree).files
    ids = [row["id"] for row in rows(plan(tree).files)]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 32 for i in ids)


def test_relative_paths_and_file_uris(tree, monkeypatch):
    monkeypatch.chdir(tree)
    expected = plan(tree / "b.html").files
    assert plan("b.html").files == expected
    assert plan("./sub/../b.html").files == expected
    assert plan((tree / "b.html").as_uri()).files == expected


def test_globs(tree):
    assert names(plan(tree / "*.html")) == ["b.html", "odd%20%231%25.html"]
    assert names(plan(tree / "**" / "*.html")) == ["b.html", "odd%20%231%25.html", "c.html"]
    assert names(plan(tree / "s?b")) == ["c.html", "d.tex"]


@pytest.mark.parametrize("missing", ["nowhere", "nowhere/*.pdf", "file:///nowhere/at/all"])
def test_a_missing_input_is_named(tmp_path, missing, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="is not there") as error:
        list_sources([missing], Stores())
    assert missing in str(error.value)


def test_no_input_and_other_schemes():
    with pytest.raises(ConfigurationError, match="no input"):
        list_sources([], Stores())
    with pytest.raises(ConfigurationError, match="only local paths"):
        list_sources(["ftp://example.org/x"], Stores())


def test_an_empty_folder_is_a_mistake(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no files"):
        list_sources([str(tmp_path)], Stores())


def test_list_files(tree):
    listing = tree / "inputs.txt"
    listing.write_text(
        "# my inputs\n\nb.html\nsub/\nhttps://example.org/x#part\nb.html\nnot-there.pdf\n"
        + str(tree / "a.pdf")
        + "\n"
    )
    found = plan(listing)
    assert names(found) == ["b.html", "c.html", "d.tex", "a.pdf"]
    assert [row["url"] for row in rows(found.urls)] == ["https://example.org/x"]
    reasons = [(line["action"], line["reason"]) for line in found.ledger]
    assert reasons == [("dropped", "empty_file"), ("dropped", "repeated"), ("failed", "missing")]
    assert found.ledger[2]["locator"].endswith("not-there.pdf")
    # a list that merely lies in a folder is not followed
    assert "unsupported_kind" in [
        line["reason"] for line in plan(tree).ledger if line["locator"].endswith("inputs.txt")
    ]


def test_an_input_named_twice_counts_once(tree):
    found = plan(tree / "b.html", tree / "b.html")
    assert found.kept == 1
    assert [line["reason"] for line in found.ledger] == ["repeated"]


class _Failing(Stores):
    """Files of one name can be listed but not read."""

    def open(self, uri: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        if uri.endswith("b.html"):
            raise OSError(errno.EIO, "Input/output error")
        return super().open(uri, start, stop)


def test_an_unreadable_file_costs_one_line(tree):
    found = Planned(list_sources([str(tree / "*.html")], _Failing()))
    assert found.rows_in == 2
    assert names(found) == ["odd%20%231%25.html"]
    (line,) = found.ledger
    assert (line["action"], line["reason"]) == ("failed", "unreadable")
    assert "Input/output error" in line["detail"]


def test_a_big_warc_is_cut_into_ranges(tmp_path):
    noise = [os.urandom(30_000) for _ in range(10)]
    raw = b"".join(zipped([record(n, http(body)) for n, body in enumerate(noise)]))
    (tmp_path / "big.warc.gz").write_bytes(raw)
    (tmp_path / "small.warc.gz").write_bytes(gzip.compress(record(1, http(b"x"))))
    (tmp_path / "z.html").write_bytes(HTML)
    found = plan(tmp_path, shard_bytes=1 << 16)
    ranges = [(row["start"], row["stop"]) for row in rows(found.files) if row["uri"].endswith("big.warc.gz")]
    assert len(ranges) == -(-len(raw) // (1 << 16)) > 2
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(raw)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
    assert max(stop - start for start, stop in ranges) <= 1 << 16
    assert found.kept == 3
    # the small ones are put together
    assert found.files[-1].num_rows == 2


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=30), st.integers(1, 5))
def test_small_files_are_put_together(sizes, most):
    units = UnitPlan("sources", UnitParams(shard_bytes=1 << 18, shard_files=most))
    for n, size in enumerate(sizes):
        units.add_file(File(Kind.PDF, f"file:///{n}", size))
    units.close("repeated")
    shards = list(units.files())
    assert [row["bytes"] for row in rows(shards)] == sizes
    for shard in shards:
        total = sum(shard.column("bytes").to_pylist())
        assert shard.num_rows <= most
        assert total <= 1 << 18 or shard.num_rows == 1
    for left, right in itertools.pairwise(shards):
        first = right.column("bytes")[0].as_py()
        assert left.num_rows == most or sum(left.column("bytes").to_pylist()) + first > 1 << 18


def test_addresses_stay_with_their_host(tmp_path):
    urls = [f"https://host{n % 7}.example/{n}" for n in range(100)] + ["http://HOST3.example:8080/x"]
    listing = tmp_path / "seeds.txt"
    listing.write_text("\n".join([*urls, "http:///nothing", "https://[bad/"]))
    found = plan(listing, shard_urls=20)
    hosts = [{r["url"].split("/")[2].split(":")[0].lower() for r in t.to_pylist()} for t in found.urls]
    assert len(hosts) > 3
    assert sum(map(len, hosts)) == 7
    assert sorted(r["url"] for r in rows(found.urls)) == sorted(urls)
    assert [line["reason"] for line in found.ledger] == ["bad_address", "bad_address"]
    assert all((r["start"], r["stop"], r["bytes"]) == (0, 0, -1) for r in rows(found.urls))


@pytest.mark.s3
def test_objects_of_a_bucket(s3_bucket, tmp_path):
    store = open_store(f"s3://{s3_bucket}")
    for key, data in {
        "in/a.html": HTML,
        "in/sub/b.pdf": PDF,
        "in/.hid/c.html": HTML,
        "inner.html": HTML,
    }.items():
        store.put(key, data)
    store.put("in/list.txt", b"sub/b.pdf\na.html\n")
    root = f"s3://{s3_bucket}"
    assert names(plan(f"{root}/in")) == ["a.html", "b.pdf"]
    assert names(plan(f"{root}/in/")) == ["a.html", "b.pdf"]
    assert names(plan(f"{root}/in/*.html")) == ["a.html"]
    assert names(plan(f"{root}/**/*.html")) == ["a.html", "inner.html"]
    assert names(plan(f"{root}/in/list.txt")) == ["b.pdf", "a.html"]
    assert names(plan(f"{root}/in/a.html")) == ["a.html"]
    with pytest.raises(ConfigurationError, match="is not there"):
        list_sources([f"{root}/out"], Stores())


DUMP = "crawl-data/CC-MAIN-2024-18"


def common_crawl(root: Path, count: int = 5) -> list[str]:
    """A tiny dump in a folder, laid out as Common Crawl's; the paths of its WARC files."""
    metadata = (
        b"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: https://example.org/\r\n"
        b'Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{"Container": {}}\r\n\r\n'
    )
    info = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
    lists: dict[str, list[str]] = {"warc": [], "wat": []}
    for number in range(count):
        for kind, ending, records in (
            ("warc", "warc.gz", [info, record(number, http(b"<p>hello"))]),
            ("wat", "warc.wat.gz", [info, metadata]),
        ):
            path = f"{DUMP}/segments/1712.{number % 2}/{kind}/CC-MAIN-{number:05d}.{ending}"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"".join(zipped(records)))
            lists[kind].append(path)
    for kind, paths in lists.items():
        (root / DUMP / f"{kind}.paths.gz").write_bytes(gzip.compress("\n".join([*paths, ""]).encode()))
    return lists["warc"]


def test_a_dump_by_its_name_in_a_folder(tmp_path):
    paths = common_crawl(tmp_path)
    found = plan("cc:CC-MAIN-2024-18", common_crawl=str(tmp_path))
    uris = [row["uri"] for row in rows(found.files)]
    assert uris == [(tmp_path / path).as_uri() for path in paths]
    assert all(row["kind"] == "warc" and row["stop"] == row["bytes"] > 0 for row in rows(found.files))
    part = plan("cc:CC-MAIN-2024-18[1:3]", common_crawl=str(tmp_path))
    assert [row["uri"] for row in rows(part.files)] == uris[1:3]
    listing = tmp_path / DUMP / "warc.paths.gz"
    assert plan(f"{listing}[:2]", common_crawl=str(tmp_path)).files[0].column("uri").to_pylist() == uris[:2]
    (tmp_path / paths[0]).unlink()
    reasons = [(line["action"], line["reason"]) for line in plan(listing, common_crawl=str(tmp_path)).ledger]
    assert reasons == [("failed", "missing")]
    with pytest.raises(ConfigurationError, match="There is no dump 'cc:CC-MAIN-1999-01'"):
        plan("cc:CC-MAIN-1999-01", common_crawl=str(tmp_path))


def test_wat_files_are_a_kind_of_their_own(tmp_path):
    common_crawl(tmp_path)
    named = plan("cc-wat:CC-MAIN-2024-18", common_crawl=str(tmp_path))
    assert {row["kind"] for row in rows(named.files)} == {"wat"}
    by_content = plan(tmp_path / DUMP / "segments")
    kinds = {row["uri"].rpartition(".")[0].rpartition(".")[2]: row["kind"] for row in rows(by_content.files)}
    assert kinds == {"warc": "warc", "wat": "wat"}


def test_a_dump_over_http_is_not_asked_for_sizes(tmp_path):
    paths = common_crawl(tmp_path, 4)
    with file_server(tmp_path) as server:
        found = plan("cc:CC-MAIN-2024-18[:3]", common_crawl=server.root, shard_bytes=200 << 20)
        listing = f"/{DUMP}/warc.paths.gz"
        assert {path for _, path, _ in server.asked} == {listing}
        given = rows(found.files)
        # of a file of about 1.1 GB: six ranges, the last one open, one to a unit
        assert [row["uri"] for row in given] == [
            f"{server.root}/{path}" for path in paths[:3] for _ in range(6)
        ]
        assert given[0]["start"] == 0
        assert all(a["stop"] == b["start"] for a, b in itertools.pairwise(given[:6]))
        assert {row["stop"] for row in given[5::6]} == {OPEN_END}
        assert {row["bytes"] for row in given} == {-1}
        assert found.kept == 3
        # the file is small, so that its records are all in the first range
        records = [list(read_warc(Stores(), r["uri"], r["start"], r["stop"])) for r in given[:6]]
        assert [len(r) for r in records] == [2, 0, 0, 0, 0, 0]


def test_archives_on_the_web_are_read_in_place_and_pages_crawled(tmp_path):
    common_crawl(tmp_path)
    path = f"{DUMP}/segments/1712.0/warc/CC-MAIN-00000.warc.gz"
    (tmp_path / "fake.warc.gz").write_bytes(HTML)
    with file_server(tmp_path) as server:
        found = plan(f"{server.root}/{path}", f"{server.root}/index.html", f"{server.root}/fake.warc.gz")
        (row,) = rows(found.files)
        assert (row["kind"], row["bytes"]) == ("warc", (tmp_path / path).stat().st_size)
        assert [row["url"] for row in rows(found.urls)] == [f"{server.root}/index.html"]
        assert [line["reason"] for line in found.ledger] == ["unsupported_kind"]
        with pytest.raises(ConfigurationError, match="is not there"):
            plan(f"{server.root}/nothing.warc.gz")
        # those of a list are taken on trust: each is one unit of unknown size
        (tmp_path / "list.txt").write_text(f"{server.root}/some.warc.gz\n{server.root}/nothing.warc.gz\n")
        server.asked.clear()
        listed = plan(tmp_path / "list.txt")
        assert [(r["start"], r["stop"], r["bytes"]) for r in rows(listed.files)] == [(0, OPEN_END, -1)] * 2
        assert server.asked == []


def test_lists_may_be_gzipped_and_have_lines_of_any_length(tree):
    listing = tree / "inputs.txt.gz"
    listing.write_bytes(
        gzip.compress(
            b"b.html\n"
            + b"x" * 100_000
            + b".html\nhttps://example.org/\n"
            + b"y/" * 3000
            + b"\nhttps://a.example/"
            + b"z" * 5000
            + b"\nsub/c.html"
        )
    )
    found = plan(listing)
    assert names(found) == ["b.html", "c.html"]
    assert [row["url"] for row in rows(found.urls)] == ["https://example.org/"]
    assert [line["reason"] for line in found.ledger] == ["missing", "missing", "bad_address"]
    assert names(plan(f"{listing}[:1]")) == ["b.html"]
    listing.write_bytes(listing.read_bytes()[:-9])
    with pytest.raises(ConfigurationError, match="can't be read to its end"):
        plan(listing)
    with pytest.raises(ConfigurationError, match="no list of files"):
        plan(f"{tree / 'b.html'}[0:1]")


def test_an_address_named_again_is_refused_once_for_each_time(tmp_path):
    listing = tmp_path / "seeds.txt"
    listing.write_text("\n".join(["https://a.example/1", "https://b.example/", "https://a.example/1#x"] * 2))
    found = plan(listing, listing)
    assert sorted(row["url"] for row in rows(found.urls)) == ["https://a.example/1", "https://b.example/"]
    assert Counter(line["locator"] for line in found.ledger) == {
        "https://a.example/1": 7,
        "https://b.example/": 3,
    }
    assert found.rows_in == 12


@given(
    st.lists(
        st.tuples(st.sampled_from([Kind.WARC, Kind.PDF]), st.integers(1, 9 << 20)), min_size=1, max_size=60
    ),
    st.integers(1, 50),
)
def test_units_stay_below_their_number(files, most):
    units = UnitPlan("sources", UnitParams(shard_bytes=1 << 16, max_units=most))
    for n, (kind, size) in enumerate(files):
        units.add_file(File(kind, f"file:///{n}", size))
    units.close("repeated")
    shards = list(units.files())
    assert len(shards) <= most
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in rows(shards):
        spans.setdefault(row["uri"], []).append((row["start"], row["stop"]))
    assert [
        (parts[0][0], parts[-1][1], all(a[1] == b[0] for a, b in itertools.pairwise(parts)))
        for _, parts in sorted(spans.items(), key=lambda pair: int(pair[0].rpartition("/")[2]))
    ] == [(0, size, True) for _, size in files]


@given(st.lists(st.integers(0, 400), max_size=3000))
def test_hashes_tell_what_is_new(numbers):
    class Small(Hashes):
        _BUFFERED = 8

    hashes, seen = Small(), set()
    for number in numbers:
        assert hashes.add(str(number)) is (number not in seen)
        seen.add(number)


def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch):
    listing = tmp_path / "seeds.txt"
    listing.write_text("".join(f"https://host.example/{n}\n" for n in range(2000)))

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **k: Full() if "bucket" in self.name else real(self, *a, **k)
    )
    with pytest.raises(ConfigurationError, match=r"No space left in .*TMPDIR"):
        list_sources([str(listing)], Stores())
