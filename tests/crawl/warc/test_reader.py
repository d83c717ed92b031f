"""WARC files are read by ranges, each record once, and reading goes on behind damage."""

import gzip
import io
import itertools
import random
import time
import tracemalloc
from pathlib import Path
from unittest import mock

import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.core.errors import BadShard
from components.crawl.warc import gzip_members
from components.crawl.warc.reader import WarcParams
from tests.crawl.warc_bytes import END, http, numbers, read, record, save, zipped

PAGES = [http(f"<p>Page {n}</p>".encode() * (1 + n % 5)) for n in range(8)]
PLAIN = [record(n, page) for n, page in enumerate(PAGES)]
ZIPPED = zipped(PLAIN)
PACKINGS = {
    "plain": b"".join(PLAIN),
    "gzip": b"".join(ZIPPED),
    "one stream": gzip.compress(b"".join(PLAIN), mtime=0),
    "two in a member": b"".join(zipped([a + b for a, b in zip(PLAIN[::2], PLAIN[1::2], strict=True)])),
    # block gzip: members are cut anywhere
    "blocks": b"".join(
        gzip.compress(b"".join(PLAIN)[at : at + 700], mtime=0) for at in range(0, sum(map(len, PLAIN)), 700)
    ),
}


def whole(uri: str) -> list[tuple[int, int, str | None, bytes]]:
    records, damage = read(uri)
    assert not damage
    return [(r.offset, r.ordinal, r.record_id, r.block) for r in records]


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_packing_gives_every_record(tmp_path, packing):
    records, damage = read(save(tmp_path, PACKINGS[packing]))
    assert not damage
    assert numbers(records) == list(range(8))
    assert [r.block for r in records] == PAGES


def test_what_a_record_says(tmp_path):
    odd = record(7, PAGES[0], "response", "WARC-Truncated: length", url="<https://example.org/a b>")
    (found,), _ = read(save(tmp_path, b"".join(zipped([odd]))))
    assert found.type == "response"
    assert found.target_uri == "https://example.org/a b"
    assert found.record_id == "urn:uuid:00000000-0000-0000-0000-000000000007"
    assert found.headers.get("warc-truncated") == "length"
    assert found.date is not None
    assert found.date.isoformat() == "2024-02-03T04:05:06+00:00"
    assert found.content_type == "application/http; msgtype=response"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packing=st.sampled_from(sorted(PACKINGS)), data=st.data())
def test_any_split_gives_each_record_once(tmp_path, packing, data):
    raw = PACKINGS[packing]
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6).map(sorted))
    uri = save(tmp_path, raw)
    expected = whole(uri)
    assert len(expected) == 8
    found = []
    for start, stop in itertools.pairwise([0, *cuts, len(raw)]):
        records, damage = read(uri, start, stop)
        assert not damage
        assert all(start <= r.offset < stop for r in records)
        found += [(r.offset, r.ordinal, r.record_id, r.block) for r in records]
    assert found == expected


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_every_single_cut(tmp_path, packing):
    raw = PACKINGS[packing]
    uri = save(tmp_path, raw)
    expected = whole(uri)
    for cut in range(len(raw) + 1):
        parts = read(uri, 0, cut)[0] + read(uri, cut, None)[0]
        assert [(r.offset, r.ordinal, r.record_id, r.block) for r in parts] == expected, cut


def test_one_gzip_stream_belongs_to_the_first_range(tmp_path):
    raw = PACKINGS["one stream"]
    uri = save(tmp_path, raw)
    assert numbers(read(uri, 0, 1)[0]) == list(range(8))
    assert read(uri, 1, None) == ([], [])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packing=st.sampled_from(sorted(PACKINGS)), data=st.data())
def test_damage_costs_what_it_touches_and_splits_agree(tmp_path, packing, data):
    raw = bytearray(PACKINGS[packing])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.integers(0, 40))
        action = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if action == "flip":
            raw[at] ^= data.draw(st.integers(1, 255))
        elif action == "cut":
            del raw[at : at + length]
        else:
            raw[at:at] = data.draw(st.binary(min_size=length, max_size=length))
        if not raw:
            return
    uri = save(tmp_path, bytes(raw))
    records, damage = read(uri)
    # the quick way to inflate decides nothing
    with mock.patch.object(gzip_members, "inflate_quickly", lambda *_: None):
        assert [(r.offset, r.ordinal, r.block) for r in records] == [
            (r.offset, r.ordinal, r.block) for r in read(uri)[0]
        ]
        assert [(d.offset, d.ordinal) for d in damage] == [(d.offset, d.ordinal) for d in read(uri)[1]]
    cut = data.draw(st.integers(0, len(raw)))
    parts = read(uri, 0, cut)[0] + read(uri, cut, None)[0]
    assert [(r.offset, r.ordinal, r.block) for r in parts] == [
        (r.offset, r.ordinal, r.block) for r in records
    ]


