"""Pairs out of real files of every format, and out of broken and hostile ones."""

import csv
import hashlib
import io
import json
import struct
import tarfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.caption.pair_formats import parquet as parquet_pairs
from components.caption.pairs_params import PairColumns, ReadPairsParams
from components.core.runner import run_step
from components.core.shards import read as read_shard
from components.core.store import open_store
from tests.caption.pair_files import (
    encoded,
    img2dataset,
    read,
    reading,
    reasons,
    rows,
    sources,
    write_tar,
)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def stage():
    with reading() as made:
        yield made


def test_a_tar_of_img2dataset(tmp_path: Path, stage) -> None:
    write_tar(tmp_path / "00000.tar", [img2dataset(n) for n in range(5)])
    out = read(stage, tmp_path)
    images, contexts = rows(out, "images"), rows(out, "contexts")
    assert (out.rows_in, out.kept, out.ledger) == (5, 5, [])
    assert (
        [i["id"] for i in images] == [sha(i["bytes"]) for i in images] == [sha(encoded(n)) for n in range(5)]
    )
    assert images[2]["url"] == "https://x.org/2.jpg"
    assert images[2]["alts"] == ["A shape that is called number 2"]
    assert (images[2]["width"], images[2]["height"], images[2]["format"]) == (96, 64, "jpeg")
    assert images[2]["source_uri"] == (tmp_path / "00000.tar").as_uri()
    with tarfile.open(tmp_path / "00000.tar") as tar:  # the offset is that of the sample's first member
        assert images[2]["source_offset"] == min(
            m.offset for m in tar.getmembers() if m.name.startswith("000000002")
        )
    assert contexts[2] == {
        "image_id": images[2]["id"], "document_id": None, "alt": "A shape that is called number 2",
        "caption": None, "title": None, "before": None, "after": None, "url": "https://x.org/2.jpg",
        "page_url": None,
    }  # fmt: skip


def test_the_text_file_comes_before_the_json_and_either_will_do(tmp_path: Path, stage) -> None:
    samples = [
        {"png": encoded(1, "PNG"), "txt": "from the text file", "json": {"caption": "from the JSON"}},
        {"webp": encoded(2, "WEBP"), "json": {"TEXT": "from LAION's column", "URL": "https://x.org/2"}},
        {"jpg": encoded(3)},
        {
            "jpg": encoded(4),
            "json": {"alt_text": "the alt", "caption": "the caption", "page_url": "https://x"},
        },
    ]
    write_tar(tmp_path / "a.tar", samples)
    found = [
        (c["alt"], c["caption"], c["url"], c["page_url"]) for c in rows(read(stage, tmp_path), "contexts")
    ]
    assert found == [
        ("from the text file", "from the JSON", None, None),
        ("from LAION's column", None, "https://x.org/2", None),
        (None, None, None, None),
        ("the alt", "the caption", None, "https://x"),
    ]


def test_the_same_bytes_twice_are_one_image_with_two_contexts(tmp_path: Path, stage) -> None:
    samples = [img2dataset(1), {**img2dataset(1), "txt": "another text"}, img2dataset(2)]
    samples[1]["json"] = {"url": "https://a.org/first.jpg"}
    out = read(stage, write_tar(tmp_path / "a.tar", samples))
    first, second = rows(out, "images")
    assert (out.rows_in, out.kept) == (3, 3)
    assert first["alts"] == ["A shape that is called number 1", "another text"]
    assert first["url"] == "https://a.org/first.jpg"
    assert [c["image_id"] for c in rows(out, "contexts")] == [first["id"], first["id"], second["id"]]


def test_what_is_wrong_in_a_tar_is_a_line_of_the_ledger_each(tmp_path: Path) -> None:
    samples = [
        img2dataset(1),
        {"txt": "no picture at all"},
        {"jpg": b"<html>404</html>", "txt": "a page instead"},
        {"jpg": encoded(2)[:700], "txt": "cut off"},
        {"jpg": encoded(3, size=(400, 300), quality=100), "txt": "many bytes"},
        {"jpg": encoded(4), "txt": "caf\u00e9".encode("latin-1"), "json": b"{broken"},
        {"jpg": encoded(5), "png": encoded(6, "PNG"), "txt": "two pictures"},
        {"jpg": encoded(7), "txt": "x" * 3000},
    ]
    write_tar(tmp_path / "a.tar", samples)
    with reading(max_image_bytes=20_000, max_text_bytes=2000) as stage:
        out = read(stage, tmp_path)
    assert (out.rows_in, out.kept) == (8, 4)
    assert sorted(reasons(out)) == [
        ("changed", "bad_json"), ("changed", "further_images"), ("changed", "text_cut"),
        ("changed", "text_not_utf8"), ("dropped", "no_image"), ("dropped", "too_many_bytes"),
        ("failed", "image_undecodable"), ("failed", "not_an_image"),
    ]  # fmt: skip
    assert [c["alt"] for c in rows(out, "contexts")][1:] == ["caf\ufffd", "two pictures", "x" * 2000]
    line = next(line for line in out.ledger if line["reason"] == "no_image")
    assert line["locator"].startswith((tmp_path / "a.tar").as_uri() + "#")
    assert line["record_kind"] == "pair"


