import dataclasses

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import Document, Item, table
from components.dedup.apply import DropDuplicatesStage
from components.dedup.params import DedupParams
from tests.dedup.samples import documents, first_port, run

A, B, C = (f"{n:032x}" for n in range(3))


def duplicates(*lines: tuple[str, str, bool]) -> pa.Table:
    rows = [{"shard": 0, "id": i, "duplicate_of": of, "exact": exact} for i, of, exact in lines]
    return pa.Table.from_pylist(rows, schema=schemas.get("duplicates/1"))


def apply(docs: pa.Table, *lines: tuple[str, str, bool]):
    return run(DropDuplicatesStage(DedupParams()), documents=docs, duplicates=duplicates(*lines))


def test_drops_what_the_clusters_say_and_names_what_is_kept() -> None:
    docs = documents("a", "b", "c")
    out = apply(docs, (B, A, True), (C, A, False))
    assert first_port(out).equals(docs.slice(0, 1))
    assert [(line["record_id"], line["action"], line["reason"]) for line in out.ledger] == [
        (B, "dropped", "exact_text"),
        (C, "dropped", "near_text"),
    ]
    assert all(f"duplicate of {A}" in line["detail"] for line in out.ledger)
    assert out.ledger[0]["locator"] == "file:///crawl.warc.gz@10"


def test_without_duplicates_all_stay() -> None:
    docs = documents("a", "b")
    assert first_port(apply(docs)).equals(docs)
    assert first_port(apply(documents())).num_rows == 0


@pytest.mark.parametrize(("lines", "kept"), [(1, [0]), (2, [])])
def test_document_that_was_crawled_twice_is_not_lost(lines: int, kept: list[int]) -> None:
    """Its id is a duplicate of itself: only the later row may go, unless both are duplicates."""
    twin = Document(A, "html", "file:///x", [Item("text", text="a")], 0)
    docs = table([twin, dataclasses.replace(twin, source_offset=1)], "documents/1")
    out = apply(docs, *[(A, A, True)] * lines)
    assert first_port(out).column("source_offset").to_pylist() == kept
    assert len(out.ledger) == lines
