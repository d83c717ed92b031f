"""First half of the filter: store what later decides, and drop nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.columns import texts as document_texts
from components.core.stage import Output, Stage, Unit
from components.filter.facts import score_maps
from components.filter.language import identify
from components.filter.params import AnnotateParams
from components.filter.reasons import FilterReason
from components.filter.texts import texts_of

_DOCUMENTS: Final = schemas.get("documents/1")
_ITEM_SCORES: Final = schemas.get("item_scores/1")


class AnnotateStage(Stage[AnnotateParams]):
    """Fills `language`, `language_score` and `scores` of every document, and scores parts of its text.

    Scores that a document had before are kept, those of the same name are replaced. `item_scores`
    has one row for each line of text, two for one with citations, and with `paragraph_scores` one for
    each text item behind them (see `item_scores/1`).
    """

    name = "annotate"
    version = "3"
    consumes = {"documents": "documents/1"}
    produces = {"documents": "documents/1", "item_scores": "item_scores/1"}
    reasons = FilterReason
    imports = ("components.filter.obelics", "components.filter.text_scores")

    def run(self, unit: Unit, out: Output) -> None:
        """Annotate one shard of documents."""
        from components.filter import obelics, text_scores

        table = unit.tables["documents"]
        texts = texts_of(table)
        scores, lines = text_scores.score(texts)
        item_scores = _item_table(lines)
        if self.params.identify_language:
            codes, probabilities = self._languages(table)
            table = _with(table, "language", pa.array(codes, pa.string()))
            table = _with(table, "language_score", pa.array(probabilities, pa.float64()))
            for code, number in sorted(Counter(codes).items(), key=str):
                out.count(f"language_{code or 'none'}", number)
        if self.params.paragraph_scores:
            languages = table.column("language").to_pylist()
            lexicon = obelics.load_lexicon(tuple(self.params.word_list_files))
            items = obelics.item_scores(texts, languages, lexicon)
            whole = {"row": texts.row, "item": texts.item, "line": np.full(len(texts.row), -1, np.int32)}
            item_scores = pa.concat_tables([item_scores, _item_table({**whole, **items})])
            scores |= obelics.document_scores(texts)
        out.keep("documents", _with(table, "scores", score_maps(table.column("scores"), scores)))
        out.keep("item_scores", item_scores)

    def _languages(self, table: pa.Table) -> tuple[list[str | None], list[float | None]]:
        found = [identify(text, self.params.language_characters) for text in document_texts(table)]
        return [code for code, _ in found], [score if code else None for code, score in found]


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), _DOCUMENTS.field(name), values)


def _item_table(columns: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
    """Rows of `item_scores/1`; null in columns that are not given, and for what is not a number."""
    rows = len(columns["row"])
    return pa.table(
        [
            pa.array(columns[field.name], field.type, from_pandas=True)
            if field.name in columns
            else pa.nulls(rows, field.type)
            for field in _ITEM_SCORES
        ],
        schema=_ITEM_SCORES,
    )