def test_a_cut_and_a_damaged_tar_lose_only_what_is_gone(tmp_path: Path, stage) -> None:
    whole = write_tar(tmp_path / "whole.tar", [img2dataset(n) for n in range(6)]).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        members = tar.getmembers()
    third = next(m for m in members if m.name == "000000002.jpg")
    cut = tmp_path / "cut" / "a.tar"
    cut.parent.mkdir()
    cut.write_bytes(whole[: third.offset_data + 100])
    out = read(stage, cut)
    assert (out.rows_in, out.kept, reasons(out)) == (3, 2, [("failed", "bad_record")])
    assert "ends inside" in out.ledger[0]["detail"]
    damaged = tmp_path / "damaged" / "a.tar"
    damaged.parent.mkdir()
    first = next(m for m in members if m.name.startswith("000000002"))
    damaged.write_bytes(whole[: first.offset] + b"\xff" * 512 + whole[first.offset + 512 :])
    out = read(stage, damaged)
    # the header that is gone takes its member along; what else there is of the sample is still read
    assert out.rows_in == 7
    assert ("failed", "bad_record") in reasons(out)
    known = {sha(encoded(n)) for n in range(6)}
    assert len(known & {i["id"] for i in rows(out, "images")}) >= 5


def test_two_tars_one_behind_the_other_and_long_names(tmp_path: Path, stage) -> None:
    sink = io.BytesIO()
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(fileobj=sink, mode="w", format=format_) as tar:
            for name, data in (
                (f"{'d' * 90}/{'n' * 90}.jpg", encoded(format_)),
                (f"{'d' * 90}/{'n' * 90}.txt", b"x y"),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (tmp_path / "a.tar").write_bytes(sink.getvalue())
    out = read(stage, tmp_path)
    assert (out.rows_in, out.kept) == (2, 2)
    assert [c["alt"] for c in rows(out, "contexts")] == ["x y", "x y"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 700), st.binary(max_size=8)), max_size=4),
    keep=st.floats(0.05, 1),
)
def test_any_damage_to_a_tar_adds_up(tmp_path_factory, stage, edits, keep) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(write_tar(folder / "a.tar", [img2dataset(n) for n in range(4)]).read_bytes())
    for place, length, new in edits:
        at = int(place * len(data))
        data[at : at + length] = new
    (folder / "a.tar").write_bytes(data[: max(1, int(keep * len(data)))])
    out = read(stage, folder)  # checks the equation
    whole = {sha(encoded(n)) for n in range(4)}
    assert (out.kept or 0) <= len(data)
    assert all(i["id"] == sha(i["bytes"]) for i in rows(out, "images"))
    if not edits and keep == 1:
        assert {i["id"] for i in rows(out, "images")} == whole


def test_bombs_cost_one_pair_each(tmp_path: Path) -> None:
    def png(width: int, height: int) -> bytes:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100)))

    samples = [{"png": png(60_000, 60_000), "txt": "a bomb"}, {"png": png(9_000, 9_000), "txt": "empty rows"}]
    deep = b"[" * 100_000
    write_tar(tmp_path / "a.tar", [*samples, {"jpg": encoded(1), "txt": "fine", "json": deep}])
    with reading() as stage:
        out = read(stage, tmp_path)
    assert (out.rows_in, out.kept) == (3, 1)
    assert reasons(out) == [
        ("failed", "image_too_large"), ("failed", "image_undecodable"), ("changed", "bad_json")
    ]  # fmt: skip


