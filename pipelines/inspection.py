"""Look into a finished run: its datasets, one record's story, whether it is whole, what to retry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.core import schemas, shards
from components.core.errors import ConfigurationError, KalemintError
from components.core.execute import SHARD_FAILED, Marker
from components.core.manifest import Manifest, Shard, load, manifest_key
from components.core.model_files import SCHEMA as MODEL_FILES
from components.core.runner import request_retry
from components.core.store import Store, open_store
from components.core.task import stage_class
from pipelines.run_record import RunRecord, read_record
from pipelines.steps import PIPELINES, Step

_IN_DOCUMENT: Final = re.compile(r"in document ([0-9a-f]+)")
"""How the ledger line of an image that a document lost begins its detail."""


_ID_COLUMNS: Final = {
    **dict.fromkeys(("documents", "images", "sources", "duplicates", "pairs", "captions"), "id"),
    **dict.fromkeys(("alignments", "predictions", "evaluations", "training_pairs"), "id"),
    "kale_captions": "sha256",
}
"""Kinds of datasets whose rows are records that have a story, and the column that names them."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's output, opened.

    Raises:
        ConfigurationError: where the folder holds no run.
    """

    store: Store
    record: RunRecord
    steps: tuple[Step, ...]

    @classmethod
    def open(cls, out: str) -> Run:
        """Open the run at `out` (a path or URI)."""
        store = open_store(out)
        record = read_record(store)
        return cls(store, record, PIPELINES[record.pipeline])

    def datasets(self) -> Iterator[Manifest]:
        """Every dataset that is committed, in the order of the steps."""
        for step in self.steps:
            for port in stage_class(step.stage).produces if step.stage else step.ports:
                key = manifest_key(step.name, port)
                if self.store.stat(key) is not None:
                    yield load(self.store.get(key), self.store.uri(key))

    def primary(self) -> Iterator[Manifest]:
        """One dataset a step: that of its first port, whose counts are the step's."""
        seen: set[str] = set()
        for manifest in self.datasets():
            if manifest.step not in seen:
                seen.add(manifest.step)
                yield manifest


def list_datasets(out: str) -> list[dict[str, Any]]:
    """The datasets of a run: step, schema, rows, shards, bytes, digest, location."""
    run = Run.open(out)
    return [
        {
            "step": m.step,
            "dataset": m.port,
            "schema": m.schema_name,
            "rows": m.rows,
            "shards": len(m.shards),
            "bytes": m.total_bytes,
            "digest": m.digest,
            "location": run.store.uri(f"{m.step}/{m.port}"),
            "skipped": m.skipped,
        }
        for m in run.datasets()
    ]


def _matching(store: Store, shard: Shard, column: str, value: str) -> list[dict[str, Any]]:
    """Rows of a shard in which `column` is `value`, read without the bytes of images."""
    with store.seekable(shard.path) as stream:
        file = pq.ParquetFile(stream)
        names = [name for name in file.schema_arrow.names if name not in ("bytes", "image", "items")]
        if column not in names:
            return []
        table = file.read(columns=names)
    rows: list[dict[str, Any]] = table.filter(pc.equal(table.column(column), value)).to_pylist()
    return rows


def why(out: str, record: str) -> list[dict[str, Any]]:
    """The story of one record: every decision about it and every dataset it is in.

    Args:
        record: a document's, image's or source's id, or the URL of a page.

    Returns:
        One entry a step, in the order of the run: step, action (kept, dropped, failed, changed),
        reason, score, threshold, detail, location. A document's story has the lines of the images that
        were taken out of it, with their addresses.

    Raises:
        ConfigurationError: where no step knows the record.
    """
    run = Run.open(out)
    ids = {record} if "://" not in record else _ids_of(run, record)
    story: list[dict[str, Any]] = []
    decided: set[str] = set()
    for manifest in run.datasets():
        for shard in manifest.ledger if manifest.step not in decided else []:
            for line in shards.read(run.store, shard).to_pylist():
                if line["record_id"] in ids or line["locator"] == record:
                    story.append({**line, "location": run.store.uri(shard.path)})
                elif (document := _shown_in(line)) in ids:
                    where = (line["detail"] or "").replace(f"in document {document}", line["locator"], 1)
                    story.append({**line, "detail": where, "location": run.store.uri(shard.path)})
        decided.add(manifest.step)
        column = _ID_COLUMNS.get(manifest.schema_name.partition("/")[0])
        if column is None:
            continue
        for shard in manifest.shards:
            for value in sorted(ids):
                for row in _matching(run.store, shard, column, value):
                    story.append(_kept(manifest, row, run.store.uri(shard.path)))
    if not story:
        raise ConfigurationError(
            f"No step of this run knows {record!r}: give an id of a document, image or source, or a URL."
        )
    return story


def _shown_in(line: dict[str, Any]) -> str | None:
    """The document that an image was taken out of, by its ledger line; None for other lines."""
    found = _IN_DOCUMENT.match(line["detail"] or "") if line["record_kind"] == "image" else None
    return found[1] if found else None


