"""Small real stages over documents, for tests of the runner."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel

from components.core import records
from components.core.manifest import Counts, Manifest
from components.core.records import Document, Item
from components.core.shards import describe, encode
from components.core.stage import Output, Stage, Unit, code_version
from components.core.store import open_store


class ToyReason(StrEnum):
    TOO_SHORT = "too_short"
    UNREADABLE = "unreadable"


class ToyParams(BaseModel):
    min_words: int = 3
    fail_word: str = ""
    kill_flag: str = ""
    lose_rows: bool = False
    raise_always: bool = False


class ToyStage(Stage[ToyParams]):
    """Drops documents of few words, fails those with `fail_word`."""

    name = "toy"
    consumes = {"documents": "documents/1"}
    produces = {"documents": "documents/1"}
    reasons = ToyReason

    def run(self, unit: Unit, out: Output) -> None:
        params = self.params
        if params.raise_always:
            raise ValueError("a defect in the stage")
        flag = Path(params.kill_flag) if params.kill_flag else None
        if flag and unit.index == 1 and flag.exists():
            lives = int(flag.read_text())
            if lives:
                flag.write_text(str(lives - 1))
                os.kill(os.getpid(), signal.SIGKILL)
        keep = []
        for row, (record_id, items) in enumerate(
            zip(
                unit.tables["documents"].column("id").to_pylist(),
                unit.tables["documents"].column("items").to_pylist(),
                strict=True,
            )
        ):
            words = items[0]["text"].split()
            if params.lose_rows and row == 0:
                continue
            if params.fail_word and params.fail_word in words:
                out.fail(record_id, ToyReason.UNREADABLE, detail="holds the word")
            elif len(words) < params.min_words:
                out.drop(record_id, ToyReason.TOO_SHORT, score=len(words), threshold=params.min_words)
            else:
                keep.append(row)
        out.keep("documents", unit.tables["documents"].take(pa.array(keep, pa.int64())))


def documents(shard: int, texts: list[str]) -> pa.Table:
    return records.table(
        [
            Document(
                id=f"{shard:03d}-{i:03d}", source="html", source_uri="x", items=[Item("text", text=text)]
            )
            for i, text in enumerate(texts)
        ],
        "documents/1",
    )


def dataset(root: str, shards: list[list[str]]) -> Manifest:
    """Write a documents dataset of the given texts under `root` and return its manifest."""
    store, written = open_store(root), []
    for number, texts in enumerate(shards):
        table = documents(number, texts)
        data, _ = encode(table, "documents/1")
        path = f"given/documents/{number}.parquet"
        store.put(path, data)
        written.append(describe(path, data, table.num_rows))
    rows = sum(s.rows for s in written)
    return Manifest(
        step="given",
        port="documents",
        location=root,
        schema="documents/1",
        shards=written,
        stage_version="1",
        code_version=code_version(),
        counts=Counts(rows_in=rows, kept=rows),
    )
