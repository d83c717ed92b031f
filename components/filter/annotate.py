"""First half of the filter: store what later decides, and drop nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.columns import texts as document_texts
from components.core.stage import Output, Stage, Unit
from components.filter.facts import score_maps
from components.filter.language import identify
from components.filter.params import AnnotateParams
from components.filter.reasons import FilterReason
from components.filter.text_scores import score
from components.filter.texts import texts_of

_SCHEMA: Final = schemas.get("documents/1")


class AnnotateStage(Stage[AnnotateParams]):
    """Fills `language`, `language_score` and `scores` of every document, and scores its lines.

    Scores that a document had before are kept, those of the same name are replaced. `item_scores`
    has one row for each line of text, two for one with citations (see `item_scores/1`).
    """

    name = "annotate"
    version = "2"
    consumes = {"documents": "documents/1"}
    produces = {"documents": "documents/1", "item_scores": "item_scores/1"}
    reasons = FilterReason

    def run(self, unit: Unit, out: Output) -> None:
        """Annotate one shard of documents."""
        table = unit.tables["documents"]
        scores, lines = score(texts_of(table))
        columns = {"scores": score_maps(table.column("scores"), scores)}
        if self.params.identify_language:
            codes, probabilities = self._languages(table)
            columns["language"] = pa.array(codes, pa.string())
            columns["language_score"] = pa.array(probabilities, pa.float64())
            for code, number in sorted(Counter(codes).items(), key=str):
                out.count(f"language_{code or 'none'}", number)
        for name, values in columns.items():
            table = table.set_column(table.schema.get_field_index(name), _SCHEMA.field(name), values)
        out.keep("documents", table)
        out.keep("item_scores", _line_table(lines))

    def _languages(self, table: pa.Table) -> tuple[list[str | None], list[float | None]]:
        found = [identify(text, self.params.language_characters) for text in document_texts(table)]
        return [code for code, _ in found], [score if code else None for code, score in found]


def _line_table(lines: dict[str, np.ndarray]) -> pa.Table:
    schema = schemas.get("item_scores/1")
    return pa.table([pa.array(lines[field.name], field.type) for field in schema], schema=schema)
