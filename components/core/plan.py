"""Plan a step: its units of work, each with a fingerprint that names its outputs.

A fingerprint is a hash of what the unit reads, the stage, its version and its parameters. The same
fingerprint means the same bytes, whoever computes it and on however many workers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from components.core import schemas, shards
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest
from components.core.stage import Stage, empty
from components.core.store import Store


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """One unit of a step: its number and the fingerprint of everything that determines its output."""

    index: int
    fingerprint: str

    @property
    def name(self) -> str:
        """Sorts by number; used in file names."""
        return f"{self.index:06d}-{self.fingerprint[:16]}"


class StepPlan:
    """The units of one step over given input datasets.

    Raises:
        ConfigurationError: where a dataset is missing or is not what the stage consumes; before
            anything runs, naming producer and consumer.
    """

    def __init__(self, stage: Stage[Any], inputs: dict[str, Manifest]) -> None:
        for port, schema_name in stage.consumes.items():
            if port not in inputs:
                raise ConfigurationError(
                    f"{stage.name} needs a dataset {port!r} ({schema_name}) and got none."
                )
            found = inputs[port]
            if found.schema_name != schema_name:
                raise ConfigurationError(
                    f"{stage.name} reads {schema_name} at {port!r}, but step {found.step!r} wrote "
                    f"{found.schema_name} at {found.port!r}."
                )
        self.stage = stage
        self.inputs = inputs
        self.primary = next(iter(stage.consumes))
        count = self._unit_count()
        # what is partitioned stays partitioned alike, so that datasets of one run can be joined
        self.partitions = count if stage.grouping == "partition" else stage.partitions
        self.units = [UnitPlan(i, self._fingerprint(i)) for i in range(count)]

    def _unit_count(self) -> int:
        if self.stage.grouping == "shard":
            return len(self.inputs[self.primary].shards)
        if self.stage.grouping == "all":
            return 1
        counts = {
            m.partitioning.partitions if m.partitioning else 0
            for m in (self.inputs[port] for port in self.stage.consumes)
        }
        if len(counts) != 1 or 0 in counts:
            raise ConfigurationError(
                f"{self.stage.name} works by partition, but its inputs are not partitioned alike: "
                f"{sorted(counts)}."
            )
        return counts.pop()

    def _fingerprint(self, index: int) -> str:
        stage = self.stage
        reads: dict[str, str] = {}
        for port in stage.consumes:
            manifest = self.inputs[port]
            if stage.grouping == "shard" and port == self.primary:
                reads[port] = manifest.shards[index].sha256
            else:
                reads[port] = manifest.digest
        content = [
            stage.name,
            stage.version,
            stage.params.model_dump(mode="json"),
            self.partitions if stage.partitioned else 0,
            index,
            reads,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def read(self, store: Store, unit: UnitPlan) -> dict[str, pa.Table]:
        """The tables of a unit, one a port, checked against the schemas the stage consumes."""
        stage = self.stage
        tables: dict[str, pa.Table] = {}
        for port, schema_name in stage.consumes.items():
            manifest, none = self.inputs[port], empty(schema_name)
            if stage.grouping == "partition":
                table = shards.read_partition(store, manifest.shards, unit.index, none)
            elif stage.grouping == "all":
                parts = [shards.read(store, shard) for shard in manifest.shards]
                table = pa.concat_tables([none, *(p.cast(none.schema) for p in parts)])
            elif port == self.primary:
                table = shards.read(store, manifest.shards[unit.index])
            elif stage.sides.get(port) == "by_shard":
                count = manifest.partitioning.partitions if manifest.partitioning else 1
                table = shards.read_partition(store, manifest.shards, unit.index % count, none)
                table = shards.rows_for_shard(table, unit.index)
            elif stage.sides.get(port) == "by_id":
                wanted = stage.lookup(port, tables[self.primary])
                table = shards.read_ids(store, manifest.shards, wanted, none)
            else:
                raise ConfigurationError(f"{stage.name} does not say how it reads its port {port!r}.")
            producer = f"step {manifest.step!r}"
            schemas.check(table.schema, schema_name, producer=producer, consumer=f"step {stage.name!r}")
            tables[port] = table
        return tables
