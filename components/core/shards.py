"""Parquet shards: encoding them the same on every machine, partitioning, and reading parts of them."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.core import schemas
from components.core.errors import BadShard
from components.core.manifest import Manifest, Shard
from components.core.store import Store, located

SCHEMA_KEY: Final = b"kalemint.schema"
ZSTD_LEVEL: Final = 1
"""Writes more than twice as fast as level 3 for files a sixth larger."""
IMAGE_ROWS_PER_GROUP: Final = 64
"""Few rows a group, so that a lookup by id reads little."""


def partition_numbers(column: pa.ChunkedArray, partitions: int) -> npt.NDArray[np.int64]:
    """The partition, 0 to `partitions` - 1, of every value: integers by remainder, strings by CRC-32."""
    if pa.types.is_integer(column.type):
        remainders: npt.NDArray[np.int64] = (column.to_numpy() % partitions).astype(np.int64)
        return remainders
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = np.array(
        [zlib.crc32(str(value).encode()) % partitions for value in encoded.dictionary.to_pylist()],
        dtype=np.int64,
    )
    numbers: npt.NDArray[np.int64] = (
        codes[encoded.indices.to_numpy()] if len(codes) else np.zeros(0, np.int64)
    )
    return numbers


def conform(tables: Sequence[pa.Table], schema_name: str, producer: str) -> pa.Table:
    """One table with exactly the columns of the schema, or a `ConfigurationError` naming the column."""
    schema = schemas.get(schema_name)
    if not tables:
        return schema.empty_table()
    for table in tables:
        schemas.check(table.schema, schema_name, producer=producer, consumer=f"schema {schema_name}")
    return pa.concat_tables([t.select(schema.names).cast(schema) for t in tables])


def encode(
    table: pa.Table, schema_name: str, *, partition_by: str | None = None, partitions: int = 1
) -> tuple[bytes, list[int] | None]:
    """Parquet bytes of a table and, where it is partitioned, the partition of each row group."""
    schema = table.schema.with_metadata({SCHEMA_KEY: schema_name.encode()})
    table = table.replace_schema_metadata(schema.metadata)
    images = not {"bytes", "image"}.isdisjoint(table.column_names)
    options: dict[str, Any] = (
        # encoded pictures don't compress; leaving them alone writes 6 times as fast
        {"compression": "none", "use_dictionary": False, "write_statistics": ["id"]}
        if images
        else {"compression": "zstd", "compression_level": ZSTD_LEVEL}
    )
    rows_per_group = IMAGE_ROWS_PER_GROUP if images else 1 << 20
    sink = io.BytesIO()
    groups: list[int] | None = None
    with pq.ParquetWriter(sink, schema, **options) as writer:
        if partition_by is None:
            if table.num_rows:  # `datasets` takes a batch for as long as the first row group: 0 stops it
                writer.write_table(table, row_group_size=rows_per_group)
        else:
            numbers = partition_numbers(table.column(partition_by), partitions)
            order = np.argsort(numbers, kind="stable")
            groups = []
            for number, part in _by_partition(
                table, np.bincount(numbers, minlength=partitions), order, images
            ):
                groups.append(number)
                writer.write_table(part, row_group_size=part.num_rows)
    return sink.getvalue(), groups


def _by_partition(
    table: pa.Table, sizes: npt.NDArray[np.int64], order: npt.NDArray[np.int64], large: bool
) -> Iterator[tuple[int, pa.Table]]:
    """Number and rows of each partition that has any.

    Args:
        sizes: rows of each partition.
        order: numbers of the table's rows, by partition.
        large: copy one partition at a time; else all at once, which is quicker where rows are small.
    """
    batches = table.to_batches()
    ordered = None if large else table.take(pa.array(order))
    ends = np.cumsum(sizes)
    for number in np.flatnonzero(sizes).tolist():
        first, last = int(ends[number] - sizes[number]), int(ends[number])
        yield (
            number,
            ordered.slice(first, last - first) if ordered is not None else _take(batches, order[first:last]),
        )


def _take(batches: Sequence[pa.RecordBatch], rows: npt.NDArray[np.int64]) -> pa.Table:
    """Rows of a table by their numbers, which ascend; no other row is copied."""
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    parts = []
    for batch, start, some in zip(
        batches, starts, np.split(rows, np.searchsorted(rows, starts[1:-1])), strict=False
    ):
        if len(some) and some[-1] - some[0] == len(some) - 1:
            parts.append(batch.slice(some[0] - start, len(some)))
        elif len(some):
            parts.append(batch.take(pa.array(some - start)))
    # one chunk a column: where chunks begin would show in the pages of the file
    return pa.Table.from_batches(parts).combine_chunks()


def describe(path: str, data: bytes, rows: int, groups: list[int] | None = None) -> Shard:
    """The manifest's entry for a file."""
    return Shard(
        path=path, rows=rows, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), groups=groups
    )


def read(store: Store, shard: Shard, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a shard, or some of its columns.

    Args:
        columns: the only ones to fetch; the file's digest is then not checked, since it is not read whole.

    Raises:
        BadShard: where its bytes are not those the manifest names.
    """
    where, key = located(store, shard.path)
    if columns is not None:
        with where.seekable(key) as stream:
            return pq.read_table(stream, columns=list(columns))
    data = where.get(key)
    if hashlib.sha256(data).hexdigest() != shard.sha256:
        raise BadShard(f"{where.uri(key)} is not the file its manifest names (SHA-256 differs)")
    return pq.read_table(pa.BufferReader(data))


def read_partition(store: Store, manifest: Manifest, number: int, empty: pa.Table) -> pa.Table:
    """The rows of one partition out of every shard, in shard order; the columns are those of `empty`."""
    names = empty.column_names
    layout = manifest.partitioning.layout if manifest.partitioning else "row_groups"
    if layout == "shards":
        shards = manifest.shards[number : number + 1]
        return pa.concat_tables([empty, *(read(store, s, names).cast(empty.schema) for s in shards)])
    tables = [empty]
    for shard in manifest.shards:
        if shard.groups and number in shard.groups:
            where, key = located(store, shard.path)
            with where.seekable(key) as stream:
                group = pq.ParquetFile(stream).read_row_group(shard.groups.index(number), columns=names)
            tables.append(group.cast(empty.schema))
    return pa.concat_tables(tables)


def read_ids(store: Store, shards: Sequence[Shard], ids: set[str], empty: pa.Table) -> pa.Table:
    """Rows with the given ids (the first column) out of a dataset in the `shards` layout, by shard and id."""
    first = empty.column_names[0]
    wanted: dict[int, list[str]] = {}
    for value in sorted(ids) if shards else ():
        wanted.setdefault(zlib.crc32(value.encode()) % len(shards), []).append(value)
    tables = [empty]
    for number, values in sorted(wanted.items()):
        shard = shards[number]
        if shard.rows:
            where, key = located(store, shard.path)
            with where.seekable(key) as stream:
                table = pq.read_table(stream, columns=empty.column_names, filters=[(first, "in", values)])
            tables.append(table.cast(empty.schema))
    return pa.concat_tables(tables)


def rows_for_shard(table: pa.Table, index: int) -> pa.Table:
    """The rows whose `shard` column is `index`."""
    return table.filter(pc.equal(table.column("shard"), index))
