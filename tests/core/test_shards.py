from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas, shards
from components.core.errors import BadShard, ConfigurationError
from components.core.manifest import Counts, Manifest, Partitioning
from components.core.records import Image, table
from components.core.store import FileStore, open_store

KEYS = schemas.get("dedup_keys/1")


def keys(values: list[int]) -> pa.Table:
    rows = [{"band": 0, "key": k, "shard": 0, "row": i} for i, k in enumerate(values)]
    return pa.Table.from_pylist(rows, schema=KEYS)


def image(number: int) -> Image:
    return Image(id=f"{number:064x}", bytes=b"x", size=1, format="png", width=1, height=1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1)), st.integers(1, 20))
def test_every_row_is_in_its_partition_and_in_no_other(values: list[int], partitions: int) -> None:
    data, groups = shards.encode(keys(values), "dedup_keys/1", partition_by="key", partitions=partitions)
    shard = shards.describe("x", data, len(values), groups)

    class OneFile(FileStore):
        def seekable(self, key: str) -> BinaryIO:
            return io.BytesIO(data)

    one = OneFile("file:///")
    manifest = Manifest(
        step="k",
        port="keys",
        location="file:///",
        schema="dedup_keys/1",
        shards=[shard],
        partitioning=Partitioning(column="key", partitions=partitions, layout="row_groups"),
        stage_version="1",
        code_version="1",
        counts=Counts(),
    )
    seen: list[int] = []
    for number in range(partitions):
        part = shards.read_partition(one, manifest, number, KEYS.empty_table())
        got = part.column("key").to_pylist()
        assert all(value % partitions == number for value in got)
        seen += got
    assert sorted(seen) == sorted(values)


def test_encoding_is_the_same_every_time() -> None:
    rows = table([image(n) for n in range(200)], "images/1")
    assert shards.encode(rows, "images/1") == shards.encode(rows, "images/1")


def pictures(rows: int, size: int, chunk: int) -> pa.Table:
    """Different bytes under ids in an order of their own, in chunks of so many rows."""
    digest = [hashlib.sha256(bytes([n])).digest() for n in range(rows)]
    images = [
        Image(
            id=d.hex(),
            bytes=d * (size // 32),
            size=size,
            format="png",
            width=1,
            height=1,
            alts=["a"] * (d[0] % 3),
        )
        for d in digest
    ]
    return pa.concat_tables(
        [table(images[first : first + chunk], "images/1") for first in range(0, rows, chunk)]
    )


@pytest.mark.parametrize("partitions", [1, 3, 50])
@pytest.mark.parametrize("chunk", [7, 64, 200])
def test_partitioned_images_are_the_rows_taken_in_order(chunk: int, partitions: int) -> None:
    rows = pictures(200, 320, chunk)
    data, groups = shards.encode(rows, "images/1", partition_by="id", partitions=partitions)
    numbers = shards.partition_numbers(rows.column("id"), partitions)
    file = pq.ParquetFile(pa.BufferReader(data))
    assert groups == sorted(set(numbers.tolist()))
    for group, number in enumerate(groups):
        wanted = rows.filter(pa.array(numbers == number))
        assert (
            file.read_row_group(group)
            .replace_schema_metadata(None)
            .equals(wanted.replace_schema_metadata(None))
        )
    whole = rows.combine_chunks()
    assert shards.encode(whole, "images/1", partition_by="id", partitions=partitions) == (data, groups)


def test_images_are_copied_one_partition_at_a_time() -> None:
    rows = pictures(200, 32_000, 64)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        shards.encode(rows, "images/1", partition_by="id", partitions=16)
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < rows.nbytes / 2


def test_rows_are_found_by_id(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    images = [image(n) for n in range(500)]
    partition = shards.partition_numbers(pa.chunked_array([[i.id for i in images]]), 4)
    written = []
    for number in range(4):
        mine = sorted((i for i, p in zip(images, partition, strict=True) if p == number), key=lambda i: i.id)
        data, _ = shards.encode(table(mine, "images/1"), "images/1")
        store.put(f"{number}", data)
        written.append(shards.describe(f"{number}", data, len(mine)))
    wanted = {image(n).id for n in (3, 77, 499)}
    found = shards.read_ids(store, written, {*wanted, image(9999).id}, schemas.get("images/1").empty_table())
    assert set(found.column("id").to_pylist()) == wanted
    assert found.num_rows == 3


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    data, _ = shards.encode(keys([1, 2]), "dedup_keys/1")
    shard = shards.describe("a.parquet", data, 2)
    store.put("a.parquet", data[:-1] + b"x")
    with pytest.raises(BadShard, match=r"a\.parquet is not the file its manifest names"):
        shards.read(store, shard)


def test_a_wrong_column_is_named() -> None:
    wrong = keys([1]).drop_columns(["row"])
    with pytest.raises(ConfigurationError, match="Column 'row' of dedup_keys/1 is missing: step 'k' did not"):
        shards.conform([wrong], "dedup_keys/1", "step 'k'")
    wrong = keys([1]).append_column("more", pa.array([1]))
    with pytest.raises(ConfigurationError, match="Column 'more' is not part of dedup_keys/1"):
        shards.conform([wrong], "dedup_keys/1", "step 'k'")
    wrong = keys([1]).set_column(3, "row", pa.array(["1"]))
    with pytest.raises(ConfigurationError, match="Column 'row' of dedup_keys/1 is string, not int32"):
        shards.conform([wrong], "dedup_keys/1", "step 'k'")


def test_a_table_without_rows_has_no_row_group() -> None:
    """`datasets` takes the rows of the first row group for its batch size, and can't take 0."""
    for name in ("documents/1", "images/1"):
        data, groups = shards.encode(schemas.get(name).empty_table(), name)
        file = pq.ParquetFile(io.BytesIO(data))
        assert (file.metadata.num_row_groups, file.read().num_rows, groups) == (0, 0, None)
        assert file.schema_arrow.names == schemas.get(name).names
