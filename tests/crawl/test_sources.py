"""What people name as input becomes source rows in shards of about equal work."""

import errno
import gzip
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
from components.crawl.source_units import File, UnitParams, UnitPlan
from components.crawl.sources import SourcesParams, list_sources
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
