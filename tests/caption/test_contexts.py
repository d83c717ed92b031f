"""Contexts of images out of documents, through the real runner."""

from pathlib import Path

from components.caption.contexts import ContextsStage
from components.caption.pairs_params import ContextsParams
from components.core.manifest import Counts
from components.core.records import Document, Item, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.store import open_store


def text(words: str) -> Item:
    return Item("text", role="paragraph", text=words)


def image(image_id: str | None, **fields) -> Item:
    return Item("image", image_id=image_id, **fields)


def contexts(root: Path, *documents: Document, **params) -> tuple[list[dict], Counts]:
    counts = Counts(rows_in=len(documents), kept=len(documents))
    given = publish(
        "given", "documents", "documents/1", [table([d], "documents/1") for d in documents], [], counts,
        root.as_uri(), params={},
    )  # fmt: skip
    found = run_step(ContextsStage(ContextsParams(**params)), {"documents": given}, root.as_uri())["contexts"]
    assert found.partitioning is not None
    assert found.partitioning.column == "image_id"
    rows = [row for shard in found.shards for row in read(open_store(root.as_uri()), shard).to_pylist()]
    return rows, found.counts


def page(number: int, *items: Item, **fields) -> Document:
    return Document(f"{number:032x}", "html", "file:///a.warc", list(items), **fields)


def test_one_row_for_each_time_an_image_is_shown(tmp_path: Path) -> None:
    shown = page(
        1,
        text("Far away."),
        text("The dome was   built\nin 1931."),
        image("a" * 64, alt="The dome", caption="Fig. 1", url="https://x.org/dome.jpg"),
        image(None, url="https://x.org/never-fetched.jpg"),
        image("a" * 64, alt=""),
        text("It still turns."),
        url="https://x.org/page",
        title="Observatories",
    )
    rows, counts = contexts(tmp_path, shown, page(2, image("b" * 64)))
    by_url = {(row["image_id"][0], row["url"]): row for row in rows}
    assert by_url["a", "https://x.org/dome.jpg"] == {
        "image_id": "a" * 64, "document_id": f"{1:032x}", "alt": "The dome", "caption": "Fig. 1",
        "title": "Observatories", "before": "The dome was built in 1931.", "after": "It still turns.",
        "url": "https://x.org/dome.jpg", "page_url": "https://x.org/page",
    }  # fmt: skip
    assert by_url["a", None]["alt"] is None
    assert by_url["a", None]["before"] == "The dome was built in 1931."
    assert {k: v for k, v in by_url["b", None].items() if v is not None} == {
        "image_id": "b" * 64, "document_id": f"{2:032x}"
    }  # fmt: skip
    assert len(rows) == 3
    assert counts.counters == {"images_not_stored": 1}


def test_texts_are_cut_between_words(tmp_path: Path) -> None:
    shown = page(1, text("one two three four"), image("a" * 64), text("five six seven eight"))
    ((row,), _) = contexts(tmp_path / "a", shown, context_characters=10)
    assert (row["before"], row["after"]) == ("three four", "five six")
    ((row,), _) = contexts(tmp_path / "b", shown, context_characters=0)
    assert (row["before"], row["after"]) == (None, None)


def test_documents_without_images_give_an_empty_dataset(tmp_path: Path) -> None:
    rows, counts = contexts(tmp_path, page(1, text("words")))
    assert (rows, counts.kept, counts.rows_in) == ([], 0, 1)
