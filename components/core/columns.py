"""Read and rewrite the nested columns of `documents/1` without turning items into Python objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas


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


def with_item_field(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with one field of all its items (in the order of `flat_items`) replaced."""
    items, offsets = flat_items(table)
    index = table.schema.get_field_index("items")
    kind = table.schema.field(index).type
    fields = list(kind.value_type)
    children = [values if field.name == name else items.field(field.name) for field in fields]
    column = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(children, fields=fields), type=kind
    )
    return table.set_column(index, table.schema.field(index), column)


def image_refs(table: pa.Table, shard: int) -> pa.Table:
    """`image_refs/1` of a shard of documents: the address of every image whose bytes are not known, once."""
    items, _ = flat_items(table)
    url = items.field("url")
    wanted = pc.and_(
        pc.and_(pc.equal(items.field("kind"), "image"), pc.is_null(items.field("image_id"))),
        pc.and_kleene(pc.is_valid(url), pc.not_equal(url, "")),
    )
    addresses = pc.unique(url.filter(wanted))
    addresses = addresses.take(pc.sort_indices(addresses))
    columns = [addresses, pa.array(np.full(len(addresses), shard), pa.int32())]
    return pa.Table.from_arrays(columns, schema=schemas.get("image_refs/1"))
