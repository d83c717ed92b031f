"""Run one unit of a step and commit it: outputs first, then a done marker by conditional put.

Outputs are named by fingerprint and content, so that racing workers, a killed pod or another worker
count can only ever write the same names with the same bytes, and the marker decides once.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from components.core import shards
from components.core.errors import BadShard, ConfigurationError, KalemintError, RetryableError
from components.core.manifest import Counts, Shard
from components.core.plan import StepPlan, UnitPlan
from components.core.progress import emit
from components.core.stage import Output, Stage, Unit, empty
from components.core.store import Store, Stores
from components.core.usage import usage

ATTEMPTS: Final = 3
BACKOFF_S: Final = (1.0, 4.0)
SHARD_FAILED: Final = "shard_failed"
"""Ledger reason of every row of a shard that failed as a whole; part of every step's closed list."""
ATTACHMENT_SCHEME: Final = "attachment:"


class ConservationError(KalemintError):
    """A step lost or invented rows. This is a defect of the stage, never of the data."""


class Marker(BaseModel):
    """What is known of a finished unit: `STEP/done/UNIT.GENERATION.json`."""

    model_config = ConfigDict(extra="forbid")

    index: int
    fingerprint: str
    generation: int = 0
    ports: dict[str, Shard]
    ledger: Shard | None = None
    files: list[Shard] = []
    counts: Counts
    seconds: float = 0
    cpu_seconds: float = 0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Redo:
    """A retry: do these records of a finished unit again (all of them where `ids` is None)."""

    generation: int
    ids: frozenset[str] | None


class _Started:
    """When a unit was begun, and what its process had used by then."""

    def __init__(self) -> None:
        self.clock = time.monotonic()
        self.cpu_seconds = usage().cpu_seconds


def marker_key(step: str, unit: UnitPlan, generation: int = 0) -> str:
    """Where a unit's done marker lies."""
    return f"{step}/done/{unit.name}.{generation}.json"


def tally(ledger: list[dict[str, Any]], action: str) -> dict[str, int]:
    """Ledger lines of an action, counted by reason."""
    numbers = Counter(line["reason"] for line in ledger if line["action"] == action)
    return dict(sorted(numbers.items()))


def _account(stage: Stage[Any], rows_in: int, out: Output, outputs: dict[str, pa.Table]) -> Counts:
    """The unit's counts.

    Raises:
        ConservationError: where rows in differ from kept + dropped + failed.
    """
    rows_in = out.rows_in if out.rows_in is not None else rows_in
    kept = out.kept if out.kept is not None else outputs[next(iter(stage.produces))].num_rows
    counts = Counts(
        rows_in=rows_in,
        kept=kept,
        dropped=tally(out.ledger, "dropped"),
        failed=tally(out.ledger, "failed"),
        changed=tally(out.ledger, "changed"),
        counters=dict(sorted(out.counters.items())),
        conserves=stage.conserves,
    )
    if lost := counts.imbalance():
        raise ConservationError(
            f"{stage.name} does not add up: {rows_in} rows in, {kept} kept, {counts.total_dropped} dropped, "
            f"{counts.total_failed} failed; {lost} unaccounted for. This is a defect of the stage."
        )
    return counts


def _selected(
    tables: dict[str, pa.Table], stage: Stage[Any], ids: frozenset[str] | None
) -> dict[str, pa.Table]:
    """On a retry, only the asked-for rows of the first port, if its rows are the records."""
    port = next(iter(stage.consumes))
    table = tables.get(port)
    if ids is None or table is None or stage.consumes[port] == "sources/1" or "id" not in table.column_names:
        return tables
    wanted = pa.array(sorted(ids), pa.string())
    return {**tables, port: table.filter(pc.is_in(table.column("id"), value_set=wanted))}


def _rows(stage: Stage[Any], tables: dict[str, pa.Table]) -> dict[str, str]:
    """Ids and kinds of the records a unit reads; the step itself where its rows have no ids."""
    port = next(iter(stage.consumes))
    kind = stage.consumes[port].partition("/")[0].removesuffix("s")
    table = tables.get(port)
    if table is None or "id" not in table.column_names:
        return {stage.name: kind}
    return dict.fromkeys(table.column("id").to_pylist(), kind)