def test_parquet_as_hugging_face_writes_it(tmp_path: Path, stage) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: see the extra `dev`")
    import PIL.Image

    pictures = [PIL.Image.open(io.BytesIO(encoded(n, "PNG"))) for n in range(3)]
    made = datasets.Dataset.from_dict({"image": pictures, "text": ["one shape", "two shapes", None]})
    made = made.cast_column("image", datasets.Image())
    made.to_parquet(str(tmp_path / "train-00000-of-00001.parquet"))
    out = read(stage, tmp_path)
    assert (out.rows_in, out.kept, out.ledger) == (3, 3, [])
    assert [c["alt"] for c in rows(out, "contexts")] == ["one shape", "two shapes", None]
    kept = [PIL.Image.open(io.BytesIO(i["bytes"])).tobytes() for i in rows(out, "images")]
    assert kept == [picture.tobytes() for picture in pictures]


def test_parquet_of_img2dataset_its_row_groups_and_its_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "jpg": pa.array([encoded(n) for n in range(10)], pa.binary()),
            "Caption": [f"shape number {n}" for n in range(10)],
            "url": [f"https://x.org/{n}" for n in range(10)],
            "status": ["success"] * 10,
        }
    )
    pq.write_table(table, tmp_path / "00000.parquet", row_group_size=4)
    root = tmp_path / "out"
    given = sources(root, tmp_path / "00000.parquet", shard_bytes=1 << 10)
    assert [(s.rows) for s in given.shards] == [1, 1, 1]  # a unit a row group
    with reading() as stage:
        found = run_step(stage, {"sources": given}, root.as_uri())
    assert found["images"].counts.rows_in == found["images"].counts.kept == 10
    tables = [read_shard(open_store(root.as_uri()), s).to_pylist() for s in found["contexts"].shards]
    assert [len(part) for part in tables] == [4, 4, 2]
    wanted = {(sha(encoded(n)), f"shape number {n}", f"https://x.org/{n}") for n in range(10)}
    assert {(c["image_id"], c["alt"], c["url"]) for part in tables for c in part} == wanted


def test_parquet_with_other_column_names_lists_and_paths(tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    for n in range(3):
        (tmp_path / "pics" / f"{n}.jpg").write_bytes(encoded(n))
    table = pa.table(
        {
            "where": ["pics/0.jpg", "pics/1.jpg", "pics/none.jpg", "../outside.jpg", None],
            "says": [["one", "two"], ["three"], [], None, None],
        }
    )
    pq.write_table(table, tmp_path / "pairs.parquet")
    with reading(columns=PairColumns(path=["where"], alt=["says"]).model_dump()) as stage:
        out = read(stage, tmp_path / "pairs.parquet")
    assert (out.rows_in, out.kept) == (5, 2)
    assert reasons(out) == [("dropped", "no_image"), ("dropped", "bad_path"), ("dropped", "no_image")]
    assert [c["alt"] for c in rows(out, "contexts")] == ["one", "two", "three"]
    assert rows(out, "images")[0]["alts"] == ["one", "two"]


def test_lying_parquet_is_ledger_lines(tmp_path: Path, stage) -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(struct.pack("<3i", 0, 4, 8)), pa.py_buffer(b"caf\xe9fine")]
    )
    good = pa.table({"image": pa.array([encoded(1), encoded(2)], pa.binary()), "text": texts})
    pq.write_table(good, tmp_path / "latin.parquet")
    out = read(stage, tmp_path / "latin.parquet")
    assert (out.kept, reasons(out)) == (2, [("changed", "text_not_utf8")])
    assert [c["alt"] for c in rows(out, "contexts")] == ["caf\ufffd", "fine"]
    data = bytearray((tmp_path / "latin.parquet").read_bytes())
    for at in range(8, 4000):  # what the footer describes is not there
        data[at] ^= 0x5A
    (tmp_path / "lies.parquet").write_bytes(data)
    out = read(stage, tmp_path / "lies.parquet")
    assert out.rows_in and not out.kept
    assert {action for action, _ in reasons(out)} == {"failed"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4))
