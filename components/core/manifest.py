"""The manifest: what a dataset is, in small JSON that is passed between steps.

A dataset is a folder of immutable Parquet shards plus `manifest.json`, which is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from components.core.errors import ConfigurationError
from components.core.store import Store

MANIFEST = "manifest.json"


class Shard(BaseModel):
    """One Parquet file."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="relative to the run's output; or a URI, where it lies elsewhere")
    rows: int
    bytes: int
    sha256: str
    groups: list[int] | None = Field(
        default=None,
        description="partition number of each row group, where the dataset is partitioned by row groups",
    )


class Counts(BaseModel):
    """What happened to the rows of a step: rows_in = kept + sum(dropped) + sum(failed)."""

    model_config = ConfigDict(extra="forbid")

    rows_in: int = 0
    kept: int = 0
    dropped: dict[str, int] = {}
    failed: dict[str, int] = {}
    changed: dict[str, int] = {}
    counters: dict[str, float] = {}
    conserves: bool = True

    def add(self, other: Counts) -> None:
        """Add another unit's counts to these."""
        self.rows_in += other.rows_in
        self.kept += other.kept
        self.conserves = other.conserves
        for mine, theirs in (
            (self.dropped, other.dropped),
            (self.failed, other.failed),
            (self.changed, other.changed),
        ):
            for reason, number in theirs.items():
                mine[reason] = mine.get(reason, 0) + number
        for name, amount in other.counters.items():
            self.counters[name] = self.counters.get(name, 0) + amount

    @property
    def total_dropped(self) -> int:
        """Rows dropped, for whatever reason."""
        return sum(self.dropped.values())

    @property
    def total_failed(self) -> int:
        """Rows failed, for whatever reason."""
        return sum(self.failed.values())

    def imbalance(self) -> int:
        """Rows in - kept - dropped - failed; 0 where the conservation law holds or does not apply."""
        if not self.conserves:
            return 0
        return self.rows_in - self.kept - self.total_dropped - self.total_failed


class Partitioning(BaseModel):
    """How rows are spread by a hash of one column.

    `row_groups`: row group *i* of a shard holds partition `shard.groups[i]`.
    `shards`: shard *i* holds partition *i*, sorted by the column.
    """

    model_config = ConfigDict(extra="forbid")

    column: str
    partitions: int
    layout: Literal["row_groups", "shards"]


class Manifest(BaseModel):
    """A dataset: where it is, what is in it, where it came from."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    step: str = Field(description="name of the step that wrote it")
    port: str = Field(description="output port of that step")
    family: str = Field(default="", description="component family of the step, e.g. crawl")
    location: str = Field(description="URI of the run's output")
    schema_name: str = Field(alias="schema", description="Arrow schema and version, e.g. documents/1")
    shards: list[Shard]
    partitioning: Partitioning | None = None
    parents: dict[str, str] = Field(default={}, description="input port -> digest of the dataset read")
    stage_version: str
    code_version: str
    params: dict[str, Any] = Field(default={}, description="the stage's parameters; never a secret")
    counts: Counts
    ledger: list[Shard] = Field(default=[], description="ledger shards of the step")
    files: list[Shard] = Field(default=[], description="attachments beside the shards (rows is 0)")
    seconds: float = Field(default=0, description="wall seconds, summed over units")
    cpu_seconds: float = Field(default=0, description="processor seconds, summed over units")
    peak_bytes: int = Field(default=0, description="largest memory of one worker process, bytes")
    digest: str = Field(default="", description="SHA-256 of step, port, schema and shard digests")
    skipped: str = Field(default="", description="why the step did nothing, where it was not wanted")
    parts: list[str] = Field(
        default=[], description="digests of the datasets it was put together of; never written to a store"
    )

    def model_post_init(self, _: Any) -> None:
        """Fill in the digest."""
        # step and port are part of it: two datasets of a run never share a digest, so lineage is clear
        content = [
            self.step,
            self.port,
            self.schema_name,
            [s.sha256 for s in self.shards],
            [f.sha256 for f in self.files],
        ]
        self.digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def lineage(self) -> list[str]:
        """Digests of the datasets that a step which reads this one has as parents."""
        return self.parts or [self.digest]

    @property
    def rows(self) -> int:
        """Rows in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def total_bytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def to_json(self) -> bytes:
        """The file's content."""
        return self.model_dump_json(by_alias=True, indent=1, exclude={"parts"}).encode()


def concatenate(manifests: Sequence[Manifest], *, keep_empty: bool = False) -> Manifest:
    """Several datasets of one schema as one: their shards one after the other, those without rows left out.

    Args:
        keep_empty: keep shards without rows, too: for a stage that reads shards of the same number of several
            ports, where one that is empty in one port only would move all that follow.

    Raises:
        ConfigurationError: where they are not of one schema, or not partitioned alike.
    """
    if len(manifests) == 1:
        return manifests[0]
    first, *others = manifests
    filled = [m for m in manifests if m.shards]
    for other in others:
        if other.schema_name != first.schema_name:
            raise ConfigurationError(
                f"{first.step}/{first.port} is {first.schema_name} and {other.step}/{other.port} is "
                f"{other.schema_name}: they can't be read as one."
            )
    if len({m.partitioning and m.partitioning.model_dump_json() for m in filled}) > 1:
        raise ConfigurationError(
            f"{' and '.join(f'{m.step}/{m.port}' for m in filled)} are not partitioned alike: "
            "make them again with one run.partitions."
        )
    # an empty shard would be a unit without work; only where its place means something it must stay
    by_place = (
        bool(filled) and filled[0].partitioning is not None and filled[0].partitioning.layout == "shards"
    )
    shards = [
        shard if m.location == first.location or "://" in shard.path else _elsewhere(shard, m.location)
        for m in manifests
        for shard in m.shards
        if shard.rows or by_place or keep_empty
    ]
    return first.model_copy(
        update={
            "shards": shards,
            "partitioning": filled[0].partitioning if filled else first.partitioning,
            "digest": hashlib.sha256("+".join(m.digest for m in manifests).encode()).hexdigest(),
            "parts": [m.digest for m in manifests],
            "ledger": [],
            "files": [],
        }
    )


def _elsewhere(shard: Shard, location: str) -> Shard:
    return shard.model_copy(update={"path": f"{location.rstrip('/')}/{shard.path}"})


def manifest_key(step: str, port: str) -> str:
    """Where the manifest of a step's output port lies in the run's output."""
    return f"{step}/{port}/{MANIFEST}"


def load(data: bytes | str, where: str) -> Manifest:
    """Parse a manifest.

    Raises:
        ConfigurationError: where it is no manifest.
    """
    try:
        return Manifest.model_validate_json(data)
    except ValueError as error:
        raise ConfigurationError(f"{where} is no manifest of kalemint: {error}") from None


def find(store: Store) -> list[Manifest]:
    """Every dataset of a run, in lexical order of step and port."""
    keys = [manifest_key(step, port) for step in store.folders() for port in store.folders(f"{step}/")]
    return [load(store.get(key), store.uri(key)) for key in keys if store.stat(key) is not None]
