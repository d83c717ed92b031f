import pyarrow as pa

from components.filter.texts import string_buffers, texts_of
from tests.filter.samples import document, documents, image, text


def test_text_items_are_found_in_any_slice() -> None:
    table = documents(
        document(0, text("first")),
        document(1, image("u"), text("caf\u00e9"), image("v"), text("")),
        document(2),
        document(3, text("last")),
    )
    for part, expected in ((table, [0, 1, 1, 3]), (table.slice(1), [0, 0, 2])):
        texts = texts_of(part)
        assert texts.row.tolist() == expected
        assert [texts.text(n) for n in range(len(texts.row))][-3:] == ["caf\u00e9", "", "last"]
        assert texts.item.tolist()[-3:] == [1, 3, 0]
        assert texts.documents == part.num_rows
    assert texts.first.tolist() == [0, 2, 2, 3]
    assert texts.images.tolist() == [2, 0, 0]


def test_no_texts() -> None:
    for table in (documents(), documents(document(0, image("u")))):
        texts = texts_of(table)
        assert (len(texts.data), texts.starts.tolist(), len(texts.row)) == (0, [0], 0)


def test_large_strings_and_slices_of_arrays() -> None:
    for kind in (pa.string(), pa.large_string()):
        data, starts = string_buffers(pa.array(["ab", "c", "def"], kind).slice(1))
        assert (data.tobytes(), starts.tolist()) == (b"cdef", [0, 1, 4])
