import sys
import unicodedata

import numpy as np
import pyarrow as pa

from components.core.records import Document, Item, table
from components.core.scripts import UNSPACED
from components.dedup.text import CLASSIFIED, LONE, SPACE, UNSURE, character_classes, of_documents, of_strings


def doc(*parts: str | None) -> Document:
    items = [Item("image", url="u") if p is None else Item("text", text=p) for p in parts]
    return Document("0" * 32, "html", "file:///x", items)


def shown(documents: pa.Table) -> list[str]:
    texts = of_documents(documents)
    return [texts.text(number) for number in range(len(texts))]


def test_texts_of_a_table_its_slices_and_its_chunks() -> None:
    docs = [doc("a", None, "b  c"), doc(), doc(None), doc("\u00e9", "d")]
    expected = ["a\n\nb  c", "", "", "\u00e9\nd"]
    whole = table(docs, "documents/1")
    assert shown(whole) == expected
    assert shown(whole.slice(1, 3)) == expected[1:]
    assert shown(pa.concat_tables([whole, whole.slice(2)])) == expected + expected[2:]
    assert shown(whole.slice(0, 0)) == []
    assert shown(pa.Table.from_batches([], whole.schema)) == []


def test_null_is_no_text_whatever_lies_under_it() -> None:
    offsets = pa.array([0, 2, 4, 6], pa.int32()).buffers()[1]
    hidden = pa.Array.from_buffers(
        pa.string(), 3, [pa.py_buffer(bytes([0b101])), offsets, pa.py_buffer(b"aabbcc")], null_count=1
    )
    texts = of_strings(hidden)
    assert [texts.text(n) for n in range(3)] == ["aa", "", "cc"]


def test_bytes_that_are_not_aligned_are_copied() -> None:
    held = pa.py_buffer(b"-onetwo")
    strings = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 3, 6], pa.int32()).buffers()[1], held[1:]]
    )
    texts = of_strings(strings)
    assert texts.eights.ctypes.data % 8 == 0
    assert [texts.text(0), texts.text(1)] == ["one", "two"]


def test_classes_are_those_of_python() -> None:
    classes = character_classes()
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        kind = classes[point] if point < CLASSIFIED else 0
        assert bool(kind & SPACE) == (not character.split())
        assert bool(kind & LONE) == bool(UNSPACED.fullmatch(character))


def test_text_without_unsure_characters_is_in_nfc() -> None:
    """Every pair of a sure character with any that composes or decomposes at all."""
    classes = character_classes()
    sure = [chr(p) for p in np.flatnonzero((classes & UNSURE) == 0) if not 0xD800 <= p < 0xE000]
    assert unicodedata.is_normalized("NFC", "".join(sure))
    assert unicodedata.is_normalized("NFC", "".join(reversed(sure)))
    beyond = (chr(p) for p in range(CLASSIFIED, sys.maxunicode + 1))
    assert all(unicodedata.is_normalized("NFC", c) and not unicodedata.combining(c) for c in beyond)
    for first, second in [("a", "\u0301"), ("\u1100", "\u1161"), ("\uac00", "\u11a8"), ("\u09c7", "\u09be")]:
        assert not unicodedata.is_normalized("NFC", first + second)
        assert classes[ord(second)] & UNSURE
