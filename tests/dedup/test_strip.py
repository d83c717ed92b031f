import pytest

from components.core.records import Document, Item, table
from components.dedup.strip import Stripped, strip_lines
from components.dedup.text import of_documents

DOCS = table(
    [
        Document(
            "a" * 32,
            "html",
            "file:///x",
            [
                Item("text", text="one\n\ntwo\nthree", role="list"),
                Item("image", url="u", alt="picture"),
                Item("text", text="four"),
            ],
        ),
        Document("b" * 32, "html", "file:///x", [Item("text", text="five\n "), Item("text", text="")]),
        Document("c" * 32, "html", "file:///x", []),
    ],
    "documents/1",
)


@pytest.mark.parametrize(
    ("marked", "texts", "counts"),
    [
        ({}, [["one\n\ntwo\nthree", None, "four"], ["five\n ", ""], []], {}),
        ({0: {2: "r"}}, [["one\n\nthree", None, "four"], ["five\n ", ""], []], {0: (1, 3, False)}),
        ({0: {0: "r", 1: "r"}, 2: {0: "r"}}, [["two\nthree", None], ["five\n ", ""], []], {0: (2, 7, False)}),
        (
            {0: dict.fromkeys(range(4), "r"), 2: {0: "r"}, 3: {0: "r"}},
            [[None], [""], []],
            {0: (4, 15, True), 1: (1, 4, True)},
        ),
    ],
)
def test_lines_go_and_items_without_text(marked: dict, texts: list, counts: dict) -> None:
    documents, stripped = strip_lines(DOCS, of_documents(DOCS), marked)
    assert documents.schema == DOCS.schema
    items = documents.column("items").to_pylist()
    assert [[item["text"] for item in row] for row in items] == texts
    assert {row: (s.lines["r"], s.characters["r"], s.empty) for row, s in stripped.items()} == counts
    # whatever else an item says stays
    assert [item["alt"] for item in items[0] if item["kind"] == "image"] == ["picture"]
    if texts[0][0]:
        assert items[0][0]["role"] == "list"


def test_reasons_are_counted_apart() -> None:
    _, stripped = strip_lines(DOCS, of_documents(DOCS), {0: {0: "a", 2: "b", 3: "b"}})
    assert stripped[0] == Stripped({"a": 1, "b": 2}, {"a": 3, "b": 8}, False)  # type: ignore[arg-type]
