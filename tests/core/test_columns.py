import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.columns import flat_items, image_refs, texts, with_item_field, with_items
from components.core.records import Document, Item, table
from tests.filter.samples import document, documents, image, text

SHAPES = st.lists(st.lists(st.booleans(), max_size=5), max_size=6)


def build(shapes: list[list[bool]]) -> list:
    return [
        document(n, *(text(f"t{n}.{i}") if is_text else image(f"u{n}.{i}") for i, is_text in enumerate(s)))
        for n, s in enumerate(shapes)
    ]


@settings(deadline=None)
@given(SHAPES, st.randoms(use_true_random=False), st.integers(0, 6))
def test_taking_items_out_is_what_a_loop_would_do(shapes, random, start) -> None:
    table = documents(*build(shapes)).slice(start)
    rows = table.column("items").to_pylist()
    wanted = np.array([random.random() < 0.5 for items in rows for _ in items], np.bool_)
    flags = iter(wanted.tolist())
    expected = [[item for item in items if next(flags)] for items in rows]
    result = with_items(table, wanted)
    assert result.column("items").to_pylist() == expected
    assert result.schema == table.schema
    result.validate(full=True)


@settings(deadline=None)
@given(SHAPES, st.integers(0, 6))
def test_texts_of_a_slice(shapes, start) -> None:
    table = documents(*build(shapes)).slice(start)
    expected = [
        "\n\n".join(item["text"] for item in items if item["text"])
        for items in table.column("items").to_pylist()
    ]
    assert texts(table) == expected


def test_chunks_are_read_as_one() -> None:
    import pyarrow as pa

    docs = build([[True, False], [], [False, True]])
    chunked = pa.concat_tables([documents(*docs[:1]), documents(*docs[1:])])
    items, offsets = flat_items(chunked)
    assert len(items) == 4
    assert offsets.tolist() == [0, 2, 2, 4]


def test_a_field_of_all_items_is_replaced_and_the_others_stay() -> None:
    docs = [
        Document("a" * 32, "html", "file:///x", [Item("text", text="one", level=2), Item("image", url="u")]),
        Document("b" * 32, "html", "file:///x", []),
        Document("c" * 32, "html", "file:///x", [Item("text", text="two", role="code")]),
    ]
    whole = table(docs, "documents/1")
    values = pa.array(["ONE", None, "TWO"], pa.string())
    changed = with_item_field(whole, "text", values)
    assert changed.schema == whole.schema
    for before, after in zip(whole.to_pylist(), changed.to_pylist(), strict=True):
        for item in before["items"]:
            item["text"] = item["text"] and item["text"].upper()
        assert before == after
    assert with_item_field(whole.slice(2), "text", values.slice(2)).equals(changed.slice(2))


def test_addresses_of_images_without_bytes_are_listed_once_and_sorted() -> None:
    items = [
        Item("image", url="https://example.com/b.png"),
        Item("image", url="file:///a.png"),
        Item("text", text="t", url="https://example.com/link"),
        Item("image", url="https://example.com/c.png", image_id="f" * 64),
        Item("image"),
        Item("image", url=""),
        Item("image", url="https://example.com/b.png"),
    ]
    docs = table([Document("a" * 32, "html", "file:///x", items)] * 2, "documents/1")
    assert image_refs(docs, 7).to_pylist() == [
        {"url": "file:///a.png", "shard": 7},
        {"url": "https://example.com/b.png", "shard": 7},
    ]
    assert image_refs(docs.slice(0, 0), 7).num_rows == 0
