"""A stage: a function from one unit of work to kept rows and decisions.

The runner plans units, reads them, calls `Stage.run` in a process of its own, writes what the
`Output` collected and commits it. A stage opens no file and writes none, with one exception: a
stage that reads what a source row points to (a WARC file, say) opens it through `Unit.store`.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from components.core import schemas
from components.core.errors import BadRecord, Drop

if TYPE_CHECKING:
    from components.core.store import Stores

Params = TypeVar("Params", bound=BaseModel)

PARTITIONS: Final = 16
"""Partitions of a run that says nothing else."""

Grouping = Literal["shard", "partition", "span", "all"]
"""What a unit is made of.

- `shard`: one shard of the first port; a side port gives the rows meant for that shard.
- `partition`: one partition (a hash bucket) of every shard of every port.
- `span`: a run of consecutive shards of the first port, read one at a time with `Unit.stream`.
- `all`: everything; for small tables only.
"""

Side = Literal["by_shard", "by_id", "aligned", "all", "stream"]
"""How a unit gets the rows of another port than its first.

- `by_shard`: the rows whose `shard` column is the unit's index.
- `by_id`: the rows whose `id` is in `Stage.lookup`.
- `aligned`: the shard of the unit's number.
- `all`: the whole dataset; for small tables only.
- `stream`: all its shards, read one at a time with `Unit.stream`; for `span` stages.
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a stage gets to work on.

    Attributes:
        index: the unit's number within its step, counted from 0; the same on every run.
        tables: one Arrow table for each port the stage consumes.
        stores: opens the locations that source rows point to.
        only: on `kalemint retry`, the ids of the records to do again; else None.
        streams: of a `span`, what `stream` calls, by port.
    """

    index: int
    tables: dict[str, pa.Table]
    stores: Stores
    only: frozenset[str] | None = None
    streams: dict[str, Callable[[], Iterator[tuple[int, pa.Table]]]] = field(default_factory=dict)

    def stream(self, port: str) -> Iterator[tuple[int, pa.Table]]:
        """The shards of a span, one in memory at a time: (index of the shard, its rows)."""
        return self.streams[port]()

    def wants(self, record_id: str) -> bool:
        """False for a record that a retry does not ask for."""
        return self.only is None or record_id in self.only


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the shards (a WARC file, a tar, a card) that the runner writes for the stage."""

    name: str
    data: bytes


@dataclass(slots=True)
class Output:
    """Collects what a stage decides. Every input record ends as kept, dropped or failed.

    `rows_in` and `kept` are set by a stage whose records are not the rows of its first port (a
    reader of WARC files, say); None means the rows of the first input and of the first output port.
    """

    step: str
    reasons: type[StrEnum]
    rows_in: int | None = None
    kept: int | None = None
    tables: dict[str, list[pa.Table]] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)

    def keep(self, port: str, table: pa.Table) -> None:
        """Add rows to an output port. Rows of the stage's first port count as kept records."""
        self.tables.setdefault(port, []).append(table)

    def _decide(
        self,
        action: str,
        record_id: str,
        reason: str,
        kind: str,
        detail: str,
        score: float | None,
        threshold: float | None,
        locator: str | None,
    ) -> None:
        self.ledger.append(
            {
                "step": self.step,
                "record_id": record_id,
                "record_kind": kind,
                "action": action,
                "reason": str(self.reasons(reason)),
                "score": score,
                "threshold": threshold,
                "detail": detail[:500] or None,
                "locator": locator,
            }
        )

    def drop(
        self,
        record_id: str,
        reason: str,
        *,
        kind: str = "document",
        detail: str = "",
        score: float | None = None,
        threshold: float | None = None,
        locator: str | None = None,
    ) -> None:
        """The record was judged and is not wanted."""
        self._decide("dropped", record_id, reason, kind, detail, score, threshold, locator)

    def fail(
        self,
        record_id: str,
        reason: str,
        *,
        kind: str = "document",
        detail: str = "",
        locator: str | None = None,
    ) -> None:
        """The record could not be processed; `kalemint retry --reason` can do it again."""
        self._decide("failed", record_id, reason, kind, detail, None, None, locator)

    def change(
        self,
        record_id: str,
        reason: str,
        *,
        kind: str = "document",
        detail: str = "",
        score: float | None = None,
        threshold: float | None = None,
        locator: str | None = None,
    ) -> None:
        """The record is kept but a part of it was removed or altered. Counts in no equation."""
        self._decide("changed", record_id, reason, kind, detail, score, threshold, locator)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a named counter that is summed over the step and shown in the report."""
        self.counters[name] = self.counters.get(name, 0) + amount

    def attach(self, name: str, data: bytes) -> None:
        """Have the runner write a file beside the shards, under the step's `files/` folder."""
        self.attachments.append(Attachment(name, data))

    @contextmanager
    def record(self, record_id: str, *, kind: str = "document", locator: str | None = None) -> Iterator[None]:
        """Work on one record: `Drop` and `BadRecord` become its ledger line; nothing else is caught."""
        try:
            yield
        except Drop as drop:
            self.drop(
                record_id,
                drop.reason,
                kind=kind,
                detail=drop.detail,
                score=drop.score,
                threshold=drop.threshold,
                locator=locator,
            )
        except BadRecord as bad:
            self.fail(record_id, bad.reason, kind=kind, detail=bad.detail, locator=locator)


