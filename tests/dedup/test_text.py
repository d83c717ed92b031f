import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.records import Document, Item, table
from components.dedup.text import normalise, normalised_texts, spaced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \n\n b\tc\u00a0d\u2003e ", "a b c d e"),
        ("cafe\u0301", "caf\u00e9"),
        ("Case Stays", "Case Stays"),
        (" \n ", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_normalise_twice_is_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\n" not in once
    assert "  " not in once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("天文台 opens", "天 文 台 opens"),
        ("the天文", "the 天 文"),
        ("naïve “quotes”", "naïve “quotes”"),
        ("", ""),
    ],
)
def test_scripts_without_spaces_get_them(text: str, expected: str) -> None:
    assert spaced(text) == expected


def doc(*parts: str | None) -> Document:
    items = [Item("image", url="u") if p is None else Item("text", text=p) for p in parts]
    return Document("0" * 32, "html", "file:///x", items)


def test_texts_of_a_table_its_slices_and_its_chunks() -> None:
    docs = [doc("a", None, "b  c"), doc(), doc(None), doc("\u00e9", "d")]
    expected = ["a b c", "", "", "\u00e9 d"]
    whole = table(docs, "documents/1")
    assert normalised_texts(whole) == expected
    assert normalised_texts(whole.slice(1, 3)) == expected[1:]
    assert normalised_texts(pa.concat_tables([whole, whole.slice(2)])) == expected + expected[2:]
    assert normalised_texts(whole.slice(0, 0)) == []
    assert normalised_texts(pa.Table.from_batches([], whole.schema)) == []
