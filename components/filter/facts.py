"""Stored scores as the columns that rules read, and scores as the map column of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.errors import ConfigurationError
from components.filter.rules.base import Documents, Parts, TextFacts
from components.filter.texts import Texts

F64 = npt.NDArray[np.float64]


class Scores(dict[str, npt.NDArray[Any]]):
    """Columns by name; asking for one that annotate did not make is an error in the configuration."""

    def __missing__(self, name: str) -> npt.NDArray[Any]:
        raise ConfigurationError(
            f"A rule needs the score {name!r}, which the annotate step did not make: run it before decide, "
            "and with filter.annotate.paragraph_scores=true for rules of OBELICS."
        )


_OTHER_DOCUMENTS: Final = (
    "The item scores are of other documents: take both outputs of the same annotate step."
)


def score_columns(column: pa.ChunkedArray) -> Scores:
    """The maps of n documents as columns of shape (n,), not a number where a document lacks a score."""
    maps = column.combine_chunks()
    rows = len(maps)
    lengths = np.diff(maps.offsets.to_numpy()) * maps.is_valid().to_numpy(zero_copy_only=False)
    if not lengths.any():
        return Scores()
    first, last = maps.offsets[0].as_py(), maps.offsets[-1].as_py()
    keys = maps.keys.slice(first, last - first).dictionary_encode()
    values = maps.items.slice(first, last - first).to_numpy(zero_copy_only=False)
    names = keys.dictionary.to_pylist()
    columns = np.full((len(names), rows), np.nan)
    columns[keys.indices.to_numpy(), np.repeat(np.arange(rows), lengths)] = values
    return Scores(zip(names, columns, strict=True))


def score_maps(before: pa.ChunkedArray, scores: Mapping[str, F64]) -> pa.Array:
    """The map column with `scores`, the same keys in the same order in every row.

    Scores that a document had before stay, behind them, unless `scores` has one of the same name.
    """
    rows = len(before)
    columns = dict(scores)
    for name, old in sorted(score_columns(before).items()):
        columns.setdefault(name, old)
    matrix = np.stack(list(columns.values()), axis=1) if rows else np.zeros((0, len(columns)))
    present = ~np.isnan(matrix)
    names = pa.array(list(columns), pa.string())
    keys = names.take(pa.array(np.broadcast_to(np.arange(len(columns)), matrix.shape)[present]))
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(matrix[present]), type=schemas.SCORES)


def text_facts(table: pa.Table, item_scores: pa.Table, texts: Texts, *, without_citations: bool) -> TextFacts:
    """What the text rules see of a shard.

    Args:
        table: annotated documents.
        item_scores: the rows of `item_scores/1` that the annotate stage wrote beside them.
        texts: the text items of `table`.
        without_citations: whether lines are judged without the citations in them.

    Raises:
        ConfigurationError: where the documents were not annotated, or others than these were.
    """
    scores = score_columns(table.column("scores"))
    if table.num_rows and "words" not in scores:
        raise ConfigurationError("Documents have no score 'words': run the annotate step before decide.")
    of_lines = item_scores.column("line").to_numpy() >= 0
    lines = _columns(item_scores.filter(pa.array(of_lines)))
    items = _columns(item_scores.filter(pa.array(~of_lines)))
    if not len(items["row"]):
        items = Scores()
    elif not np.array_equal(items["row"], texts.row):
        raise ConfigurationError(_OTHER_DOCUMENTS)
    documents = table.num_rows
    if len(lines["row"]) and lines["row"][-1] >= documents:
        raise ConfigurationError(_OTHER_DOCUMENTS)
    # a number for every different line of the shard, and of each cited line the version that is wanted
    first_rows = np.searchsorted(lines["row"], np.arange(documents))
    lines["same_as"] = first_rows[lines["row"]] + lines["same_as"]
    wanted = ~lines["cited"] | ((lines["cut"] > 0) == without_citations)
    lines = Scores((name, values[wanted]) for name, values in lines.items())
    languages = table.column("language_score").to_numpy()
    return TextFacts(
        documents=Documents(
            source=_objects(table.column("source")),
            url=_objects(table.column("url")),
            language=_objects(table.column("language")),
            language_score=np.nan_to_num(languages.astype(np.float64)),
            scores=scores,
        ),
        items=_parts(texts.row, texts.item, documents, items),
        lines=_parts(lines["row"], lines["item"], documents, lines),
    )


def _parts(row: npt.NDArray[np.int32], item: npt.NDArray[np.int32], documents: int, columns: Scores) -> Parts:
    return Parts(row, item, documents, columns, np.ones(len(row), np.bool_))


def _columns(table: pa.Table) -> Scores:
    """The columns that rows of this kind have; in those of shares null becomes not a number."""
    return Scores(
        (field.name, table.column(field.name).to_numpy())
        for field in table.schema
        if pa.types.is_floating(field.type) or not table.column(field.name).null_count
    )


def _objects(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    return np.array(column.to_pylist(), dtype=object)
