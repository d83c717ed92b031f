import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import Document, Item, table
from components.core.stage import Output
from components.dedup.apply import DropDuplicatesStage
from components.dedup.boilerplate import frequent, sample_paragraphs
from components.dedup.params import BoilerplateParams, DedupParams
from components.dedup.text import of_documents
from tests.dedup.samples import documents, first_port, run

A, B, C = (f"{n:032x}" for n in range(3))
PARAMS = DedupParams(boilerplate=BoilerplateParams(sample=1, min_documents=2))


def duplicates(*lines: tuple[int, str, str, str]) -> pa.Table:
    rows = [{"shard": 0, "row": r, "id": i, "duplicate_of": of, "reason": why} for r, i, of, why in lines]
    return pa.Table.from_pylist(rows, schema=schemas.get("duplicates/1"))


def drops(*lines: tuple[int, str, int, int]) -> pa.Table:
    rows = [{"shard": 0, "row": r, "id": i, "item": item, "line": n, "score": 0.9} for r, i, item, n in lines]
    return pa.Table.from_pylist(rows, schema=schemas.get("text_drops/1"))


def boilerplate(*texts: str) -> pa.Table:
    docs = documents(*texts, *texts)
    found, _ = sample_paragraphs(docs, of_documents(docs), PARAMS.boilerplate)
    return frequent(found, 2).select(["key"])


def apply(
    docs: pa.Table,
    *lines: tuple[int, str, str, str],
    repeated: pa.Table | None = None,
    common: tuple[str, ...] = (),
) -> Output:
    out = run(
        DropDuplicatesStage(PARAMS),
        documents=docs,
        duplicates=duplicates(*lines),
        drops=repeated or drops(),
        boilerplate=boilerplate(*common),
    )
    assert first_port(out).num_rows + sum(line["action"] == "dropped" for line in out.ledger) == docs.num_rows
    return out


def ledger(out: Output) -> list[tuple[str, str, str]]:
    return [(line["record_id"], line["action"], line["reason"]) for line in out.ledger]


def texts(out: Output) -> list[list[str | None]]:
    return [[item["text"] for item in items] for items in first_port(out).column("items").to_pylist()]


def test_drops_what_the_clusters_say_and_names_what_is_kept() -> None:
    docs = documents("a", "b", "c")
    out = apply(docs, (1, B, A, "exact_text"), (2, C, A, "near_text"))
    assert first_port(out).equals(docs.slice(0, 1))
    assert ledger(out) == [(B, "dropped", "exact_text"), (C, "dropped", "near_text")]
    assert all(f"duplicate of {A}" in line["detail"] for line in out.ledger)
    assert out.ledger[0]["locator"] == "file:///crawl.warc.gz@10"


def test_released_document_is_named_with_its_run() -> None:
    lines = duplicates((0, A, C, "near_text")).set_column(4, "run", pa.array(["crawl-7"]))
    out = run(
        DropDuplicatesStage(PARAMS),
        documents=documents("a"),
        duplicates=lines,
        drops=drops(),
        boilerplate=boilerplate(),
    )
    assert f"duplicate of {C} of run crawl-7" in out.ledger[0]["detail"]


def test_without_anything_to_drop_all_stay() -> None:
    docs = documents("a", "b")
    assert first_port(apply(docs)).equals(docs)
    assert first_port(apply(documents())).num_rows == 0


TWINS = table(
    [
        Document(A, "html", "file:///x", [Item("text", text="a")], 0),
        Document(A, "html", "file:///x", [Item("text", text="a")], 1),
        Document(B, "html", "file:///x", [Item("text", text="b")], 2),
    ],
    "documents/1",
)


def test_document_that_was_crawled_twice_is_not_lost() -> None:
    """Its id is a duplicate of itself: the row says which of the two goes."""
    out = apply(TWINS, (0, A, A, "same_url"))
    assert first_port(out).column("source_offset").to_pylist() == [1, 2]


def test_retry_of_some_documents_finds_them_by_id() -> None:
    out = apply(TWINS.slice(1), (1, A, A, "exact_text"), (2, B, A, "near_text"))
    assert ledger(out) == [(A, "dropped", "exact_text"), (B, "dropped", "near_text")]
    out = apply(TWINS.slice(2), (1, A, A, "exact_text"), (2, B, A, "near_text"))
    assert ledger(out) == [(B, "dropped", "near_text")]


def test_repeated_documents_and_lines_go() -> None:
    docs = documents("a", "one\ntwo\nthree", "one\ntwo")
    out = apply(docs, repeated=drops((0, A, -1, -1), (1, B, 0, 1), (2, C, 0, -1)))
    assert ledger(out) == [
        (A, "dropped", "repeated_text"),
        (B, "changed", "repeated_lines"),
        (C, "dropped", "repeated_text"),
    ]
    assert texts(out) == [["one\nthree"]]
    assert out.ledger[0]["score"] == pytest.approx(0.9)
    assert out.ledger[1]["detail"] == "1 paragraphs, 3 characters taken out"


def test_boilerplate_is_stripped_and_told_once_a_document() -> None:
    docs = documents("Skip to content\nA story\nSkip  to content", "Blog Archive\nSkip to content", "A story")
    out = apply(docs, common=("Skip to content", "Blog Archive"))
    assert texts(out) == [["A story"], ["A story"]]
    assert ledger(out) == [(A, "changed", "boilerplate"), (B, "dropped", "only_boilerplate")]
    assert out.ledger[0]["detail"] == "2 paragraphs, 31 characters taken out"
    assert "2 paragraphs, 27 characters" in out.ledger[1]["detail"]


def test_boilerplate_can_be_switched_off() -> None:
    off = DedupParams(boilerplate=BoilerplateParams(enabled=False))
    docs = documents("Skip to content\nA story")
    out = run(
        DropDuplicatesStage(off),
        documents=docs,
        duplicates=duplicates(),
        drops=drops(),
        boilerplate=boilerplate("Skip to content"),
    )
    assert first_port(out).equals(docs)


def test_document_of_images_without_text_stays() -> None:
    picture = Document(A, "html", "file:///x", [Item("image", url="https://example.com/a.jpg")])
    assert first_port(apply(table([picture], "documents/1"), common=("x",))).num_rows == 1


def test_what_a_duplicate_holds_is_not_told_of() -> None:
    docs = documents("Skip to content", "Skip to content")
    out = apply(docs, (0, A, B, "same_url"), repeated=drops((0, A, 0, 0)), common=("Skip to content",))
    assert ledger(out) == [(A, "dropped", "same_url"), (B, "dropped", "only_boilerplate")]


def test_images_of_what_is_left_are_listed_once() -> None:
    def page(record: str, *images: Item) -> Document:
        return Document(record, "html", "file:///x", [Item("text", text=record), *images])

    known = Item("image", url="https://example.com/known.jpg", image_id="f" * 64)
    docs = table(
        [
            page(
                A, Item("image", url="https://example.com/b.jpg"), Item("image", url="file:///a.png"), known
            ),
            page(B, Item("image", url="https://example.com/gone.jpg")),
            page(C, Item("image", url="https://example.com/b.jpg"), Item("image", url=None)),
        ],
        "documents/1",
    )
    out = apply(docs, (1, B, A, "near_text"))
    refs = pa.concat_tables(out.tables["image_refs"])
    schemas.check(refs.schema, "image_refs/1", producer="dedup", consumer="test")
    assert refs.to_pylist() == [
        {"url": "file:///a.png", "shard": 0},
        {"url": "https://example.com/b.jpg", "shard": 0},
    ]