def _kept(manifest: Manifest, row: dict[str, Any], location: str) -> dict[str, Any]:
    detail = row.get("url") or row.get("source_uri") or row.get("uri")
    if "duplicate_of" in row:
        detail = f"duplicate of {row['duplicate_of']}"
    return {
        "step": manifest.step,
        "record_id": row[_ID_COLUMNS[manifest.schema_name.partition("/")[0]]],
        "record_kind": manifest.schema_name.partition("/")[0].removesuffix("s"),
        "action": "kept",
        "reason": None,
        "score": row.get("score"),
        "threshold": None,
        "detail": detail,
        "locator": None,
        "location": location,
    }


def _ids_of(run: Run, url: str) -> set[str]:
    return {
        row["id"]
        for manifest in run.datasets()
        if manifest.schema_name in ("documents/1", "images/1", "sources/1")
        for shard in manifest.shards
        for row in _matching(run.store, shard, "url", url)
    }


@dataclass(slots=True)
class Verdict:
    """What `verify` found."""

    datasets: int = 0
    shards: int = 0
    rows: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def verify(out: str) -> Verdict:
    """Read every file of a run again: digests, rows, schemas, conservation, the chain of datasets."""
    run = Run.open(out)
    verdict = Verdict()
    known: dict[str, Manifest] = {}
    for manifest in run.datasets():
        verdict.datasets += 1
        name = f"{manifest.step}/{manifest.port}"
        for shard in manifest.shards:
            _verify_shard(run.store, shard, manifest.schema_name, name, verdict)
        if manifest.step not in {seen.step for seen in known.values()} or manifest.schema_name == MODEL_FILES:
            _verify_step(run.store, manifest, verdict)  # a model and its log have files of their own
        for port, digest in manifest.parents.items():
            if digest not in known:
                verdict.problems.append(
                    f"{name} was made from a {port} dataset ({digest[:12]}) that is not here"
                )
        known[manifest.digest] = manifest
    if not verdict.datasets:
        verdict.problems.append("the run has committed no dataset")
    return verdict


def _verify_shard(store: Store, shard: Shard, schema: str, name: str, verdict: Verdict) -> None:
    verdict.shards += 1
    verdict.rows += shard.rows
    verdict.bytes += shard.bytes
    try:
        table = shards.read(store, shard)
        if table.num_rows != shard.rows:
            verdict.problems.append(f"{shard.path} has {table.num_rows} rows, not {shard.rows}")
        schemas.check(table.schema, schema, producer=name, consumer="kalemint verify")
    except FileNotFoundError:
        verdict.problems.append(f"{shard.path} is missing")
    except (KalemintError, ValueError, OSError) as error:
        verdict.problems.append(str(error))


def _verify_step(store: Store, manifest: Manifest, verdict: Verdict) -> None:
    """The counts, the ledger and the attachments, which all datasets of a step share."""
    counts = manifest.counts
    if lost := counts.imbalance():
        verdict.problems.append(f"{manifest.step} does not add up: {lost} rows unaccounted for")
    lines = sum(shard.rows for shard in manifest.ledger)
    told = counts.total_dropped + counts.total_failed + sum(counts.changed.values())
    if lines != told:
        verdict.problems.append(f"the ledger of {manifest.step} has {lines} lines for {told} decisions")
    for shard in manifest.ledger:
        _verify_shard(store, shard, "ledger/1", f"{manifest.step}/ledger", verdict)
    for file in manifest.files:
        if store.stat(file.path) is None or _sha256(store, file.path) != file.sha256:
            verdict.problems.append(f"{file.path} is missing or is not the file its manifest names")


def _sha256(store: Store, key: str) -> str:
    with store.open(key) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def plan_retry(out: str, reason: str, step: str | None = None) -> dict[str, int]:
    """Ask for every record that failed for `reason` to be done again by the next run.

    Returns:
        Records a step.

    Raises:
        ConfigurationError: where nothing failed for that reason, with the reasons there are.
    """
    run = Run.open(out)
    asked: dict[str, int] = {}
    reasons: set[str] = set()
    for manifest in run.primary():
        reasons.update(manifest.counts.failed)
        if (step and manifest.step != step) or reason not in manifest.counts.failed:
            continue
        wanted = _failed_units(run.store, manifest, reason)
        if wanted:
            request_retry(run.store, manifest.step, wanted)
            asked[manifest.step] = manifest.counts.failed[reason]
    if not asked:
        known = ", ".join(sorted(reasons)) or "none"
        raise ConfigurationError(
            f"Nothing failed for the reason {reason!r}; reasons of failures here: {known}."
        )
    return asked


def _failed_units(store: Store, manifest: Manifest, reason: str) -> dict[str, list[str] | None]:
    """Unit fingerprint → ids of the records that failed for `reason`; None for the whole unit."""
    current = {shard.path for shard in manifest.ledger}
    wanted: dict[str, list[str] | None] = {}
    for key, _ in store.list(f"{manifest.step}/done/"):
        marker = Marker.model_validate_json(store.get(key))
        if marker.ledger is None or marker.ledger.path not in current:
            continue
        lines = [
            line
            for line in shards.read(store, marker.ledger).to_pylist()
            if line["action"] == "failed" and line["reason"] == reason
        ]
        if not lines:
            continue
        ids = sorted(line["record_id"] for line in lines)
        wanted[marker.fingerprint] = None if reason == SHARD_FAILED else ids
    return wanted