def test_any_damage_to_a_parquet_file_adds_up(tmp_path_factory, stage, edits) -> None:
    from components.core.errors import ConfigurationError

    path = tmp_path_factory.mktemp("fuzz") / "a.parquet"
    table = pa.table(
        {"image": pa.array([encoded(n) for n in range(3)], pa.binary()), "text": ["a", "b", "c"]}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    data = bytearray(sink.getvalue())
    for place, new in edits:
        at = int(place * (len(data) - len(new)))
        data[at : at + len(new)] = new
    path.write_bytes(data)
    try:
        out = read(stage, path)
    except ConfigurationError as error:  # the footer is gone: nothing to begin with
        assert "a.parquet" in str(error)
        return
    assert all(i["id"] == sha(i["bytes"]) for i in rows(out, "images"))


def test_a_row_that_is_too_much_is_tried_alone(tmp_path: Path) -> None:
    # 40 rows share one value of the dictionary: little in the file, 500 MB as images all at once
    huge = b"\xff\xd8" + bytes(12 << 20)
    values = pa.DictionaryArray.from_arrays(
        pa.array([0] * 40 + [1], pa.int32()), pa.array([huge, encoded(1)], pa.binary())
    )
    pq.write_table(
        pa.table({"image": values, "text": ["x"] * 41}), tmp_path / "a.parquet", compression="zstd"
    )
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    with reading(memory_bytes=256 << 20, max_image_bytes=1 << 20) as stage:
        out = read(stage, tmp_path)
    assert (out.rows_in, out.kept) == (41, 1)
    assert set(reasons(out)) == {("dropped", "too_many_bytes")}


def test_the_reading_process_goes_on_where_another_stopped(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([encoded(n) for n in range(6)], pa.binary())})
    pq.write_table(table, tmp_path / "a.parquet")
    from components.core.store import Stores

    params = ReadPairsParams()
    pairs = parquet_pairs.ParquetPairs(params)
    uri = (tmp_path / "a.parquet").as_uri()
    footer = pairs.footer(Stores(), uri)
    chosen = parquet_pairs.choose(footer.kinds, params.columns)
    first = pairs._call(Stores(), uri, 0, 0, 2, chosen)
    pairs._reader.close()
    second = pairs._call(Stores(), uri, 0, 2, 2, chosen)
    pairs.close()
    assert [row.image for row in first + second] == [encoded(n) for n in range(4)]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_tables_name_images_beside_them(tmp_path: Path, suffix: str) -> None:
    records = []
    for n in range(25):
        (tmp_path / f"{n}.jpg").write_bytes(encoded(n))
        records.append(
            {"image_path": f"{n}.jpg", "caption": f"line one\nline two, of {n} “quoted”", "url": f"u{n}"}
        )
    path = tmp_path / f"list.{suffix}"
    if suffix == "jsonl":
        path.write_text("\n".join(map(json.dumps, records)))
    else:
        with path.open("w", newline="", encoding="utf-8-sig") as stream:
            writer = csv.DictWriter(stream, list(records[0]), delimiter="," if suffix == "csv" else "\t")
            writer.writeheader()
            writer.writerows(records)
    root = tmp_path / "out"
    given = sources(root, path, shard_pairs=10)
    assert len(given.shards) == 3
    with reading() as stage:
        found = run_step(stage, {"sources": given}, root.as_uri())
    tables = [read_shard(open_store(root.as_uri()), s).to_pylist() for s in found["contexts"].shards]
    assert [len(part) for part in tables] == [10, 10, 5]
    wanted = {(sha(encoded(n)), records[n]["caption"], f"u{n}") for n in range(25)}
    assert {(c["image_id"], c["alt"], c["url"]) for part in tables for c in part} == wanted
    assert found["images"].counts.kept == 25


def test_bad_lines_and_paths_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(1))
    (tmp_path / "secret.jpg").write_bytes(encoded(2))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "b.jpg").write_bytes(encoded(3))
    (folder / "big.jpg").write_bytes(bytes(60_000))
    (folder / "empty.jpg").touch()
    lines = [
        b"file,text", b"b.jpg,fine", b"../secret.jpg,outside", b"/etc/passwd,outside", b"b.jpg,caf\xe9",
        b"gone.jpg,x", b"b.jpg,too,many,fields", b"https://x.org/a.jpg,x", b"big.jpg,x", b"empty.jpg,x",
        b"a\0b.jpg,x", b",no file", b"b.jpg," + b"y" * 60_000, b"", b"data,a folder", b"./b.jpg,again",
    ]  # fmt: skip
    (folder / "list.csv").write_bytes(b"\r\n".join(lines))
    with reading(max_image_bytes=50_000, max_text_bytes=50_000) as stage:
        out = read(stage, folder / "list.csv")
    assert (out.rows_in, out.kept) == (14, 3)
    told = [(line["reason"], line["locator"].rpartition("#")[2]) for line in out.ledger]
    assert sorted(reason for reason, _ in told) == [
        "bad_path", "bad_path", "bad_path", "bad_record", "bad_record", "no_image", "no_image", "no_image",
        "no_image", "text_not_utf8", "too_many_bytes", "urls_only",
    ]  # fmt: skip
    assert all(place.isdigit() for _, place in told)
    assert [c["alt"] for c in rows(out, "contexts")] == ["fine", "caf\ufffd", "again"]
    with reading(image_root=str(tmp_path)) as stage:
        assert read(stage, folder / "list.csv").kept == 0
        (folder / "up.csv").write_text("file,text\ndata/b.jpg,below the root\n")
        assert read(stage, folder / "up.csv").kept == 1


