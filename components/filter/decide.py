"""Second half of the filter: hold the stored scores against thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pyarrow as pa

from components.core.columns import flat_items, with_items
from components.core.errors import ConfigurationError
from components.core.stage import Output, Stage, Unit
from components.filter.image_items import by_rules, first_objection, image_items, judge_images
from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import COUNT_RULES, DOCUMENT_RULES, IMAGE_RULES
from components.filter.rules.base import DocumentFacts


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
        images = image_items(items, offsets, table.column("source").to_pylist())
        objection = by_rules(IMAGE_RULES, self.params)
        identity = attrgetter("key") if self.params.drop_repeated_images else None
        wanted_items = np.ones(len(items), np.bool_)
        wanted_rows = np.ones(table.num_rows, np.bool_)
        for row, document in enumerate(_documents(table)):
            facts = document.facts
            verdict = first_objection(rule(facts, self.params) for rule in DOCUMENT_RULES)
            if verdict is None:
                verdict, removed = judge_images(
                    images[row], objection, identity, document.id, document.locator, out
                )
                wanted_items[removed] = False
                left = len(images[row]) - len(removed)
                if verdict is None:
                    verdict = first_objection(rule(facts, left, self.params) for rule in COUNT_RULES)
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


@dataclass(frozen=True, slots=True)
class _Document:
    id: str
    locator: str
    facts: DocumentFacts


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
