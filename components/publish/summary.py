"""What a report and a card know of a run: steps, their counts, datasets and a few examples."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from components.core.manifest import Manifest
from components.publish.aggregates import Aggregates
from components.publish.caption_summary import CaptionSummary
from components.publish.forensics_summary import ForensicsSummary
from components.publish.screening_summary import ScreeningSummary
from components.publish.topics import Topics

_SECRET: Final = re.compile(r"(?i)(signature|token|secret|password|credential|api_?key|access_?key|\bsig=)")


@dataclass(frozen=True, slots=True)
class Example:
    """One line of the ledger, shown as an example of its reason."""

    record_id: str
    detail: str = ""
    locator: str = ""
    score: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset that a step wrote.

    Attributes:
        name: `step/port`.
        schema: its schema, such as documents/1.
        rows: rows in all shards.
        bytes: bytes of all shards.
        shards: how many.
        digest: of the manifest.
        parents: names of the datasets it was made from (or digests of those outside the run).
        files: attachments beside the shards.
    """

    name: str
    schema: str
    rows: int
    bytes: int = 0
    shards: int = 1
    digest: str = ""
    parents: Sequence[str] = ()
    files: int = 0


@dataclass(slots=True)
class StepSummary:
    """One step of a run.

    Attributes:
        name: step name.
        family: crawl, filter, dedup, publish…
        rows_in: rows it got.
        kept: rows it passed on.
        dropped: rows by reason.
        failed: rows by reason.
        changed: records by reason that were kept in part; in no equation.
        counters: sums the step kept.
        seconds: wall seconds summed over units; None where not known.
        datasets: what it wrote.
        params: its parameters.
        version: of the stage.
        conserves: False for a step that derives a table and loses nothing.
        unit: what one of its rows is, such as documents.
        skipped: why it did nothing, where it was not wanted.
        examples: a few ledger lines by (action, reason); actions are dropped, failed and changed.
    """

    name: str
    family: str = ""
    rows_in: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    datasets: list[DatasetSummary] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    conserves: bool = True
    unit: str = "rows"
    skipped: str = ""
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)


@dataclass(slots=True)
class RunSummary:
    """A run, as its report and its card tell it.

    Attributes:
        name: of the run.
        steps: in the order in which data flows.
        aggregates: of the released documents and images.
        samples: a few documents (`documents/1`) to show.
        images: bytes of the images that `samples` show, by id.
        digest: that `kalemint verify` compares: of the whole run.
        code_version: of kalemint.
        description: one or two sentences.
        sources: what was read, as locations.
        topics: what the release is about; None where that was not asked for.
        captions: of a run that released captions; None of another.
        forensics: of a run that measured detectors; None of another.
        screening: what was found of the images' origin; None where none was screened.
    """

    name: str
    steps: list[StepSummary]
    aggregates: Aggregates = field(default_factory=Aggregates)
    samples: pa.Table | None = None
    images: dict[str, bytes] = field(default_factory=dict)
    digest: str = ""
    code_version: str = ""
    description: str = ""
    sources: list[str] = field(default_factory=list)
    topics: Topics | None = None
    captions: CaptionSummary | None = None
    forensics: ForensicsSummary | None = None
    screening: ScreeningSummary | None = None

    @property
    def has_documents(self) -> bool:
        """Whether documents are what the run is about, or are among it."""
        return bool(self.aggregates.documents) or (self.captions is None and self.forensics is None)

    @property
    def datasets(self) -> list[DatasetSummary]:
        """Every dataset of the run, parents before children."""
        return [dataset for step in self.steps for dataset in step.datasets]


