import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.core.columns import flat_items, texts, with_items
from tests.filter.samples import document, documents, image, text

SHAPES = st.lists(st.lists(st.booleans(), max_size=5), max_size=6)


def build(shapes: list[list[bool]]) -> list:
    return [
        document(n, *(text(f"t{n}.{i}") if is_text else image(f"u{n}.{i}") for i, is_text in enumerate(s)))
        for n, s in enumerate(shapes)
    ]


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
