"""The released layout of MINT-1T (arXiv 2406.11271): Parquet columns and the JSON of PDF and ArXiv samples.

A document is two lists of the same length, `texts` and `images`, of which exactly one is non-null at
each position. What is known of the images is in lists that hold one entry for each *non-null* image,
so those are never zipped with `texts`.

Two defects of the published release are not repeated: a hash is always that of the bytes that are
stored, and images keep the order in which the document shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from components.core import schemas

MINT_SCHEMA: Final = "mint_documents/1"
_DUMP: Final = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)")
_WORD: Final = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the release says of an image's bytes: the row of `images/1` without them."""

    format: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shown:
    """An image of a document at its place.

    Attributes:
        name: `page_<p>_image_<n>` or `image_<n>`; p and n count from 0 (the released form).
        item: the item of `documents/1`.
        image_id: SHA-256 of the bytes, or None where the release has no bytes of it.
        facts: of the bytes, or None.
    """

    name: str
    item: Mapping[str, Any]
    image_id: str | None
    facts: ImageFacts | None

    @property
    def width(self) -> int | None:
        """Pixels: of the bytes, else as the page declares."""
        return self.facts.width if self.facts else self.item["width"]

    @property
    def height(self) -> int | None:
        """Pixels: of the bytes, else as the page declares."""
        return self.facts.height if self.facts else self.item["height"]


Entry = str | Shown
"""One position of a document: a text, or an image."""


def cc_dump(source_uri: str) -> str | None:
    """The Common Crawl dump named in a path, such as CC-MAIN-2024-18; None where there is none."""
    found = _DUMP.search(source_uri)
    return found.group() if found else None


def count_words(texts: Iterable[str | None]) -> int:
    """Words of the texts: runs of letters and digits."""
    return sum(1 for text in texts if text for _ in _WORD.finditer(text))


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.split() == other.split()


def entries(
    document: Mapping[str, Any],
    images: Mapping[str, ImageFacts],
    *,
    captions: Literal["text", "metadata"] = "text",
    join_texts: bool = False,
) -> list[Entry]:
    """The document in reading order, as texts and images.

    Args:
        document: a row of `documents/1` as a dict.
        images: facts of the images whose bytes the release has, by id.
        captions: whether a figure's caption follows it as a text. One that the text before or after
            the image repeats is not added a second time.
        join_texts: join neighbouring texts by a blank line.
    """
    items: Sequence[Mapping[str, Any]] = document["items"]
    placed: list[Entry] = []
    shown = 0
    for index, item in enumerate(items):
        if item["kind"] == "text":
            if item["text"]:
                placed.append(item["text"])
            continue
        page = item["page"]
        name = f"image_{shown}" if page is None else f"page_{page - 1}_image_{shown}"
        shown += 1
        facts = images.get(item["image_id"]) if item["image_id"] else None
        placed.append(Shown(name, item, item["image_id"] if facts else None, facts))
        caption = item["caption"]
        if caption and captions == "text":
            around = [*items[max(0, index - 1) : index], *items[index + 1 : index + 2]]
            if not any(_same(other["text"], caption) for other in around):
                placed.append(caption)
    return _joined(placed) if join_texts else placed


def _joined(placed: Iterable[Entry]) -> list[Entry]:
    joined: list[Entry] = []
    for entry in placed:
        last = joined[-1] if joined else None
        if isinstance(entry, str) and isinstance(last, str):
            joined[-1] = f"{last}\n\n{entry}"
        else:
            joined.append(entry)
    return joined


def texts_of(placed: Iterable[Entry]) -> list[str | None]:
    """The `texts` column: null where an image stands."""
    return [entry if isinstance(entry, str) else None for entry in placed]


def shown_in(placed: Iterable[Entry]) -> list[Shown]:
    """The images alone, in order."""
    return [entry for entry in placed if isinstance(entry, Shown)]


def parquet_row(document: Mapping[str, Any], placed: Sequence[Entry]) -> dict[str, Any]:
    """One row of `mint_documents/1`."""
    shown = shown_in(placed)
    return {
        "url": document["url"],
        "cc_dump": cc_dump(document["source_uri"]),
        "texts": texts_of(placed),
        "images": [None if isinstance(e, str) else e.item["url"] or e.name for e in placed],
        "image_hashes": [image.image_id for image in shown],
        "images_metadata": [
            {
                "width": image.width,
                "height": image.height,
                "format": image.facts.format if image.facts else None,
                "size": image.facts.size if image.facts else None,
                "alt": image.item["alt"],
                "caption": image.item["caption"],
                "page": image.item["page"],
            }
            for image in shown
        ],
        "metadata": {
            "id": document["id"],
            "source": document["source"],
            "title": document["title"],
            "crawl_time": document["crawl_time"],
            "language": document["language"],
            "language_score": document["language_score"],
            "license": document["license"],
            "consent": document["consent"],
            "tokens": None,
        },
    }


def parquet_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of `parquet_row` as a table of `mint_documents/1`."""
    return pa.Table.from_pylist(rows, schema=schemas.get(MINT_SCHEMA))


def _file_name(document: Mapping[str, Any]) -> str | None:
    if document["source"] not in {"pdf", "latex"}:
        return None
    return PurePosixPath(unquote(urlsplit(document["url"] or document["source_uri"]).path)).name or None


def sample_json(
    document: Mapping[str, Any],
    placed: Sequence[Entry],
    *,
    names: Sequence[str | None],
    hashes: Sequence[str | None],
) -> dict[str, Any]:
    """The JSON of a WebDataset sample.

    The first eight keys are those of the release; `key`, `source` and, for each image, `url`, `alt` and
    `caption` are added. `xref` is null: it is a number of the reader MINT-1T used.
    `bff_contained_ngram_count_before_dedupe` is null for a document that no Bloom filter has judged.

    Args:
        document: a row of `documents/1` as a dict.
        placed: its `entries`.
        names: for each image in order, its name in the sample; None where its bytes are not there.
            Such an image is given by its URL, or by its name if it has none.
        hashes: for each image in order, the SHA-256 of the bytes stored under that name, or None.
    """
    shown = shown_in(placed)
    references = iter(
        [name or image.item["url"] or image.name for name, image in zip(names, shown, strict=True)]
    )
    texts = texts_of(placed)
    language, scores = document["language"], dict(document["scores"] or ())
    return {
        "pdf_name": _file_name(document),
        "url": document["url"],
        "texts": texts,
        "images": [next(references) if text is None else None for text in texts],
        "image_metadata": [
            {
                "height": image.height,
                "width": image.width,
                "page": None if image.item["page"] is None else image.item["page"] - 1,
                "xref": None,
                "sha256": digest,
                "url": image.item["url"],
                "alt": image.item["alt"],
                "caption": image.item["caption"],
            }
            for image, digest in zip(shown, hashes, strict=True)
        ],
        "language_id_whole_page_fasttext": {language: document["language_score"]} if language else None,
        "previous_word_count": count_words(texts),
        "bff_contained_ngram_count_before_dedupe": scores.get("bff_contained_ngram_count_before_dedupe"),
        "key": document["id"],
        "source": document["source"],
    }


def read_back(row: Mapping[str, Any]) -> Iterator[tuple[Literal["text", "image"], str]]:
    """The entries of a released row or sample, in order: ("text", text) or ("image", reference).

    Raises:
        ValueError: where the two lists break the layout's rule.
    """
    for position, (text, image) in enumerate(zip(row["texts"], row["images"], strict=True)):
        if (text is None) == (image is None):
            raise ValueError(f"position {position}: exactly one of texts and images must be non-null")
        yield ("text", text) if image is None else ("image", image)