def public_uri(uri: str) -> str:
    """A location without what nobody else should read: user names, passwords and signatures."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "an unreadable location"
    query = "" if _SECRET.search(parts.query) else parts.query
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _kind(schema_name: str) -> str:
    return schema_name.partition("/")[0].replace("_", " ")


def steps_of(manifests: Iterable[Manifest]) -> list[StepSummary]:
    """The steps of a run out of its manifests, in the order in which data flows.

    Args:
        manifests: of every dataset; those of one step share its counts.
    """
    made = sorted(manifests, key=lambda m: (m.step, m.port))
    known = {m.digest: m for m in reversed(made)}
    by_step: dict[str, list[Manifest]] = {}
    for manifest in made:
        by_step.setdefault(manifest.step, []).append(manifest)
    return [_step(by_step[name], known) for name in _order(by_step, known)]


def _order(by_step: Mapping[str, list[Manifest]], known: Mapping[str, Manifest]) -> list[str]:
    """Step names so that each follows those it reads from; the alphabet decides among equals."""
    needs = {
        name: {known[d].step for m in made for d in m.parents.values() if d in known} - {name}
        for name, made in by_step.items()
    }
    order: list[str] = []
    while len(order) < len(needs):
        ready = [n for n in sorted(needs) if n not in order and needs[n] <= set(order)]
        # steps of equal content can share a digest and so seem to read one another
        order.append(ready[0] if ready else min(set(needs) - set(order)))
    return order


def _unit(made: Manifest, read: Manifest | None) -> str:
    """What a row of a step is: what it reads, or writes if it derives; captures, say, are just records."""
    if read is None or not made.counts.conserves:
        return _kind(made.schema_name)
    return _kind(read.schema_name) if read.rows == made.counts.rows_in else "records"


def _step(made: Sequence[Manifest], known: Mapping[str, Manifest]) -> StepSummary:
    first = made[0]
    counts = first.counts
    return StepSummary(
        name=first.step,
        family=first.family,
        skipped=first.skipped,
        rows_in=counts.rows_in,
        kept=counts.kept,
        dropped=dict(counts.dropped),
        failed=dict(counts.failed),
        changed=dict(counts.changed),
        counters=dict(counts.counters),
        seconds=first.seconds or None,
        datasets=[
            DatasetSummary(
                name=f"{m.step}/{m.port}",
                schema=m.schema_name,
                rows=m.rows,
                bytes=m.total_bytes + sum(f.bytes for f in m.files),
                shards=len(m.shards),
                digest=m.digest,
                parents=[f"{known[d].step}/{known[d].port}" if d in known else d for d in m.parents.values()],
                files=len(m.files),
            )
            for m in made
        ],
        params=dict(first.params),
        version=first.stage_version,
        conserves=counts.conserves,
        unit=_unit(first, next((known[d] for d in first.parents.values() if d in known), None)),
    )


class Examples:
    """Picks a few ledger lines of each step, action and reason out of tables seen in any order.

    Args:
        limit: lines of each reason.
    """

    def __init__(self, limit: int = 3) -> None:
        self.limit = limit
        self._best: dict[tuple[str, str, str], list[tuple[str, dict[str, Any]]]] = {}

    def add(self, ledger: pa.Table) -> None:
        """Consider the lines of a table of `ledger/1`."""
        for batch in ledger.to_batches(max_chunksize=4096):
            for line in batch.to_pylist():
                place = hashlib.sha256(f"{line['record_id']}\0{line['detail']}".encode()).hexdigest()
                best = self._best.setdefault((line["step"], line["action"], line["reason"]), [])
                if len(best) < self.limit or place < best[-1][0]:
                    best.append((place, line))
                    best[:] = heapq.nsmallest(self.limit, best, key=lambda pair: pair[0])

    def of(self, step: str) -> dict[tuple[str, str], list[Example]]:
        """The examples of a step, by (action, reason)."""
        return {
            (action, reason): [
                Example(
                    line["record_id"],
                    line["detail"] or "",
                    line["locator"] or "",
                    line["score"],
                    line["threshold"],
                )
                for _, line in best
            ]
            for (name, action, reason), best in sorted(self._best.items())
            if name == step
        }
