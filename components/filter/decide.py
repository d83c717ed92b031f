"""Second half of the filter: hold the stored scores against thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from components.core.columns import flat_items, with_items
from components.core.errors import ConfigurationError
from components.core.stage import Output, Stage, Unit
from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import COUNT_RULES, DOCUMENT_RULES, IMAGE_RULES
from components.filter.rules.base import DocumentFacts, ImageFacts, Verdict


@dataclass(frozen=True, slots=True)
class _ImageItem:
    """An image item: its position among all items of the shard, and what identifies it."""

    position: int
    image_id: str | None
    facts: ImageFacts

    @property
    def key(self) -> str | None:
        """What two items must share to show the same image: the bytes, else the address."""
        return self.image_id or self.facts.url


class DecideStage(Stage[DecideParams]):
    """Drops documents and takes images out of documents, by the rules of `components.filter.rules`.

    For each document, in this order: document rules; image rules, for each image; images that the
    document has shown before; rules on the number of images left. The first objection drops the
    document (or takes out the image) and is its ledger line.
    """

    name = "decide"
    consumes = {"documents": "documents/1"}
    produces = {"documents": "documents/1"}
    reasons = FilterReason

    def run(self, unit: Unit, out: Output) -> None:
        """Judge one shard of annotated documents.

        Raises:
            ConfigurationError: where the documents were not annotated.
        """
        table = unit.tables["documents"]
        items, offsets = flat_items(table)
        images = _images(items, offsets, table.column("source").to_pylist())
        wanted_items = np.ones(len(items), np.bool_)
        wanted_rows = np.ones(table.num_rows, np.bool_)
        for row, document in enumerate(_documents(table)):
            facts = document.facts
            verdict = _first(rule(facts, self.params) for rule in DOCUMENT_RULES)
            if verdict is None:
                verdict, removed = self._judge_images(images[row], document, out)
                wanted_items[removed] = False
                left = len(images[row]) - len(removed)
                if verdict is None:
                    verdict = _first(rule(facts, left, self.params) for rule in COUNT_RULES)
            if verdict is not None:
                wanted_rows[row] = False
                out.drop(
                    document.id,
                    verdict.reason,
                    detail=verdict.detail,
                    score=verdict.score,
                    threshold=verdict.threshold,
                    locator=document.locator,
                )
        table = with_items(table, wanted_items)
        out.keep("documents", table.filter(pa.array(wanted_rows)))

    def _judge_images(
        self, images: list[_ImageItem], document: _Document, out: Output
    ) -> tuple[Verdict | None, list[int]]:
        """Judge the images of one document.

        Returns:
            An objection to the whole document, if there is one, and the positions of the items to
            take out. Each of these has its `changed` line, even if the document is dropped later:
            the lines say why it has too few images.
        """
        removed: list[int] = []
        seen: set[str] = set()
        for image in images:
            verdict = _first(rule(image.facts, self.params) for rule in IMAGE_RULES)
            if verdict is not None and verdict.scope == "document":
                return verdict, removed
            if verdict is None and self.params.drop_repeated_images and image.key is not None:
                if image.key in seen:
                    verdict = Verdict(FilterReason.IMAGE_REPEATED)
                seen.add(image.key)
            if verdict is not None:
                removed.append(image.position)
                out.change(
                    image.key or document.id,
                    verdict.reason,
                    kind="image",
                    detail=f"in document {document.id}" + (f": {verdict.detail}" if verdict.detail else ""),
                    score=verdict.score,
                    threshold=verdict.threshold,
                    locator=image.facts.url or document.locator,
                )
        out.count("images_in", len(images))
        out.count("images_removed", len(removed))
        return None, removed


@dataclass(frozen=True, slots=True)
class _Document:
    id: str
    locator: str
    facts: DocumentFacts


def _first(verdicts: Any) -> Verdict | None:
    """The first objection; the rules after it are not asked."""
    return next((verdict for verdict in verdicts if verdict is not None), None)


def _documents(table: pa.Table) -> list[_Document]:
    names = ["id", "source", "source_uri", "source_offset", "url", "language", "language_score", "scores"]
    documents = []
    for row in table.select(names).to_pylist():
        scores = dict(row["scores"] or [])
        if "words" not in scores:
            raise ConfigurationError(
                f"Document {row['id']} has no score 'words': run the annotate step before decide."
            )
        documents.append(
            _Document(
                id=row["id"],
                locator=row["url"] or f"{row['source_uri']}@{row['source_offset'] or 0}",
                facts=DocumentFacts(
                    source=row["source"],
                    language=row["language"],
                    language_score=row["language_score"] or 0.0,
                    scores=scores,
                ),
            )
        )
    return documents


def _images(items: pa.StructArray, offsets: Any, sources: list[str]) -> list[list[_ImageItem]]:
    """The image items of every document, in reading order."""
    by_document: list[list[_ImageItem]] = [[] for _ in sources]
    positions = np.flatnonzero(np.asarray(items.field("kind").to_pylist(), dtype=object) == "image")
    rows = np.searchsorted(offsets, positions, side="right") - 1
    chosen = items.take(pa.array(positions))
    columns = (chosen.field(name).to_pylist() for name in ("image_id", "url", "width", "height"))
    for position, row, image_id, url, width, height in zip(
        positions.tolist(), rows.tolist(), *columns, strict=True
    ):
        facts = ImageFacts(sources[row], url, width, height)
        by_document[row].append(_ImageItem(position, image_id, facts))
    return by_document
