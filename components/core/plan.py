"""Plan a step: its units of work, each with a fingerprint that names its outputs.

A fingerprint is a hash of what the unit reads, the stage, its version and its parameters. The same
fingerprint means the same bytes, whoever computes it and on however many workers.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
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
        shared = {port: m.digest for port, m in inputs.items() if port in stage.consumes}
        self.units = [UnitPlan(i, self._fingerprint(i, shared)) for i in range(count if stage.enabled else 0)]

    def _unit_count(self) -> int:
        if self.stage.grouping == "shard":
            return len(self.inputs[self.primary].shards)
        if self.stage.grouping == "span":
            return min(self.stage.spans, len(self.inputs[self.primary].shards))
        if self.stage.grouping == "all":
            return 1
        given = [self.inputs[port] for port in self.stage.consumes]
        # an empty dataset (of a step that was not wanted) fits any number of partitions
        counts = {m.partitioning.partitions if m.partitioning else 0 for m in given if m.shards}
        if not counts:
            return next((m.partitioning.partitions for m in given if m.partitioning), self.stage.partitions)
        if len(counts) != 1 or 0 in counts:
            raise ConfigurationError(
                f"{self.stage.name} works by partition, but its inputs are not partitioned alike: "
                f"{sorted(counts)}."
            )
        return counts.pop()

    def _fingerprint(self, index: int, shared: dict[str, str]) -> str:
        stage = self.stage
        reads: dict[str, Any] = dict(shared)
        shards = self.inputs[self.primary].shards
        if stage.grouping == "shard":
            reads[self.primary] = shards[index].sha256
        elif stage.grouping == "span":
            reads[self.primary] = [shards[number].sha256 for number in self.span(index)]
        for port, side in stage.sides.items():
            if side == "aligned" and self.inputs[port].shards:
                reads[port] = self.inputs[port].shards[index].sha256
        content = [
            stage.name,
            stage.version,
            stage.params.model_dump(mode="json"),
            self.partitions if stage.partitioned else 0,
            index,
            reads,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def span(self, index: int) -> range:
        """The numbers of the shards of one unit of a `span` stage."""
        shards = len(self.inputs[self.primary].shards)
        count = min(self.stage.spans, shards)
        return range(shards * index // count, shards * (index + 1) // count)

    def rows(self, unit: UnitPlan) -> int:
        """Rows of the first port in a unit of a `span` stage."""
        return sum(self.inputs[self.primary].shards[number].rows for number in self.span(unit.index))

    def streams(
        self, store: Store, unit: UnitPlan
    ) -> dict[str, Callable[[], Iterator[tuple[int, pa.Table]]]]:
        """What a unit of a `span` stage iterates over: shards, each read when its turn comes."""

        def stream(port: str, numbers: range) -> Iterator[tuple[int, pa.Table]]:
            for number in numbers:
                yield number, self._shard(store, port, number)

        wanted = {
            port: range(len(self.inputs[port].shards))
            for port, side in self.stage.sides.items()
            if side == "stream"
        }
        if self.stage.grouping == "span":
            wanted[self.primary] = self.span(unit.index)
        return {port: functools.partial(stream, port, numbers) for port, numbers in wanted.items()}

    def read(self, store: Store, unit: UnitPlan) -> dict[str, pa.Table]:
        """The tables of a unit, one a port, checked against the schemas the stage consumes."""
        tables: dict[str, pa.Table] = {}
        for port in self.stage.consumes:
            streamed = self.stage.grouping == "span" and port == self.primary
            if not streamed and self.stage.sides.get(port) != "stream":
                tables[port] = self._checked(port, self._read_port(store, unit, port, tables))
        return tables

    def _read_port(self, store: Store, unit: UnitPlan, port: str, read: dict[str, pa.Table]) -> pa.Table:
        stage, manifest = self.stage, self.inputs[port]
        none = self._empty(port)
        side = stage.sides.get(port)
        if stage.grouping == "partition" and side is None:
            return shards.read_partition(store, manifest, unit.index, none)
        if stage.grouping == "all" or side == "all":
            parts = [self._shard(store, port, number) for number in range(len(manifest.shards))]
            return pa.concat_tables([none, *(p.cast(none.schema) for p in parts)])
        if port == self.primary:
            return self._shard(store, port, unit.index)
        if side == "aligned":
            return self._shard(store, port, unit.index) if manifest.shards else none
        if side == "by_shard":
            count = manifest.partitioning.partitions if manifest.partitioning else 1
            table = shards.read_partition(store, manifest, unit.index % count, none)
            return shards.rows_for_shard(table, unit.index)
        if side == "by_id":
            wanted = stage.lookup(port, read[self.primary])
            return shards.read_ids(store, manifest.shards, wanted, none)
        raise ConfigurationError(f"{stage.name} does not say how it reads its port {port!r}.")

    def _empty(self, port: str) -> pa.Table:
        return empty(self.stage.consumes[port], self.stage.columns.get(port))

    def _shard(self, store: Store, port: str, number: int) -> pa.Table:
        table = shards.read(store, self.inputs[port].shards[number], self.stage.columns.get(port))
        return self._checked(port, table)

    def _checked(self, port: str, table: pa.Table) -> pa.Table:
        schemas.check(
            table.schema,
            self.stage.consumes[port],
            producer=f"step {self.inputs[port].step!r}",
            consumer=f"step {self.stage.name!r}",
            columns=self.stage.columns.get(port),
        )
        return table
