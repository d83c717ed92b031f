import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.distill.evaluation_set import EvaluationSet, load_evaluation_set

SHA = "ab" * 32
TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def made(*rows: dict, radius: int = 6, ngram: int = 13) -> EvaluationSet:
    return EvaluationSet(iter(rows), radius=radius, ngram=ngram)


def test_images_are_found_by_their_bytes_and_by_their_phash() -> None:
    found = made({"sha256": SHA.upper()}, {"phash": "00000000000000ff"}, {"phash": 1 << 63})
    assert "bytes" in (found.image_match(SHA, None) or "")
    assert "3 bits" in (found.image_match("cd" * 32, 0xFF ^ 0b111) or "")
    assert found.image_match("cd" * 32, (1 << 63) | 0b111111 << 20) is not None
    assert found.image_match("cd" * 32, (1 << 63) | 0b1111111 << 20) is None
    assert found.image_match("cd" * 32, None) is None


def test_texts_are_found_by_thirteen_words_in_a_row_however_they_are_written() -> None:
    found = made({"texts": [TEXT, "short one"]})
    assert found.text_match(
        "So: TWO, three four five six seven-eight nine ten eleven twelve thirteen fourteen!"
    )
    assert not found.text_match(TEXT.replace("seven", "7"))
    assert not found.text_match("short one")
    assert not found.text_match(None)
    assert made({"texts": "short one"}, ngram=2).text_match("a short one")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_radius_is_the_number_of_bits_that_differ(one: int, other: int) -> None:
    near = (one ^ other).bit_count() <= 6
    assert (made({"phash": one}).image_match(SHA, other) is not None) == near


def test_both_kinds_of_file(tmp_path: Path) -> None:
    rows = [{"sha256": SHA, "phash": None, "texts": None}, {"sha256": None, "phash": 7, "texts": [TEXT]}]
    schema = pa.schema(
        [
            ("sha256", pa.string()),
            ("phash", pa.uint64()),
            ("texts", pa.list_(pa.string())),
            ("more", pa.int8()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "set.parquet")
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    for name in ("set.parquet", "set.jsonl"):
        found = load_evaluation_set(str(tmp_path / name), radius=0, ngram=13)
        assert found.image_match(SHA, None)
        assert found.image_match("cd" * 32, 7)
        assert not found.image_match("cd" * 32, 6)
        assert found.text_match(TEXT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "x"}', r"Row 1 .* none of the columns sha256, phash, texts"),
        ('{"sha256": "abc"}', r"sha256 in row 1 .* no 64 hex digits: 'abc'"),
        ('{"phash": "xyz"}', r"phash in row 1 .* 'xyz'"),
        ('{"phash": -1}', r"phash in row 1"),
        (f'{{"sha256": "{SHA}"}}\n{{"texts": [1]}}', r"texts in row 2 .* no list of strings"),
        ("[1]", "Row 1"),
        ("{", "can't be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "set.jsonl").write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load_evaluation_set(str(tmp_path / "set.jsonl"), radius=6, ngram=13)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_evaluation_set(str(tmp_path / "nothing.jsonl"), radius=6, ngram=13)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_evaluation_set(str(tmp_path / "bad.parquet"), radius=6, ngram=13)
    sink = io.BytesIO()
    pq.write_table(pa.table({"url": ["x"]}), sink)
    (tmp_path / "other.parquet").write_bytes(sink.getvalue())
    with pytest.raises(ConfigurationError, match="none of the columns"):
        load_evaluation_set(str(tmp_path / "other.parquet"), radius=6, ngram=13)
