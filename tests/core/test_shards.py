from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given
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
