"""How a unit gets its tables: spans, aligned and whole side ports, some columns, several datasets as one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import BaseModel

from components.core.errors import BudgetExceeded, ConfigurationError
from components.core.manifest import Manifest, concatenate
from components.core.plan import StepPlan
from components.core.runner import run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from tests.core.toy_stages import ToyParams, ToyStage, dataset

TEXTS = [[f"shard {shard} text {n}" for n in range(5)] for shard in range(7)]


class NoReason(StrEnum):
    LENGTH = "length"


class Spans(BaseModel):
    spans: int = 3
    enabled: bool = True


class CountStage(Stage[Spans]):
    """One key for each shard of its span: (band: the unit, key: the rows, shard: the shard)."""

    name = "count"
    consumes = {"documents": "documents/1", "others": "documents/1"}
    produces = {"keys": "dedup_keys/1"}
    reasons = NoReason
    grouping = "span"
    conserves = False
    partitioned = {"keys": "shard"}
    sides = {"others": "all"}
    columns = {"documents": ("id",), "others": ("id", "url")}

    @property
    def spans(self) -> int:
        return self.params.spans

    @property
    def enabled(self) -> bool:
        return self.params.enabled

    def run(self, unit: Unit, out: Output) -> None:
        assert unit.tables["others"].column_names == ["id", "url"]
        assert "documents" not in unit.tables
        for shard, table in unit.stream("documents"):
            assert table.column_names == ["id"]
            rows: dict[str, list[Any]] = {
                "band": [unit.index],
                "key": [table.num_rows],
                "shard": [shard],
                "row": [unit.tables["others"].num_rows],
                "time": [None],
            }
            out.keep("keys", pa.table(rows).cast(keys_schema()))


class AlignedStage(Stage[Spans]):
    """Keeps the documents whose id is in the shard of the same number of the other dataset."""

    name = "aligned"
    consumes = {"documents": "documents/1", "others": "documents/1"}
    produces = {"documents": "documents/1"}
    reasons = NoReason
    sides = {"others": "aligned"}

    def run(self, unit: Unit, out: Output) -> None:
        ids = set(unit.tables["others"].column("id").to_pylist())
        for row, record in enumerate(unit.tables["documents"].column("id").to_pylist()):
            if record in ids:
                out.keep("documents", unit.tables["documents"].slice(row, 1))
            else:
                out.drop(record, NoReason.LENGTH)


def keys_schema() -> pa.Schema:
    from components.core import schemas

    return schemas.get("dedup_keys/1")


def rows(root: str, manifest: Manifest) -> list[dict[str, Any]]:
    store = open_store(root)
    return [row for shard in manifest.shards for row in read(store, shard).to_pylist()]


@pytest.mark.parametrize("spans", [1, 3, 7, 50])
def test_spans_cover_every_shard_once_in_order(tmp_path: Path, spans: int) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    made = run_step(CountStage(Spans(spans=spans)), {"documents": given, "others": given}, root)["keys"]
    found = sorted((row["shard"], row["band"], row["key"], row["row"]) for row in rows(root, made))
    assert [shard for shard, *_ in found] == list(range(7))
    assert len({unit for _, unit, *_ in found}) == min(spans, 7)
    assert [unit for _, unit, *_ in found] == sorted(unit for _, unit, *_ in found)
    assert all(key == 5 and others == 35 for *_, key, others in found)
    assert made.counts.rows_in == 35


def test_a_step_that_is_not_enabled_gives_empty_datasets(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    made = run_step(CountStage(Spans(enabled=False)), {"documents": given, "others": given}, root)["keys"]
    assert made.shards == []
    assert made.partitioning is not None


def test_an_aligned_port_is_read_shard_by_shard(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    others = run_step(ToyStage(ToyParams(min_words=1)), {"documents": given}, root)["documents"]
    made = run_step(AlignedStage(Spans()), {"documents": given, "others": others}, root)["documents"]
    assert made.counts.kept == 35
    plan = StepPlan(AlignedStage(Spans()), {"documents": given, "others": others})
    shards = [*others.shards]
    shards[3] = shards[2]
    changed = StepPlan(
        AlignedStage(Spans()),
        {"documents": given, "others": others.model_copy(update={"shards": shards, "digest": "0"})},
    )
    same = [a.fingerprint == b.fingerprint for a, b in zip(plan.units, changed.units, strict=True)]
    assert same == [True, True, True, False, True, True, True]


def test_several_datasets_are_read_as_one_wherever_they_lie(tmp_path: Path) -> None:
    root, other = (tmp_path / "run").as_uri(), (tmp_path / "other run").as_uri()
    here, there = dataset(root, TEXTS[:2]), dataset(other, TEXTS[2:])
    both = concatenate([here, there])
    made = run_step(ToyStage(ToyParams(min_words=1)), {"documents": both}, root)["documents"]
    assert made.counts.kept == 35
    assert made.parents == {"documents[0]": here.digest, "documents[1]": there.digest}
    assert concatenate([here]) is here


def test_datasets_of_two_schemas_are_not_read_as_one(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    other = given.model_copy(update={"schema_name": "images/1"})
    with pytest.raises(ConfigurationError, match="can't be read as one"):
        concatenate([given, other])


def test_a_stage_may_say_that_failures_are_normal(tmp_path: Path) -> None:
    class Tolerant(ToyStage):
        name = "tolerant"
        max_failed_share = 1.0

    root = (tmp_path / "run").as_uri()
    given = dataset(root, [["word " * 3] * 60, ["word " * 3] * 60])
    with pytest.raises(BudgetExceeded):
        run_step(ToyStage(ToyParams(fail_word="word")), {"documents": given}, root)
    made = run_step(Tolerant(ToyParams(fail_word="word")), {"documents": given}, root)["documents"]
    assert made.counts.total_failed == 120
