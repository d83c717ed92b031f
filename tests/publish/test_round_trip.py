"""A release opens with the tools people use, and with a reader written for the published layout."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import webdataset as wds
from PIL import Image

from tests.conftest import REPOSITORY
from tests.publish import runs

READER = REPOSITORY / "examples" / "read_mint.py"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    runs.make(root, images_as="tiff", item_rows=True)
    return root / "export"


def parquet(released: Path) -> list[str]:
    return sorted(map(str, (released / "release").glob("*.parquet")))


def tars(released: Path) -> list[str]:
    return sorted(map(str, (released / "files").glob("*/*.tar")))


def items(released: Path) -> list[str]:
    return sorted(map(str, (released / "files").glob("*/*.items.parquet")))


def test_pyarrow_reads_all_of_it(released: Path) -> None:
    table = ds.dataset(parquet(released), format="parquet").to_table()
    assert table.num_rows == 12
    for row in table.to_pylist():
        assert all((t is None) != (i is None) for t, i in zip(row["texts"], row["images"], strict=True))


def test_huggingface_datasets_reads_all_of_it(released: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    given = {"train": parquet(released)}
    found = load_dataset("parquet", data_files=given, split="train", cache_dir=str(tmp_path))
    assert found.num_rows == 12
    streamed = load_dataset("parquet", data_files=given, split="train", streaming=True)
    assert [row["url"] for row in streamed] == found["url"][:]
    rows = load_dataset(
        "parquet", data_files={"train": items(released)}, split="train", cache_dir=str(tmp_path)
    )
    assert set(rows["modality"][:]) == {"metadata", "text", "image"}


def test_duckdb_queries_it(released: Path) -> None:
    import duckdb

    files = parquet(released)
    counted = duckdb.sql(
        "select count(*), sum(len(texts)), sum(len(image_hashes)) from read_parquet($files)",
        params={"files": files},
    ).fetchall()
    table = ds.dataset(files, format="parquet").to_table().to_pylist()
    assert counted == [(12, sum(len(r["texts"]) for r in table), sum(len(r["image_hashes"]) for r in table))]
    pictures = duckdb.sql(
        "select count(*) from read_parquet($files) "
        "where modality = 'image' and octet_length(binary_content) > 0",
        params={"files": items(released)},
    ).fetchall()
    assert pictures == [(sum(h is not None for r in table for h in r["image_hashes"]),)]


def test_webdataset_reads_the_frames(released: Path) -> None:
    samples = list(wds.WebDataset(tars(released), shardshuffle=False))
    assert len(samples) == 12
    for sample in samples:
        document = json.loads(sample["json"])
        stored = [m for m in document["image_metadata"] if m["sha256"]]
        with Image.open(io.BytesIO(sample["tiff"])) as tiff:
            assert tiff.n_frames == len(stored)


def test_a_reader_of_the_published_layout_reads_it_unchanged(released: Path) -> None:
    command = [sys.executable, str(READER), *parquet(released), *tars(released)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    # two shards: six documents each, of two images each; one image of each first document is gone
    assert [line.rpartition(": ")[2] for line in said] == [
        "6 documents, 24 texts, 12 images, 0 decoded",
        "6 documents, 24 texts, 12 images, 0 decoded",
        "6 documents, 24 texts, 12 images, 6 decoded",
        "6 documents, 24 texts, 12 images, 6 decoded",
    ]


def test_that_reader_reads_the_published_form(tmp_path: Path) -> None:
    """A file with exactly the published columns, and none of ours."""
    spec = importlib.util.spec_from_file_location("read_mint", READER)
    assert spec and spec.loader
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    row: dict[str, Any] = {
        "url": "https://e.org/",
        "cc_dump": "CC-MAIN-2024-18",
        "texts": ["one", None, "two"],
        "images": [None, "https://e.org/a.jpg", None],
        "image_hashes": ["ab" * 32],
        "images_metadata": [{"width": 300, "height": 200}],
        "metadata": [{"k": "v"}],
    }
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    assert list(reader.read_html(str(tmp_path / "a.parquet"))) == [
        [("text", "one"), ("image", ("https://e.org/a.jpg", "ab" * 32, 300, 200)), ("text", "two")]
    ]