def _failed(stage: Stage[Any], records: dict[str, str], detail: str) -> Output:
    """What a unit gives that failed as a whole: one ledger line a record, each retryable."""
    out = Output(step=stage.name, reasons=stage.reasons)
    for record_id, kind in records.items():
        out.ledger.append(
            {
                "step": stage.name,
                "record_id": record_id,
                "record_kind": kind,
                "action": "failed",
                "reason": SHARD_FAILED,
                "detail": detail[:500],
            }
        )
    out.rows_in, out.kept = len(records), 0
    return out


class UnitRunner:
    """Runs units of one step in this process.

    Args:
        plan: the step over its inputs.
        root: URI of the run's output.
    """

    def __init__(self, plan: StepPlan, root: str, store: Store) -> None:
        self.plan, self.stage = plan, plan.stage
        self.store = store
        self.stores = Stores(root)

    def run(self, unit: UnitPlan, redo: Redo | None = None) -> Marker:
        """Do one unit and commit it. A shard that fails `ATTEMPTS` times is committed as failed."""
        started = _Started()
        redo, asked = self._asked(unit, redo)
        tables: dict[str, pa.Table] = {}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                tables = self.plan.read(self.store, unit)
                ids = redo.ids if redo else None
                tables = _selected(tables, self.stage, ids)
                out = Output(step=self.stage.name, reasons=self.stage.reasons)
                streams = self.plan.streams(self.store, unit)
                self.stage.run(Unit(unit.index, tables, self.stores, ids, streams), out)
                break
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a stage raises costs its shard, not the run
                detail = "".join(traceback.format_exception_only(error)).strip()
                emit("shard_error", step=self.stage.name, unit=unit.name, attempt=attempt, line=detail)
                if attempt == ATTEMPTS:
                    out = _failed(self.stage, _rows(self.stage, tables) if asked is None else asked, detail)
                    break
                if isinstance(error, RetryableError):
                    time.sleep(BACKOFF_S[attempt - 1])
        return self._commit(unit, tables, out, redo, started)

    def _asked(self, unit: UnitPlan, redo: Redo | None) -> tuple[Redo | None, dict[str, str] | None]:
        """A retry of just those records that failed in the generation before, and their kinds."""
        if redo is None or redo.ids is None:
            return redo, None
        base = self.marker(unit, redo.generation - 1)
        lines = shards.read(self.store, base.ledger).to_pylist() if base and base.ledger else []
        asked = {
            line["record_id"]: line["record_kind"]
            for line in lines
            if line["action"] == "failed" and line["record_id"] in redo.ids
        }
        return Redo(redo.generation, frozenset(asked)), asked

    def fail(self, unit: UnitPlan, redo: Redo | None, detail: str) -> Marker:
        """Commit a unit as failed, without running it: its process died again and again."""
        redo, asked = self._asked(unit, redo)
        tables: dict[str, pa.Table] = {}
        if asked is None:
            with contextlib.suppress(BadShard, RetryableError, FileNotFoundError):
                tables = self.plan.read(self.store, unit)
        records = _rows(self.stage, tables) if asked is None else asked
        return self._commit(unit, tables, _failed(self.stage, records, detail), redo, _Started())

    def _commit(
        self, unit: UnitPlan, tables: dict[str, pa.Table], out: Output, redo: Redo | None, started: _Started
    ) -> Marker:
        stage, step = self.stage, self.stage.name
        outputs = {
            port: shards.conform(out.tables.get(port, []), schema, f"step {step!r}")
            for port, schema in stage.produces.items()
        }
        if stage.grouping == "span":
            rows_in = self.plan.rows(unit)
        else:
            rows_in = tables[self.plan.primary].num_rows if self.plan.primary in tables else 0
        counts = _account(stage, rows_in, out, outputs)
        ledger, files = out.ledger, self._attach(unit, out)
        generation = redo.generation if redo else 0
        if redo and redo.ids is not None:
            base = self.marker(unit, generation - 1)
            if base is None:
                raise BadShard(f"{unit.name} was to be retried, but generation {generation - 1} is not there")
            outputs, ledger, counts = self._merge(base, redo.ids, outputs, ledger, counts)
            files = base.files + files
        ports: dict[str, Shard] = {}
        for port, table in outputs.items():
            table = self._substitute(table, unit)  # noqa: PLW2901
            data, groups = shards.encode(
                table,
                stage.produces[port],
                partition_by=stage.partitioned.get(port),
                partitions=self.plan.partitions,
            )
            ports[port] = self._put(f"{step}/{port}", unit, data, table.num_rows, groups)
        written = None
        if ledger:
            table = pa.Table.from_pylist(ledger, schema=empty("ledger/1").schema)
            data, _ = shards.encode(table, "ledger/1")
            written = self._put(f"{step}/ledger", unit, data, table.num_rows, None)
        used = usage()
        marker = Marker(
            index=unit.index,
            fingerprint=unit.fingerprint,
            generation=generation,
            ports=ports,
            ledger=written,
            files=files,
            counts=counts,
            seconds=round(time.monotonic() - started.clock, 3),
            cpu_seconds=round(used.cpu_seconds - started.cpu_seconds, 3),
            peak_bytes=used.peak_bytes,
        )
        key = marker_key(step, unit, generation)
        if not self.store.put_if_absent(key, marker.model_dump_json().encode()):
            return Marker.model_validate_json(self.store.get(key))  # another worker was first
        return marker

    def _put(self, folder: str, unit: UnitPlan, data: bytes, rows: int, groups: list[int] | None) -> Shard:
        shard = shards.describe("", data, rows, groups)
        shard.path = f"{folder}/{unit.name}-{shard.sha256[:16]}.parquet"
        self.store.put(shard.path, data)
        return shard

    def _attach(self, unit: UnitPlan, out: Output) -> list[Shard]:
        written = []
        for attachment in out.attachments:
            path = f"{self.stage.name}/files/{unit.name}/{attachment.name}"
            self.store.put(path, attachment.data)
            written.append(shards.describe(path, attachment.data, 0))
        return written

    def _substitute(self, table: pa.Table, unit: UnitPlan) -> pa.Table:
        """Replace `attachment:NAME` in a `uri` column by the attachment's location in the run."""
        if "uri" not in table.column_names:
            return table
        index = table.column_names.index("uri")
        location = f"out:{self.stage.name}/files/{unit.name}/"
        column = pc.replace_substring_regex(table.column("uri"), f"^{ATTACHMENT_SCHEME}", location)
        return table.set_column(index, table.schema.field(index), column)

    def marker(self, unit: UnitPlan, generation: int = 0) -> Marker | None:
        """The done marker of a unit, or None."""
        try:
            return Marker.model_validate_json(self.store.get(marker_key(self.stage.name, unit, generation)))
        except FileNotFoundError:
            return None

    def _merge(
        self,
        base: Marker,
        ids: frozenset[str],
        outputs: dict[str, pa.Table],
        ledger: list[dict[str, Any]],
        counts: Counts,
    ) -> tuple[dict[str, pa.Table], list[dict[str, Any]], Counts]:
        """A finished unit with some of its failed records done again: rows are appended."""
        merged: dict[str, pa.Table] = {}
        for port, table in outputs.items():
            before = shards.read(self.store, base.ports[port]).cast(table.schema)
            merged[port] = pa.concat_tables([before, table])
        old = shards.read(self.store, base.ledger).to_pylist() if base.ledger else []
        kept_lines = [line for line in old if line["record_id"] not in ids]
        lines = kept_lines + ledger
        redone = sum(1 for line in old if line["record_id"] in ids and line["action"] == "failed")
        total = Counts(
            rows_in=base.counts.rows_in - redone + counts.rows_in,
            kept=base.counts.kept + counts.kept,
            dropped=tally(lines, "dropped"),
            failed=tally(lines, "failed"),
            changed=tally(lines, "changed"),
            counters=base.counts.counters,
            conserves=self.stage.conserves,
        )
        if lost := total.imbalance():
            raise ConservationError(
                f"the retry of {self.stage.name} does not add up: {lost} rows unaccounted for"
            )
        return merged, lines, total
