import datetime

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import Document, Item, table
from components.dedup.keys import KeysStage
from components.dedup.params import DedupParams
from tests.dedup.samples import documents, port, prose, run

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def keys(docs: pa.Table, index: int = 0, **params: object) -> pa.Table:
    return port(run(KeysStage(DedupParams(**params)), index, documents=docs), "keys")  # type: ignore[arg-type]


def by_document(docs: pa.Table, **params: object) -> dict[int, dict[int, int]]:
    """Row → band → key."""
    found: dict[int, dict[int, int]] = {}
    for line in keys(docs, **params).to_pylist():
        found.setdefault(line["row"], {})[line["band"]] = line["key"]
    return found


def page(url: str | None, text: str, time: datetime.datetime | None = NOON) -> Document:
    return Document("a" * 32, "html", "file:///x", [Item("text", text=text)], url=url, crawl_time=time)


def test_one_key_a_band_one_for_the_text_and_one_for_the_address() -> None:
    docs = table([page("https://example.com/a", prose(1)), page(None, prose(2))], "documents/1")
    result = keys(docs, 7)
    schemas.check(result.schema, "dedup_keys/1", producer="dedup_keys", consumer="test")
    assert set(result.column("shard").to_pylist()) == {7}
    assert {row: sorted(bands) for row, bands in by_document(docs).items()} == {
        0: [*range(-2, 14)],
        1: [*range(-1, 14)],
    }
    assert len(set(result.column("key").to_pylist())) == 31
    assert [(r["band"], r["time"]) for r in result.to_pylist() if r["time"]] == [(-2, NOON)]


@pytest.mark.parametrize(
    ("params", "bands"),
    [
        ({"exact": False, "url": False}, [*range(14)]),
        ({"near": False}, [-2, -1]),
        ({"near": False, "exact": False}, [-2]),
        ({"bands": 3, "rows": 2}, [-2, -1, 0, 1, 2]),
    ],
)
def test_switches(params: dict[str, int], bands: list[int]) -> None:
    docs = table([page("http://a.example", prose(1))], "documents/1")
    assert keys(docs, **params).column("band").to_pylist() == bands


def test_short_and_empty_texts() -> None:
    found = by_document(documents("", "four words are few", "five words are just enough", " \n "))
    assert {row: len(bands) for row, bands in found.items()} == {1: 1, 2: 15}
    assert run(KeysStage(DedupParams()), documents=documents("", "a")).counters["documents_without_text"] == 1


def test_only_the_words_count_not_their_layout_or_the_images() -> None:
    words = prose(4).split()
    plain = Document("a" * 32, "html", "file:///x", [Item("text", text=" ".join(words))])
    broken = Document(
        "a" * 32,
        "pdf",
        "file:///y",
        [
            Item("text", text="\n".join(words[:50])),
            Item("image", url="https://example.com/a.jpg"),
            Item("text", text="  ".join(words[50:])),
        ],
    )
    assert keys(table([plain], "documents/1")).equals(keys(table([broken], "documents/1")))


def test_empty_shard() -> None:
    assert keys(documents()).num_rows == 0


def test_chinese_text_has_shingles() -> None:
    assert keys(documents("天文台建在城外的山脊上")).num_rows == 15
