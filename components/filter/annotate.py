"""First half of the filter: store what later decides, and drop nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pyarrow as pa

from components.core import schemas
from components.core.columns import flat_items, texts
from components.core.stage import Output, Stage, Unit
from components.filter.language import identify
from components.filter.params import AnnotateParams
from components.filter.reasons import FilterReason
from components.filter.text_scores import word_statistics

_SCHEMA: Final = schemas.get("documents/1")


class AnnotateStage(Stage[AnnotateParams]):
    """Fills `language`, `language_score` and `scores` of every document.

    Scores: `words`, `mean_word_length`, `characters` (see `text_scores`) and `images`, the number
    of image items. Scores that a document had before are kept, those of the same name are replaced.
    """

    name = "annotate"
    consumes = {"documents": "documents/1"}
    produces = {"documents": "documents/1"}
    reasons = FilterReason

    def run(self, unit: Unit, out: Output) -> None:
        """Annotate one shard of documents."""
        table = unit.tables["documents"]
        items, offsets = flat_items(table)
        kinds = items.field("kind").to_pylist()
        languages: list[str | None] = []
        probabilities: list[float | None] = []
        scores: list[list[tuple[str, float]]] = []
        before = table.column("scores").to_pylist()
        for row, text in enumerate(texts(table)):
            code, probability = identify(text, self.params.language_characters)
            languages.append(code)
            probabilities.append(probability if code else None)
            images = kinds[offsets[row] : offsets[row + 1]].count("image")
            scores.append(
                sorted({**dict(before[row] or []), **word_statistics(text), "images": float(images)}.items())
            )
        for code, number in sorted(Counter(languages).items(), key=str):
            out.count(f"language_{code or 'none'}", number)
        columns: dict[str, list[str | None] | list[float | None] | list[list[tuple[str, float]]]] = {
            "language": languages,
            "language_score": probabilities,
            "scores": scores,
        }
        for name, values in columns.items():
            index = table.schema.get_field_index(name)
            field = _SCHEMA.field(name)
            table = table.set_column(index, field, pa.array(values, field.type))
        out.keep("documents", table)