@pytest.mark.parametrize("zip_it", [False, True])
@pytest.mark.parametrize("length", ["-4", "abc", "", "1e3", 0, 5, 60, 5000, 10**9, 10**14, 10**30])
def test_a_lying_length_costs_one_record(tmp_path, zip_it, length):
    records = [*PLAIN[:3], record(90, PAGES[0], length=length), *PLAIN[3:]]
    raw = b"".join(zipped(records) if zip_it else records)
    found, damage = read(save(tmp_path, raw))
    assert numbers(found) == list(range(8))
    assert len(damage) == 1
    assert damage[0].offset == sum(map(len, (zipped(records) if zip_it else records)[:3]))


def test_a_missing_length_costs_one_record(tmp_path):
    headless = PLAIN[3].replace(b"Content-Length", b"Content-Lungth")
    found, damage = read(save(tmp_path, b"".join([*PLAIN[:3], headless, *PLAIN[4:]]), "x.warc"))
    assert numbers(found) == [0, 1, 2, 4, 5, 6, 7]
    assert [d.detail for d in damage] == ["there is no Content-Length"]


@pytest.mark.parametrize("cut", [1, 8, 30, 60])
def test_a_truncated_member_costs_one_record(tmp_path, cut):
    raw = b"".join([*ZIPPED[:3], ZIPPED[3][:-cut], *ZIPPED[4:]])
    found, damage = read(save(tmp_path, raw))
    assert numbers(found) == [0, 1, 2, 4, 5, 6, 7]
    assert [d.offset for d in damage] == [sum(map(len, ZIPPED[:3]))]


