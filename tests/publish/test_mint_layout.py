from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core import schemas
from components.core.records import Item
from components.publish import mint_layout as layout
from components.publish.mint_layout import ImageFacts
from tests.publish import samples

FACTS = ImageFacts("png", 99, 640, 480)
KNOWN = "a" * 64
WORDS = st.text(min_size=1, max_size=30).filter(str.strip)
TEXTS = st.builds(lambda t: Item("text", role="paragraph", text=t), WORDS)
IMAGES = st.builds(
    lambda known, url, page, caption: Item(
        "image", image_id=KNOWN if known else None, url=url, page=page, caption=caption, width=7, height=5
    ),
    st.booleans(),
    st.none() | st.just("https://example.org/a.png"),
    st.none() | st.integers(1, 40),
    st.none() | WORDS,
)


def as_row(items: list[Item], number: int = 1, **fields: object) -> dict:
    return samples.documents_table([samples.document(number, items, **fields)]).to_pylist()[0]


def through_parquet(row: dict) -> dict:
    buffer = io.BytesIO()
    pq.write_table(layout.parquet_table([row]), buffer)
    table = pq.read_table(buffer)
    schemas.check(table.schema, layout.MINT_SCHEMA, producer="the test", consumer="the test")
    return table.to_pylist()[0]


@given(st.lists(TEXTS | IMAGES, max_size=12))
def test_reading_back_gives_every_text_and_image_in_order(items: list[Item]) -> None:
    placed = layout.entries(as_row(items), {KNOWN: FACTS}, captions="metadata")
    row = through_parquet(layout.parquet_row(as_row(items), placed))
    wanted = []
    for item in items:
        if item.kind == "text":
            wanted.append(("text", item.text))
        else:
            number = sum(kind == "image" for kind, _ in wanted)
            name = f"image_{number}" if item.page is None else f"page_{item.page - 1}_image_{number}"
            wanted.append(("image", item.url or name))
    assert list(layout.read_back(row)) == wanted


@given(st.lists(TEXTS | IMAGES, max_size=12), st.sampled_from(["text", "metadata"]), st.booleans())
def test_lists_align_and_image_lists_follow_the_non_null_images(
    items: list[Item], captions: str, join: bool
) -> None:
    placed = layout.entries(as_row(items), {KNOWN: FACTS}, captions=captions, join_texts=join)  # type: ignore[arg-type]
    row = through_parquet(layout.parquet_row(as_row(items), placed))
    assert len(row["texts"]) == len(row["images"])
    assert all((t is None) != (i is None) for t, i in zip(row["texts"], row["images"], strict=True))
    images = [item for item in items if item.kind == "image"]
    assert row["image_hashes"] == [item.image_id for item in images]
    assert [m["caption"] for m in row["images_metadata"]] == [item.caption for item in images]
    assert [m["width"] for m in row["images_metadata"]] == [640 if i.image_id else 7 for i in images]
    if join:
        pairs = zip(row["texts"], row["texts"][1:], strict=False)
        assert not any(one is not None and two is not None for one, two in pairs)


def test_the_columns_are_those_of_the_release() -> None:
    assert schemas.get("mint_documents/1").names == [
        "url", "cc_dump", "texts", "images", "image_hashes", "images_metadata", "metadata",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "dump"),
    [
        ("s3://commoncrawl/crawl-data/CC-MAIN-2024-18/segments/9/CC-MAIN-20240412.gz", "CC-MAIN-2024-18"),
        ("file:///data/CC-MAIN-20240412101354-20240412131354-00000.warc.gz", None),
        ("file:///data/pages.warc.gz", None),
    ],
)  # fmt: skip
def test_cc_dump_is_taken_from_the_path(uri: str, dump: str | None) -> None:
    assert layout.cc_dump(uri) == dump


def test_a_caption_follows_its_image_unless_a_neighbour_says_it() -> None:
    new = [Item("image", url="https://e.org/1.png", caption="The Moon."), samples.text("After.")]
    placed = layout.entries(as_row(new), {})
    assert layout.texts_of(placed) == [None, "The Moon.", "After."]
    said = [
        samples.text("Before."),
        Item("image", url="u", caption="The Moon."),
        samples.text("The  Moon.\n"),
    ]
    assert layout.texts_of(layout.entries(as_row(said), {})) == ["Before.", None, "The  Moon.\n"]


def test_pdf_sample_has_the_published_keys_first() -> None:
    items = [samples.text("One two three."), Item("image", image_id=KNOWN, page=4)]
    row = as_row(items, source="pdf", url="https://e.org/docs/A%20paper.pdf?x=1")
    placed = layout.entries(row, {KNOWN: FACTS})
    sample = layout.sample_json(row, placed, names=["page_3_image_0"], hashes=["b" * 64])
    assert list(sample)[:8] == [
        "pdf_name", "url", "texts", "images", "image_metadata", "language_id_whole_page_fasttext",
        "previous_word_count", "bff_contained_ngram_count_before_dedupe",
    ]  # fmt: skip
    assert sample["pdf_name"] == "A paper.pdf"
    assert sample["images"] == [None, "page_3_image_0"]
    entry = sample["image_metadata"][0]
    assert [entry[k] for k in ("height", "width", "page", "xref", "sha256")] == [480, 640, 3, None, "b" * 64]
    assert sample["language_id_whole_page_fasttext"] == {"en": 0.97}
    assert sample["previous_word_count"] == 3
    assert sample["bff_contained_ngram_count_before_dedupe"] is None


def test_the_bloom_filters_count_is_taken_from_the_scores() -> None:
    row = as_row([samples.text("x")], scores={"bff_contained_ngram_count_before_dedupe": 17.0})
    sample = layout.sample_json(row, layout.entries(row, {}), names=[], hashes=[])
    assert sample["bff_contained_ngram_count_before_dedupe"] == 17


@pytest.mark.parametrize(("texts", "images"), [(["a"], ["b"]), ([None], [None])])
def test_read_back_refuses_a_row_that_breaks_the_rule(texts: list, images: list) -> None:
    with pytest.raises(ValueError, match="position 0"):
        list(layout.read_back({"texts": texts, "images": images}))
