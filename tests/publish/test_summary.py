from __future__ import annotations

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.manifest import Counts, Manifest, Shard
from components.publish.summary import Examples, public_uri, steps_of


def manifest(
    step: str, port: str, schema: str, parents: dict[str, str], rows: int = 5, **counts: object
) -> Manifest:
    shard = Shard(path=f"{step}/{port}/0.parquet", rows=rows, bytes=100, sha256=f"{step}{port}")
    return Manifest(
        step=step, port=port, location="file:///x", schema=schema, shards=[shard], parents=parents,
        stage_version="3", code_version="1", params={"a": 1}, seconds=2.5,
        counts=Counts(rows_in=9, kept=rows, **counts),
    )  # fmt: skip


def test_steps_follow_the_data_whatever_their_names() -> None:
    first = manifest("z", "documents", "documents/1", {}, rows=9)
    images = manifest("z", "images", "images/1", {})
    second = manifest("y", "documents", "documents/1", {"documents": first.digest}, dropped={"short": 4})
    second = second.model_copy(update={"family": "filter"})
    third = manifest("a", "keys", "dedup_keys/1", {"documents": second.digest}, conserves=False)
    steps = steps_of([third, images, second, first])
    assert [step.name for step in steps] == ["z", "y", "a"]
    assert [d.name for d in steps[0].datasets] == ["z/documents", "z/images"]
    assert steps[1].datasets[0].parents == ["z/documents"]
    assert (steps[1].family, steps[1].dropped, steps[1].unit) == ("filter", {"short": 4}, "documents")
    assert (steps[2].conserves, steps[2].unit) == (False, "dedup keys")
    assert (steps[1].seconds, steps[1].version, steps[1].params) == (2.5, "3", {"a": 1})


def test_a_step_whose_records_are_not_the_rows_it_reads_counts_records() -> None:
    sources = manifest("sources", "sources", "sources/1", {}, rows=7)
    extract = manifest("extract", "documents", "documents/1", {"sources": sources.digest})
    assert [step.unit for step in steps_of([sources, extract])] == ["sources", "records"]


def test_datasets_of_equal_content_are_all_listed() -> None:
    one = manifest("a", "x", "documents/1", {})
    two = one.model_copy(update={"step": "b"})
    assert [step.name for step in steps_of([two, one])] == ["a", "b"]


def ledger(count: int) -> pa.Table:
    lines = [
        {"step": "s" if n % 2 else "t", "record_id": str(n), "record_kind": "document",
         "action": "dropped", "reason": "r"}
        for n in range(count)
    ]  # fmt: skip
    return pa.Table.from_pylist(lines, schema=schemas.LEDGER)


def test_examples_are_few_and_the_same_in_any_order() -> None:
    table = ledger(100)
    one, two = Examples(3), Examples(3)
    one.add(table)
    for start in (60, 0, 30, 90):
        two.add(table.slice(start, 30))
    assert one.of("s") == two.of("s")
    assert list(one.of("s")) == [("dropped", "r")]
    assert len(one.of("s")["dropped", "r"]) == 3
    assert one.of("unknown") == {}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://bucket/key", "s3://bucket/key"),
        ("https://me:pw@e.org/a?x=1#f", "https://e.org/a?x=1"),
        ("https://e.org/a?X-Amz-Credential=a&X-Amz-Signature=b", "https://e.org/a"),
        ("https://e.org/a?sv=1&sig=abc", "https://e.org/a"),
        ("https://e.org/a?design=1", "https://e.org/a?design=1"),
        ("https://[bad", "an unreadable location"),
    ],
)
def test_locations_are_shown_without_secrets(uri: str, shown: str) -> None:
    assert public_uri(uri) == shown