@pytest.mark.parametrize("raw", [PACKINGS["plain"], PACKINGS["gzip"], PACKINGS["one stream"]])
def test_a_truncated_file_keeps_what_is_before(tmp_path, raw):
    found, damage = read(save(tmp_path, raw[: len(raw) * 7 // 10]))
    assert 0 < len(found) < 8
    assert numbers(found) == list(range(len(found)))
    assert len(damage) == 1


@pytest.mark.parametrize("flip", [0, 1, 3, 12, 25, 60, -2, -6])
def test_a_flipped_byte_costs_at_most_one_record(tmp_path, flip):
    bad = bytearray(ZIPPED[3])
    bad[flip] ^= 0x55
    found, damage = read(save(tmp_path, b"".join([*ZIPPED[:3], bytes(bad), *ZIPPED[4:]])))
    assert set(numbers(found)) >= {0, 1, 2, 4, 5, 6, 7}
    assert len(damage) == (3 not in numbers(found))


@pytest.mark.parametrize(
    "garbage", [b"garbage", bytes(512), b"\x1f\x8b\x08" * 50, gzip.compress(b"no record")[:-3]]
)
@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_garbage_between_records(tmp_path, packing, garbage):
    parts = PLAIN if packing == "plain" else ZIPPED
    behind = END if packing == "plain" else b""
    raw = b"".join([*parts[:3], garbage + behind, *parts[3:]])
    uri = save(tmp_path, raw)
    found, damage = read(uri)
    assert numbers(found) == list(range(8))
    assert [d.offset for d in damage] == [sum(map(len, parts[:3]))]
    for cut in range(0, len(raw), 7):
        (a, b), (c, d) = read(uri, 0, cut), read(uri, cut)
        assert numbers(a + c) == list(range(8))
        assert [x.offset for x in b + d] == [x.offset for x in damage]


def test_garbage_in_front(tmp_path):
    found, damage = read(save(tmp_path, b"\0\0junk" + PACKINGS["gzip"]))
    assert numbers(found) == list(range(8))
    assert [d.offset for d in damage] == [0]
    found, damage = read(save(tmp_path, b"\0\0junk" + END + PACKINGS["plain"]))
    assert numbers(found) == list(range(8))
    assert [d.offset for d in damage] == [0]


@pytest.mark.parametrize("raw", [b"", b"\x1f\x8b", b"W", b"WARC/1.0\r\n", b"x" * 300_000, bytes(300_000)])
def test_files_without_a_record(tmp_path, raw):
    found, damage = read(save(tmp_path, raw))
    assert not found
    assert len(damage) == bool(raw)


def test_odd_but_sound(tmp_path):
    bare = [r.replace(b"\r\n", b"\n") for r in (record(n, b"one line", "resource") for n in range(3))]
    assert numbers(read(save(tmp_path, b"".join(bare)))[0]) == [0, 1, 2]
    # a length that takes in the line ends behind the block
    generous = [record(n, b"x" * 9, "resource", length=13) for n in range(3)]
    assert numbers(read(save(tmp_path, b"".join(generous)))[0]) == [0, 1, 2]
    empty = gzip.compress(b"", mtime=0)
    assert numbers(read(save(tmp_path, empty.join(ZIPPED) + empty))[0]) == list(range(8))
    assert numbers(read(save(tmp_path, b"".join(PLAIN) + b"\r\n" * 500))[0]) == list(range(8))
    assert not read(save(tmp_path, b"".join(PLAIN) + b"\r\n" * 500))[1]


@pytest.mark.parametrize("packing", ["plain", "gzip", "one stream"])
def test_records_over_the_limit_are_passed_over(tmp_path, packing):
    big = record(50, random.Random(1).randbytes(400_000))
    records = [*PLAIN[:4], big, *PLAIN[4:]]
    raw = {
        "plain": b"".join(records),
        "gzip": b"".join(zipped(records)),
        "one stream": gzip.compress(b"".join(records), mtime=0),
    }[packing]
    found, damage = read(save(tmp_path, raw), params=WarcParams(max_record_bytes=100_000))
    assert numbers(found) == list(range(8))
    assert [d.too_large for d in damage] == [True]


def test_memory_stays_bounded(tmp_path):
    # 300 MB in one record, and the same as a bomb with a length that lies
    head = record(60, b"", length=300_000_000)[: -len(END)]
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as out:
        out.write(head)
        for _ in range(300):
            out.write(bytes(1_000_000))
        out.write(END)
    lie = head.replace(b"300000000", b"50")
    bomb = gzip.compress(lie + bytes(50_000_000), mtime=0)
    uri = save(tmp_path, b"".join([ZIPPED[0], stream.getvalue(), bomb, ZIPPED[1]]))
    params = WarcParams(max_record_bytes=1 << 20)
    tracemalloc.start()
    found, damage = read(uri, params=params)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert numbers(found) == [0, 1]
    assert [d.too_large for d in damage] == [True, False]
    assert peak < 8 << 20


def test_files_made_to_cost_time_do_not(tmp_path):
    """Thousands of records whose lengths lie, in every packing: linear, not quadratic."""
    liars = [record(n, b"x" * 40, "resource", length=50_000_000) for n in range(4000)]
    for raw in (b"".join(liars), b"".join(zipped(liars)), gzip.compress(b"".join(liars), mtime=0)):
        began = time.process_time()
        found, damage = read(save(tmp_path, raw))
        assert not found
        assert damage
        assert time.process_time() - began < 60


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(BadShard, match="not there any more"):
        read((tmp_path / "none.warc").as_uri())


@pytest.mark.s3
def test_ranges_over_s3(s3_bucket, tmp_path):
    from components.core.store import open_store

    raw = PACKINGS["gzip"]
    open_store(f"s3://{s3_bucket}").put("x.warc.gz", raw)
    uri = f"s3://{s3_bucket}/x.warc.gz"
    cut = len(raw) // 2
    assert numbers(read(uri, 0, cut)[0] + read(uri, cut)[0]) == list(range(8))


WITHOUT_RECORDS = {"pywb-missing-status-text.warc": "line ends are CR CR LF"}
DAMAGED = {"pywb-example.warc": 1, "warcio-example-trunc.warc": 1, **dict.fromkeys(WITHOUT_RECORDS, 1)}


@pytest.mark.corpora
def test_odd_files_of_real_archives(corpora: Path):
    for path in sorted((corpora / "warc").iterdir()):
        if ".arc" in path.name:
            records, damage = read(path.as_uri())
            assert not records
            assert len(damage) == 1
            continue
        records, damage = read(path.as_uri())
        assert len(damage) == DAMAGED.get(path.name, 0), path.name
        if path.name in DAMAGED:
            continue
        with path.open("rb") as stream:
            expected = [(r.record_id, r.reader.read()) for r in ArchiveIterator(stream, parse_http=False)]
        assert [(f"<{r.record_id}>", r.block) for r in records] == expected, path.name


@pytest.mark.corpora
def test_splits_of_real_archives(corpora: Path):
    for name in (
        "pywb-iana.warc.gz",
        "whirlwind.warc",
        "warcio-example-wrong-chunks.warc.gz",
        "pywb-dupes.warc.gz",
    ):
        path = corpora / "warc" / name
        size = path.stat().st_size
        expected = [(r.offset, r.ordinal) for r in read(path.as_uri())[0]]
        rng = random.Random(name)
        for _ in range(5):
            cuts = sorted(rng.randrange(size) for _ in range(6))
            found = [read(path.as_uri(), a, b)[0] for a, b in itertools.pairwise([0, *cuts, size])]
            assert [(r.offset, r.ordinal) for part in found for r in part] == expected
