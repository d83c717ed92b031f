import pyarrow as pa
import pytest

from components.core import schemas
from components.core.records import Document, Item, table
from components.dedup.keys import KeysStage
from components.dedup.params import DedupParams
from tests.dedup.samples import documents, first_port, prose, run


def keys(docs: pa.Table, index: int = 0, **params: object) -> pa.Table:
    return first_port(run(KeysStage(DedupParams(**params)), index, documents=docs))  # type: ignore[arg-type]


def test_one_key_a_band_and_one_for_the_text() -> None:
    result = keys(documents(prose(1), prose(2)), 7)
    schemas.check(result.schema, "dedup_keys/1", producer="dedup_keys", consumer="test")
    assert result.column("band").to_pylist() == [*range(-1, 14)] * 2
    assert result.column("row").to_pylist() == [0] * 15 + [1] * 15
    assert set(result.column("shard").to_pylist()) == {7}
    assert result.column("id").to_pylist() == [f"{0:032x}"] * 15 + [f"{1:032x}"] * 15
    assert len(set(result.column("key").to_pylist())) == 30


@pytest.mark.parametrize(
    ("params", "bands"),
    [
        ({"exact": False}, [*range(14)]),
        ({"near": False}, [-1]),
        ({"bands": 3, "rows": 2}, [-1, 0, 1, 2]),
    ],
)
def test_switches(params: dict[str, int], bands: list[int]) -> None:
    assert keys(documents(prose(1)), **params).column("band").to_pylist() == bands


def test_short_and_empty_texts() -> None:
    result = keys(documents("", "four words are few", "five words are just enough", " \n "))
    assert result.column("row").to_pylist() == [1] + [2] * 15
    assert result.column("band").to_pylist()[0] == -1
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


def test_case_counts() -> None:
    lower, upper = (keys(documents(text)).column("key").to_pylist() for text in (prose(1), prose(1).upper()))
    assert not set(lower) & set(upper)


def test_seed_chooses_the_bands_but_not_the_hash_of_the_text() -> None:
    one, two = (keys(documents(prose(1)), seed=seed).column("key").to_pylist() for seed in (1, 2))
    assert one[0] == two[0]
    assert not set(one[1:]) & set(two[1:])


def test_empty_shard() -> None:
    assert keys(documents()).num_rows == 0


def test_chinese_text_has_shingles() -> None:
    assert keys(documents("天文台建在城外的山脊上")).num_rows == 15
