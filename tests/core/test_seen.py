"""Which run has seen a payload, asked of sorted files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.errors import BadShard
from components.core.seen import SeenPayloads, encode_keys, payload_key
from components.core.store import Stores, open_store

KEYS = st.lists(
    st.integers(0, 2**64 - 1) | st.integers(0, 20) | st.integers(2**64 - 20, 2**64 - 1), max_size=40
)


def files(root: str, parts: int, **runs: list[int]) -> pa.Table:
    """What runs that saw these keys leave in a folder."""
    store, rows = open_store(root), []
    for run, keys in runs.items():
        for part in range(parts):
            chosen = [key for key in keys if key % parts == part]
            data = encode_keys(np.array(chosen, np.uint64))
            path = f"{run}/{part}.u64"
            store.put(path, data)
            rows.append(
                {
                    "run": run,
                    "part": part,
                    "parts": parts,
                    "uri": store.uri(path),
                    "payloads": len(data) // 8,
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
            )
    return pa.Table.from_pylist(rows, schema=schemas.get("seen_payloads/1"))


@settings(max_examples=60, deadline=None)
@given(KEYS, KEYS, KEYS, st.integers(1, 5))
def test_names_the_first_run_that_has_a_key(
    tmp_path_factory, one: list[int], two: list[int], others: list[int], parts: int
) -> None:
    seen = SeenPayloads(files(tmp_path_factory.mktemp("seen").as_uri(), parts, one=one, two=two), Stores())
    for key in [*one, *two, *others]:
        assert seen.run_of(key) == ("one" if key in one else "two" if key in two else None)


def test_nothing_seen() -> None:
    assert SeenPayloads(schemas.get("seen_payloads/1").empty_table(), Stores()).run_of(7) is None


def test_a_file_is_opened_when_it_is_asked_for(tmp_path: Path) -> None:
    table = files(tmp_path.as_uri(), 2, one=[2, 4, 5])
    (tmp_path / "one" / "1.u64").unlink()
    seen = SeenPayloads(table, Stores())
    assert seen.run_of(4) == "one"
    with pytest.raises(FileNotFoundError):
        seen.run_of(5)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    table = files(tmp_path.as_uri(), 1, one=[2, 4, 5])
    (tmp_path / "one" / "0.u64").write_bytes(bytes(16))
    with pytest.raises(BadShard, match="run 'one' registered"):
        SeenPayloads(table, Stores()).run_of(2)


def test_keys_don_t_depend_on_the_machine() -> None:
    assert payload_key(b"<html>") == 0x751BE912EE82D0B7
    assert encode_keys(np.array([258, 1, 1], np.uint64)) == b"\x01" + bytes(7) + b"\x02\x01" + bytes(6)


def test_what_lies_in_an_object_store_is_copied_once(tmp_path: Path, s3_bucket: str, monkeypatch) -> None:
    monkeypatch.setenv("KALEMINT_CACHE", str(tmp_path / "cache"))
    table = files(f"s3://{s3_bucket}/r", 2, one=[2, 4, 5])
    assert SeenPayloads(table, Stores()).run_of(5) == "one"
    (copied,) = (tmp_path / "cache").iterdir()
    before = copied.stat().st_mtime_ns
    store = open_store(f"s3://{s3_bucket}/r")
    store.delete("one/1.u64")
    assert SeenPayloads(table, Stores()).run_of(5) == "one"
    assert copied.stat().st_mtime_ns == before
    store.put("one/0.u64", bytes(16))
    with pytest.raises(BadShard, match="SHA-256 differs"):
        SeenPayloads(table, Stores()).run_of(4)
    assert list((tmp_path / "cache").iterdir()) == [copied]
