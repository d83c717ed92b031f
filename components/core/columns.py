"""Read and rewrite the nested columns of `documents/1` without turning items into Python objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def flat_items(table: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """All items of a table of n documents, one after the other, and the n + 1 offsets between them."""
    column = table.column("items").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64)
    return pc.list_flatten(column), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def texts(table: pa.Table) -> list[str]:
    """The text of every document: its text items, a blank line between them."""
    items, offsets = flat_items(table)
    parts = items.field("text").to_pylist()
    return [
        "\n\n".join([part for part in parts[first:last] if part])
        for first, last in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    ]


def with_items(table: pa.Table, wanted: npt.NDArray[np.bool_]) -> pa.Table:
    """The table with only those items for which `wanted` (in the order of `flat_items`) is true."""
    if wanted.all():
        return table
    items, offsets = flat_items(table)
    kept_before = np.concatenate([[0], np.cumsum(wanted)])[offsets]
    index = table.schema.get_field_index("items")
    kind = table.schema.field(index).type
    column = pa.ListArray.from_arrays(
        pa.array(kept_before, pa.int32()), items.filter(pa.array(wanted)), type=kind
    )
    return table.set_column(index, table.schema.field(index), column)