def test_a_folder_of_images_with_texts_beside_them(tmp_path: Path, stage) -> None:
    deep = tmp_path / "00000"
    deep.mkdir()
    for n in range(3):
        (deep / f"{n}.jpg").write_bytes(encoded(n))
    (deep / "0.txt").write_text("the first\n")
    (deep / "1.json").write_text(json.dumps({"caption": "the second", "url": "https://x.org/1"}))
    out = read(stage, tmp_path)
    found = [(c["alt"], c["url"]) for c in rows(out, "contexts")]
    assert (out.kept, out.ledger) == (3, [])
    assert found == [("the first", None), ("the second", "https://x.org/1"), (None, None)]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_imagefolder_of_hugging_face(tmp_path: Path, stage, suffix: str) -> None:
    (tmp_path / "train").mkdir()
    for n in range(3):
        (tmp_path / "train" / f"{n}.png").write_bytes(encoded(n, "PNG"))
    records = [{"file_name": f"{n}.png", "text": f"shape {n}"} for n in range(2)]
    path = tmp_path / "train" / f"metadata.{suffix}"
    if suffix == "csv":
        path.write_text("file_name,text\n" + "".join(f"{r['file_name']},{r['text']}\n" for r in records))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in records))
    else:
        pq.write_table(pa.Table.from_pylist(records), path)
    out = read(stage, tmp_path)
    # as `datasets` has it: an image that the table does not name is there, without a text
    found = [(c["image_id"], c["alt"]) for c in rows(out, "contexts")]
    texts = ["shape 0", "shape 1", None]
    assert found == [(sha(encoded(n, "PNG")), text) for n, text in enumerate(texts)]
    assert (out.rows_in, out.kept) == (3, 3)


def test_a_retry_asks_for_some_pairs_only(tmp_path: Path, stage) -> None:
    (tmp_path / "list.jsonl").write_text('{"file": "a.jpg", "text": "x"}\n{"file": "b.jpg", "text": "y"}\n')
    (tmp_path / "a.jpg").write_bytes(encoded(1))
    (tmp_path / "b.jpg").write_bytes(b"no image yet")
    first = read(stage, tmp_path / "list.jsonl")
    (line,) = first.ledger
    assert line["reason"] == "not_an_image"
    (tmp_path / "b.jpg").write_bytes(encoded(2))
    again = read(stage, tmp_path / "list.jsonl", only=frozenset({line["record_id"]}))
    assert (again.rows_in, again.kept) == (1, 1)
    assert [i["id"] for i in rows(again, "images")] == [sha(encoded(2))]
    lost = read(stage, tmp_path / "list.jsonl", only=frozenset({"f" * 32}))
    assert (lost.rows_in, lost.kept, reasons(lost)) == (1, 0, [("failed", "not_found_again")])


@pytest.mark.corpora
def test_real_photographs_in_a_tar(tmp_path: Path, corpora: Path, stage) -> None:
    paths = sorted((corpora / "images").glob("*.jpg"))[:40]
    write_tar(tmp_path / "a.tar", [{"jpg": p.read_bytes(), "txt": p.stem} for p in paths])
    out = read(stage, tmp_path)
    assert (out.rows_in, out.kept, out.ledger) == (40, 40, [])
    assert [i["bytes"] for i in rows(out, "images")] == [p.read_bytes() for p in paths]


@pytest.mark.s3
def test_pairs_in_an_object_store(tmp_path: Path, s3_bucket: str) -> None:
    store = open_store(f"s3://{s3_bucket}/pairs")
    store.put("00000.tar", write_tar(tmp_path / "a.tar", [img2dataset(n) for n in range(3)]).read_bytes())
    sink = io.BytesIO()
    pq.write_table(pa.table({"image": pa.array([encoded(9)], pa.binary()), "text": ["nine"]}), sink)
    store.put("more.parquet", sink.getvalue())
    store.put("folder/list.csv", b"file,text\nx.png,a picture\n../escape.png,no\n")
    store.put("folder/x.png", encoded(5, "PNG"))
    with reading() as stage:
        out = read(stage, f"s3://{s3_bucket}/pairs/")
    alts = sorted(c["alt"] for c in rows(out, "contexts") if c["alt"])
    assert alts[-2:] == ["a picture", "nine"]
    assert ("dropped", "bad_path") in reasons(out)
    assert out.kept == 6  # the picture counts as an image of its own, too: its table is not called metadata