class Stage(ABC, Generic[Params]):
    """One step's logic. Subclasses are small, pure, and state what they need and give.

    Class attributes:
        name: step name in the run, in file names and in the ledger.
        version: raise it whenever the same input would give another output.
        consumes: port → schema name; the first port is the primary one.
        produces: port → schema name; rows of the first port are the kept records.
        reasons: the closed enum of ledger reasons.
        grouping: what one unit is (see `Grouping`).
        conserves: True where rows in = kept + dropped + failed must hold; False for a stage that
            derives a table (keys, edges) and has nothing to lose; it then says why in its docstring.
        partitioned: output port → column by whose hash the rows of every shard are grouped.
        sorted_by: output port of a `partition` stage → column its shards are sorted by.
        exclusive: True where the step's folder must hold nothing but the current dataset, because
            people read it by listing it: files of earlier parameters are removed at the commit.
        sides: input port → how a `shard` or `span` stage gets that port (see `Side`).
        columns: input port → the only columns it reads.
        imports: modules that `run` needs and that take long to load (compiled kernels, HTTP): they are
            imported inside functions, so that a commit goes without; a worker that has work imports
            them once, before its processes fork.
        max_failed_share: share of failed records at which the step stops, where failures are normal
            (fetching from the web); None leaves it to the run's parameter.
        max_processes: the most processes a worker runs it in; 1 for a stage that holds a model, which
            batches a whole unit by itself. None leaves it to the run's parameter.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    consumes: ClassVar[dict[str, str]]
    produces: ClassVar[dict[str, str]]
    reasons: ClassVar[type[StrEnum]]
    grouping: ClassVar[Grouping] = "shard"
    conserves: ClassVar[bool] = True
    partitioned: ClassVar[dict[str, str]] = {}
    sorted_by: ClassVar[dict[str, str]] = {}
    sides: ClassVar[dict[str, Side]] = {}
    columns: ClassVar[dict[str, tuple[str, ...]]] = {}
    imports: ClassVar[tuple[str, ...]] = ()
    max_failed_share: ClassVar[float | None] = None
    exclusive: ClassVar[bool] = False
    max_processes: int | None = None

    def __init__(self, params: Params) -> None:
        self.params = params
        self.partitions = PARTITIONS
        """How many partitions the ports in `partitioned` are spread over; `run.partitions` sets it."""

    @abstractmethod
    def run(self, unit: Unit, out: Output) -> None:
        """Work on one unit; called in a worker process."""

    @property
    def enabled(self) -> bool:
        """False for an optional step that is not wanted: no unit is run, its outputs are empty."""
        return True

    skipped: ClassVar[str] = "it was not asked for"
    """Why a step that is not `enabled` did nothing: the parameter to set, for a person."""

    @property
    def spans(self) -> int:
        """Of a `span` stage: how many runs the shards are cut into, as equal as can be."""
        return 1

    def lookup(self, port: str, table: pa.Table) -> set[str]:
        """Ids of the rows of a `by_id` side port that a unit needs, from its first port's table."""
        raise NotImplementedError(f"{self.name} looks nothing up in {port}")

    def close(self) -> None:
        """Release what the stage holds (child processes, models); called once a process."""


def empty(schema_name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of no rows with the columns of a schema, or some of them."""
    table = schemas.get(schema_name).empty_table()
    return table if columns is None else table.select(list(columns))


@functools.cache
def code_version() -> str:
    """The version of kalemint that runs, recorded in manifests."""
    from components import __version__

    return __version__
